"""Live: MLflow has points of trials that still train."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.jobs.conftest import Command, ended

LONG = (
    *("data=digits", "model.mlp.hidden=[1024]", "batch_size=8", "threads=1", "pruner=none"),
    *("budget.trials=4", "budget.epochs=80", "study.cohort=4", "confirm.top=0", "tracking=mlflow"),
)
# The last step of a run that is open, and how many there are.
OPEN = """
SELECT max(metrics.step) FROM metrics JOIN runs ON runs.run_uuid = metrics.run_uuid
WHERE runs.status = 'RUNNING' AND metrics.key = 'validation_loss'
"""


def last_step(database: Path) -> int | None:
    """The last step that a trial which still trains has in MLflow."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            ((step,),) = connection.execute(OPEN).fetchall()
        except sqlite3.OperationalError:  # MLflow holds it
            return None
    return None if step is None else int(step)


@pytest.mark.slow
def test_points_of_trials_are_in_mlflow_while_they_train(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns", {})
    process = command.start(*LONG)
    seen = set[int]()
    while process.poll() is None:
        step = last_step(command.root / "mlflow.db")
        seen |= set() if step is None else {step}
        time.sleep(0.1)
    told = ended(process)
    assert told.code == 0, told.err
    assert len(seen - {80}) >= 2, seen
