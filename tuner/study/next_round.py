"""The next round: the config of a follow-up study with the changes that the findings advise."""

import copy
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import yaml

from tuner.config import Config, check
from tuner.config.schema import KEYS, Plain
from tuner.errors import UserError
from tuner.files import write
from tuner.function import PROGRAM
from tuner.search.trials import TrialResult
from tuner.study.reproduce import line
from tuner.study.results import Finding, StudyResult

# The keys of the file: all that defines a study. Settings of a command are given on its line.
SAID = (
    *KEYS,
    *("study", "budget", "data", "dtype", "metric", "direction", "target", "function"),
    *("metrics", "best_epoch", "refit", "sampler", "pruner", "stop", "confirm", "compare"),
)

# Keys that a user function without folds does not use.
OF_MODELS = ("data", "dtype")

# The jobs that run a study.
TUNE, COMPARE = "tune", "compare"

# The name of a study that is itself a next round.
NUMBERED = re.compile(r"(?P<name>.+)-round(?P<round>\d{1,4})")


def number_of(study: str) -> tuple[str, int]:
    """The name of the first round's study, and the number of the round after this study."""
    found = NUMBERED.fullmatch(study)
    return (found["name"], int(found["round"]) + 1) if found else (study, 2)


def planned(
    config: Config, trials: Sequence[TrialResult], findings: Sequence[Finding]
) -> Plain | None:
    """The contents of the next round's file.

    The findings' changes are applied in order. If two change the same setting, the first counts; a
    change that makes the config invalid is skipped. The next round starts from the best trials of
    this study if some fit and the sampler allows initial trials.

    Args:
        config: the study's config.
        trials: the study's trials.
        findings: the findings of its audit.

    Returns:
        None if no finding advises a change.
    """
    name, number = number_of(config.study.name)
    made: list[str] = []
    plain = copy.deepcopy(config.given)
    plain["study"] |= {"name": f"{name}-round{number}", "warm_start": None}
    plain["study"].pop("storage", None)  # may hold a password: each command names it
    for finding in findings:
        for path, value in finding.changes.items():
            if not any(_overlap(path, other) for other in made):
                draft = copy.deepcopy(plain)
                if put(draft, path, value) and _checked(draft) is not None:
                    plain = draft
                    made.append(path)
    new = _checked(plain)
    if not made or new is None:
        return None
    fits = [t for t in trials if t.state == "COMPLETE" and not new.space.misfit(t.settings)]
    if fits and not config.sampler.no_initial_trials:
        plain["study"]["warm_start"] = config.study.name
    said: Collection[str] = SAID
    if config.function is not None:
        left = OF_MODELS if config.data.folds is None else ()
        said = [key for key in (config.function.name, *SAID) if key not in left]
    return {key: plain[key] for key in said if key in plain}


def _overlap(path: str, other: str) -> bool:
    """Whether two paths are equal, or one lies below the other."""
    return f"{path}.".startswith(f"{other}.") or f"{other}.".startswith(f"{path}.")


def _checked(plain: Plain) -> Config | None:
    try:
        return check(plain)
    except UserError:
        return None


def put(plain: Plain, path: str, value: object) -> bool:
    """Sets a value at a path through mappings and lists; False if there is no such path."""
    *above, last = path.split(".")
    holder: Any = plain
    try:
        for key in above:
            holder = holder[int(key) if isinstance(holder, list) else key]
        holder[int(last) if isinstance(holder, list) else last] = value
    except (LookupError, TypeError, ValueError):
        return False
    return True


def command(name: str, root: Path, tracked: bool, job: str, program: str = PROGRAM) -> str:
    """The shell command that runs the next round of a study.

    Args:
        name: the study's name.
        root: where the study is kept; the command names it unless it is the default folder.
        tracked: whether the study is logged to MLflow.
        job: the job that ran the study.
        program: how the command begins.
    """
    own = [] if job == TUNE else [f"job={job}"]
    return line(program, root, tracked, *own, f"+next={name}")


def write_next_round(config: Config, result: StudyResult, folder: Path) -> None:
    """Writes the next round to a study's folder, as `round2.yaml`, or deletes an old one.

    Args:
        config: the study's config.
        result: the study's result.
        folder: the study's folder.

    Raises:
        OSError: if the disk is full.
    """
    plain = planned(config, result.all, result.findings)
    path = folder / f"round{number_of(config.study.name)[1]}.yaml"
    if plain is None:
        path.unlink(missing_ok=True)
        return
    why = [f"# - {f.check}: {f.said}; {f.advice}\n" for f in result.findings if f.changes]
    head = f"# The next round of study {config.study.name}: {result.next_round}\n"
    write(path, [head, *why, yaml.safe_dump(plain, sort_keys=False)])
