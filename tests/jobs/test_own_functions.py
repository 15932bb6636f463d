"""Studies of a user's own training function, run as the script that it stands in."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import os
import time

import numpy as np

import tuner


def train(
    lr: float = tuner.range(1e-3, 3.0, scale="log"),
    momentum: float = tuner.choices([0.0, 0.9]),
    width: int = 4,
    *,
    epochs: int,
    seed: int,
):
    rng = np.random.default_rng(seed)
    w, v = rng.normal(size=width), np.zeros(width)
    yield {"epoch": 0, "train_loss": w @ w, "validation_loss": w @ w + 0.1}
    for epoch in range(epochs):
        time.sleep(float(os.environ.get("SLEEP", "0")))
        v = momentum * v - lr * (w + 0.01 * rng.normal(size=width))
        w = w + v
        print("epoch", epoch)
        yield {"train_loss": w @ w, "validation_loss": w @ w + 0.1}


if __name__ == "__main__":
    tuner.main(train)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def start(script: Path, *settings: str, **more: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, script.name, "tracking=none", "budget.trials=16", *settings],
        cwd=script.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def result(script: Path) -> dict[str, Any]:
    file = script.parent / "mlruns/studies/train/result.json"
    plain: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return plain["result"]  # type: ignore[no-any-return]


def test_a_script_is_tuned_by_its_own_command(script: Path) -> None:
    process = start(script)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Study train: the winner is trial " in said
    found = result(script)
    assert set(found["searched"]) == {"train.lr", "train.momentum"}
    assert found["winner"]["settings"]["train.width"] == 4
    assert found["winner"]["value"] < 0.2


@pytest.mark.slow
def test_a_killed_study_ends_as_one_that_was_not(script: Path, tmp_path: Path) -> None:
    process = start(script)
    process.communicate(timeout=120)
    undisturbed = result(script)
    (tmp_path / "mlruns").rename(tmp_path / "undisturbed")
    slow = {**os.environ, "SLEEP": "0.01"}
    for seconds in (2.0, 2.5, 3.0):
        process = start(script, env=slow)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    process = start(script)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert result(script) == undisturbed
