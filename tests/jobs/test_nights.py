"""Seven nights: one scheduled command, under a clock that is moved, whatever a night brings."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.conftest import Command, until
from tuner import dated

PROJECT = Path(__file__).parents[2]

# Python imports a module of this name as it starts: the day of a study's name is what it says.
CLOCK = """
import os
from datetime import datetime

from tuner import dated


class Moved(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime(2026, 3, int(os.environ["TEST_NIGHT"]), 2, tzinfo=tz)


dated.datetime = Moved
"""

COMMAND = (
    *("data=csv", "data.target=label", "model=softmax", "optimizer=sgd", "batch_size=32"),
    *("study.name=nightly-@date", "study.warm_start=latest", "study.cohort=4", "budget.trials=6"),
    *("budget.epochs=6", "budget.deadline=600", "wait=5", "keep=3", "log=json", "data.folds=null"),
    "promote=true",
)


class Nights:
    """The command of a crontab, its data and its clock."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.table = folder, folder / "table.csv"
        self.studies = folder / "mlruns" / "studies"
        (folder / "clock").mkdir()
        (folder / "clock" / "sitecustomize.py").write_text(CLOCK)

    def data(self, rows: int) -> None:
        """So many rows of a table in which two columns tell the label together, and none alone."""
        random = np.random.default_rng(0)
        a, b = random.normal(size=(2, 2000))
        label = np.where(a * b > 0, "yes", "no")
        lines = [f"{x:.4f},{y:.4f},{z}" for x, y, z in zip(a, b, label, strict=True)]
        self.table.write_text("\n".join(["a,b,label", *lines[:rows]]) + "\n")

    def settings(self, *more: str) -> list[str]:
        given = {setting.partition("=")[0] for setting in more}
        usual = [own for own in COMMAND if own.partition("=")[0] not in given]
        return [f"data.path={self.table}", *usual, *more]

    def start(self, night: int, *more: str) -> "subprocess.Popen[str]":
        """The command in a process of its own, as it begins in a night."""
        paths = os.pathsep.join([str(self.folder / "clock"), str(PROJECT)])
        return subprocess.Popen(
            [sys.executable, "-m", "tuner", *self.settings(*more)],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": paths, "TEST_NIGHT": str(night)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, night: int, *more: str) -> tuple[int, str, str]:
        """A whole night in this process: its exit code, what it printed, and its log."""
        command = Command(self.folder / "mlruns", small={})
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("TEST_NIGHT", str(night))
            patch.setattr(dated, "datetime", dated.datetime)  # as it is to be again
            exec(CLOCK, {"__name__": "clock"})
            ended = command.call(*self.settings(*more))
        return ended.code, ended.out, ended.first + ended.err

    def folder_of(self, night: int) -> Path:
        return self.studies / f"nightly-2026-03-{night:02}"

    @property
    def there(self) -> set[int]:
        return {int(path.name[-2:]) for path in self.studies.iterdir()}


@pytest.mark.slow
def test_seven_nights_end_as_they_should_whatever_they_bring(tmp_path: Path) -> None:
    nights = Nights(tmp_path)
    # The first: no earlier study, no database.
    nights.data(200)
    code, out, err = nights.run(1)
    assert code == 0, err
    assert "no study of nightly-@date has a winner yet" in out
    # A linear model tells nothing of the label, and is no champion.
    assert "Challenger: version 1 of tuner, the winner of study nightly-2026-03-01" in out
    assert (nights.folder_of(1) / "result.json").exists()

    # The data stay: nothing is new, and no study is made.
    code, out, err = nights.run(2)
    assert code == 0, err
    assert "Nothing new: study nightly-2026-03-01 had these data" in out
    assert nights.there == {1}

    # The data grow, and the night is killed in the middle.
    nights.data(300)
    killed = nights.start(3, "budget.epochs=5000", "pruner=none")
    until((nights.folder_of(3) / "optuna.journal").exists, killed)
    until(lambda: len((nights.folder_of(3) / "optuna.journal").read_bytes()) > 3000, killed)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert not (nights.folder_of(3) / "result.json").exists()

    # Every trial diverges: that is its exit code, and the night has a folder.
    nights.data(400)
    code, out, err = nights.run(
        *(4, "model=mlp", "model.mlp.hidden=[16]", "optimizer.sgd.lr=1e12"),
        *("study.defaults=false", "study.warm_start=null"),
    )
    assert code == 3, err
    assert "every trial diverged" in out
    assert "Champion" not in out
    assert "Challenger" not in out

    # MLflow's server is away: there is a winner, which waits for delivery.
    code, out, err = nights.run(5, "tracking.uri=http://127.0.0.1:9", "tracking.patience=2")
    assert code == 5, err
    assert "the winner is trial" in out
    assert "wait for MLflow" in err
    assert "not promoted" in err

    # A better model than those before; of the studies that ended, three stay. The night that was
    # killed may be gone on with, and stays too.
    nights.data(800)
    code, out, err = nights.run(6, "model=mlp", "model.mlp.hidden=[16]", "budget.epochs=20")
    assert code == 0, err
    assert "of tuner, the winner of study nightly-2026-03-06: " in out
    assert nights.there == {3, 4, 5, 6}
    assert "keep=3: removed nightly-2026-03-01" in err

    # The seventh starts from the sixth, and its command says once more that all is done.
    nights.data(900)
    usual = ("model=mlp", "model.mlp.hidden=[16]", "budget.epochs=20")
    code, out, err = nights.run(7, *usual)
    assert code == 0, err
    assert '"study": "nightly-2026-03-06"' in (nights.folder_of(7) / "result.json").read_text()
    assert "of tuner, the winner of study nightly-2026-03-07" in out
    code, out, err = nights.run(7, *usual)
    assert code == 0, err
    assert "Study nightly-2026-03-07 is finished" in out + err
    assert nights.there == {3, 5, 6, 7}
