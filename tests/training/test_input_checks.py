"""Promises of the door: what does not fit compiled code is refused, and nothing dies within it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training import fuzz
from tests.training.conftest import supervised
from tuner.training.problems import Fold

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("seed", "cases", "kinds"),
    [(0, 280, []), pytest.param(1, 2000, ["all"], marks=pytest.mark.slow)],
)
def test_what_is_spoilt_is_refused_and_never_comes_within(
    seed: int, cases: int, kinds: list[str]
) -> None:
    """In a process of its own, whose compiled code looks at bounds."""
    command = [sys.executable, "-m", fuzz.__name__, str(seed), str(cases), *kinds]
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "PYTHONPATH": str(REPOSITORY)}
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1200
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    done = json.loads(ended.stdout.splitlines()[-1])
    every = fuzz.ANY | fuzz.DENSE | fuzz.SPARSE | fuzz.HARMLESS | fuzz.NOTHING
    assert done.keys() >= every.keys()
    assert sum(done.values()) == cases


def test_a_refusal_names_the_fold_and_both_shapes() -> None:
    problem = supervised(folds=2)
    narrow = supervised(folds=2, features=5).folds[1].validation
    folds = (problem.folds[0], Fold(problem.folds[1].train, narrow))
    with pytest.raises(
        ValueError, match=r"^fold 1: validation part: X: shape \(20, 5\): give \(20, 7\)$"
    ):
        type(problem)(problem.model, problem.loss, folds, problem.batch_size)


def test_scores_of_other_features_are_refused() -> None:
    problem = supervised()
    X = np.ones((3, 6))
    with pytest.raises(ValueError, match=r"^X: shape \(3, 6\): give \(3, 7\)$"):
        problem.model.scores(np.zeros(problem.size), X)
