"""Kinds of faults: files of a study are damaged or gone between two commands."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from _faults.cases import Case
from _faults.studies import GLANCE
from tuner.concluding import UNDELIVERED

# An address at which no server answers.
NOWHERE = "http://127.0.0.1:9"

GARBAGE = b"\x00\xff{garbage\xfe"


def result_cut(case: Case) -> None:
    """result.json ends in the middle."""
    case.any_plan()
    case.finish()
    spoil(case, [case.study.own / "result.json"], cut)


def config_cut(case: Case) -> None:
    """config.yaml ends in the middle."""
    case.finish_or_kill()
    spoil(case, [case.study.own / "config.yaml"], cut)


def journal_garbled(case: Case) -> None:
    """A line of the journal is garbage."""
    case.finish_or_kill()
    spoil(case, [case.study.journal], garble)


def spool_garbled(case: Case) -> None:
    """A line of what waits for MLflow is garbage."""
    case.any_plan()
    case.prepare()
    plain = case.study.settings
    case.study.settings += (f"tracking.uri={NOWHERE}",)
    done = case.start().end()
    case.study.settings = plain
    case.expect(done, [UNDELIVERED])
    spool = case.study.own / "spool"
    spoil(case, sorted(spool.glob("*.jsonl")), garble)


def database_deleted(case: Case) -> None:
    """mlflow.db is gone."""
    case.finish_or_kill()
    spoil(case, [case.study.database], lambda case, path: path.unlink())


def database_overwritten(case: Case) -> None:
    """mlflow.db holds something else."""
    case.finish_or_kill()
    spoil(case, [case.study.database], case.random.choice([cut, overwrite]))


def checkpoint_cut(case: Case) -> None:
    """A file of a checkpoint ends in the middle."""
    case.checkpoints()
    case.prepare()
    instant, kept = case.instant("training"), case.study.own / "checkpoints"
    command = case.start()
    command.wait_for(instant)
    while command.process.poll() is None and not any(kept.glob("[0-9]*")):
        time.sleep(GLANCE)
    command.process.kill()
    case.say("SIGKILL at the first checkpoint from", instant)
    case.expect(command.end(), [0, -signal.SIGKILL])
    spoil(case, sorted(path for path in kept.rglob("*") if path.is_file()), cut)


def spoil(case: Case, paths: list[Path], how: Callable[[Case, Path], object]) -> None:
    """Damages one of the files, if there is one."""
    there = [path for path in paths if path.exists()]
    if not there:
        case.say("there is nothing to damage")
        return
    path = case.random.choice(there)
    how(case, path)
    case.say(f"{path.relative_to(case.study.folder)} is damaged")


def cut(case: Case, path: Path) -> None:
    """Cuts a file at a random place."""
    content = path.read_bytes()
    path.write_bytes(content[: case.random.randrange(max(1, len(content)))])


def overwrite(case: Case, path: Path) -> None:
    """Replaces a part of a file by garbage."""
    content = bytearray(path.read_bytes())
    at = case.random.randrange(len(content))
    content[at : at + 20_000] = case.random.randbytes(20_000)
    path.write_bytes(content)


def garble(case: Case, path: Path) -> None:
    """Replaces a line by garbage."""
    lines = path.read_bytes().splitlines(keepends=True)
    if lines:
        lines[case.random.randrange(len(lines))] = GARBAGE + b"\n"
    path.write_bytes(b"".join(lines))
