"""A range test in MLflow: one run, with a child run for each rate."""

import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import numpy as np

from tuner.config import Config
from tuner.errors import printable
from tuner.files import write
from tuner.processes.deadline import Deadline
from tuner.study.range_result import FoundRange, SavedRangeTest
from tuner.tracking.records import Artifact, Points, Record, RunBegins, RunEnds, now_ms
from tuner.tracking.store import Store
from tuner.tracking.writer import Writer

NOTE = "a range test; the rates are the child runs, each the mean over its seeds"


def track(config: Config, saved: SavedRangeTest, place: Path, deadline: Deadline) -> None:
    """Sends a test to MLflow, unless MLflow has it or tracking is off.

    While MLflow is down, records of an earlier test would only pile up in the spool: each command
    sends the whole last test again, and MLflow stores it once.

    Args:
        config: has MLflow's address and the study's names.
        saved: the test as stored in its file.
        place: the folder of the file.
        deadline: how long to wait for MLflow.
    """
    done, spool, key = place / "tracked", place / "spool", saved.run.key
    if config.tracking.name == "none" or (done.exists() and done.read_text() == key):
        return
    rmtree(spool, ignore_errors=True)
    names = {"project": config.study.project, "study": config.study.name, "key": key}
    store = Store(config.root, config.tracking.uri)
    if line := store.set_aside_damaged():
        print(f"tuner: {line}", file=sys.stderr)
    writer = Writer(store, place, **names)
    for record in records(saved, place):
        writer.put(record)
    waiting = writer.close(deadline)
    for refusal in writer.refused:
        print(printable(f"tuner: MLflow refused: {refusal}"), file=sys.stderr)
    if waiting:
        line = f"tuner: MLflow: {writer.error}: the same command sends it again"
        print(printable(line), file=sys.stderr)
        return
    rmtree(spool, ignore_errors=True)
    write(done, [key])


def records(saved: SavedRangeTest, place: Path) -> Iterator[Record]:
    """The records of a test; the same for the same test, so that they may be sent twice."""
    result, subject, started = saved.result, saved.subject, saved.run.started_ms
    about = {
        "data": subject.data,
        "model": subject.model,
        "schedule": subject.schedule,
        "epochs": result.epochs,
        "seed": subject.seed,
        **result.held,
    }
    tags = {"mlflow.note.content": NOTE, "tuner.job": "range_test"}
    yield RunBegins(None, f"{result.study}: range test", started, about, tags)
    number = 0
    for name, own in result.optimizers.items():
        start = float(np.array(own.initial, dtype=float).mean())
        losses = np.array(own.losses, dtype=float).mean(axis=0)
        for rate, loss in zip(own.rates, losses.tolist(), strict=True):
            params = {"optimizer": name, f"optimizer.{name}.lr": rate}
            yield RunBegins(number, f"{name} at {rate:.3g}", started, params)
            yield Points(number, [0, result.epochs], {"train_loss": [start, loss]})
            yield _end(number, loss, result.epochs)
            number += 1
        if isinstance(own, FoundRange):
            found = {"suggested": own.suggested, "low": own.range.low, "high": own.range.high}
            yield Points(None, [0], {f"{name}.{end}": [value] for end, value in found.items()})
        yield Artifact(None, str((place / f"{name}.png").resolve()))
    for file in ("config.yaml", "range.yaml", "result.json"):
        if (place / file).exists():
            yield Artifact(None, str((place / file).resolve()))
    yield RunEnds(None, "COMPLETE", "finished", now_ms())


def _end(number: int, loss: float, epochs: int) -> RunEnds:
    if np.isfinite(loss):
        return RunEnds(number, "COMPLETE", f"trained {epochs} epochs", now_ms())
    return RunEnds(number, "DIVERGED", "a seed's run diverged", now_ms())
