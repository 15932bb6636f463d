"""Promises of the curves: the guard catches what diverges, and labels agree with analysis."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.conftest import member, trained
from tuner.training.curves import PATIENCE, diagnose, stands_above_start
from tuner.training.problems import Quadratic

EPOCHS = 50
REAL_CURVES = Path(__file__).parents[2] / ".." / "shared" / "data" / "deepobs_baselines_curves.npz"


def left_after(losses: list[float]) -> int | None:
    """The epoch after which the guard gives a run up: losses, the initial one first."""
    for epoch in range(1, len(losses)):
        if stands_above_start(np.array(losses[: epoch + 1])[:, None])[0]:
            return epoch
    return None


def test_a_run_leaves_after_just_five_evaluations_above_its_initial_loss():
    assert PATIENCE == 5
    assert left_after([1.0] + [1.1] * 10) == 5
    assert left_after([1.0, 0.5] + [1.1] * 10) == 6


def test_one_evaluation_at_or_below_the_initial_loss_begins_the_count_again():
    assert left_after([1.0, *[1.1] * 4, 1.0, *[1.1] * 4]) is None
    assert left_after([1.0, *[1.1] * 4, 1.0, *[1.1] * 5]) == 10


def test_a_run_that_stays_at_its_initial_loss_goes_on():
    assert left_after([1.0] * 30) is None


def test_each_row_is_compared_with_its_own_start():
    starts = np.array([1.0, 3.0])
    losses = np.vstack([starts, np.full((5, 2), 2.0)])
    assert list(stands_above_start(losses)) == [True, False]


@pytest.fixture(scope="module")
def real_runs() -> dict[str, np.ndarray]:
    """1080 real runs: which ended above their start, which were good, which the guard gave up."""
    if not REAL_CURVES.exists():
        pytest.skip("the curves of real runs are not beside the project")
    with np.load(REAL_CURVES) as data:
        runs = {name: data[name] for name in data.files}
    every, last = np.arange(len(runs["lr"])), runs["n_logged"] - 1
    train = runs["train"].astype(np.float64)
    final, start = (runs["test"].astype(np.float64)[every, i] for i in (last, 0))
    good = np.zeros(len(every), dtype=bool)
    # Good: within a tenth of what the best run of the same problem and optimizer gained.
    for kind in set(zip(runs["problem"], runs["optimizer"], strict=True)):
        own = (runs["problem"] == kind[0]) & (runs["optimizer"] == kind[1])
        best = np.nanmin(np.where(np.isfinite(final[own]), final[own], np.nan))
        with np.errstate(invalid="ignore"):
            good |= own & np.isfinite(final) & ((final - best) / (start - best) <= 0.1)
    logged = np.arange(train.shape[1]) <= last[:, None]
    given_up = (logged & ~np.isfinite(train)).any(axis=1)
    for epoch in range(1, train.shape[1]):
        given_up |= logged[:, epoch] & stands_above_start(train[:, : epoch + 1].T)
    return {"bad": ~(final <= start), "good": good, "given up": given_up}


def test_the_guard_gives_up_the_diverging_runs_and_next_to_none_that_are_good(
    real_runs: dict[str, np.ndarray],
):
    bad, good, given_up = (real_runs[k] for k in ("bad", "good", "given up"))
    assert (bad.sum(), good.sum()) == (336, 430)
    assert (given_up & bad).sum() / bad.sum() >= 0.95
    assert (given_up & bad).sum() / given_up.sum() >= 0.9
    assert (given_up & good).sum() <= 1


def curve(name: str, epochs: int = EPOCHS, **settings: float) -> tuple[np.ndarray, np.ndarray]:
    """Losses, the initial one first, and update ratios of a run on x**2 from 10."""
    said = trained(Quadratic(), [member(name, **settings)], epochs=epochs)[1]
    losses = [100.0, *(e.metrics["train_loss"][0] for e in said)]
    return np.array(losses), np.array([e.metrics["update_ratio"][0] for e in said])


def label(losses: np.ndarray, ratios: np.ndarray) -> str:
    """As a race would say it: the guard first, the diagnosis of what there is then."""
    end = left_after(list(losses))
    stop = len(losses) if end is None else end + 1
    return diagnose(losses[:stop], ratios[: stop - 1], end is not None).label


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
    assert label(*curve("sgd", lr=lr)) == analytic(lr)


@pytest.mark.parametrize("momentum", [0.5, 0.9])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.9])
def test_the_heavy_ball_within_its_limit_does_not_count_as_diverged(momentum: float, share: float):
    """Its limit on a parabola of curvature 2 is 1 + momentum; just below it, it climbs at first."""
    assert label(*curve("momentum", lr=share * (1 + momentum), momentum=momentum)) != "diverged"


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("share", [1.05, 1.3, 2.0, 100.0])
def test_the_heavy_ball_beyond_its_limit_counts_as_diverged(momentum: float, share: float):
    losses, ratios = curve("momentum", lr=share * (1 + momentum), momentum=momentum)
    assert label(losses, ratios) == "diverged"


@pytest.mark.parametrize(("momentum", "lr"), [(0.5, 0.1), (0.5, 0.2), (0.7, 0.1), (0.8, 0.2)])
def test_a_heavy_ball_that_has_settled_counts_as_converged(momentum: float, lr: float):
    """Roots of modulus sqrt(momentum): over the first three quarters nothing is left."""
    assert label(*curve("momentum", lr=lr, momentum=momentum)) == "converged"


@pytest.mark.parametrize("lr", [1e-5, 1e-4, 3e-4])
def test_a_heavy_ball_with_a_tiny_rate_counts_as_slow(lr: float):
    assert label(*curve("momentum", lr=lr, momentum=0.5)) == "slow"


def test_a_heavy_ball_that_swings_to_and_fro_counts_as_oscillating():
    assert label(*curve("momentum", lr=0.5, momentum=0.99)) == "oscillating"


@pytest.mark.parametrize("epochs", [0, 1, 2, 3])
def test_a_run_of_few_epochs_gets_a_label_too(epochs: int):
    losses, ratios = curve("sgd", epochs=epochs, lr=0.01)
    assert diagnose(losses, ratios, False).label in ("slow", "converged")


def test_a_run_that_left_counts_as_diverged_whatever_its_curve_says():
    assert diagnose(np.array([1.0, 0.5]), np.array([0.1]), True).label == "diverged"
    assert diagnose(np.array([1.0, np.nan]), np.array([0.1]), False).label == "diverged"


def test_evidence_and_advice_are_given_with_every_label():
    for lr in (0.001, 0.1, 1.0, 1.1):
        d = diagnose(*curve("sgd", lr=lr), False)
        assert d.evidence
        assert d.advice
