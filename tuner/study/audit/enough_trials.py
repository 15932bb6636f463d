"""More trials should not be expected to bring more than seeds differ by."""

import math
from collections.abc import Iterator

from tuner.study.audited import Audited
from tuner.study.comparison import value_of
from tuner.study.results import Finding
from tuner.study.stopping import FEWEST, expected_gain

CHECK = "enough trials"


def check(study: Audited) -> Iterator[Finding]:
    """What as many trials again are expected to bring, against the deviation between seeds.

    The first is what the second half of the trials brought over the first, whatever their order
    (`tuner.study.stopping.expected_gain`); the second is the winner's, from its confirmation.

    What is expected is rather too much. In simulated random searches of 16 to 64 trials over two to
    four settings, it asks for more in at least 90 % where more bring twice the deviation, in 65 to
    90 % where they bring as much, and in at most 7 % where they bring a fifth of it.
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
