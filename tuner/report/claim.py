"""The claim: decides in one place what the confidence intervals of a study support."""

from dataclasses import dataclass
from enum import Enum, auto

from tuner.study.results import Confirmation, ConfirmedDefault, StudyResult


class Choice(Enum):
    """How a winner compares with the other confirmed trials."""

    NONE = auto()  # there is no winner
    SEARCH = auto()  # the best of the search, not confirmed
    ALONE = auto()  # no other trial was confirmed
    FEWEST = auto()  # all diverged or failed on some seed; the winner on the fewest
    SOLE = auto()  # all others diverged or failed on some seed
    SIMPLER = auto()  # as good as the first, and simpler
    ALIKE = auto()  # the first; others are within its noise
    FIRST = auto()  # the first; it leads all others by more than the noise


class Gain(Enum):
    """How a winner compares with the textbook settings on the judging seeds."""

    NONE = auto()  # no textbook settings to compare with
    LOST = auto()  # the winner diverged or failed on some of these seeds
    WORSE = auto()
    ALIKE = auto()  # the difference is within the noise
    BETTER = auto()
    SOLE = auto()  # the textbook settings diverged or failed on some of these seeds


@dataclass(frozen=True)
class Claim:
    """The basis of every sentence about a winner.

    Attributes:
        alike: numbers of the confirmed trials that differ from the first by no more than noise.
        beside: the textbook settings for measuring the gain; of several, those that come nearest to
            the winner or beat it.
        is_default: whether the winner itself has textbook settings.
        how_lost: in words, how the winner diverged or failed on judging seeds; or "".
        by_judges_alone: whether the choosing seeds did not tell the winner apart from `beside`.
    """

    choice: Choice
    gain: Gain
    alike: tuple[int, ...] = ()
    beside: ConfirmedDefault | None = None
    is_default: bool = False
    by_judges_alone: bool = False
    how_lost: str = ""

    @property
    def is_lead(self) -> bool:
        """Whether every shown interval supports the winner's lead."""
        return self.choice is Choice.FIRST and self.gain in (Gain.NONE, Gain.BETTER, Gain.SOLE)

    @property
    def is_doubtful(self) -> bool:
        """Whether the winner is unconfirmed, or something speaks against it."""
        unsure = self.choice in (Choice.NONE, Choice.SEARCH, Choice.FEWEST)
        return unsure or self.gain in (Gain.LOST, Gain.WORSE, Gain.ALIKE)


def claim(result: StudyResult) -> Claim:
    """The claim on a study's winner."""
    winner = result.winning
    if winner is None:
        return Claim(Choice.NONE, Gain.NONE)
    if result.confirmation is None:
        return Claim(Choice.SEARCH, Gain.NONE, is_default=winner.is_default)
    return claim_of(result.confirmation, winner.is_default)


def claim_of(confirmed: Confirmation, is_default: bool = False) -> Claim:
    """The claim on a confirmation's winner.

    Args:
        confirmed: the confirmation.
        is_default: whether the winner has textbook settings.
    """
    first, *others = confirmed.trials
    alike = tuple(t.trial for t in others if t.mean and not (t.worse and t.worse.low > 0))
    if not others:
        choice = Choice.ALONE
    elif first.mean is None:
        choice = Choice.FEWEST
    elif confirmed.winner != first.trial:
        choice = Choice.SIMPLER
    elif alike:
        choice = Choice.ALIKE
    elif all(trial.mean is None for trial in others):
        choice = Choice.SOLE
    else:
        choice = Choice.FIRST
    gain, beside = _gain(confirmed)
    by_judges = beside is not None and beside.trial in {first.trial, *alike}
    lost = confirmed.judged.how_lost
    return Claim(choice, gain, alike, beside, is_default, by_judges, lost)


def gain_over(default: ConfirmedDefault) -> Gain:
    """How a winner with a value on all seeds compares with these settings."""
    if default.worse is None:
        return Gain.SOLE
    if default.worse.holds_zero:
        return Gain.ALIKE
    return Gain.BETTER if default.worse.mean > 0 else Gain.WORSE


def _gain(confirmed: Confirmation) -> tuple[Gain, ConfirmedDefault | None]:
    if confirmed.judged.mean is None:
        return Gain.LOST, None
    if not confirmed.defaults:
        return Gain.NONE, None
    order = list(Gain)
    nearest = min(
        confirmed.defaults,
        key=lambda d: (order.index(gain_over(d)), 0.0 if d.worse is None else d.worse.mean),
    )
    return gain_over(nearest), nearest
