"""The resource of a search, which grows from stage to stage: epochs, samples or a parameter."""

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

# Parameters that can grow in an estimator with `warm_start`.
COUNTS = ("n_estimators", "max_iter")


@dataclass(frozen=True)
class Resource:
    """A resource other than epochs of partial_fit.

    Attributes:
        name: n_samples, or a parameter of the estimator.
        stages: its amount in each stage, after which candidates are compared; ascending.
        whole: the amount that counts as all of it.
    """

    name: str
    stages: Sequence[int]
    whole: int

    def params(self, stage: int) -> dict[str, int]:
        """The parameters of a candidate in a stage, counted from 1."""
        return {} if self.name == SAMPLES else {self.name: self.stages[stage - 1]}

    def share(self, stage: int) -> float:
        """The share of the samples that a stage sees."""
        return self.stages[stage - 1] / self.whole if self.name == SAMPLES else 1.0

    def amount(self, stages: int) -> int:
        """The amount that a candidate had after this many stages."""
        return self.stages[stages - 1] if stages else 0

    def told(self, outcome: Outcome) -> Outcome:
        """An outcome whose reason names the resource, where a race names epochs."""
        has = f"{self.name} {self.amount(outcome.epochs)}"
        if outcome.state == "COMPLETE":
            return replace(outcome, reason=f"fitted up to {has}")
        return replace(outcome, reason=outcome.reason.replace(f"epoch {outcome.epochs}", has))


@dataclass(frozen=True)
class Stages(Halving):
    """Halving after each epoch, where each epoch of the race is a stage."""

    def rungs(self, epochs: int) -> list[int]:
        return list(range(1, epochs))


def stages(most: int, least: int, keep: float, first: float, candidates: int) -> list[int]:
    """The amounts of a resource, stage by stage.

    The last stage has the most, and each stage before has `keep` times the next one's amount. There
    are only as many stages as are needed to leave one candidate.

    Args:
        most: the most of the resource.
        least: the least amount that is possible.
        keep: the share of candidates that continue; with 1 there is one stage.
        first: the least share of the most.
        candidates: number of candidates that are compared.
    """
    amounts, share = [most], keep
    while keep < 1 and share >= max(first, 1 / candidates) - 1e-9:
        amount = math.ceil(share * most - 1e-9)
        if least <= amount < amounts[-1]:
            amounts.append(amount)
        share *= keep
    return amounts[::-1]


def resource_of(estimator: Any, given: str, space: Settings) -> str:
    """The name of the resource: the given one, or one that suits the estimator.

    It is epochs if all possible last steps have partial_fit; the number of trees or iterations if
    the estimator has `warm_start` and this number is not searched; otherwise samples.

    Raises:
        ValueError: the given name cannot be the resource.
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
            return SAMPLES  # another last step may have other parameters
        prefix = f"{estimator.steps[-1][0]}__"
    counts = (f"{prefix}{name}" for name in COUNTS if f"{prefix}warm_start" in known)
    return next((n for n in counts if n not in space and is_count(known.get(n))), SAMPLES)


def possible(estimator: Any, space: Settings) -> Iterable[Any]:
    """The estimators that may be the last step of a candidate: its own, or those in the space that
    replace it."""
    words: Any = ()
    if isinstance(estimator, Pipeline) and isinstance(space, Mapping):
        words = space.get(estimator.steps[-1][0], ())
    if isinstance(words, Mapping):
        words = words.get("choices", ())
    if isinstance(words, str) or not isinstance(words, Sequence):
        words = [words]
    return [last_step(own) for own in words] or [last_step(estimator)]


def is_count(value: Any) -> bool:
    """Whether a value is an integer of at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def most_of(name: str, given: Any, estimator: Any, samples: int) -> int:
    """The most of a resource that a candidate gets.

    Args:
        name: the name of the resource.
        given: a number, or "auto": all samples, or the value of the estimator's parameter.
        estimator: the estimator of the search.
        samples: number of all samples.

    Raises:
        ValueError: it is not a number of at least 1, or exceeds the number of samples.
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
    """A listener that changes outcomes before `tell` gets them: reasons name the resource.

    A candidate that raised an error is FAILED; a race only sees that it left.
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
