"""Promises of a schedule that a user's loop asks for: factors of any step, as schedulers ask."""

import numpy as np
import pytest

from tuner.study.calls.factors import Factors
from tuner.training import schedules


@pytest.mark.parametrize("name", [n for n in schedules.names() if not schedules.load(n).state])
def test_factors_are_the_rates_of_a_rate_of_one(name: str) -> None:
    factors = Factors(name, {}, 5)
    rates = schedules.table([name], [{}], np.ones(1), np.arange(20)[None], 20, 4)[0]
    assert [factors(step, 20) for step in range(20)] == rates.tolist()
    assert [factors(epoch) for epoch in range(5)] == [factors(e, 5) for e in range(5)]


def test_the_step_after_the_last_which_schedulers_of_pytorch_ask_for_is_as_the_last() -> None:
    factors = Factors("cosine", {"final": 0.1}, 4)
    assert factors(8, 8) == factors(7, 8)


@pytest.mark.parametrize("step", [-1, 9])
def test_a_step_that_is_none_is_refused(step: int) -> None:
    with pytest.raises(ValueError, match=rf"^step {step}: must be at least 0 and below 8"):
        Factors("cosine", {}, 4)(step, 8)
