"""What fresh seeds say of a study's best trials, in words."""

from collections.abc import Iterator

from tuner.report.reached import plus_minus, reached
from tuner.search.initial_trials import described
from tuner.search.statistics import Interval
from tuner.search.trials import Goal
from tuner.study.results import Confirmation, ConfirmedTrial, Repeated


def ranking(confirmed: Confirmation, goal: Goal) -> Iterator[str]:
    """The trials as fresh seeds rank them, and the winner, line by line."""
    yield f"Trained again on {confirmed.seeds} fresh seeds, mean {goal.name} and 95 % interval:"
    several = len({trial.optimizer for trial in confirmed.trials}) > 1
    for place, trial in enumerate(confirmed.trials):
        name = f", {trial.optimizer}" if several else ""
        yield f"  trial {trial.trial}{name}: {reached(trial, goal)}{_beside_best(trial, place)}"
    yield f"The winner is trial {confirmed.winner}: {_why(confirmed)}."


def worth(confirmed: Confirmation, goal: Goal) -> str:
    """What the winner reaches on seeds that did not choose it, and what the search believed."""
    judged = confirmed.judged
    words = f"{goal.name} {reached(judged, goal)}; {_optimism(judged, goal)}"
    return f"  on {confirmed.seeds} other seeds: {words}"


def over_defaults(confirmed: Confirmation, goal: Goal) -> Iterator[str]:
    """How far tuning beat each optimizer's textbook settings, on the seeds that judge."""
    for default in confirmed.defaults:
        line = f"Trial {default.trial}, {described(default.origin)}, on the same seeds"
        yield f"{line}: {goal.name} {reached(default, goal)}; {_beaten(default.worse)}."


def _beside_best(trial: ConfirmedTrial, place: int) -> str:
    if place == 0 or trial.worse is None:
        return ""
    if trial.alike:
        return ", as good as the first as far as the noise can tell"
    return f", worse by {plus_minus(trial.worse)}"


def _why(confirmed: Confirmation) -> str:
    """Why the winner is that one, from the same intervals as all that is said beside the trials."""
    first, winner = confirmed.trials[0], confirmed.winner
    if len(confirmed.trials) == 1:
        return "it was confirmed alone"
    if first.mean is None:
        return "it diverged on the fewest seeds"
    better, equal = _others(confirmed)
    but = f"; but on the other seeds trial {better} is better" if better else ""
    if winner != first.trial:
        return f"as good as trial {first.trial} and simpler: {confirmed.why}{but}"
    alike = [trial.trial for trial in confirmed.trials if trial.alike and trial is not first]
    if alike:
        others = ", ".join(str(number) for number in alike)
        return f"the noise does not set it apart from {others}, but none of these is simpler{but}"
    if all(trial.mean is None for trial in confirmed.trials[1:]):
        return f"it alone trained to the end on all seeds{but}"
    if equal and not but:
        but = f"; but on the other seeds not from the textbook's, trial {equal}"
        return f"the noise sets it apart from the others{but}"
    return f"its lead {'here ' if but else ''}is not noise{but}"


def _others(confirmed: Confirmation) -> tuple[str, str]:
    """Textbook settings that are better on the seeds that judge, and those that are alike there."""
    worse = {default.trial: default.worse for default in confirmed.defaults}
    better = [str(number) for number, own in worse.items() if own and own.high < 0]
    alike = [str(number) for number, own in worse.items() if own and own.holds_zero]
    return ", ".join(better), ", ".join(alike)


def _optimism(judged: Repeated, goal: Goal) -> str:
    """How much better the search believed the winner to be."""
    if judged.believed is None:
        return "the search had no number for it"
    believed = f"the search believed {goal.turn(judged.believed):.4g}"
    if judged.mean is None:
        return believed
    optimism = judged.mean.mean - judged.believed
    return f"{believed}, {abs(optimism):.2g} too {'good' if optimism >= 0 else 'bad'}"


def _beaten(worse: Interval | None) -> str:
    """By how much tuning beat other settings, which are `worse` by that."""
    if worse is None:
        return "no number to compare"
    if worse.holds_zero:
        return "the noise does not tell tuning apart from them"
    return f"tuning is {plus_minus(worse)} {'better' if worse.mean > 0 else 'worse'}"
