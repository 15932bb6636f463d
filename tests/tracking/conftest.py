"""What the tracking tests share: a fresh SQLite store, made once, and studies in it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from tuner.tracking import Points, Record, RunBegins, RunEnds, Store
from tuner.tracking.runs import StudyRuns

STARTED = 1_700_000_000_000
NAMES = {"project": "digits", "study": "adam", "key": "adam-1"}


@pytest.fixture(scope="session")
def prepared_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of an empty store: creating one takes seconds, copying it nothing.

    A process that was killed half way had tried before.
    """
    root = tmp_path_factory.mktemp("prepared")
    (root / "mlflow.new").write_bytes(b"SQLite format 3, and then the power went")
    Store(root).open()
    return root


@pytest.fixture
def store(prepared_store: Path, tmp_path: Path) -> Store:
    """An empty store of this test's own."""
    root = tmp_path / "mlruns"
    root.mkdir()
    shutil.copy(prepared_store / "mlflow.db", root)
    return Store(root)


@pytest.fixture
def open_runs(store: Store) -> Callable[[], StudyRuns]:
    """Opens the study's runs as a new process would."""
    return lambda: StudyRuns(store, **NAMES)


def trial(number: int, epochs: int = 3, state: str = "COMPLETE", reason: str = "") -> list[Record]:
    """The records of a whole trial."""
    begun = STARTED + 1000 * number
    losses = [1.0 / (1 + epoch) + number for epoch in range(epochs)]
    return [
        RunBegins(number, f"trial {number}", begun, {"optimizer.adam.lr": 0.01 * (number + 1)}),
        *(Points(number, [epoch], {"val_loss": [loss]}) for epoch, loss in enumerate(losses)),
        RunEnds(number, state, reason, begun + 500),
    ]


def study(*trials: list[Record]) -> list[Record]:
    """The records of a whole study with these trials."""
    best = [Points(None, [number], {"best": [1.0 / (1 + number)]}) for number in range(len(trials))]
    return [
        RunBegins(None, "adam", STARTED, {"seed": 0}, {"mlflow.note.content": "What is this?"}),
        *(record for records in trials for record in records),
        *best,
        RunEnds(None, "COMPLETE", "all trials are done", STARTED + 9000),
    ]


def read_runs(store: Store) -> dict[int | None, Run]:
    """Every run in the project's experiment by its trial's number; there is one each."""
    client = MlflowClient(store.uri)
    experiment = client.get_experiment_by_name("digits")
    runs = client.search_runs([experiment.experiment_id])
    numbers = [run.data.tags.get("tuner.trial") for run in runs]
    assert len(set(numbers)) == len(numbers)
    return {
        None if number is None else int(number): run
        for number, run in zip(numbers, runs, strict=True)
    }


def curve(store: Store, run: Run, metric: str = "val_loss") -> list[tuple[int, float]]:
    """All stored points of a metric, duplicates too."""
    history = MlflowClient(store.uri).get_metric_history(run.info.run_id, metric)
    return sorted((point.step, point.value) for point in history)
