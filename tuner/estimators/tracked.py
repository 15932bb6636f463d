"""Tracking of a search: a study in MLflow, with a child run for each candidate."""

import time
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROJECT = "tuner"
PATIENCE = 60.0  # seconds to wait at the end for MLflow


class Tracked:
    """The runs of one search, in the MLflow store of a folder, or on a server by its URI.

    spool: a folder for what waits to be written. What MLflow has not taken in the end is given up,
    with a warning.
    """

    def __init__(self, where: str | Path, spool: Path, params: Mapping[str, Any]) -> None:
        from tuner.tracking.records import RunBegins
        from tuner.tracking.store import Store
        from tuner.tracking.writer import Writer

        server = "://" in str(where)
        store = Store(spool if server else Path(where), str(where) if server else None)
        store.root.mkdir(parents=True, exist_ok=True)
        self.best = -float("inf")
        key = uuid.uuid4().hex
        self.writer = Writer(store, spool, project=PROJECT, study="TunerSearchCV", key=key)
        self.writer.put(RunBegins(None, "TunerSearchCV", now_ms(), plain(params)))

    def add(self, params: Mapping[str, Any], outcome: Any) -> None:
        """All of a candidate that has ended."""
        from tuner.tracking.records import Points, RunBegins, RunEnds

        number, epochs = outcome.trial.number, list(range(1, outcome.epochs + 1))
        put = self.writer.put
        put(RunBegins(number, f"trial {number}", outcome.trial.started_ms, plain(params)))
        put(Points(number, [0], {name: [value] for name, value in outcome.initial.items()}))
        if epochs:
            put(Points(number, epochs, outcome.curves))
        tags = {"label": outcome.label, "evidence": outcome.evidence, "advice": outcome.advice}
        tags = {f"tuner.{name}": value for name, value in tags.items()}
        put(RunEnds(number, outcome.state, outcome.reason, now_ms(), tags))
        if outcome.state == "COMPLETE":
            self.best = max(self.best, outcome.last("validation_score"))
            put(Points(None, [number], {"best_validation_score": [self.best]}))

    def end(self, state: Any, reason: str) -> None:
        """Closes the study's run, and waits for MLflow."""
        from tuner.tracking.records import RunEnds

        self.writer.put(RunEnds(None, state, reason, now_ms()))
        waiting = self.writer.close(PATIENCE)
        if waiting:
            message = f"tracking: {waiting} records did not reach MLflow: {self.writer.error}"
            warnings.warn(message, stacklevel=2)


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as MLflow shows them: numbers and words as they are, the rest in its own words."""
    return {k: v if isinstance(v, int | float | str) else repr(v) for k, v in params.items()}


def now_ms() -> int:
    return time.time_ns() // 1_000_000
