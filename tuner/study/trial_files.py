"""The files that calls of a user's function leave in a study's folder, by trial."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tuner.study.calls.call import ARTIFACTS, CHECKPOINT, MODEL, OUTPUT, TRACEBACK

# The folders of a study that hold what its calls leave: of its trials, and of their repeats.
TRIALS, REPEATS = "trials", "repeats"

# Bytes at the end of a file that are looked at, and lines of it that are told.
TAIL, LINES = 65_536, 20


def folders(study: Path, number: int) -> dict[str, Path]:
    """The folders of a trial's calls, by fold; by "" where there is one alone."""
    own = study / TRIALS / str(number)
    found = {path.name: path for path in sorted(own.glob("fold-*"))}
    return found or ({"": own} if own.is_dir() else {})


def for_mlflow(study: Path, number: int, failed: bool) -> Iterator[tuple[Path, str]]:
    """The files of a trial that MLflow shows, each with the folder of the run that it goes to.

    They are what it logged, and of one that failed what it printed, and its traceback.

    Args:
        study: the folder of the study.
        number: of the trial.
        failed: whether it did.
    """
    for fold, call in folders(study, number).items():
        for path in sorted((call / ARTIFACTS).glob("*")):
            yield path, fold
        for name in (OUTPUT, TRACEBACK) if failed else ():
            if (call / name).is_file():
                yield call / name, fold


def kept(study: Path, number: int) -> list[Path]:
    """The files of a trial that people may look at."""
    own = [call.rglob("*") for call in folders(study, number).values()]
    found = [path for paths in own for path in paths if path.is_file()]
    return sorted(path for path in found if CHECKPOINT not in path.parts)


def last_lines(path: Path, count: int = LINES) -> tuple[list[str], int]:
    """The last lines of a text, and how many there are; of a line drawn anew, how it ended.

    Of a long text only the end is read, so those of the rest are not counted.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return [], 0
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]
    lines = [] if lines == [""] else lines
    return lines[-count:], len(lines)


def forget_checkpoints(study: Path, number: int) -> None:
    """Removes the checkpoints of a trial that is on record: nobody will go on from them."""
    for call in folders(study, number).values():
        shutil.rmtree(call / CHECKPOINT, ignore_errors=True)


def forget_model(study: Path, number: int) -> None:
    """Removes the model of a trial that has lost."""
    for call in folders(study, number).values():
        shutil.rmtree(call / MODEL, ignore_errors=True)


def forget_repeats(study: Path) -> None:
    """Removes what repeats left that are on record, but what those printed that failed."""
    for call in sorted((study / REPEATS).glob("**/"), reverse=True):
        if (call / TRACEBACK).exists():
            for name in (CHECKPOINT, ARTIFACTS, MODEL):
                shutil.rmtree(call / name, ignore_errors=True)
        elif not any((path / TRACEBACK).exists() for path in call.glob("*")):
            shutil.rmtree(call, ignore_errors=True)
