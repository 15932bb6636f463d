"""Show a study's verdict, or its state if it is not finished; trial=7 shows one trial."""

from dataclasses import replace
from pathlib import Path
from threading import Event

from tuner.codec import to_json
from tuner.config import Config
from tuner.config.schema import Plain
from tuner.errors import UserError
from tuner.report import terminal, trial
from tuner.report.outcome import FEW, outcome
from tuner.report.studies import so_far
from tuner.search.trials import Curves, TrialResult
from tuner.study.calls.call import OUTPUT, TRACEBACK
from tuner.study.ending import plain_result
from tuner.study.natural import natural_trial
from tuner.study.overview import Overview, folder_of, overview
from tuner.study.places import Place, place_of
from tuner.study.study import drawn
from tuner.study.trial_files import folders, kept, last_lines
from tuner.tracking.command import shows

OUTPUTS = ("text", "json")

# The most lines of a traceback that are shown.
DEEPEST = 60


def run(config: Config, stop: Event) -> int:
    """Shows a study or a trial; writes nothing and does not wait for the study's owner.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study or trial.
    """
    folder = folder_of(config)
    own, place = overview(config, config.study.name), place_of(config)
    if config.trial is not None:
        return run_trial(config, folder, own, config.trial)
    saved = own.saved
    if saved is None:
        lines = list(so_far(own))
        told = terminal.Told(lines[:1], evidence=lines[1:], style=terminal.DOUBTFUL)
        terminal.show(config, lambda: own.plain, told)
        return 0
    few = len(saved.result.all) <= FEW and place.exists()
    curves = drawn(place.curves()) if few else {}
    page = saved.run.curves
    told = outcome(saved.result, curves, folder, shows(config, page) if page else "")
    terminal.show(config, lambda: plain_result(saved), told)
    return 0


def run_trial(config: Config, folder: Path, own: Overview, number: int) -> int:
    """Shows one trial: its settings, its end, the ends of its curves, its output and its files.

    Raises:
        UserError: if the study has no such trial, or cannot be read.
    """
    results, curves, asked = read(place_of(config), own, number)
    left = folders(folder, number)
    found = results.get(number)
    if found is None and number >= asked and not left:
        there = f"0 to {asked - 1}" if asked else "none yet"
        raise UserError(f"trial: {number}: study {own.study} has no such trial: {there}")
    if found is None:
        told = terminal.Told([f"Trial {number} of study {own.study} has not ended yet."])
    else:
        won = own.saved.result.winner if own.saved else None
        winner = won is not None and won.number == number
        told = trial.told(own.study, found, curves, own.goal, winner)
    printed = {path / OUTPUT: last_lines(path / OUTPUT) for path in left.values()}
    traces = {path / TRACEBACK: last_lines(path / TRACEBACK, DEEPEST) for path in left.values()}
    files = kept(folder, number)
    lines = [
        line for path, tail in (printed | traces).items() for line in trial.output(path, *tail)
    ]
    lines += ["Files:", *(f"    {path}" for path in files)] if files else []
    told = replace(told, evidence=[*told.evidence, *lines])

    def plain() -> Plain:
        return {
            "study": own.study,
            "trial": None if found is None else to_json(natural_trial(own.goal, found)),
            "curves": {name: [numbers[0], numbers[-1]] for name, numbers in curves.items()},
            "output": {str(path): tail for path, (tail, _) in printed.items()},
            "traceback": {str(path): tail for path, (tail, _) in traces.items() if tail},
            "files": [str(path) for path in files],
        }

    terminal.show(config, plain, told)
    return 0


def read(place: Place, own: Overview, number: int) -> tuple[dict[int, TrialResult], Curves, int]:
    """The ended trials of a study, the curves of one, and the number of proposed trials.

    Raises:
        UserError: if the record cannot be read.
    """
    results: dict[int, TrialResult] = {}
    curves: Curves = {}
    asked = 0
    if place.exists():
        try:
            found, attributes = place.glanced()
            results = dict(found)
            curves = dict(place.curves()).get(number, {})
            asked = max((stop for _, stop in attributes.get("cohorts") or []), default=0)
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{place.where}: cannot be read: {error}") from None
    if own.saved is not None:
        results |= {t.number: t for t in own.saved.result.all}
    return results, curves, max([asked, *(n + 1 for n in results)])
