"""Compare optimizers, schedules, models or choices, each tuned with the same budget."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

from tuner import concluding, session
from tuner.codec import to_json
from tuner.config import Config, check
from tuner.config.schema import Plain
from tuner.files import write_json
from tuner.processes.lock import owned
from tuner.report import comparison as words
from tuner.report import terminal
from tuner.report.log import watching
from tuner.report.notes import note
from tuner.search.trials import ENDED, Trial, TrialResult
from tuner.study.comparison import compare, epoch_seconds, group_of, profiles
from tuner.study.comparison_result import Comparison, Comparisons
from tuner.study.confirmation import Repeats
from tuner.study.data import load_data
from tuner.study.natural import natural_comparison
from tuner.study.populations import Populations
from tuner.study.results import SavedResult, StudyResult

OUTPUTS = ("text", "json")

# Repeats of deterministic training, which end alike; an interval needs at least two values.
ALIKE = 2


def run(config: Config, stop: Event) -> int:
    """Runs a study for each data set, then compares its branches.

    Finished studies are not trained again.

    Returns:
        The exit code.

    Raises:
        UserError: before anything is written.
        Interrupted: when `stop` was set.
    """
    by, configs = group_of(config), studies(config)
    for own in configs:
        load_data(own)
    found: dict[str, Comparison] = {}
    results: dict[str, StudyResult] = {}
    undelivered = False
    for own in configs:
        with session.opened(own, stop) as opened:
            saved = opened.tune()
            opened.stop_if_asked()
            undelivered |= opened.tracking.undelivered
            if saved.result.none_succeeded:
                return diverged(config, opened, saved, Comparisons(by, found, None))
        if comparison := compared(own, by, stop):
            found[subject(own)], results[subject(own)] = comparison, saved.result
        else:
            note(own, f"Study {own.study.name}: no trial has ended, so there is nothing to compare")
    folder = config.root / "studies" / config.study.name
    comparisons = Comparisons(by, found, profiles(found) if len(found) > 1 else None)
    if comparisons.profiles is not None:
        from tuner.report.plots.comparison import draw_profiles

        with owned(folder):
            draw_profiles(comparisons.profiles, by, folder / "performance_profiles.png")
            write_json(folder / "comparison.json", plain(comparisons))
    doubtful = words.is_doubtful(comparisons)
    told = terminal.Told(
        headline=words.headline(comparisons, results),
        tables=words.tables(comparisons),
        evidence=words.evidence(comparisons, results, folder) if found else (),
        style=terminal.DOUBTFUL if doubtful else terminal.SURE,
    )
    terminal.show(config, lambda: plain(comparisons), told)
    return concluding.UNDELIVERED if undelivered else 0


def subject(config: Config) -> str:
    """The name of what is trained: the data, or the user function."""
    return config.data.name if config.function is None else f"{config.function.name}()"


def plain(comparisons: Comparisons) -> Plain:
    """The comparisons as plain data, in natural numbers."""
    natural = {name: natural_comparison(own) for name, own in comparisons.data.items()}
    numbers: Plain = to_json(replace(comparisons, data=natural))
    return numbers


def diverged(
    config: Config, opened: session.Session, saved: SavedResult, before: Comparisons
) -> int:
    """Shows that every trial of a study diverged: its verdict, or the comparisons before it."""
    if config.output == "text":
        return concluding.show(opened, saved)
    terminal.show(config, lambda: plain(before), terminal.Told(()))
    return concluding.NOTHING_SUCCEEDED


def studies(config: Config) -> list[Config]:
    """The configs of the studies: the command's own, or one for each of several data sets."""
    plain = config.given
    several = plain["compare"].get("data")
    if not several:
        return [config]
    alone = {**plain["compare"], "data": None}
    return [
        check(
            {
                **plain,
                "data": data,
                "compare": alone,
                "study": {**plain["study"], "name": f"{plain['study']['name']}-{data['name']}"},
            }
        )
        for data in several
    ]


def compared(config: Config, by: str, stop: Event) -> Comparison | None:
    """Compares the branches of a finished study, with repeats of the best on fresh seeds.

    Writes the picture and the numbers to the study's folder. None if no trial has ended.
    """
    from tuner.report.plots.comparison import draw_best_of_k

    with session.opened(config, stop) as opened:
        study, training, folder = opened.study, opened.training, opened.folder
        trials, seeds = study.results(), config.confirm.most_seeds if training.has_seeds else 0
        if not any(trial.state in ENDED for trial in trials):
            return None

        def again(asked: Sequence[TrialResult], stream: int) -> dict[int, Repeats]:
            own = list({trial.number: trial for trial in asked}.values())
            with watching(config) as progress:
                repeats = opened.repeating.repeats(own, stream, seeds or ALIKE, progress)
            return {r.trial: r for r in repeats}

        def seconds(trial: TrialResult) -> float | None:
            if not isinstance(training, Populations):
                return None  # calls that run together cannot be timed separately
            (first, *_) = training.members(Trial(0, trial.settings, 0))
            trainer = training.trainer(trial.settings)
            return epoch_seconds(trainer, first, seeds or 1, training.epochs)

        saved, stopped = opened.saved(), None
        if saved is not None and study.finished < config.budget.trials:
            stopped = saved.result.stopped
        comparison = compare(config, by, training.goal, trials, again, seconds, stopped, seeds)
        picture, numbers = folder / "best_of_k.png", folder / "comparison.json"
        draw_best_of_k(comparison, by, training.unit, picture)
        plain = to_json(natural_comparison(comparison))
        measured = plain.pop("seconds")
        write_json(numbers, {"result": plain, "seconds": measured})
        with opened.tracking.opened() as tracker:
            if tracker is not None:
                tracker.add_artifacts([picture, numbers])
        return comparison
