"""The promise of halving: on real curves it finds nearly the best for a quarter of the epochs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tuner.search.racing import Halving

REAL_CURVES = Path(__file__).parents[2] / ".." / "shared" / "data" / "deepobs_baselines_curves.npz"
SETTINGS, EPOCHS = 64, 50


def cohorts() -> Iterator[np.ndarray]:
    """Test losses (64, 51) of settings drawn from each problem's optimizers and rates."""
    with np.load(REAL_CURVES) as data:
        runs = {name: data[name] for name in data.files}
    for problem in np.unique(runs["problem"]):
        own = np.flatnonzero((runs["problem"] == problem) & (runs["seed"] == 42))
        curves = []
        for run in own:
            length = runs["n_logged"][run]
            places = np.round(np.linspace(0, length - 1, EPOCHS + 1)).astype(int)
            curves.append(runs["test"][run, places].astype(np.float64))
        for seed in range(20):
            drawn = np.random.default_rng(seed).choice(len(own), SETTINGS, replace=False)
            yield np.array(curves)[drawn]


def replay(losses: np.ndarray, pruner: Halving) -> tuple[float, float]:
    """Cost, the share of all epochs, and regret of the setting that a race would choose."""
    diverged = ~np.isfinite(losses)
    ends = np.where(diverged.any(axis=1), diverged.argmax(axis=1), EPOCHS)
    entered, running, spent = SETTINGS, set(range(SETTINGS)), ends.copy()
    for rung in pruner.rungs(EPOCHS):
        running = {n for n in running if ends[n] >= rung and np.isfinite(losses[n, rung])}
        stay = pruner.survivors({n: float(losses[n, rung]) for n in running}, entered)
        for loser in running - stay:
            spent[loser] = rung
        entered, running = len(stay), stay
    final = losses[:, -1]
    finite = np.where(np.isfinite(final), final, np.inf)
    chosen = min((finite[n] for n in running), default=np.inf)
    best, start = finite.min(), np.median(losses[:, 0])
    return spent.sum() / (SETTINGS * EPOCHS), (chosen - best) / (start - best)


def mean(pruner: Halving) -> tuple[float, float]:
    """Cost and regret, over all cohorts."""
    cost, regret = np.mean([replay(losses, pruner) for losses in cohorts()], axis=0)
    return float(cost), float(regret)


@pytest.fixture(autouse=True)
def _curves() -> None:
    if not REAL_CURVES.exists():
        pytest.skip("the curves of real runs are not beside the project")


@pytest.mark.slow
def test_halving_on_real_curves_costs_little_and_loses_next_to_nothing():
    cost, regret = mean(Halving())
    assert cost <= 0.28
    assert regret <= 0.003


@pytest.mark.slow
def test_an_earlier_first_rung_and_a_smaller_share_are_cheaper_and_lose_more():
    half, third, early = (mean(Halving(*h)) for h in ((1 / 2, 0.1), (1 / 3, 0.1), (1 / 3, 0.04)))
    assert half[0] > third[0] > early[0]
    assert half[1] < third[1] < early[1]
