"""Promises of sparse input: what dense input computes, in the memory of the non-zeros."""

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import random_array

from tests.training.conftest import (
    assert_identical,
    everything,
    member,
    mixed_members,
    supervised,
    trained,
)
from tuner.training import losses
from tuner.training.factorization_machine import FactorizationMachine
from tuner.training.kernels.sparse import CSR
from tuner.training.models import MLP
from tuner.training.problems import Fold, Part, Supervised


def densified(part: Part) -> Part:
    dense = np.zeros((len(part.y), part.X.features), part.X.values.dtype)
    for i, (start, stop) in enumerate(zip(part.X.starts[:-1], part.X.starts[1:], strict=True)):
        dense[i, part.X.columns[start:stop]] = part.X.values[start:stop]
    return part._replace(X=dense)


def dense_twin(problem: Supervised) -> Supervised:
    folds = tuple(Fold(densified(f.train), densified(f.validation)) for f in problem.folds)
    return replace(problem, folds=folds)


@pytest.mark.parametrize(
    ("task", "model", "shape"),
    [
        ("multiclass", MLP, {}),
        pytest.param("multiclass", MLP, {"hidden": (6,)}, marks=pytest.mark.slow),
        pytest.param("regression", FactorizationMachine, {"factors": 3}, marks=pytest.mark.slow),
    ],
)
def test_training_on_sparse_rows_is_training_on_dense_ones_but_for_rounding(
    task: str, model: Any, shape: dict[str, Any]
):
    problem = supervised(task, sparse=True, weighted=True, model=model, **shape)
    members = [member("adam", trial=i, lr=0.02 * (i + 1)) for i in range(3)]
    runs = [trained(p, members, epochs=4) for p in (problem, dense_twin(problem))]
    for sparse, dense in zip(runs[0][1], runs[1][1], strict=True):
        for name, values in dense.metrics.items():
            np.testing.assert_allclose(sparse.metrics[name], values, rtol=1e-8, err_msg=name)
    np.testing.assert_allclose(runs[0][0].theta, runs[1][0].theta, rtol=1e-6, atol=1e-9)


def test_sparse_rows_of_a_population_never_meet():
    problem, members = supervised(sparse=True), mixed_members(32)
    together = everything(*trained(problem, members, threads=2))
    for trial in (0, 9, 31):
        assert_identical(everything(*trained(problem, [members[trial]]))[trial], together[trial])


def test_rows_without_any_number_are_runs_from_the_biases_alone():
    X = CSR(np.ones(1), np.zeros(1, np.int64), np.array([0, 0, 1, 1]), 5)
    theta = np.arange(12.0)
    scores = MLP(5, 2).scores(theta, X)
    np.testing.assert_array_equal(scores, [[10, 11], [10, 12], [10, 11]])


def news(rows: int, columns: int, classes: int, density: float) -> Part:
    """Rows of the size and sparsity of a bag of words."""
    rng = np.random.default_rng(0)
    X = random_array((rows, columns), density=density, format="csr", rng=rng)
    own = CSR(X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64), columns)
    return Part(own, rng.integers(0, classes, rows))


def test_the_memory_of_a_step_is_that_of_the_parameters_not_of_dense_rows():
    part = news(400, 50_000, 4, 2e-4)
    model = MLP(50_000, 4, activation="relu")
    problem = Supervised(model, losses.load("cross_entropy"), (Fold(part, part),), 100)
    members = [member("sgd", trial=i) for i in range(2)]
    trained(problem, members, epochs=1)  # compiled by then
    tracemalloc.start()
    trained(problem, members, epochs=1)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    parameters = 2 * problem.size * 8
    assert most < 8 * parameters
    assert most < 400 * 50_000 * 8 / 10
