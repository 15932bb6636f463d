"""Promises of the curves: the guard catches what diverges, and labels agree with analysis."""

import re
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import member, trained
from tuner.training.analytic import Analytic
from tuner.training.curves import FURTHEST, PATIENCE, Curve, Diagnosis, Guard, diagnose

EPOCHS = 50


def watch(losses: list[float], momentum: float = 0.0, steps: int = 1) -> tuple[int | None, bool]:
    """The epoch after which the guard gives a run up, if it does, and whether it is lost."""
    guard = Guard.at(np.array(losses[:1]), np.array([momentum]), steps)
    for epoch, loss in enumerate(losses[1:], 1):
        guard = guard.after(np.array([loss]))
        if guard.leaves[0]:
            return epoch, True
    return None, bool(guard.lost[0])


def left_after(losses: list[float]) -> int | None:
    return watch(losses)[0]


def test_a_run_leaves_after_just_five_evaluations_above_its_initial_loss():
    assert PATIENCE == 5
    assert left_after([1.0] + [1.1] * 10) == 5
    assert left_after([1.0, 0.5] + [1.1] * 10) == 6


def test_one_evaluation_at_or_below_the_initial_loss_begins_the_count_again():
    assert left_after([1.0, *[1.4] * 4, 1.0, *[1.4] * 4]) is None
    assert left_after([1.0, *[1.4] * 4, 1.0, *[1.4] * 5]) == 10


def test_a_run_that_stays_at_its_initial_loss_goes_on():
    assert left_after([1.0] * 30) is None


def test_each_row_is_compared_with_its_own_start():
    guard = Guard.at(np.array([1.0, 3.0]), np.zeros(2), 1)
    for _ in range(5):
        guard = guard.after(np.full(2, 2.0))
    assert list(guard.leaves) == [True, False]
    assert list(guard.take([1]).leaves) == [False]


def test_a_run_that_comes_back_from_above_its_start_goes_on():
    """As with batch norm, whose first epochs are worse than the untrained model."""
    back = [2.78, 3.02, 2.95, 2.91, 2.87, 2.84, 2.82, 2.80, 2.78, 2.77]
    assert watch(back) == (None, False)
    assert left_after([1.78, 3.02, 2.95, 2.91, 2.87, 2.89]) == 5


def given_up(losses: np.ndarray, momentum: float = 0.0, steps: int = 1) -> float:
    """The share of these runs (runs, epochs + 1) that are given up, or lost at the end."""
    guard = Guard.at(losses[:, 0], np.full(len(losses), momentum), steps)
    gone = np.zeros(len(losses), bool)
    for epoch in range(1, losses.shape[1]):
        guard = guard.after(losses[:, epoch])
        gone |= guard.leaves
    return float((gone | guard.lost).mean())


@pytest.mark.parametrize("epochs", [1, 2, 5, 20, 100])
@pytest.mark.parametrize("deviation", [1e-4, 1e-3, 0.01, 0.03])
@pytest.mark.parametrize("start", [2.3, -4.0, 1e-3])
def test_noise_alone_lifts_no_run_above_its_start(epochs: int, deviation: float, start: float):
    """The start is as noisy as what it is compared with, as under dropout."""
    noise = np.random.default_rng(epochs).normal(size=(2000, epochs + 1))
    assert given_up(start + abs(start) * deviation * noise) <= 0.005


@pytest.mark.parametrize("deviation", [1e-3, 0.01, 0.03])
def test_a_run_that_stands_above_the_noise_is_found_through_it(deviation: float):
    noise = np.random.default_rng(1).normal(size=(500, 41))
    risen = np.where(np.arange(41) > 3, 2.3 * (1 + max(0.02, 12 * deviation)), 2.0)
    risen[0] = 2.3
    assert given_up(risen + 2.3 * deviation * noise) >= 0.95


def test_a_run_at_chance_has_not_diverged_unless_nothing_moves_it_any_more():
    wander = 2.31 + 0.001 * np.sin(np.arange(60.0))
    assert given_up(np.array([[2.3, *wander]])) == 0
    assert given_up(np.array([[2.3, *[2.31] * 60]])) == 1


@pytest.mark.parametrize("momentum", [0.99, 0.998, 0.999, 0.9999])
def test_no_momentum_excuses_a_rise_for_longer_than_that_of_a_hundred_steps(momentum: float):
    """A hundred steps are what 0.99 averages over."""
    losses = [2.3, *np.linspace(2.5, 9.0, 40)]
    assert watch(losses, momentum, steps=40) == (16, True)


def curve(name: str, epochs: int = EPOCHS, **settings: Any) -> Curve:
    """A run on x**2 from 10."""
    said = trained(Analytic(), [member(name, **settings)], epochs=epochs)[1]
    known = ("learning_rate", "gradient_norm", "update_ratio")
    losses = np.array([100.0, *(e.metrics["train_loss"][0] for e in said)])
    return Curve(losses, losses, *(np.array([e.metrics[k][0] for e in said]) for k in known))


def diagnosed(whole: Curve, momentum: float = 0.0) -> Diagnosis:
    """As a race would say it: the guard first, the diagnosis of what there is then."""
    end, lost = watch(list(whole.train), momentum)
    stop = whole.epochs if end is None else end
    seen = Curve(
        whole.train[: stop + 1], whole.validation[: stop + 1], whole.learning_rate[:stop],
        whole.gradient_norm[:stop], whole.update_ratio[:stop],
    )  # fmt: skip
    return diagnose(seen, "above its start" if lost else "")


def label(whole: Curve, momentum: float = 0.0) -> str:
    return diagnosed(whole, momentum).label


def analytic(lr: float) -> str:
    """The class of gradient descent on x**2: x shrinks by 1 - 2 lr a step."""
    shrinks = abs(1 - 2 * lr)
    if shrinks > 1:
        return "diverged"
    if shrinks ** (2 * 0.75 * EPOCHS) < 0.01:
        return "converged"
    return "slow" if lr <= 0.5 else "oscillating"


RATES = [
    *(0.0001, 0.001, 0.003, 0.01, 0.02, 0.03, 0.08, 0.1, 0.2, 0.3, 0.4, 0.49),
    *(0.51, 0.6, 0.7, 0.8, 0.9, 0.92, 0.97, 0.98, 0.99, 0.999, 1.0),
    *(1.0001, 1.001, 1.01, 1.05, 1.1, 1.5, 2.0, 10.0, 1e3),
]


@pytest.mark.parametrize("lr", RATES)
def test_gradient_descent_on_a_parabola_gets_the_label_that_analysis_gives(lr: float):
    assert label(curve("sgd", lr=lr)) == analytic(lr)


def heavy_ball(momentum: float, share: float, epochs: int) -> list[float]:
    """Losses of the heavy ball on x**2 from 10 at this share of its limit, 1 + momentum."""
    x, v, losses = 10.0, 0.0, [100.0]
    for _ in range(epochs):
        v = momentum * v + 2 * x
        x -= share * (1 + momentum) * v
        losses.append(x * x)
    return losses


@pytest.mark.parametrize("epochs", [20, 50, 200, 1000])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99])
@pytest.mark.slow
def test_the_guard_tells_on_which_side_of_its_limit_the_heavy_ball_is(momentum: float, epochs: int):
    """Just below the limit it climbs to a multiple of its first loss, and comes back."""
    for share in (0.01, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999):
        assert watch(heavy_ball(momentum, share, epochs), momentum) == (None, False), share
    for share in (1.001, 1.005, 1.01, 1.02, 1.05, 1.1, 1.5, 3.0, 100.0):
        assert watch(heavy_ball(momentum, share, epochs), momentum)[1], share


def test_momentum_excuses_nothing_where_an_epoch_outlasts_its_memory():
    assert watch([1.0] + [1.1] * 10, momentum=0.9, steps=100)[0] == 5
    assert watch([1.0] + [1.1] * 10, momentum=0.9, steps=1) == (None, False)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9, 0.99])
def test_the_heavy_ball_within_its_limit_does_not_count_as_diverged(momentum: float, share: float):
    whole = curve("momentum", lr=share * (1 + momentum), momentum=momentum)
    assert label(whole, momentum) != "diverged"


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("share", [1.05, 1.3, 2.0, 100.0])
def test_the_heavy_ball_beyond_its_limit_counts_as_diverged(momentum: float, share: float):
    whole = curve("momentum", lr=share * (1 + momentum), momentum=momentum)
    assert label(whole, momentum) == "diverged"


@pytest.mark.parametrize(("momentum", "lr"), [(0.5, 0.1), (0.5, 0.2), (0.7, 0.1), (0.8, 0.2)])
def test_a_heavy_ball_that_has_settled_counts_as_converged(momentum: float, lr: float):
    """Roots of modulus sqrt(momentum): over the first three quarters nothing is left."""
    assert label(curve("momentum", lr=lr, momentum=momentum), momentum) == "converged"


@pytest.mark.parametrize("lr", [1e-5, 1e-4, 3e-4])
def test_a_heavy_ball_with_a_tiny_rate_counts_as_slow(lr: float):
    assert label(curve("momentum", lr=lr, momentum=0.5), 0.5) == "slow"


def test_a_heavy_ball_that_swings_to_and_fro_counts_as_oscillating():
    assert label(curve("momentum", lr=0.5, momentum=0.99), 0.99) == "oscillating"


@pytest.mark.parametrize("epochs", [0, 1, 2, 3])
def test_a_run_of_few_epochs_gets_a_label_too(epochs: int):
    assert diagnose(curve("sgd", epochs=epochs, lr=0.01)).label in ("slow", "converged", "plateau")


def test_a_run_that_left_counts_as_diverged_whatever_its_curve_says():
    assert diagnose(Curve(np.array([1.0, 0.5])), "not finite at step 3").label == "diverged"
    assert diagnose(Curve(np.array([1.0, 0.5])), "not finite at step 3").evidence == (
        "not finite at step 3"
    )
    assert diagnose(Curve(np.array([1.0, np.nan]))).label == "diverged"


def factor_in(*words: str, factor: str) -> float:
    """The number before `times` in a line of advice that holds these words."""
    for word in words:
        assert word in factor, factor
    found = re.search(r"([\d.]+) times", factor)
    assert found, factor
    return float(found.group(1))


@pytest.mark.parametrize("lr", [0.98, 0.99, 1.05, 1.1, 1.5, 3.0])
def test_the_lower_rate_that_is_advised_is_the_best_one_of_a_parabola(lr: float):
    """The best rate of curvature 2 is 0.5: it gets to the minimum in one step."""
    advice = diagnosed(curve("sgd", lr=lr)).advice
    assert lr / factor_in("lower the learning rate", factor=advice) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("lr", [0.002, 0.003, 0.01, 0.02])
def test_a_slow_run_settles_where_it_trains_as_much_longer_as_is_advised(lr: float):
    whole = curve("sgd", lr=lr)
    assert label(whole) == "slow"
    times = factor_in("train longer", factor=diagnose(whole).advice)
    if times < FURTHEST:
        assert label(curve("sgd", epochs=int(1.1 * times * EPOCHS), lr=lr)) == "converged"
        assert label(curve("sgd", epochs=int(0.7 * times * EPOCHS), lr=lr)) == "slow"
        assert label(curve("sgd", lr=1.1 * times * lr)) == "converged"


def noisy(decays: bool) -> Curve:
    """Gradient descent on x**2 from 10 with noise on the gradients, at a rate that may decay."""
    rng, x, epochs, steps = np.random.default_rng(3), 10.0, 40, 50
    rates, losses, norms = [], [x * x], []
    for epoch in range(epochs):
        rate = 0.05 * (0.8**epoch if decays else 1.0)
        gradients = []
        for _ in range(steps):
            gradients.append(2 * x + rng.normal(scale=4.0))
            x -= rate * gradients[-1]
        rates.append(rate)
        norms.append(float(np.mean(np.abs(gradients))))
        losses.append(x * x)
    return Curve(np.array(losses), learning_rate=np.array(rates), gradient_norm=np.array(norms))


def test_a_loss_at_the_noise_of_its_steps_is_a_plateau_and_a_decayed_rate_converges():
    plateau, converged = diagnose(noisy(decays=False)), diagnose(noisy(decays=True))
    assert (plateau.label, plateau.advice) == ("plateau", "let the learning rate decay")
    assert converged.label == "converged"


def test_a_loss_that_never_moved_is_a_plateau():
    stuck = diagnose(Curve(np.array([2.3] + [2.299] * 20)))
    assert stuck.label == "plateau"
    assert "above and below" in stuck.advice


def test_a_validation_loss_that_rises_after_its_minimum_is_overfitting():
    epochs = np.arange(41)
    train, validation = np.exp(-epochs / 8), np.exp(-epochs / 8) + 0.01 * epochs
    diagnosis = diagnose(Curve(train, validation))
    assert diagnosis.label == "overfitting"
    lowest = int(np.argmin(validation))
    assert f"at epoch {lowest} " in diagnosis.evidence
    assert f"stop at epoch {lowest}" in diagnosis.advice
    assert diagnose(Curve(train, train)).label != "overfitting"


@pytest.mark.parametrize("epochs", [4, 5, 7, 10, 11, 15, 20, 41])
@pytest.mark.parametrize("falls", [0.02, 0.04, 0.08, 0.2])
@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_a_loss_that_still_falls_is_slow_however_few_epochs_there_are(
    epochs: int, falls: float, noise: float
):
    moved = np.random.default_rng(epochs).normal(scale=noise, size=epochs + 1)
    losses = 2.3 * (1 - falls) ** np.arange(epochs + 1) * (1 + moved)
    diagnosis = diagnose(
        Curve(losses, gradient_norm=np.ones(epochs), learning_rate=np.ones(epochs))
    )
    assert (diagnosis.label == "slow") == ((1 - falls) ** (0.75 * epochs) > 0.01)


def shapes(epochs: int) -> dict[str, np.ndarray]:
    """Shares of the learning rate by epoch."""
    done = np.arange(1, epochs + 1) / epochs
    return {
        "constant": np.ones(epochs),
        "cosine": (1 + np.cos(np.pi * done)) / 2,
        "linear": 1 - done,
        "warmed up": np.minimum(1, 4 * done) * (1 - done),
    }


@pytest.mark.parametrize("shape", shapes(1))
@pytest.mark.parametrize("epochs", [10, 30, 100])
def test_a_rate_that_falls_to_zero_makes_no_curve_converged(shape: str, epochs: int):
    """Of gradient flow that has come half the way, under any schedule."""
    rates = shapes(epochs)[shape]
    time = np.concatenate([[0.0], np.cumsum(rates)]) / rates.sum()
    norms = np.ones(epochs)
    for way, label in ((0.7, "slow"), (2.0, "slow"), (20.0, "converged")):
        losses = 0.1 + 2 * np.exp(-way * time)
        seen = Curve(losses, learning_rate=rates, gradient_norm=norms * (way < 10))
        assert diagnose(seen).label == label, way


def test_a_run_whose_rate_has_decayed_is_not_told_to_let_it_decay():
    rates = shapes(30)["cosine"]
    losses = np.concatenate([[2.0], np.full(30, 1.0)])
    settled = Curve(losses, learning_rate=rates, gradient_norm=np.ones(30))
    assert "decay" not in diagnose(settled).advice


def test_a_run_at_chance_is_not_overfitting_whatever_its_validation_loss():
    validation = np.linspace(2.3, 1e5, 21)
    train = np.array([2.31, *np.linspace(2.31, 2.30, 20)])
    assert diagnose(Curve(train, validation)).label != "overfitting"


def test_steps_that_are_too_short_are_slow_whatever_noise_makes_of_the_curve():
    noise = np.random.default_rng(2).normal(scale=0.01, size=21)
    seen = Curve(2.3 + noise, update_ratio=np.full(20, 1e-5), steps=40)
    assert (diagnose(seen).label, diagnose(seen).advice) == ("slow", "raise the learning rate")


def test_a_loss_that_was_thrown_up_and_comes_down_oscillates():
    losses = np.array([0.76, 83.0, 12.0, 8.0, 3.5, 2.3, 1.8, 1.3, 1.1, 0.98, 0.93])
    assert diagnose(Curve(losses)).label == "oscillating"
    assert diagnose(Curve(losses)).advice.startswith("lower the learning rate")


def test_every_label_comes_with_evidence_and_advice():
    for lr in (0.001, 0.1, 1.0, 1.1):
        d = diagnosed(curve("sgd", lr=lr))
        assert d.evidence
        assert d.advice
