"""Promises of the optimizers: the compiled pass is the formula, and the formula is the paper's."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, get_args

import numpy as np
import pytest
from omegaconf import OmegaConf

from tests.training.conftest import (
    ROUNDED_RULES,
    Bowl,
    Rosenbrock,
    case,
    drawn_settings,
    member,
    trained,
)
from tuner.composing import config_folder
from tuner.search.space import Range
from tuner.training import losses, optimizers
from tuner.training.analytic import Analytic
from tuner.training.loop import Trainer
from tuner.training.models import MLP
from tuner.training.population import create, starting
from tuner.training.problems import Fold, Part, Supervised
from tuner.training.slots import Initial, zero

NAMES, CONF = optimizers.names(), config_folder()


def by_formula(
    name: str, theta: np.ndarray, gradients: np.ndarray, settings: Mapping[str, float]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Parameters and slots after a step for each of the gradients, in plain float64 NumPy."""
    optimizer = optimizers.load(name)
    decay = 0.0 if "weight_decay" in optimizer.own else settings["weight_decay"]
    slots = [starting(slot, theta[None], [settings])[0] for slot in optimizer.slots.values()]
    for t, gradient in enumerate(gradients, start=1):
        length = np.linalg.norm(gradient)
        g = gradient * min(1.0, settings["clip_norm"] / length)
        if optimizer.decoupled:
            theta = theta - settings["lr"] * decay * theta
        else:
            g = g + decay * theta
        # `train` lays schedules out for six epochs, of which this is the first.
        theta, *slots = apply(name, theta, g, slots, t, settings, total=6 * len(gradients))
    return theta, slots


def apply(
    name: str,
    theta: np.ndarray,
    g: np.ndarray,
    slots: list[np.ndarray],
    t: int,
    settings: Mapping[str, float],
    total: int = 1,
) -> tuple[np.ndarray, ...]:
    """The plain rule on one tensor (1, size) that is no hidden matrix; the loss is 0."""
    optimizer = optimizers.load(name)
    given = {"loss": 0.0, "T": total, "inputs": 1, "outputs": theta.size, "hidden": False}
    asked = {k: v for k, v in given.items() if k in signature(optimizer.rule).parameters}
    own = {k: settings[k] for k in optimizer.own}
    shaped = [np.reshape(s, (1, -1)) if np.ndim(s) else s for s in slots]
    result = optimizer.rule(theta[None], g[None], *shaped, t=t, **asked, **own)
    results = result if isinstance(result, tuple) else (result,)
    return tuple(r[0] if np.ndim(r) else r for r in results)


class Tape(Bowl):
    """A problem whose gradients are given beforehand, whatever the parameters are."""

    gradients: np.ndarray

    def attach(self, theta: np.ndarray, gradient: np.ndarray, left_at: np.ndarray) -> Any:
        objective, tape = super().attach(theta, gradient, left_at), iter(self.gradients)

        def differentiate(batch: np.ndarray) -> None:
            gradient[:] = next(tape)
            objective.losses[:] = 0.0

        objective.differentiate = differentiate
        return objective


@pytest.fixture
def tape() -> Callable[[type], Tape]:
    """40 gradients of very different lengths in 9 dimensions, as an epoch."""
    rng = np.random.default_rng(3)
    gradients = rng.normal(size=(40, 9)) * 10.0 ** rng.uniform(-3, 1, size=(40, 1))

    def make(dtype: type) -> Tape:
        problem = Tape((1.0,) * 9, steps=40, dtype=np.dtype(dtype))
        object.__setattr__(problem, "gradients", gradients.astype(dtype))
        return problem

    return make


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        case(name, dtype, quick=dtype is np.float64 or name in ROUNDED_RULES)
        for name in NAMES
        for dtype in (np.float64, np.float32)
    ],
)
def test_the_compiled_pass_is_the_formula(name: str, dtype: type, tape: Callable[[type], Tape]):
    problem, rng = tape(dtype), np.random.default_rng(1)
    tolerance = 1e-11 if dtype is np.float64 else 1e-3
    plain = {"weight_decay": 0.0, "clip_norm": np.inf}
    given = [plain, {**plain, "clip_norm": 0.1}, {**plain, "weight_decay": 0.1}, {}, {}, {}]
    own = optimizers.load(name).own
    settings = [{k: v for k, v in drawn_settings(name, rng).items() if k in own} for _ in given]
    settings = [plain | s | g for s, g in zip(settings, given, strict=True)]
    members = [member(name, trial=i, **s) for i, s in enumerate(settings)]
    population, _ = trained(problem, members, epochs=1)
    for row, m in enumerate(population.members):
        theta, slots = by_formula(
            name, problem.initial(0), problem.gradients.astype(np.float64), settings[m.trial]
        )
        np.testing.assert_allclose(population.theta[row], theta, rtol=tolerance, atol=tolerance)
        kept = optimizers.load(name).slots.values()
        if dtype is np.float32 and any(slot.scalar for slot in kept):
            continue  # what it sums are differences near the rounding of float32
        for compiled, expected in zip(population.slots[name], slots, strict=True):
            np.testing.assert_allclose(compiled[row], expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_slots_start_as_the_rule_says_and_else_at_zero(name: str):
    population = create(Bowl((1.0, 2.0)), [member(name)] * 3)
    slots = optimizers.load(name).slots.values()
    for slot, array in zip(slots, population.slots[name], strict=True):
        assert array.shape == ((3,) if slot.scalar else (3, 2))
        if slot.start is zero:
            np.testing.assert_array_equal(array, np.zeros_like(array))
        if slot == get_args(Initial)[1]:
            np.testing.assert_array_equal(array, population.theta)


@pytest.mark.parametrize("name", NAMES)
def test_weight_decay_is_coupled_or_decoupled_as_the_optimizer_says(name: str):
    """Without a gradient a decoupled decay is lr * weight_decay off the weights, exactly."""
    lr, decay = 0.1, 0.5
    flat = Bowl((0.0, 0.0), start=2.0)
    population, _ = trained(flat, [member(name, lr=lr, weight_decay=decay)], epochs=1)
    optimizer = optimizers.load(name)
    if "weight_decay" in optimizer.own:
        return  # it has a meaning of its own, which its reference proves
    settings = {k: h.default for k, h in optimizer.hyperparameters.items()} | {"lr": lr}
    start = np.array([2.0, 2.0])
    slots = [starting(slot, start[None], [settings])[0] for slot in optimizer.slots.values()]
    coupled = apply(name, start, decay * start, slots, 1, settings)[0]
    expected = 2.0 * (1 - lr * decay) if optimizer.decoupled else coupled[0]
    np.testing.assert_allclose(population.theta[0], expected, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_lie_in_their_domains(name: str):
    for key, hyperparameter in optimizers.load(name).hyperparameters.items():
        if hyperparameter.default != np.inf:  # a limit that does not limit
            assert hyperparameter.default in hyperparameter.domain, key


def from_yaml(name: str, share: float) -> dict[str, float]:
    """The settings of a YAML: the rate at this share of its range, the others at half."""
    option = OmegaConf.to_container(OmegaConf.load(CONF / f"optimizer/{name}.yaml"))
    known = optimizers.load(name).hyperparameters
    out = {}
    for key, value in option.items():
        if isinstance(value, dict):
            at = share if key == "lr" else 0.5
            out[key] = Range(value["low"], value["high"], value.get("scale", "linear")).at(at)
        else:
            out[key] = known[key].default if value is None else float(value)
    return out


def digits() -> Supervised:
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = (X / 16.0).astype(np.float32)
    model = MLP(64, 10, (), "relu")
    train, validation = Part(X[:600], y[:600]), Part(X[600:700], y[600:700])
    # One batch: Rprop reads the sign of the whole gradient.
    return Supervised(model, losses.load("cross_entropy"), (Fold(train, validation),), 600)


# What is descended: the problem, its epochs, and the share of the first loss to get below.
DESCENTS = {
    "a convex bowl": (lambda: Bowl((0.1, 1.0, 10.0), steps=200), 5, 0.5),
    "digits by softmax regression": (digits, 300, 0.6),
    "Rosenbrock's valley": (lambda: Rosenbrock(steps=400), 5, 0.5),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(d, marks=[pytest.mark.slow] * d.startswith("digits")) for d in DESCENTS],
)
def descended(request: pytest.FixtureRequest) -> dict[str, float]:
    """The lowest loss by optimizer over five rates of its YAML, as a share of what is allowed."""
    make, epochs, share = DESCENTS[request.param]
    problem, rates = make(), (0.1, 0.3, 0.5, 0.7, 0.9)
    settings = [(name, from_yaml(name, rate)) for name in NAMES for rate in rates]
    members = [member(name, trial=i, **own) for i, (name, own) in enumerate(settings)]
    population = create(problem, members)
    with Trainer(problem, epochs, 2) as trainer:
        start = trainer.start(population).metrics["train_loss"][0]
        for epoch in range(1, epochs + 1):
            last = trainer.epoch(population, epoch)
    losses = np.where(last.left, np.inf, last.metrics["train_loss"]) / (share * start)
    lowest = dict.fromkeys(NAMES, np.inf)
    for m, loss in zip(population.members, losses, strict=True):
        lowest[m.optimizer] = min(lowest[m.optimizer], loss)
    return lowest


@pytest.mark.parametrize("name", NAMES)
def test_a_rate_of_its_yaml_descends(name: str, descended: dict[str, float]):
    assert descended[name] < 1.0


def points(lr: float, steps: int) -> list[float]:
    """Where gradient descent on x**2 stands after each step, from 10."""
    problem = Analytic()
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
