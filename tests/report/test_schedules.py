"""Promises of schedules as they are drawn: multiples of the rate, within their band."""

import numpy as np
import pytest

from tuner.composing import compose
from tuner.config import check
from tuner.report.schedules import LaidOut
from tuner.training import schedules


def curve(*overrides: str) -> LaidOut:
    config = check(compose(["job=plot_schedule", *overrides], None))
    return LaidOut(config, config.space.branches["schedule"][0])


@pytest.mark.parametrize("name", schedules.names())
@pytest.mark.slow
def test_every_schedule_can_be_drawn_within_its_band(name: str) -> None:
    drawn = curve(f"schedule={name}").curve()
    assert len(drawn.shares) == len(drawn.rates) >= 1000
    assert np.isfinite(drawn.rates).all()
    slack = 0.05 * drawn.high.max()
    assert (drawn.low - slack <= drawn.rates).all()
    assert (drawn.rates <= drawn.high + slack).all()


def test_a_rate_is_drawn_as_a_multiple_of_the_optimizers() -> None:
    for lr in (1e-3, 0.1):
        rates = curve("schedule=cosine", f"optimizer.adam.lr={lr}").curve().rates
        assert rates[0] == pytest.approx(1.0)


@pytest.mark.slow
def test_momentum_is_drawn_for_optimizers_that_have_it() -> None:
    assert curve("schedule=cosine").curve().momenta is None
    assert curve("schedule=one_cycle", "optimizer=sgd").curve().momenta is None
    for optimizer, key in (("momentum", "momentum"), ("adam", "beta1")):
        drawn = curve("schedule=one_cycle", f"optimizer={optimizer}").curve()
        assert drawn.momentum == key
        assert drawn.momenta.min() == pytest.approx(0.85, abs=1e-4)


def test_parts_are_one_curve() -> None:
    parts = "schedule.parts=[{name: constant, until: 0.5}, {name: linear, rate: 0.3}]"
    rates = curve(parts).curve().rates
    assert rates[len(rates) // 2 - 1] == pytest.approx(1.0)
    assert rates[len(rates) // 2] == pytest.approx(0.3)
