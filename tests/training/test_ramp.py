"""Promises about the ramp: its rates, its losses, and that its rows never meet."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.conftest import supervised
from tuner.training import optimizers
from tuner.training.analytic import Analytic
from tuner.training.functions import Quadratic
from tuner.training.loop import Trainer
from tuner.training.population import Member, create
from tuner.training.ramp import Stepwise, ramp


def member(optimizer: str, rate: float, seed: int = 0) -> Member:
    defaults = {k: h.default for k, h in optimizers.load(optimizer).hyperparameters.items()}
    return Member(0, seed, optimizer, {**defaults, "lr": rate}, "cosine", {})


def test_the_rate_grows_by_one_factor_from_the_first_step_to_the_last() -> None:
    rates, _ = ramp(Analytic(), [member("sgd", 1e-4), member("sgd", 1e-3)], 1.0, steps=21)
    np.testing.assert_allclose(rates[0], np.geomspace(1e-4, 1, 21), rtol=1e-12)
    np.testing.assert_allclose(rates[1], np.geomspace(1e-3, 1, 21), rtol=1e-12)


def test_the_losses_are_those_before_each_step() -> None:
    rates, losses = ramp(Analytic(Quadratic()), [member("sgd", 1e-3)], 0.5, steps=30)
    x = 10.0 * np.cumprod([1.0, *(1 - 2 * rates[0, :-1])])
    np.testing.assert_allclose(losses[0], x**2, rtol=1e-12)


def test_a_diverged_ramp_has_no_losses_from_then_on() -> None:
    _, losses = ramp(Analytic(Quadratic()), [member("sgd", 1.0)], 1e200, steps=60)
    gone = np.isnan(losses[0])
    assert gone.any()
    assert gone[np.argmax(gone) :].all()
    assert np.isfinite(losses[0, : np.argmax(gone)]).all()


def test_ramps_of_several_optimizers_and_seeds_never_meet() -> None:
    rows = [member(name, rate, seed) for seed in (1, 0) for name, rate in
            (("sgd", 1e-3), ("adam", 1e-2), ("sgd", 1e-4))]  # fmt: skip
    together = ramp(Analytic(), rows, 0.3, steps=20, threads=2)
    for i, row in enumerate(rows):
        alone = ramp(Analytic(), [row], 0.3, steps=20)
        for all_rows, one in zip(together, alone, strict=True):
            np.testing.assert_array_equal(all_rows[i], one[0])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_step_by_step_is_the_same_training_as_epoch_by_epoch(optimizer: str) -> None:
    problem = supervised()
    row = replace(member(optimizer, 0.01), schedule="constant")
    ended = []
    for whole, epochs in ((problem, 2), (Stepwise(problem), 2 * problem.steps)):
        population = create(whole, [row])
        with Trainer(whole, epochs) as trainer:
            for epoch in range(1, epochs + 1):
                trainer.epoch(population, epoch)
        ended.append(population.theta)
    np.testing.assert_array_equal(*ended)
