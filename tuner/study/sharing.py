"""Sharing: how many trials and seeds the confirmation gets for its share of the work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from tuner.config.schema import LEAST_SEEDS, SEEDS, TOP, ConfirmConfig
from tuner.search.trials import TrialResult
from tuner.study.work import Work

# Confirming takes at most this share of the work of the search, where nothing else is asked.
SHARE = 1 / 3


@dataclass(frozen=True)
class Share:
    """What is confirmed.

    Attributes:
        top: so many of the best trials.
        seeds: that choose the winner, and as many that judge it. One trial alone is not chosen.
        textbook: whether the textbook settings are judged beside it.
    """

    top: Annotated[int, Field(ge=1, le=TOP)]
    seeds: Annotated[int, Field(ge=LEAST_SEEDS, le=SEEDS)]
    textbook: bool = True

    @property
    def said(self) -> str:
        """In words."""
        if self.top == 1:
            beside = "" if self.textbook else ", but not the textbook settings"
            return f"the best trial on {self.seeds} seeds{beside}"
        return f"the best {self.top} trials on {self.seeds} seeds"


def asked(confirm: ConfirmConfig) -> Share | None:
    """The most that a config asks to be confirmed; None where it asks for nothing."""
    return Share(confirm.most_top, confirm.most_seeds) if confirm.most_top else None


def shares(most: Share, least: Share) -> Iterator[Share]:
    """What may be confirmed, the dearest first: fewer seeds, then fewer trials.

    Args:
        most: that may be confirmed.
        least: what is not gone below; below one trial, it goes without the textbook settings.
    """
    for top in range(most.top, least.top - 1, -1):
        for seeds in range(most.seeds, least.seeds - 1, -1):
            yield replace(most, top=top, seeds=seeds)
    if most.textbook and not least.textbook:
        yield from shares(Share(1, most.seeds, False), least)


# Nothing less says anything.
LEAST = Share(1, LEAST_SEEDS, False)


def cost(share: Share, ranked: Sequence[TrialResult], epochs: int, work: Work) -> float:
    """The work of a confirmation.

    Args:
        share: what is confirmed.
        ranked: the trials that trained to the end, the best first, those with the textbook's
            settings among them.
        epochs: of each that does not stop at an earlier one, by which it counts.
        work: of an epoch of each.
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
    """The most of a confirmation that so much work pays for; None where it pays for none.

    Args:
        most: what else would be confirmed.
        ranked, epochs, work: as `cost` takes them.
        allowed: work that there is time for.
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
    """What is confirmed where time does not matter; None where nothing is.

    What the config gives as a number is done whatever it costs. What it leaves open is the most
    that the allowed work pays for; where both are open and it pays for nothing, that is nothing.

    Args:
        confirm: what the config asks for.
        ranked: as `cost` takes them.
        epochs: of each trial.
        work: of an epoch of each.
        allowed: work that may be done.
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
