"""Trial files: what calls of a user function leave in a study's folder, by trial."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tuner.study.calls.call import ARTIFACTS, CHECKPOINT, MODEL, OUTPUT, TRACEBACK

# The subfolders of a study for the files of trials and of repeats.
TRIALS, REPEATS = "trials", "repeats"

# How many bytes at the end of a file are read, and how many lines are shown.
TAIL, LINES = 65_536, 20


def folders(study: Path, number: int) -> dict[str, Path]:
    """The folders of a trial's calls, by fold; under "" if there is only one."""
    own = study / TRIALS / str(number)
    found = {path.name: path for path in sorted(own.glob("fold-*"))}
    return found or ({"": own} if own.is_dir() else {})


def for_mlflow(study: Path, number: int, failed: bool) -> Iterator[tuple[Path, str]]:
    """The files of a trial for MLflow, each with its folder in the run.

    They are the artifacts that it logged and, for a failed trial, its output and its traceback.

    Args:
        study: the folder of the study.
        number: the trial's number.
        failed: whether the trial failed.
    """
    for fold, call in folders(study, number).items():
        for path in sorted((call / ARTIFACTS).glob("*")):
            yield path, fold
        for name in (OUTPUT, TRACEBACK) if failed else ():
            if (call / name).is_file():
                yield call / name, fold


def kept(study: Path, number: int) -> list[Path]:
    """The files of a trial for people: all except its checkpoints."""
    own = [call.rglob("*") for call in folders(study, number).values()]
    found = [path for paths in own for path in paths if path.is_file()]
    return sorted(path for path in found if CHECKPOINT not in path.parts)


def last_lines(path: Path, count: int = LINES) -> tuple[list[str], int]:
    """The last lines of a text, and the number of its lines.

    Of a line redrawn with carriage returns, only the final text counts. Of a long file only the end
    is read, so earlier lines are not counted.
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
    """Removes the checkpoints of a recorded trial, which will not be continued."""
    for call in folders(study, number).values():
        shutil.rmtree(call / CHECKPOINT, ignore_errors=True)


def forget_model(study: Path, number: int) -> None:
    """Removes the model of a trial that has lost."""
    for call in folders(study, number).values():
        shutil.rmtree(call / MODEL, ignore_errors=True)


def forget_repeats(study: Path) -> None:
    """Removes the files of recorded repeats, except the output of failed ones."""
    for call in sorted((study / REPEATS).glob("**/"), reverse=True):
        if (call / TRACEBACK).exists():
            for name in (CHECKPOINT, ARTIFACTS, MODEL):
                shutil.rmtree(call / name, ignore_errors=True)
        elif not any((path / TRACEBACK).exists() for path in call.glob("*")):
            shutil.rmtree(call, ignore_errors=True)
