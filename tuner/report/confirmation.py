"""What fresh seeds say of a study's best trials, in words."""

from collections.abc import Iterator

from tuner.report.claim import Choice, Claim, Gain, claim_of, gain_over
from tuner.report.reached import plus_minus, reached
from tuner.search.initial_trials import described
from tuner.search.trials import Goal
from tuner.study.results import Confirmation, ConfirmedDefault, ConfirmedTrial, Repeated


def headline(confirmed: Confirmation, goal: Goal, claim: Claim) -> list[str]:
    """The winner with its interval, and what tuning gained, a line each.

    Args:
        confirmed: the trials on fresh seeds.
        goal: what the study minimises.
        claim: on its winner.
    """
    winner = f"The winner is trial {confirmed.winner}: {judged(confirmed, goal)}"
    return [f"{winner}; {why(claim, confirmed)}.", *over_textbook(claim)]


def judged(confirmed: Confirmation, goal: Goal) -> str:
    """What the winner reaches on the seeds that did not choose it."""
    own, seeds = confirmed.judged, f"{confirmed.seeds} fresh seeds"
    if own.mean is None:
        return f"it {reached(own, goal)}"
    low, high = sorted((goal.turn(own.mean.low), goal.turn(own.mean.high)))
    mean = f"{goal.name} {goal.turn(own.mean.mean):.4g}"
    return f"{mean}, 95 % interval {low:.4g} to {high:.4g} on {seeds}"


def over_textbook(claim: Claim) -> Iterator[str]:
    """A line on what tuning gained over the textbook's settings, if anything is known of it."""
    own = claim.beside
    if claim.gain is Gain.LOST:
        yield (
            f"Nothing can be said of what tuning gained, for the winner {claim.how_lost} on some "
            "seeds."
        )
    if own is None:
        return
    books = f"the textbook's settings (trial {own.trial}, {described(own.origin)})"
    if own.worse is None:
        yield f"{books[0].upper()}{books[1:]} {own.how_lost} on {_share(own)}."
        return
    difference = plus_minus(own.worse)
    if claim.gain is Gain.WORSE:
        yield f"But {books} are better by {difference} on the same seeds."
    elif claim.gain is Gain.ALIKE:
        side = "better" if own.worse.mean >= 0 else "worse"
        yield f"The noise does not tell tuning apart from {books}: {difference} {side}."
    else:
        what = "It" if claim.is_default else "Tuning"
        but = ", on these seeds: those that chose could not tell" if claim.by_judges_alone else ""
        yield f"{what} is better than {books} by {difference}{but}."


def ranking(confirmed: Confirmation, goal: Goal) -> Iterator[str]:
    """The trials as fresh seeds rank them, and why the winner is that one, line by line."""
    if not confirmed.is_alone:
        on = f"{confirmed.seeds} seeds that chose"
        yield f"Trained again on {on}, mean {goal.name}, 95 % interval:"
    several = len({trial.optimizer for trial in confirmed.trials}) > 1
    for place, trial in enumerate(() if confirmed.is_alone else confirmed.trials):
        name = f", {trial.optimizer}" if several else ""
        yield f"  trial {trial.trial}{name}: {reached(trial, goal)}{_beside_best(trial, place)}"
    yield f"Trial {confirmed.winner} was chosen: {why(claim_of(confirmed), confirmed, whole=True)}."


def worth(confirmed: Confirmation, goal: Goal) -> str:
    """What the winner reaches on seeds that did not choose it, and what the search believed."""
    judged = confirmed.judged
    words = f"{goal.name} {reached(judged, goal)}; {_optimism(judged, goal)}"
    which = "fresh" if confirmed.is_alone else "other"
    return f"  on {confirmed.seeds} {which} seeds: {words}"


def over_defaults(confirmed: Confirmation, goal: Goal) -> Iterator[str]:
    """How far tuning beat each optimizer's textbook settings, on the seeds that judge."""
    for default in confirmed.defaults:
        line = f"Trial {default.trial}, {described(default.origin)}, on the same seeds"
        yield f"{line}: {goal.name} {reached(default, goal)}; {_beaten(default, confirmed)}."


def why(claim: Claim, confirmed: Confirmation, *, whole: bool = False) -> str:
    """Why the winner is that one.

    Args:
        claim: on the winner.
        confirmed: what it is made from.
        whole: with what makes it simpler, and what the textbook's settings are beside it.
    """
    first, others = confirmed.trials[0].trial, ", ".join(map(str, claim.alike))
    words = {
        Choice.ALONE: "it was confirmed alone",
        Choice.FEWEST: f"it {confirmed.trials[0].how_lost} on the fewest seeds",
        Choice.SOLE: "it alone trained to the end on all seeds",
        Choice.SIMPLER: f"as good as trial {first} and simpler"
        + (f": {confirmed.why}" if whole else ""),
        Choice.ALIKE: f"the noise does not set it apart from trial {others}, which "
        + ("is" if len(claim.alike) == 1 else "are")
        + " no simpler",
        Choice.FIRST: "its lead is not noise"
        if claim.is_lead
        else "the noise sets it apart from the others that were confirmed",
    }[claim.choice]
    if not whole or claim.beside is None:
        return words
    if claim.gain is Gain.WORSE:
        return f"{words}; but on the other seeds trial {claim.beside.trial} is better"
    if claim.gain is Gain.ALIKE and claim.choice is Choice.FIRST:
        return (
            f"{words}; but on the other seeds not from the textbook's, trial {claim.beside.trial}"
        )
    return words


def _share(repeated: Repeated) -> str:
    return f"{repeated.diverged + repeated.failed} of {len(repeated.values)} seeds"


def _beside_best(trial: ConfirmedTrial, place: int) -> str:
    if place == 0 or trial.worse is None:
        return ""
    if trial.worse.low <= 0:
        return ", as good as the first as far as the noise can tell"
    return f", worse by {plus_minus(trial.worse)}"


def _optimism(judged: Repeated, goal: Goal) -> str:
    """How much better the search believed the winner to be."""
    if judged.believed is None:
        return "the search had no number for it"
    believed = f"the search believed {goal.turn(judged.believed):.4g}"
    if judged.mean is None:
        return believed
    optimism = judged.mean.mean - judged.believed
    return f"{believed}, {abs(optimism):.2g} too {'good' if optimism >= 0 else 'bad'}"


def _beaten(default: ConfirmedDefault, confirmed: Confirmation) -> str:
    """By how much the winner beat these settings."""
    if default.worse is None:
        return "no number to compare"
    gain = gain_over(default)
    if gain is Gain.ALIKE:
        return "the noise does not tell the winner apart from them"
    word = "better" if gain is Gain.BETTER else "worse"
    return f"the winner is {plus_minus(default.worse)} {word}"
