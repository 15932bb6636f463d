"""Sharing: how many trials and seeds the confirmation gets within its share of the work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from tuner.config.schema import LEAST_SEEDS, SEEDS, TOP, ConfirmConfig
from tuner.search.trials import TrialResult
from tuner.study.work import Work

# By default, the confirmation takes at most this share of the search's work.
SHARE = 1 / 3


@dataclass(frozen=True)
class Share:
    """The size of a confirmation.

    Attributes:
        top: the number of best trials to confirm.
        seeds: the number of seeds that choose the winner, and of those that judge it. A single
            trial needs no choice.
        textbook: whether the textbook settings are judged as well.
    """

    top: Annotated[int, Field(ge=1, le=TOP)]
    seeds: Annotated[int, Field(ge=LEAST_SEEDS, le=SEEDS)]
    textbook: bool = True

    @property
    def said(self) -> str:
        """The size in words."""
        if self.top == 1:
            beside = "" if self.textbook else ", but not the textbook settings"
            return f"the best trial on {self.seeds} seeds{beside}"
        return f"the best {self.top} trials on {self.seeds} seeds"


def asked(confirm: ConfirmConfig) -> Share | None:
    """The largest confirmation that a config requests; None if it requests none."""
    return Share(confirm.most_top, confirm.most_seeds) if confirm.most_top else None


def shares(most: Share, least: Share) -> Iterator[Share]:
    """Possible confirmations, the most expensive first: fewer seeds, then fewer trials.

    Args:
        most: the upper limit.
        least: the lower limit; if it is without the textbook settings, confirmations of one trial
            without them follow at the end.
    """
    for top in range(most.top, least.top - 1, -1):
        for seeds in range(most.seeds, least.seeds - 1, -1):
            yield replace(most, top=top, seeds=seeds)
    if most.textbook and not least.textbook:
        yield from shares(Share(1, most.seeds, False), least)


# The smallest confirmation that says anything.
LEAST = Share(1, LEAST_SEEDS, False)


def cost(share: Share, ranked: Sequence[TrialResult], epochs: int, work: Work) -> float:
    """The work of a confirmation.

    Args:
        share: the size of the confirmation.
        ranked: the trials that trained to the end, the best first, including those with textbook
            settings.
        epochs: the length of a trial whose value was not taken at an earlier epoch.
        work: the work of one epoch of a trial.
    """

    def one(trial: TrialResult) -> float:
        return work(trial.settings) * (trial.stops_at or epochs)

    own = [one(trial) for trial in ranked[: share.top]]
    others = ranked[1:] if len(own) == 1 else ranked
    books = [one(trial) for trial in others if trial.is_default]
    chosen = sum(own) if len(own) > 1 else 0.0
    judged = max(own, default=0.0) + (sum(books) if share.textbook else 0.0)
    return (chosen + judged) * share.seeds


def fewer(
    most: Share, ranked: Sequence[TrialResult], epochs: int, work: Work, allowed: float
) -> Share | None:
    """The largest confirmation within the allowed work; None if even the smallest exceeds it.

    Args:
        most: the upper limit.
        ranked, epochs, work: see `cost`.
        allowed: the work that there is time for.
    """
    for share in shares(most, LEAST):
        if cost(share, ranked, epochs, work) <= allowed:
            return share
    return None


def chosen(
    confirm: ConfirmConfig,
    ranked: Sequence[TrialResult],
    epochs: int,
    work: Work,
    allowed: float,
) -> Share | None:
    """The size of a confirmation without a deadline; None for no confirmation.

    Numbers given in the config count whatever they cost. Numbers left open become the largest ones
    within the allowed work; if both are open and even the smallest exceed it, nothing is confirmed.

    Args:
        confirm: the config's section.
        ranked: see `cost`.
        epochs: the length of a trial.
        work: the work of one epoch of a trial.
        allowed: the work that may be done.
    """
    most = asked(confirm)
    if most is None or not ranked:
        return None
    most = replace(most, top=min(most.top, len(ranked)))
    least = Share(
        LEAST.top if confirm.top is None else most.top,
        LEAST.seeds if confirm.seeds is None else most.seeds,
        confirm.top is not None or confirm.seeds is not None,
    )
    last = None
    for last in shares(most, least):
        if cost(last, ranked, epochs, work) <= allowed:
            return last
    return last if least.textbook else None
