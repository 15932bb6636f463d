"""Promises of the optimizers: the compiled pass is the formula, and the formula is the paper's."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import Bowl, drawn_settings, member, train, trained
from tuner.training import optimizers
from tuner.training.losses import LOSSES
from tuner.training.models import MLP
from tuner.training.population import create
from tuner.training.problems import Quadratic, Supervised

NAMES = optimizers.names()


def by_formula(
    name: str, theta: np.ndarray, gradients: np.ndarray, settings: Mapping[str, float]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Parameters and slots after a step for each of the gradients, in plain float64 NumPy."""
    optimizer = optimizers.load(name)
    own = {k: v for k, v in settings.items() if k not in optimizers.SHARED}
    decay, slots = settings["weight_decay"], [np.zeros_like(theta) for _ in optimizer.slots]
    for t, gradient in enumerate(gradients, start=1):
        length = np.linalg.norm(gradient)
        g = gradient * min(1.0, settings["clip_norm"] / length)
        if optimizer.decoupled:
            theta = theta - settings["lr"] * decay * theta
        else:
            g = g + decay * theta
        result = optimizer.rule(theta, g, *slots, t=t, **own)
        theta, *slots = result if isinstance(result, tuple) else (result,)
    return theta, slots


class Tape(Bowl):
    """A problem whose gradients are given beforehand, whatever the parameters are."""

    gradients: np.ndarray

    def attach(self, theta: np.ndarray, gradient: np.ndarray, left_at: np.ndarray) -> Any:
        objective, tape = super().attach(theta, gradient, left_at), iter(self.gradients)

        def differentiate(batch: np.ndarray) -> None:
            gradient[:] = next(tape)

        objective.differentiate = differentiate
        return objective


@pytest.fixture
def tape() -> Callable[[type], Tape]:
    """120 gradients of very different lengths in 9 dimensions, as an epoch."""
    rng = np.random.default_rng(3)
    gradients = rng.normal(size=(120, 9)) * 10.0 ** rng.uniform(-3, 1, size=(120, 1))

    def make(dtype: type) -> Tape:
        problem = Tape((1.0,) * 9, steps=120, dtype=np.dtype(dtype))
        object.__setattr__(problem, "gradients", gradients.astype(dtype))
        return problem

    return make


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 3e-5)])
@pytest.mark.parametrize("name", NAMES)
def test_the_compiled_pass_is_the_formula(
    name: str, dtype: type, tolerance: float, tape: Callable[[type], Tape]
):
    problem, rng = tape(dtype), np.random.default_rng(1)
    plain = {"weight_decay": 0.0, "clip_norm": np.inf}
    given = [plain, {**plain, "clip_norm": 0.1}, {**plain, "weight_decay": 0.1}, {}, {}, {}]
    settings = [drawn_settings(name, rng) | g for g in given]
    members = [member(name, trial=i, **s) for i, s in enumerate(settings)]
    population, _ = trained(problem, members, epochs=1)
    for row, m in enumerate(population.members):
        theta, slots = by_formula(
            name, problem.initial(0), problem.gradients.astype(np.float64), settings[m.trial]
        )
        np.testing.assert_allclose(population.theta[row], theta, rtol=tolerance, atol=tolerance)
        for compiled, expected in zip(population.slots[name], slots, strict=True):
            np.testing.assert_allclose(compiled[row], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_the_slots_are_zero_before_the_first_step(name: str):
    population = create(Bowl((1.0, 2.0)), [member(name)] * 3)
    assert len(population.slots[name]) == len(optimizers.load(name).slots)
    for slot in population.slots[name]:
        np.testing.assert_array_equal(slot, np.zeros((3, 2)))


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_is_coupled_or_decoupled_as_the_optimizer_says(name: str):
    """Without a gradient a decoupled decay is lr * weight_decay off the weights, exactly."""
    lr, decay = 0.1, 0.5
    flat = Bowl((0.0, 0.0), start=2.0)
    population, _ = trained(flat, [member(name, lr=lr, weight_decay=decay)], epochs=1)
    optimizer = optimizers.load(name)
    own = {k: h.default for k, h in optimizer.hyperparameters.items()} | {"lr": lr}
    own = {k: v for k, v in own.items() if k not in optimizers.SHARED}
    coupled = optimizer.rule(
        np.array([2.0]), np.array([decay * 2.0]), *[np.zeros(1)] * len(optimizer.slots), t=1, **own
    )
    coupled = coupled[0] if isinstance(coupled, tuple) else coupled
    expected = 2.0 * (1 - lr * decay) if optimizer.decoupled else coupled[0]
    np.testing.assert_allclose(population.theta[0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_lie_in_their_domains(name: str):
    for key, hyperparameter in optimizers.load(name).hyperparameters.items():
        if key != "clip_norm":  # infinite: no clipping
            assert hyperparameter.default in hyperparameter.domain


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_descend_a_convex_bowl(name: str):
    bowl = Bowl((0.1, 1.0, 10.0), steps=200)
    population = create(bowl, [member(name)])
    losses = [e.metrics["train_loss"][0] for e in train(bowl, population, range(1, 6), total=5)]
    start = 0.5 * sum(bowl.eigenvalues)
    assert losses[-1] < 0.5 * start
    assert losses[0] < start


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_learn_digits_by_softmax_regression(name: str):
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16.0).astype(np.float32)
    model = MLP(64, 10, (), "relu")
    problem = Supervised(model, LOSSES["multiclass"], X[:1200], y[:1200], X[1200:], y[1200:], 32)
    epochs = trained(problem, [member(name)], epochs=20)[1]
    assert epochs[-1].metrics["train_loss"][0] < 0.6 * np.log(10)
    assert epochs[-1].metrics["validation_loss"][0] < 0.7 * np.log(10)


def points(lr: float, steps: int) -> list[float]:
    """Where gradient descent on x**2 stands after each step, from 10."""
    problem = Quadratic()
    epochs = trained(problem, [member("sgd", lr=lr)], epochs=steps)[1]
    return [e.metrics["x"][0] for e in epochs]


def test_a_rate_of_a_tenth_walks_down_the_parabola_as_the_textbook_says():
    assert points(0.1, 3) == pytest.approx([8.0, 6.4, 5.12], rel=1e-14)


def test_a_rate_of_1_1_climbs_the_parabola_from_side_to_side():
    assert points(1.1, 2) == pytest.approx([-12.0, 14.4], rel=1e-14)


def test_a_rate_of_one_leaps_between_10_and_minus_10_for_ever():
    assert points(1.0, 40) == [-10.0, 10.0] * 20


LARGEST = 8.0
LIMITS: dict[str, Callable[[float], float]] = {
    "sgd": lambda b: 2 / LARGEST,
    "momentum": lambda b: 2 * (1 + b) / LARGEST,
    "nesterov": lambda b: 2 * (1 + b) / ((1 + 2 * b) * LARGEST),
}


@pytest.mark.parametrize("momentum", [0.3, 0.9])
@pytest.mark.parametrize("name", LIMITS)
def test_the_limit_of_stability_is_where_theory_puts_it(name: str, momentum: float):
    limit = LIMITS[name](momentum)
    own = {"momentum": momentum} if name != "sgd" else {}
    bowl = Bowl((0.5, 3.0, LARGEST), steps=1500)
    members = [
        member(name, trial=i, lr=share * limit, **own) for i, share in enumerate((0.98, 1.02))
    ]
    _, epochs = trained(bowl, members, epochs=1)
    below, above = epochs[0].metrics["train_loss"]
    start = 0.5 * sum(bowl.eigenvalues)
    assert below < 1e-3 * start
    assert not above < 1e6 * start


def test_the_first_step_of_nesterov_is_longer_than_that_of_the_heavy_ball_by_the_momentum():
    bowl = Bowl((1.0,))
    members = [
        member(name, trial=i, lr=0.1, momentum=0.5)
        for i, name in enumerate(("momentum", "nesterov"))
    ]
    population, _ = trained(bowl, members, epochs=1)
    moves = 1.0 - population.theta[:, 0]
    assert moves == pytest.approx([0.1, 0.15])


def test_an_unknown_name_is_no_optimizer():
    with pytest.raises(KeyError):
        optimizers.load("no_such_rule")
