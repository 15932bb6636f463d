"""The resource of a search: epochs, samples or a parameter that grows from stage to stage."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

from sklearn.pipeline import Pipeline

from tuner.codec import Settings
from tuner.model_selection.candidates import last_step
from tuner.search.pruners.halving import Halving
from tuner.search.trials import Outcome
from tuner.study.events import Event, Listener, TrialsEnded
from tuner.study.judgements import Judgements

AUTO, EPOCHS, SAMPLES = "auto", "epochs", "n_samples"

# Parameters of which an estimator with `warm_start` may get more and more.
COUNTS = ("n_estimators", "max_iter")


@dataclass(frozen=True)
class Resource:
    """A resource other than epochs of partial_fit.

    Attributes:
        name: n_samples, or a parameter of the estimator.
        stages: how much of it candidates have when they are compared, the most at last.
        whole: what counts as all of it.
    """

    name: str
    stages: Sequence[int]
    whole: int

    def params(self, stage: int) -> dict[str, int]:
        """What a candidate has of it in a stage, counted from 1, as parameters."""
        return {} if self.name == SAMPLES else {self.name: self.stages[stage - 1]}

    def share(self, stage: int) -> float:
        """The share of the samples that a stage sees."""
        return self.stages[stage - 1] / self.whole if self.name == SAMPLES else 1.0

    def amount(self, stages: int) -> int:
        """How much of it a candidate had that went through so many stages."""
        return self.stages[stages - 1] if stages else 0

    def told(self, outcome: Outcome) -> Outcome:
        """An outcome in words of the resource, where a race speaks of epochs."""
        has = f"{self.name} {self.amount(outcome.epochs)}"
        if outcome.state == "COMPLETE":
            return replace(outcome, reason=f"fitted up to {has}")
        return replace(outcome, reason=outcome.reason.replace(f"epoch {outcome.epochs}", has))


@dataclass(frozen=True)
class Stages(Halving):
    """Halving after each epoch, for each is a stage that says how much of a resource there is."""

    def rungs(self, epochs: int) -> list[int]:
        return list(range(1, epochs))


def stages(most: int, least: int, keep: float, first: float, candidates: int) -> list[int]:
    """How much of a resource candidates get, stage by stage.

    The last one has the most, and each before it `keep` times as much. There are no more of them
    than it takes to leave one candidate.

    Args:
        most: of the resource.
        least: that can be had.
        keep: the share of candidates that go on; of 1, there is one stage.
        first: the least share of the most.
        candidates: that are compared.
    """
    amounts, share = [most], keep
    while keep < 1 and share >= max(first, 1 / candidates) - 1e-9:
        amount = math.ceil(share * most - 1e-9)
        if least <= amount < amounts[-1]:
            amounts.append(amount)
        share *= keep
    return amounts[::-1]


def resource_of(estimator: Any, given: str, space: Settings) -> str:
    """The name of the resource: the one that was given, or what the estimator has.

    That is epochs where all that may be the last step have partial_fit; a number of trees or of
    iterations where there is `warm_start` beside it and it is not searched; samples for others.

    Raises:
        ValueError: if it cannot be the resource.
    """
    lasts = list(possible(estimator, space))
    without = [own for own in lasts if not hasattr(own, "partial_fit")]
    if given == EPOCHS and without:
        name = type(without[0]).__name__
        raise ValueError(f"resource: {EPOCHS}: {name} has no partial_fit: give {SAMPLES}")
    if given in (EPOCHS, SAMPLES):
        return given
    known = estimator.get_params() if hasattr(estimator, "get_params") else {}
    if given != AUTO:
        if given not in known:
            more = f"{SAMPLES}, {EPOCHS}, or a parameter of {type(estimator).__name__}"
            raise ValueError(f"resource: {given!r}: give {AUTO}, {more}")
        if given in space:
            raise ValueError(
                f"resource: {given}: is searched: take it out of space, or give another"
            )
        return given
    if not without:
        return EPOCHS
    prefix = ""
    if isinstance(estimator, Pipeline):
        if estimator.steps[-1][0] in space:
            return SAMPLES  # what takes the place of the last step may count otherwise
        prefix = f"{estimator.steps[-1][0]}__"
    counts = (f"{prefix}{name}" for name in COUNTS if f"{prefix}warm_start" in known)
    return next((n for n in counts if n not in space and is_count(known.get(n))), SAMPLES)


def possible(estimator: Any, space: Settings) -> Iterable[Any]:
    """The estimators that may be the last step of a candidate: its own, or those that a space has
    in its place."""
    words: Any = ()
    if isinstance(estimator, Pipeline) and isinstance(space, Mapping):
        words = space.get(estimator.steps[-1][0], ())
    if isinstance(words, Mapping):
        words = words.get("choices", ())
    if isinstance(words, str) or not isinstance(words, Sequence):
        words = [words]
    return [last_step(own) for own in words] or [last_step(estimator)]


def is_count(value: Any) -> bool:
    """Whether it is a whole number of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def most_of(name: str, given: Any, estimator: Any, samples: int) -> int:
    """The most of a resource that a candidate gets.

    Args:
        name: of the resource.
        given: a number, or "auto": all samples, or the estimator's own parameter.
        estimator: of the search.
        samples: how many there are.

    Raises:
        ValueError: if it is no number of at least 1, or there are not as many samples.
    """
    if given != AUTO and not is_count(given):
        raise ValueError(f"max_resources: {given!r}: give a whole number, at least 1, or '{AUTO}'")
    if name == SAMPLES:
        if given != AUTO and given > samples:
            raise ValueError(f"max_resources: {given}: there are {samples} samples")
        return samples if given == AUTO else int(given)
    if given != AUTO:
        return int(given)
    own = estimator.get_params()[name]
    if not is_count(own):
        raise ValueError(f"max_resources: '{AUTO}': {name} is {own!r}: give a whole number")
    return int(own)


def in_words_of(resource: Resource | None, judgements: Judgements, tell: Listener) -> Listener:
    """Tells of outcomes in words of the resource; where that is epochs, in those of the race.

    A candidate that raised an error has failed: a race sees no more than that it left.
    """

    def own(outcome: Outcome) -> Outcome:
        if error := judgements.failure(outcome.trial.number):
            return replace(outcome, state="FAILED", reason=error.strip().splitlines()[-1])
        return outcome if resource is None else resource.told(outcome)

    def told(event: Event) -> None:
        if isinstance(event, TrialsEnded):
            event = replace(event, outcomes=[own(outcome) for outcome in event.outcomes])
        tell(event)

    return told
