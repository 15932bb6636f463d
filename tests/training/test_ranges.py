"""Promises about ranges of learning rates: what a sweep says, and the classic rules on a ramp."""

from bisect import bisect_left

import numpy as np
import pytest

from tuner.training.ranges import (
    CLASSIC,
    SMOOTHING,
    Sweep,
    bracket,
    brackets,
    joined,
    minimum_over_10,
    open_ends,
    slopes,
    smoothed,
    steepest,
    usable,
    valley,
)

RATES = np.geomspace(1e-3, 10, 41)


def descent(rates: np.ndarray, steps: int, curvature: float, start: float) -> np.ndarray:
    """Losses of gradient descent on curvature / 2 * x**2 after some steps, by its formula."""
    return curvature / 2 * (start * (1 - rates * curvature) ** steps) ** 2


def quadratics(curvatures: list[float], steps: int = 5, start: float = 2.0) -> Sweep:
    """A sweep on quadratics, one a seed."""
    losses = [descent(RATES, steps, c, start) for c in curvatures]
    initial = [c / 2 * start**2 for c in curvatures]
    return Sweep(RATES, np.array(initial), np.array(losses))


def noisy_ramp(seed: int, steps: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Rates and losses as a ramp has them: flat, falling, exploding, with noise."""
    rng = np.random.default_rng(seed)
    rates = np.geomspace(1e-5, 10, steps)
    losses = 2.0 / (1 + rates / rng.uniform(1e-3, 0.1)) + (rates / rng.uniform(0.5, 3)) ** 3
    return rates, losses * rng.uniform(0.9, 1.1, steps)


@pytest.mark.parametrize("curvature", [0.5, 1.0, 7.0, 40.0])
def test_the_largest_stable_rate_of_a_quadratic_is_that_of_theory(curvature: float) -> None:
    found = bracket(quadratics([curvature]))
    assert found is not None
    assert found.stable == RATES[curvature * RATES < 2][-1]


@pytest.mark.parametrize("curvature", [0.5, 1.0, 7.0, 40.0])
def test_the_best_rate_of_a_quadratic_lies_inside_its_bracket(curvature: float) -> None:
    found = bracket(quadratics([curvature]))
    assert found is not None
    assert found.low < 1 / curvature < found.high <= found.stable
    assert found.low <= found.steepest <= found.suggested <= found.high
    assert abs(np.log10(found.best * curvature)) <= 0.06


def test_a_bracket_means_that_its_low_end_gains_half_and_no_rate_below_does() -> None:
    sweep = quadratics([3.0])
    found = bracket(sweep)
    assert found is not None
    worth = sweep.rates[sweep.gains[0] >= 0.5 * sweep.gains[0].max()]
    as_good = sweep.rates[sweep.gains[0] >= 0.9 * sweep.gains[0].max()]
    assert (found.low, found.high) == (worth[0], as_good[-1])
    assert found.suggested == pytest.approx(np.sqrt(as_good[0] * as_good[-1]))


def test_a_rate_at_which_one_seed_diverged_is_not_in_the_range() -> None:
    both = bracket(quadratics([1.0, 1.0]))
    sweep = quadratics([1.0, 1.0])
    sweep.losses[1, RATES > 1.0] = np.nan
    found = bracket(sweep)
    assert both is not None
    assert found is not None
    assert found.high <= 1.0 < both.high
    assert found.stable <= 1.0 < both.stable


def test_each_seed_gives_a_bracket_of_its_own() -> None:
    flat, steep = brackets(quadratics([1.0, 10.0]))
    assert flat.best == pytest.approx(10 * steep.best)
    assert (flat, steep) == (bracket(quadratics([1.0])), bracket(quadratics([10.0])))


@pytest.mark.parametrize("losses", [np.nan, 3.0, 2.0])
def test_there_is_no_bracket_where_no_rate_brought_a_gain(losses: float) -> None:
    sweep = Sweep(RATES, np.array([2.0]), np.full((1, len(RATES)), losses))
    assert bracket(sweep) is None
    assert brackets(sweep) == []


def test_a_good_rate_beyond_a_bad_one_does_not_widen_the_bracket() -> None:
    losses = np.full(len(RATES), 1.9)
    losses[10:14], losses[20] = 0.1, 0.2
    found = bracket(Sweep(RATES, np.array([2.0]), losses[None]))
    assert found is not None
    assert (found.low, found.high) == (RATES[10], RATES[13])


def test_slopes_are_exact_on_a_line_against_the_logarithm() -> None:
    np.testing.assert_allclose(slopes(RATES, 3 - 2 * np.log10(RATES)), -2)


@pytest.mark.parametrize("seed", range(3))
def test_smoothing_is_the_corrected_exponential_mean(seed: int) -> None:
    _, losses = noisy_ramp(seed)
    mean, expected = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        expected.append(mean / (1 - SMOOTHING**step))
        if expected[-1] > 4 * min(expected):
            break
    np.testing.assert_allclose(smoothed(losses), expected)


def longest_fall(losses: np.ndarray) -> tuple[int, int]:
    """Where the longest strictly falling subsequence first ends, and its length: by patience."""
    piles: list[float] = []
    best = (0, 0)
    for i, loss in enumerate(losses):
        pile = bisect_left(piles, -loss)
        piles[pile : pile + 1] = [-loss]
        best = max(best, (pile + 1, -i))
    return -best[1], best[0]


@pytest.mark.parametrize("seed", range(20))
def test_the_classic_rules_are_their_definitions(seed: int) -> None:
    rates, losses = noisy_ramp(seed)
    known, mean = usable(rates, losses)
    np.testing.assert_array_equal(known, rates[10 : len(smoothed(losses)) - 5])
    assert minimum_over_10(rates, losses) == known[np.argmin(mean)] / 10
    inner = (mean[2:] - mean[:-2]) / 2
    fall = [mean[1] - mean[0], *inner, mean[-1] - mean[-2]]
    assert steepest(rates, losses) == known[np.argmin(fall)]
    end, length = longest_fall(mean)
    place = end - length + int(length / 3) + int(length / 6)
    assert valley(rates, losses) == known[place]


@pytest.mark.parametrize("rule", CLASSIC.values(), ids=CLASSIC)
def test_a_ramp_that_exploded_at_once_tells_a_rule_nothing(rule) -> None:
    assert np.isnan(rule(np.geomspace(1e-5, 10, 100), np.full(100, np.nan)))


@pytest.mark.parametrize("rule", CLASSIC.values(), ids=CLASSIC)
def test_the_classic_rules_see_no_unit_of_the_loss(rule) -> None:
    rates, losses = noisy_ramp(0)
    assert rule(rates, losses) == rule(rates, 1024 * losses)


INITIAL, DIVERGED = np.array([4.0]), float("nan")


@pytest.mark.parametrize(
    ("losses", "ends"),
    [
        ([4, 3, 1, 3, 4], (False, False)),
        ([4, 3, 1, DIVERGED, DIVERGED], (False, False)),
        ([4, 3, 2, 1, 0], (False, True)),
        ([4, 3, 1, 1, 1.2], (False, True)),  # as good as any
        ([2, 1, 1, 3, 9], (True, False)),
        ([2, 2, 2, 2, 2], (True, True)),
        ([4, 4, 4, 4, 4], (False, True)),  # nothing moves: the rates are too low
        ([5, 6, 7, DIVERGED, DIVERGED], (True, False)),
        ([DIVERGED] * 5, (True, False)),
    ],
)
def test_a_side_is_open_where_losses_do_not_turn_up(
    losses: list[float], ends: tuple[bool, bool]
) -> None:
    sweep = Sweep(np.geomspace(1e-3, 10, 5), INITIAL, np.array([losses], dtype=float))
    assert open_ends(sweep) == ends


def test_sweeps_are_joined_in_the_order_of_their_rates() -> None:
    inner = Sweep(np.array([0.1, 1.0]), INITIAL, np.array([[3.0, 2.0]]))
    outer = Sweep(np.array([0.01, 10.0]), INITIAL, np.array([[4.0, 1.0]]))
    both = joined(inner, outer)
    assert both.rates.tolist() == [0.01, 0.1, 1.0, 10.0]
    assert both.losses.tolist() == [[4.0, 3.0, 2.0, 1.0]]
