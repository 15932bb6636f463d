"""Promises of the schedules: each goes the way of its reference, step by step."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.training import optimizers, schedules
from tuner.training.analytic import Analytic
from tuner.training.domains import hyperparameters
from tuner.training.loop import Trainer
from tuner.training.population import Member, create

FILE = Path(__file__).parents[1] / "references" / "schedules" / "rates.npz"
with np.load(FILE) as file:
    STORED: dict[str, np.ndarray] = dict(file)
KEYS = [key for key in STORED if key.endswith("}")]
MOMENTA = [key for key in KEYS if f"{key}/momentum" in STORED]
# PyTorch multiplies its rate from step to step, so that its own rounding errors add up.
CLOSE = {"rtol": 1e-11, "atol": 1e-17}


def case(key: str) -> tuple[str, dict[str, Any]]:
    name, text = key.split("/", 1)
    return name, json.loads(text)


def steps() -> np.ndarray:
    return np.arange(1000.0)[None]


def rates(key: str) -> np.ndarray:
    name, given = case(key)
    own, lr = given["settings"], np.array([given["lr"]])
    out = schedules.table([name], [own], lr, steps(), 1000, given.get("epoch", 1))[0]
    if f"{key}/losses" in STORED:
        state = schedules.initial_state(1)
        for epoch, loss in enumerate(STORED[f"{key}/losses"]):
            out[epoch] *= state[0, 0]
            schedules.after_epoch([name], [own], state, np.array([loss]), 1000)
    return out


@pytest.mark.parametrize("name", schedules.names())
def test_every_schedule_has_a_reference(name: str) -> None:
    assert name in {case(key)[0] for key in KEYS}


@pytest.mark.parametrize("name", [n for n in schedules.names() if schedules.load(n).momentum])
def test_every_schedule_of_momentum_has_a_reference(name: str) -> None:
    assert name in {case(key)[0] for key in MOMENTA}


@pytest.mark.parametrize("name", [n for n in schedules.names() if schedules.load(n).state])
def test_every_schedule_that_looks_at_losses_has_a_reference(name: str) -> None:
    assert name in {key.split("/")[0] for key in STORED if key.endswith("/losses")}


@pytest.mark.parametrize("hyperparameter", schedules.SHARED)
def test_every_shared_hyperparameter_has_a_reference(hyperparameter: str) -> None:
    assert any(hyperparameter in case(key)[1]["settings"] for key in KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_the_settings_of_a_reference_are_hyperparameters(key: str) -> None:
    name, given = case(key)
    if name == schedules.PARTS:
        allowed = {"name"} | set(schedules.PART)
        allowed |= {h for n in schedules.names() for h in schedules.schedule_hyperparameters(n)}
        assert {path.split(".", 1)[1] for path in given["settings"]} <= allowed
    else:
        known = schedules.schedule_hyperparameters(name)
        assert set(given["settings"]) <= set(known)
        assert all(value in known[h].domain for h, value in given["settings"].items())


@pytest.mark.parametrize("key", KEYS)
def test_the_rates_are_those_of_the_reference(key: str) -> None:
    every = 1000 // len(STORED[key])
    np.testing.assert_allclose(rates(key)[::every], STORED[key], **CLOSE)


@pytest.mark.parametrize("key", MOMENTA)
def test_the_momenta_are_those_of_the_reference(key: str) -> None:
    name, given = case(key)
    own, momentum = given["settings"], np.array([given["momentum"]])
    table = schedules.momentum_table([name], [own], momentum, steps(), 1000)
    stored = STORED[f"{key}/momentum"]
    np.testing.assert_allclose(table[0, :: 1000 // len(stored)], stored, **CLOSE)


def test_the_rows_of_one_table_are_those_of_their_references() -> None:
    pure = [key for key in KEYS if f"{key}/losses" not in STORED and "epoch" not in case(key)[1]]
    names = [case(key)[0] for key in pure]
    own = [case(key)[1]["settings"] for key in pure]
    lrs = np.array([case(key)[1]["lr"] for key in pure])
    table = schedules.table(names, own, lrs, np.repeat(steps(), len(pure), axis=0), 1000)
    for row, key in enumerate(pure):
        np.testing.assert_array_equal(table[row], rates(key))


@pytest.mark.parametrize("best", [-156.0, -1e-3, 0.0, 1e-3, 156.0])
@pytest.mark.parametrize("threshold", [0.0, 1e-4, 0.1])
def test_a_plateau_is_one_whatever_the_sign_of_the_loss(best: float, threshold: float) -> None:
    """Losses that stand still, or fall by less than the threshold, cost a reduction."""
    margin = threshold * abs(best)

    def left(losses: np.ndarray) -> float:
        state = schedules.initial_state(1)
        own = {"patience": 0.2, "threshold": threshold}
        for loss in losses:
            schedules.after_epoch(["reduce_on_plateau"], [own], state, np.array([loss]), 10)
        return float(state[0, 0])

    still = np.full(4, best)
    assert left(still) == pytest.approx(0.1)
    assert left(still - [0.0, *[0.9 * margin] * 3]) == pytest.approx(0.1)
    falls = best - (abs(best) * threshold * 2 + 1e-9) * np.arange(4)
    assert left(falls) == 1.0


@pytest.mark.parametrize("gamma", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("final", [0.0, 0.1, 0.7, 1.0])
@pytest.mark.parametrize("multiplier", [1.0, 2.0])
def test_a_cycle_of_restarts_never_rises_and_never_goes_below_the_bottom(
    gamma: float, final: float, multiplier: float
) -> None:
    own = {"first": 0.1, "gamma": gamma, "final": final, "multiplier": multiplier}
    rates = table("cosine_restarts", **own)
    starts = [0, 10, 30, 70, 100] if multiplier == 2 else list(range(0, 101, 10))
    for start, stop in pairwise(starts):
        assert (np.diff(rates[start:stop]) <= 1e-15).all()
    assert rates.min() >= final - 1e-15
    assert rates[0] == 1.0


def test_rows_that_look_at_losses_never_meet() -> None:
    keys = [key for key in KEYS if f"{key}/losses" in STORED]
    names = [case(key)[0] for key in keys]
    own = [case(key)[1]["settings"] for key in keys]
    state = schedules.initial_state(len(keys))
    alone = [schedules.initial_state(1) for _ in keys]
    for losses in np.stack([STORED[f"{key}/losses"] for key in keys], axis=1):
        schedules.after_epoch(names, own, state, losses, 1000)
        for row in range(len(keys)):
            one = slice(row, row + 1)
            schedules.after_epoch(names[one], own[one], alone[row], losses[one], 1000)
    np.testing.assert_array_equal(state, np.concatenate(alone))
    assert (state[:, 0] < 1).all()


def table(name: str, lr: float = 1.0, total: int = 100, epoch: int = 1, **own: Any) -> np.ndarray:
    return schedules.table([name], [own], np.array([lr]), np.arange(total)[None], total, epoch)[0]


@pytest.mark.parametrize("name", schedules.names())
@pytest.mark.parametrize("total", [1, 2, 3, 10, 997])
def test_the_rates_of_any_length_are_finite_and_not_negative(name: str, total: int) -> None:
    rates = table(name, total=total)
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()


@pytest.mark.parametrize("name", schedules.names())
@pytest.mark.parametrize("shape", ["constant", "linear", "exponential"])
def test_a_warmup_goes_before_the_whole_schedule(name: str, shape: str) -> None:
    warm = table(name, **{f"warmup_{shape}": 0.2})
    np.testing.assert_allclose(warm[20:], table(name, total=80), rtol=1e-12)
    assert warm[0] == pytest.approx(0.1 * warm[20])
    assert (np.diff(warm[:20]) >= 0).all()
    assert warm[19] < warm[20]


def test_warmups_multiply_and_the_schedule_waits_for_the_longest() -> None:
    both = table("linear", warmup_constant=0.1, warmup_linear=0.2, warmup_start=0.5)
    line = table("linear", warmup_linear=0.2, warmup_start=0.5)
    np.testing.assert_allclose(both[:10], 0.5 * line[:10])
    np.testing.assert_allclose(both[10:], line[10:])


@pytest.mark.parametrize("name", schedules.names())
def test_a_warmup_leaves_a_step_to_the_schedule(name: str) -> None:
    for total in (1, 2, 5):
        assert np.isfinite(table(name, total=total, warmup_linear=0.99)).all()


@pytest.mark.parametrize("name", schedules.names())
def test_a_rate_held_for_an_epoch_is_that_of_its_first_step(name: str) -> None:
    held, free = table(name, epoch=10, hold_epochs=1.0), table(name)
    np.testing.assert_array_equal(held, np.repeat(free[::10], 10))


def test_parts_begin_anew_and_may_warm_up() -> None:
    own = {"0.name": "cosine", "0.until": 0.4, "1.name": "linear", "1.warmup_linear": 0.5}
    rates = table("parts", **own, **{"1.rate": 2.0})
    np.testing.assert_array_equal(rates[:40], table("cosine", total=40))
    np.testing.assert_array_equal(rates[40:], table("linear", 2.0, 60, warmup_linear=0.5))


@pytest.mark.parametrize("name", schedules.names())
def test_a_schedule_in_one_part_is_itself(name: str) -> None:
    np.testing.assert_array_equal(table("parts", **{"0.name": name}), table(name))


def test_a_schedule_without_momentum_leaves_it() -> None:
    args = (np.array([0.9, 0.95]), np.tile(np.arange(10), (2, 1)), 10)
    momenta = schedules.momentum_table(["cosine", "one_cycle"], [{}, {}], *args)
    np.testing.assert_array_equal(momenta[0], 0.9)
    assert momenta[1].min() == pytest.approx(0.85)
    assert not schedules.cycles_momentum("cosine", {})
    assert schedules.cycles_momentum("parts", {"0.name": "one_cycle", "0.until": 0.5})


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.85, 0.99])
def test_the_counter_cycle_raises_no_momentum(momentum: float) -> None:
    args = (np.array([momentum]), np.arange(50)[None], 50)
    table = schedules.momentum_table(["one_cycle"], [{}], *args)[0]
    assert (table <= momentum + 1e-15).all()
    assert table.min() == pytest.approx(min(momentum, 0.85))


def trained(optimizer: str, name: str, epochs: int, lr: float = 0.3, **own: float) -> list[Any]:
    """Epochs of gradient descent on x**2, of a row of this schedule beside a constant one."""
    known = optimizers.load(optimizer).hyperparameters
    settings = {key: h.default for key, h in known.items()} | {"lr": lr}
    plans = [(name, own), ("constant", {})]
    members = [Member(i, 0, optimizer, settings, *plan) for i, plan in enumerate(plans)]
    problem = Analytic()
    population = create(problem, members)
    with Trainer(problem, epochs) as trainer:
        return [trainer.epoch(population, epoch) for epoch in range(1, epochs + 1)]


def test_a_plateau_of_the_validation_loss_reduces_the_rate_of_its_row_alone() -> None:
    """On x**2 a rate of 0.3 brings the loss down at each step, a rate of 1 never does."""
    falls = trained("sgd", "reduce_on_plateau", 20, patience=0.1)
    assert [epoch.metrics["learning_rate"][0] for epoch in falls] == [0.3] * 20
    swings = trained("sgd", "reduce_on_plateau", 20, lr=1.0, patience=0.1, factor=0.9)
    rates = [epoch.metrics["learning_rate"][0] for epoch in swings]
    np.testing.assert_allclose(rates, [1.0] * 4 + [0.9] * 16)
    assert [epoch.metrics["learning_rate"][1] for epoch in swings] == [1.0] * 20
    assert swings[-1].metrics["validation_loss"][0] < 1
    assert swings[-1].metrics["validation_loss"][1] == 100


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
def test_the_counter_cycle_reaches_the_optimizer(optimizer: str) -> None:
    key = next(k for k in schedules.MOMENTA if k in optimizers.load(optimizer).hyperparameters)
    cycled = trained(optimizer, "one_cycle", 20, momentum_low=0.5, start=1.0, final=1.0)
    plain = trained(optimizer, "one_cycle", 20, momentum_low=1.0, start=1.0, final=1.0)
    for epochs in (cycled, plain):
        np.testing.assert_allclose([e.metrics["learning_rate"] for e in epochs], 0.3)
    known = {k: h.default for k, h in optimizers.load(optimizer).hyperparameters.items()}
    momenta = schedules.momentum_table(
        ["one_cycle"], [{"momentum_low": 0.5}], np.array([known[key]]), np.arange(20)[None], 20
    )[0]
    rule = optimizers.load(optimizer).rule
    own = {k: h.default for k, h in hyperparameters(rule).items()} | {"lr": 0.3}
    state = [np.array([10.0]), *(np.zeros(1) for _ in optimizers.load(optimizer).slots)]
    for t, momentum in enumerate(momenta, 1):
        theta, *slots = state
        state = list(rule(theta, 2 * theta, *slots, t, **own | {key: momentum}))
    np.testing.assert_allclose(cycled[-1].metrics["x"][0], state[0][0], rtol=1e-9)
    assert [e.metrics["x"][0] for e in cycled] != [e.metrics["x"][0] for e in plain]
    assert [e.metrics["x"][0] for e in plain] == [e.metrics["x"][1] for e in plain]
