"""Promises of the transforms: each is what plain NumPy does around any optimizer, row by row."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from tuner.training import optimizers
from tuner.training.loop import Epoch, Trainer
from tuner.training.population import Member, Population, create, join, take
from tuner.training.problems import Objective, Problem
from tuner.training.transforms import average

STEPS, EPOCHS = 7, 6
# A weight matrix (3, 2) and its biases, (1, 2), in a row of eight parameters.
TENSORS = np.array([[0, 6, 3, 2, 1], [6, 8, 1, 2, 0]])
CURVATURE = np.array([0.1, 0.3, 1.0, 3.0, 0.5, 2.0, 1.0, 0.2])


class Swing(Problem):
    """A bowl whose gradient has one more slope in every step; the minimum is at the origin."""

    batched = False
    size, steps, tensors = 8, STEPS, TENSORS

    def __init__(self, dtype: Any = np.float64) -> None:
        self.dtype = np.dtype(dtype)

    def initial(self, seed: int) -> np.ndarray:
        return np.cos(np.arange(8.0) + seed)

    def batches(self, seed: int, epoch: int) -> Sequence[np.ndarray]:
        return [np.array([epoch * STEPS + step]) for step in range(STEPS)]

    def attach(self, theta: np.ndarray, gradient: np.ndarray, left_at: np.ndarray) -> Objective:
        return SwingObjective(theta, gradient)


class SwingObjective(Objective):
    def __init__(self, theta: np.ndarray, gradient: np.ndarray) -> None:
        self.theta, self.gradient, self.losses = theta, gradient, np.zeros(len(theta))

    def differentiate(self, batch: np.ndarray) -> None:
        self.gradient[:] = gradient(self.theta, int(batch[0]))
        self.losses[:] = loss(self.theta)

    def evaluate(self, theta: np.ndarray) -> Mapping[str, np.ndarray]:
        return {"validation_loss": loss(theta)}

    def training_loss(self, theta: np.ndarray) -> np.ndarray:
        return loss(theta)


def gradient(theta: np.ndarray, step: int) -> np.ndarray:
    """The gradient (..., 8) at the step, counted from 0."""
    return CURVATURE * theta + 0.5 * np.sin(3.0 * step + np.arange(8.0))


def loss(theta: np.ndarray) -> np.ndarray:
    # No matrix product, whose rounding depends on the number of rows.
    return 0.5 * np.sum(np.square(theta.astype(np.float64)) * CURVATURE, axis=-1)


def member(optimizer: str = "momentum", trial: int = 0, seed: int = 0, **settings: float) -> Member:
    known = optimizers.load(optimizer).hyperparameters
    defaults = {name: h.default for name, h in known.items()}
    return Member(trial, seed, optimizer, defaults | {"lr": 0.1} | settings, "constant", {})


def train(
    population: Population, epochs: Sequence[int], problem: Problem | None = None, threads: int = 1
) -> list[Epoch]:
    """Trains in place through the epochs of these numbers."""
    with Trainer(problem or Swing(population.theta.dtype), EPOCHS, threads) as trainer:
        return [trainer.epoch(population, epoch) for epoch in epochs]


def trained(members: Sequence[Member], epochs: int = EPOCHS) -> tuple[Population, list[Epoch]]:
    population = create(Swing(), members)
    return population, train(population, range(1, epochs + 1))


def by_hand(
    clip: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda theta, g: g,
    after: Callable[[np.ndarray, int], np.ndarray] = lambda theta, t: theta,
    decay: float = 0.0,
) -> np.ndarray:
    """Heavy-ball momentum in plain NumPy: the parameters after every step, (steps, 8).

    clip(theta, g) gives the gradient that is taken, after(theta, t) the parameters that go on.
    """
    theta, v, path = Swing().initial(0), np.zeros(8), []
    for t in range(1, EPOCHS * STEPS + 1):
        g = clip(theta, gradient(theta, t - 1)) + decay * theta
        v = 0.9 * v + g
        theta = after(theta - 0.1 * v, t)
        path.append(theta)
    return np.array(path)


def by_output(theta: np.ndarray, g: np.ndarray, share: float) -> np.ndarray:
    """Brock et al. 2021, equation 3: the units are the outputs' weights, and the biases."""
    out = g.copy()
    for unit in ([0, 2, 4], [1, 3, 5], [6, 7]):
        most = share * max(float(np.linalg.norm(theta[unit])), 1e-3)
        length = float(np.linalg.norm(g[unit]))
        if length > most:
            out[unit] = g[unit] * most / length
    return out


def assert_path(path: np.ndarray, members: Sequence[Member]) -> None:
    """The first member goes that way: the parameters at the end of every epoch."""
    population = create(Swing(), members)
    for epoch in range(1, EPOCHS + 1):
        train(population, [epoch])
        np.testing.assert_allclose(population.theta[0], path[epoch * STEPS - 1], rtol=1e-12)


def test_unwrapped_the_path_is_that_of_the_optimizer() -> None:
    assert_path(by_hand(), [member()])


def test_no_number_of_the_gradient_exceeds_clip_value() -> None:
    path = by_hand(lambda theta, g: np.clip(g, -0.3, 0.3))
    assert_path(path, [member(clip_value=0.3)])
    assert not np.allclose(path, by_hand())


def test_the_gradient_of_an_output_is_at_most_a_share_of_its_weights() -> None:
    path = by_hand(lambda theta, g: by_output(theta, g, 0.4))
    assert_path(path, [member(clip_adaptive=0.4)])
    assert not np.allclose(path, by_hand())


def test_adaptive_clipping_is_that_of_optax() -> None:
    theta = Swing().initial(0)
    # optax 0.2.8: adaptive_grad_clip(0.4) of tensors (3, 2) and (1, 2), in float64.
    by_optax = [
        0.07094065, 0.09163468, 0.02731348, -0.45586008,
        -0.50028982, 0.01381411, 0.42164237, 0.24630268,
    ]  # fmt: skip
    population = create(Swing(), [member("sgd", lr=1.0, clip_adaptive=0.4)])
    with Trainer(Swing(), EPOCHS) as trainer:
        trainer.problem.batches = lambda seed, epoch: [np.array([0])]  # type: ignore[method-assign]
        trainer.epoch(population, 1)
    np.testing.assert_allclose(theta - population.theta[0], by_optax, atol=1e-8)


def test_weights_near_zero_are_clipped_as_if_their_norm_were_a_thousandth() -> None:
    class Origin(Swing):
        def initial(self, seed: int) -> np.ndarray:
            return np.zeros(8)

    population = create(Origin(), [member("sgd", lr=1.0, clip_adaptive=0.5)])
    with Trainer(Origin(), EPOCHS) as trainer:
        trainer.problem.batches = lambda seed, epoch: [np.array([0])]  # type: ignore[method-assign]
        trainer.epoch(population, 1)
    expected = -by_output(np.zeros(8), gradient(np.zeros(8), 0), 0.5)
    np.testing.assert_allclose(population.theta[0], expected, rtol=1e-12)
    lengths = np.linalg.norm(population.theta[0, :6].reshape(3, 2), axis=0)
    np.testing.assert_allclose(lengths, 0.5e-3, rtol=1e-12)


def test_clipping_is_by_value_then_adaptive_then_by_norm_and_weight_decay_comes_after() -> None:
    def clip(theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        g = by_output(theta, np.clip(g, -0.6, 0.6), 0.8)
        return g * min(1.0, 0.7 / float(np.linalg.norm(g)))

    settings = {"clip_value": 0.6, "clip_adaptive": 0.8, "clip_norm": 0.7, "weight_decay": 0.05}
    assert_path(by_hand(clip, decay=0.05), [member(**settings)])


def test_a_gradient_that_is_no_number_is_not_clipped_to_one() -> None:
    class Broken(Swing):
        def attach(self, theta: np.ndarray, g: np.ndarray, left_at: np.ndarray) -> Objective:
            objective = super().attach(theta, g, left_at)
            whole = objective.differentiate

            def differentiate(batch: np.ndarray) -> None:
                whole(batch)
                if batch[0] == 3:
                    g[:, 2] = np.nan

            objective.differentiate = differentiate  # type: ignore[method-assign]
            return objective

    given = [{}, {"clip_value": 0.3}, {"clip_adaptive": 0.3}, {"clip_norm": 0.3}]
    population = create(Broken(), [member(trial=i, **g) for i, g in enumerate(given)])
    (epoch,) = train(population, [1], Broken())
    assert population.left_at.tolist() == [4.0] * 4
    assert epoch.left.all()


def test_validation_sees_the_exponential_moving_average() -> None:
    path = by_hand()
    mean, means = path[0], []
    for theta in path:
        mean = 0.8 * mean + 0.2 * theta
        means.append(mean)
    population, epochs = trained([member(ema=0.8)])
    np.testing.assert_allclose(population.theta[0], path[-1], rtol=1e-12)
    np.testing.assert_allclose(population.kept["mean"][0], means[-1], rtol=1e-12)
    for number, epoch in enumerate(epochs, 1):
        expected = loss(means[number * STEPS - 1])
        assert epoch.metrics["validation_loss"][0] == pytest.approx(expected, rel=1e-12)
        assert epoch.metrics["train_loss"][0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("count", [10, 21, 29, 42])
def test_validation_sees_the_mean_of_the_tail(count: int) -> None:
    path = by_hand()
    begin, share = len(path) - count, count / len(path)
    population, epochs = trained([member(tail_average=share)])
    np.testing.assert_allclose(population.theta[0], path[-1], rtol=1e-12)
    for number, epoch in enumerate(epochs, 1):
        step = number * STEPS
        seen = path[begin:step].mean(axis=0) if step > begin else path[step - 1]
        assert epoch.metrics["validation_loss"][0] == pytest.approx(loss(seen), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_until_the_tail_begins_validation_sees_the_parameters_themselves(dtype: Any) -> None:
    theta, mean = np.random.default_rng(0).normal(size=(2, 1, 1000)).astype(dtype)
    average(theta, mean, np.array([3.0]), np.zeros(1), 100, np.zeros(1), np.array([0.5]))
    np.testing.assert_array_equal(mean, theta)


def test_a_share_that_rounding_makes_smaller_still_has_its_steps() -> None:
    assert 0.29 * 100 < 29
    theta, mean = np.ones((1, 2)), np.zeros((1, 2))
    for t in range(1, 101):
        theta[:] = t
        average(theta, mean, np.array([t * 1.0]), np.zeros(1), 100, np.zeros(1), np.array([0.29]))
    np.testing.assert_allclose(mean, np.arange(72, 101).mean(), rtol=1e-12)


def test_lookahead_goes_a_share_of_the_way_after_so_many_steps() -> None:
    slow = Swing().initial(0)

    def after(theta: np.ndarray, t: int) -> np.ndarray:
        nonlocal slow
        if t % 5 == 0:
            slow = slow + 0.4 * (theta - slow)
            return slow
        return theta

    path = by_hand(after=after)
    assert_path(path, [member(lookahead_rate=0.4, lookahead_steps=5.0)])
    assert not np.allclose(path, by_hand())


def test_lookahead_takes_one_step_at_least() -> None:
    assert 1.0 in optimizers.SHARED["lookahead_steps"].domain
    assert 0.5 not in optimizers.SHARED["lookahead_steps"].domain


def test_what_is_averaged_are_the_parameters_after_lookahead() -> None:
    slow = Swing().initial(0)

    def after(theta: np.ndarray, t: int) -> np.ndarray:
        nonlocal slow
        if t % 2 == 0:
            slow = slow + 0.5 * (theta - slow)
            return slow
        return theta

    path = by_hand(after=after)
    settings = {"lookahead_rate": 0.5, "lookahead_steps": 2.0, "tail_average": 1.0}
    population, _ = trained([member(**settings)])
    np.testing.assert_allclose(population.kept["mean"][0], path.mean(axis=0), rtol=1e-12)


def test_validation_sees_the_average_that_an_optimizer_keeps() -> None:
    population, epochs = trained([member("schedule_free_sgd", lr=0.1)])
    y, z, zs = Swing().initial(0), Swing().initial(0), []
    for step in range(EPOCHS * STEPS):
        z = z - 0.1 * gradient(y, step)
        zs.append(z)
        y = 0.9 * np.mean(zs, axis=0) + 0.1 * z
    np.testing.assert_allclose(population.theta[0], y, rtol=1e-12)
    expected = loss(np.mean(zs, axis=0))
    assert epochs[-1].metrics["validation_loss"][0] == pytest.approx(expected, rel=1e-12)


# Each transform at work, and the numbers at which it changes nothing.
AT_WORK: list[dict[str, float]] = [
    {"clip_value": 0.3},
    {"clip_adaptive": 0.4},
    {"ema": 0.8},
    {"tail_average": 0.5},
    {"lookahead_rate": 0.5, "lookahead_steps": 3.0},
    {"clip_value": 0.4, "ema": 0.5, "lookahead_rate": 0.7},
]
NEUTRAL: list[dict[str, float]] = [
    {"clip_value": 1e9},
    {"clip_adaptive": 1e9},
    {"lookahead_steps": 2.0},
    {"tail_average": 0.01},
]


def everything(population: Population, epochs: Sequence[Epoch]) -> dict[int, list[np.ndarray]]:
    """All that is known of each row, by trial."""
    known = {}
    for row, m in enumerate(population.members):
        place = population.rows_of(m.optimizer).index(row)
        known[m.trial] = [
            population.theta[row].copy(),
            *(slot[place].copy() for slot in population.slots[m.optimizer]),
            np.array([[epoch.metrics[name][row] for name in epoch.metrics] for epoch in epochs]),
        ]
    return known


def assert_identical(rows: list[np.ndarray], others: list[np.ndarray]) -> None:
    for mine, theirs in zip(rows, others, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("neutral", NEUTRAL, ids=lambda settings: "-".join(settings))
def test_at_its_neutral_number_a_wrapper_changes_no_bit(
    optimizer: str, neutral: dict[str, float]
) -> None:
    bare = everything(*trained([member(optimizer)]))[0]
    assert_identical(everything(*trained([member(optimizer, **neutral)]))[0], bare)


def mixed() -> list[Member]:
    """Bare and wrapped rows of several optimizers and two seeds in turn."""
    names = ["momentum", "adam", "schedule_free_sgd"]
    given = [s for work in AT_WORK for s in (work, {})]
    return [
        member(names[i % 3], trial=i, seed=i % 2, **settings) for i, settings in enumerate(given)
    ]


def test_a_row_is_the_same_alone_and_among_rows_that_are_wrapped_otherwise() -> None:
    members = mixed()
    together = everything(*trained(members))
    for m in members:
        assert_identical(together[m.trial], everything(*trained([m]))[m.trial])


def test_rows_are_the_same_on_two_threads() -> None:
    population = create(Swing(), mixed())
    epochs = train(population, range(1, EPOCHS + 1), threads=2)
    alone = everything(*trained(mixed()))
    for trial, row in everything(population, epochs).items():
        assert_identical(row, alone[trial])


def test_rows_that_leave_and_join_take_their_averages_and_slow_parameters_along() -> None:
    members = mixed()
    whole, epochs = trained(members)
    uninterrupted = everything(whole, epochs[-1:])

    population = create(Swing(), members)
    train(population, [1, 2])
    rows = list(range(len(members)))
    first, second = take(population, rows[::2]), take(population, rows[1::2][::-1])
    train(first, [3])
    train(second, [3])
    both = join(second, first)
    ended = train(both, range(4, EPOCHS + 1))
    for trial, row in everything(both, ended[-1:]).items():
        assert_identical(row, uninterrupted[trial])
    means = {m.trial: whole.kept["mean"][row] for row, m in enumerate(whole.members)}
    for row, m in enumerate(both.members):
        if m.settings["ema"] or m.settings["tail_average"]:
            np.testing.assert_array_equal(both.kept["mean"][row], means[m.trial])


def test_wrapped_rows_join_rows_that_keep_nothing() -> None:
    bare, wrapped = member(trial=0), member(trial=1, ema=0.8)
    first, second = create(Swing(), [bare]), create(Swing(), [wrapped])
    assert not first.kept
    train(first, [1, 2])
    train(second, [1, 2])
    both = join(first, second)
    ended = train(both, range(3, EPOCHS + 1))
    for m in (bare, wrapped):
        alone = everything(*trained([m]))[m.trial]
        row = everything(both, ended)[m.trial]
        assert_identical(row[:-1], alone[:-1])
        np.testing.assert_array_equal(row[-1], alone[-1][2:])


def test_a_row_that_has_left_keeps_its_average() -> None:
    members = [member("sgd", trial=0, lr=1e200, ema=0.5), member("sgd", trial=1, ema=0.5)]
    population = create(Swing(), members)
    train(population, [1])
    assert population.left_at[0] > 0
    left = [population.theta[0].copy(), population.kept["mean"][0].copy()]
    train(population, [2])
    np.testing.assert_array_equal(population.theta[0], left[0])
    np.testing.assert_array_equal(population.kept["mean"][0], left[1])


def test_wrapped_rows_keep_the_dtype_of_their_parameters() -> None:
    members = [member(trial=i, **settings) for i, settings in enumerate(AT_WORK)]
    population = create(Swing(np.float32), members)
    train(population, range(1, EPOCHS + 1))
    arrays = [population.theta, *population.slots["momentum"], *population.kept.values()]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
    exact, _ = trained(members)
    np.testing.assert_allclose(population.theta, exact.theta, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(population.kept["mean"], exact.kept["mean"], rtol=1e-4, atol=1e-5)
