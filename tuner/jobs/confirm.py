"""Train a finished study's best trials, or any, again on fresh seeds."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import yaml

from tuner import session
from tuner.codec import to_json
from tuner.config import Config, check
from tuner.errors import UserError, did_you_mean
from tuner.files import write_json
from tuner.report import confirmation
from tuner.report.progress import note
from tuner.search.trials import TrialResult, ranked
from tuner.training.kernels.compiling import announced

# What this command says; all else is the study's own.
OWN = ("job", "root", "threads", "confirm")


def run(config: Config, stop: Event) -> int:
    """Confirms trials of the study that is named, and prints what that says of them.

    The study's own config counts, whatever else the command says.

    Raises:
        UserError: for an unknown study or trial.
        Interrupted: which loses what was under way, when `stop` was set.
    """
    config = of_study(config.root / "studies" / config.study.name, config)
    if config.data.name == "none":
        raise UserError(f"study.name: {config.study.name}: is of a function, which knows no seeds")
    with session.opened(config, stop) as opened:
        trials = chosen(config, opened.study.results())
        with announced(lambda: note("compiling for this machine, which happens once")):
            note(f"training {len(trials)} trials again on {config.confirm.seeds} fresh seeds")
            confirmed = opened.repeating.confirmation(trials, config.confirm.seeds)
        found, goal = confirmed.confirmation, opened.training.goal
        path = opened.folder / "confirmation.json"
        write_json(path, to_json(found))
        with opened.tracked() as tracker:
            if tracker is not None:
                tracker(confirmed)
                tracker.add_artifacts([path])
        print(*confirmation.ranking(found, goal), sep="\n")
        print(confirmation.worth(found, goal))
        print(*confirmation.over_defaults(found, goal), f"All numbers: {path}", sep="\n")
    return 0


def of_study(folder: Path, config: Config) -> Config:
    """The config that a study was last run with, but for what belongs to this command.

    Raises:
        UserError: if there is no such study.
    """
    path = folder / "config.yaml"
    if not path.exists():
        known = sorted(p.parent.name for p in folder.parent.glob("*/config.yaml"))
        hint = did_you_mean(folder.name, known, 3)
        hint = hint or (f"there are {', '.join(known[:5])}" if known else "there is none yet")
        raise UserError(
            f"study.name: {folder.name}: no such study in {config.root}: {hint.strip()}"
        )
    try:
        saved = yaml.safe_load(path.read_text(encoding="utf-8"))
        saved = dict(saved)
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: is not a config as a study writes it ({said})") from None
    own = {key: config.plain[key] for key in OWN}
    if config.tracking.name == "none":
        own["tracking"] = config.plain["tracking"]
    return check({**config.plain, **saved, **own})


def chosen(config: Config, results: Sequence[TrialResult]) -> list[TrialResult]:
    """The trials that are asked for, or the top ones.

    Raises:
        UserError: where there are none.
    """
    name, asked = config.study.name, config.confirm.trials
    if asked is None:
        if top := ranked(results)[: max(1, config.confirm.top)]:
            return top
        raise UserError(f"study.name: {name}: none of its trials has trained to the end")
    known = {result.number: result for result in results}
    for number in asked:
        if number not in known:
            there = f"0 to {max(known)}" if known else "none yet"
            raise UserError(f"confirm.trials: {number}: study {name} has no such trial: {there}")
    if len(set(asked)) < len(asked) or not asked:
        raise UserError(f"confirm.trials: {asked}: must name one trial or more, each once")
    return [known[number] for number in asked]
