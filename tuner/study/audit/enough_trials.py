"""Enough trials: more of them should not be expected to gain more than the noise between seeds."""

import math
from collections.abc import Iterator

from tuner.study.audited import Audited
from tuner.study.comparison import value_of
from tuner.study.results import Finding
from tuner.study.stopping import FEWEST, expected_gain

CHECK = "enough trials"


def check(study: Audited) -> Iterator[Finding]:
    """Compares the expected gain of doubling the trials with the standard deviation over seeds.

    The expected gain is that of the second half of the trials over the first, averaged over their
    order (`tuner.study.stopping.expected_gain`). The standard deviation is the winner's, from its
    confirmation.

    The expected gain is rather too high. In simulated random searches of 16 to 64 trials over two
    to four settings, the check asks for more trials in at least 90 % of studies if more would gain
    twice the deviation, in 65 to 90 % if they would gain as much as it, and in at most 7 % if they
    would gain a fifth of it.
    """
    noise = study.seed_noise
    values = [value_of(trial) for trial in study.ended]
    known = [v for v in values if math.isfinite(v)]
    if noise is None or len(values) < FEWEST or len(known) <= len(values) / 2:
        return
    worst = max(known)
    gain = expected_gain([v if math.isfinite(v) else worst for v in values])
    said = (
        f"as many trials again should gain at most {gain:.2g}; the winner differs by "
        f"{noise:.2g} from seed to seed"
    )
    if gain <= noise:
        yield Finding(CHECK, True, gain, noise, said, "")
        return
    trials = 2 * study.budget
    advice = f"try more: budget.trials={trials}"
    yield Finding(CHECK, False, gain, noise, said, advice, {"budget.trials": trials})
