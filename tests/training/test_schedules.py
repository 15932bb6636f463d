"""Promises of the schedules: pure functions of the step, with the endpoints that they name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.training import schedules

NAMES = schedules.names()
DECAYING = [name for name in NAMES if name != "constant"]
quick = settings(deadline=None, derandomize=True, max_examples=40)


def rates(name: str, total: int, lr: float = 1.0, **own: float) -> np.ndarray:
    """The rates of a whole run, and the one just past its end."""
    defaults = {k: h.default for k, h in schedules.schedule_hyperparameters(name).items()}
    steps = np.arange(total + 1)[None]
    return schedules.table([name], [defaults | own], np.array([lr]), steps, total)[0]


@pytest.mark.parametrize("total", [1, 2, 7, 100, 1001])
@pytest.mark.parametrize("name", NAMES)
def test_rates_are_finite_and_positive_until_the_end(name: str, total: int):
    table = rates(name, total, 0.3)
    assert np.isfinite(table).all()
    assert (table[:-1] > 0).all()
    assert table[-1] >= 0


# Bottou's rate decides how soon it decays.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "bottou"])
def test_the_rates_are_proportional_to_the_starting_rate(name: str):
    np.testing.assert_allclose(rates(name, 100, 2.5), 2.5 * rates(name, 100), rtol=1e-12)


def test_constant_never_changes():
    assert set(rates("constant", 100, 0.3)) == {0.3}


@quick
@given(total=st.integers(1, 1000), gamma=st.floats(1e-6, 1.0))
def test_exponential_is_gamma_to_the_share_of_the_run(total: int, gamma: float):
    expected = [2.0 * gamma ** (t / total) for t in range(total + 1)]
    np.testing.assert_allclose(rates("exponential", total, 2.0, gamma=gamma), expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["linear", "cosine"])
@quick
@given(total=st.integers(1, 1000), final=st.floats(0.0, 1.0))
def test_a_run_ends_at_the_final_share(name: str, total: int, final: float):
    assert rates(name, total, 3.0, final=final)[-1] == pytest.approx(3.0 * final, abs=1e-12)


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_halfway_the_rate_is_half_of_what_it_loses(name: str):
    assert rates(name, 100, 1.0, final=0.2)[50] == pytest.approx(0.6)


@pytest.mark.parametrize("total", [*range(1, 400), 1000, 12345, 99999, 300000])
def test_step_drops_just_at_thirds_of_any_length(total: int):
    table = rates("step", total, gamma=0.1, every=1 / 3)
    drops = [int(t) for t in np.flatnonzero(np.diff(table)) + 1]
    thirds = {-(-total * k // 3) for k in (1, 2, 3)}
    assert set(drops) == thirds & set(range(1, total + 1))


@pytest.mark.parametrize("parts", [2, 3, 5, 6, 7, 9, 10, 11, 13])
@pytest.mark.parametrize("length", [1, 3, 7, 10, 49, 100, 1001])
def test_step_drops_at_exact_multiples_of_every_share(parts: int, length: int):
    table = rates("step", parts * length, gamma=0.5, every=1 / parts)
    expected = [0.5 ** (t // length) for t in range(parts * length + 1)]
    np.testing.assert_allclose(table, expected, rtol=1e-12)


def test_the_rows_of_a_table_are_independent():
    rng = np.random.default_rng(0)
    plans = [NAMES[i] for i in rng.integers(len(NAMES), size=30)]
    own = [
        {k: rng.uniform(0.05, 1.0) for k in schedules.schedule_hyperparameters(name)}
        for name in plans
    ]
    lrs, steps = rng.uniform(1e-4, 1, 30), rng.integers(0, 50, (30, 1)) + np.arange(7)
    whole = schedules.table(plans, own, lrs, steps, 60)
    for row in range(30):
        one = slice(row, row + 1)
        alone = schedules.table(plans[one], own[one], lrs[one], steps[one], 60)
        np.testing.assert_array_equal(alone[0], whole[row])
        for column in range(7):
            at = schedules.table(
                plans[one], own[one], lrs[one], steps[one, column : column + 1], 60
            )
            assert at[0, 0] == whole[row, column]


@pytest.mark.parametrize("name", DECAYING)
def test_a_run_cut_in_two_has_the_same_rates(name: str):
    whole = rates(name, 90)
    defaults = {k: h.default for k, h in schedules.schedule_hyperparameters(name).items()}
    again = schedules.table([name], [defaults], np.array([1.0]), np.arange(40, 91)[None], 90)
    np.testing.assert_array_equal(again[0], whole[40:])


def test_an_unknown_name_is_no_schedule():
    for name in ("no_such_plan", "table", "names", "load"):
        with pytest.raises(KeyError):
            schedules.load(name)
