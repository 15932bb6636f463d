"""The text of a confirmation on fresh seeds."""

from collections.abc import Iterator

from tuner.report.claim import Choice, Claim, Gain, claim_of, gain_over
from tuner.report.reached import plus_minus, reached
from tuner.search.initial_trials import described
from tuner.search.trials import Goal
from tuner.study.results import Confirmation, ConfirmedDefault, ConfirmedTrial, Repeated

# Relative differences up to this share are rounding.
SAME = 1e-9


def headline(confirmed: Confirmation, goal: Goal, claim: Claim) -> list[str]:
    """The winner with its interval, and what tuning gained, a line each.

    Args:
        confirmed: the trials on fresh seeds.
        goal: what the study minimises.
        claim: the claim on its winner.
    """
    winner = f"The winner is trial {confirmed.winner}: {judged(confirmed, goal)}"
    return [f"{winner}; {why(claim, confirmed)}.", *over_textbook(claim)]


def judged(confirmed: Confirmation, goal: Goal) -> str:
    """The winner's result on the seeds that did not choose it."""
    own, seeds = confirmed.judged, f"{confirmed.seeds} fresh seeds"
    if own.mean is None:
        return f"it {reached(own, goal)}"
    low, high = sorted((goal.turn(own.mean.low), goal.turn(own.mean.high)))
    mean = f"{goal.name} {goal.turn(own.mean.mean):.4g}"
    return f"{mean}, 95 % interval {low:.4g} to {high:.4g} on {seeds}"


def over_textbook(claim: Claim) -> Iterator[str]:
    """A line on the gain of tuning over the textbook settings, if it is known."""
    own = claim.beside
    if claim.gain is Gain.LOST:
        yield (
            f"The gain over the textbook settings is unknown: the winner {claim.how_lost} on some "
            "seeds."
        )
    if own is None:
        return
    books = f"the textbook settings (trial {own.trial}, {described(own.origin)})"
    if own.worse is None:
        yield f"{books[0].upper()}{books[1:]} {own.how_lost} on {_share(own)}."
        return
    difference = plus_minus(own.worse)
    if claim.gain is Gain.WORSE:
        yield f"But {books} are better by {difference} on the same seeds."
    elif claim.gain is Gain.ALIKE:
        side = "better" if own.worse.mean >= 0 else "worse"
        yield f"The gap between tuning and {books} is within the noise: {difference} {side}."
    else:
        what = "It" if claim.is_default else "Tuning"
        but = "; the seeds that chose the winner did not show it" if claim.by_judges_alone else ""
        yield f"{what} is better than {books} by {difference}{but}."


def ranking(confirmed: Confirmation, goal: Goal) -> Iterator[str]:
    """The confirmed trials in order, and the reason for the choice, line by line."""
    if not confirmed.is_alone:
        on = f"{confirmed.seeds} seeds that chose"
        yield f"Trained again on {on}, mean {goal.name}, 95 % interval:"
    several = len({trial.optimizer for trial in confirmed.trials}) > 1
    for place, trial in enumerate(() if confirmed.is_alone else confirmed.trials):
        name = f", {trial.optimizer}" if several else ""
        yield f"  trial {trial.trial}{name}: {reached(trial, goal)}{_beside_best(trial, place)}"
    yield f"Trial {confirmed.winner} was chosen: {why(claim_of(confirmed), confirmed, whole=True)}."


def worth(confirmed: Confirmation, goal: Goal) -> str:
    """The winner's result on seeds that did not choose it, and its value in the search."""
    judged = confirmed.judged
    words = f"{goal.name} {reached(judged, goal)}; {_optimism(judged, goal)}"
    which = "fresh" if confirmed.is_alone else "other"
    return f"  on {confirmed.seeds} {which} seeds: {words}"


def over_defaults(confirmed: Confirmation, goal: Goal) -> Iterator[str]:
    """The winner's gain over each optimizer's textbook settings, on the seeds that judge."""
    for default in confirmed.defaults:
        line = f"Trial {default.trial}, {described(default.origin)}, on the same seeds"
        yield f"{line}: {goal.name} {reached(default, goal)}; {_beaten(default, confirmed)}."


def why(claim: Claim, confirmed: Confirmation, *, whole: bool = False) -> str:
    """The reason why this trial is the winner.

    Args:
        claim: the claim on the winner.
        confirmed: the confirmation.
        whole: add what makes it simpler, and the comparison with the textbook settings.
    """
    first, others = confirmed.trials[0].trial, ", ".join(map(str, claim.alike))
    words = {
        Choice.ALONE: "it was confirmed alone",
        Choice.FEWEST: f"it {confirmed.trials[0].how_lost} on the fewest seeds",
        Choice.SOLE: "it alone trained to the end on all seeds",
        Choice.SIMPLER: f"as good as trial {first}, and simpler"
        + (f": {confirmed.why}" if whole else ""),
        Choice.ALIKE: f"within the noise of trial{'s' * (len(claim.alike) > 1)} {others}, which "
        + ("is" if len(claim.alike) == 1 else "are")
        + " no simpler",
        Choice.FIRST: "its lead exceeds the noise"
        if claim.is_lead
        else "it beats the other confirmed trials by more than the noise",
    }[claim.choice]
    if not whole or claim.beside is None:
        return words
    if claim.gain is Gain.WORSE:
        return f"{words}; but on the other seeds trial {claim.beside.trial} is better"
    if claim.gain is Gain.ALIKE and claim.choice is Choice.FIRST:
        return (
            f"{words}; but on the other seeds it is within the noise of the textbook settings, "
            f"trial {claim.beside.trial}"
        )
    return words


def _share(repeated: Repeated) -> str:
    return f"{repeated.diverged + repeated.failed} of {len(repeated.values)} seeds"


def _beside_best(trial: ConfirmedTrial, place: int) -> str:
    if place == 0 or trial.worse is None:
        return ""
    if trial.worse.low <= 0:
        return ", as good as the first within the noise"
    return f", worse by {plus_minus(trial.worse)}"


def _optimism(judged: Repeated, goal: Goal) -> str:
    """The difference between the winner's value in the search and on fresh seeds."""
    if judged.believed is None:
        return "the search had no value for it"
    believed = f"the search had {goal.turn(judged.believed):.4g}"
    if judged.mean is None:
        return believed
    optimism = judged.mean.mean - judged.believed
    if abs(optimism) <= SAME * abs(judged.believed):
        return f"{believed}, the same"
    return f"{believed}, {abs(optimism):.2g} too {'good' if optimism >= 0 else 'bad'}"


def _beaten(default: ConfirmedDefault, confirmed: Confirmation) -> str:
    """The winner's gain over these settings."""
    if default.worse is None:
        return "not comparable"
    gain = gain_over(default)
    if gain is Gain.ALIKE:
        return "the difference from the winner is within the noise"
    word = "better" if gain is Gain.BETTER else "worse"
    return f"the winner is {plus_minus(default.worse)} {word}"
