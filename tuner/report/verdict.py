"""The verdict: the result of a study, as a headline, a table and the evidence for it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tuner.codec import Settings
from tuner.report import confirmation, divergence
from tuner.report.claim import Choice, Claim, Gain, claim
from tuner.report.reached import reached
from tuner.search.initial_trials import described
from tuner.search.statistics import deviation
from tuner.search.trials import Curves, Goal, TrialResult
from tuner.study.results import StudyResult
from tuner.training.curves import NONE

# Column names, and rows of as many cells.
Table = tuple[list[str], list[list[str]]]

ALL_IS_WELL = "nothing, all is well"

# The most settings that name a trial of a user's function, and the most failed trials listed.
SHOWN = 4

# The order of the table's rows.
STATES = ("COMPLETE", "PRUNED", "DIVERGED", "INTERRUPTED", "FAILED")


def headline(result: StudyResult) -> list[str]:
    """The result of a study, in at most six lines; one more says what a deadline left out.

    The winner with its interval; the gain of tuning over the textbook settings; the test score;
    how many trials diverged; what to do next; the command that trains the winner again.
    """
    lines = sentences(result)
    return [*lines, result.reproduce] if result.reproduce else lines


def sentences(result: StudyResult) -> list[str]:
    """The headline without its command, for pages that show commands in their own way."""
    made = claim(result)
    lines = [f"Study {result.study}: {_winner(result, made)}", *_gain(result, made)]
    if told := _tested(result):
        lines.append(f"{told[0].upper()}{told[1:]}.")
    lines += left_out(result)
    if result.divergence:
        lines.append(divergence.summary(result.divergence))
    lines += _failed(result)
    if advice := _next(result, made):
        lines.append(f"Next: {advice}.")
    return lines


def table(result: StudyResult, count: int = 10) -> Table:
    """The best trials: the winner, then in the order of fresh seeds, then in that of the search.

    Args:
        result: the study's result.
        count: the most rows.
    """
    confirmed, goal = result.confirmation, result.goal
    fresh = {own.trial: own for own in confirmed.trials} if confirmed else {}
    places = {number: place for place, number in enumerate(fresh)}
    won = None if result.winner is None else result.winner.number
    groups = varied_groups(result)
    head = ["trial", *(path.rpartition(".")[2] for path in groups), "settings"]
    head += [f"{goal.name} in the search", "how it ended"]
    if confirmed:
        what = "fresh seeds" if confirmed.is_alone else "seeds that chose"
        head.insert(-1, f"on the {confirmed.seeds} {what}")

    def place(trial: TrialResult) -> tuple[bool, int, int, int, float, int]:
        ahead = 0 if trial.state == "COMPLETE" else -trial.epochs
        value = float("inf") if trial.value is None else trial.value
        confirmed_at = places.get(trial.number, len(places))
        state = STATES.index(trial.state)
        return trial.number != won, confirmed_at, state, ahead, value, trial.number

    def row(trial: TrialResult) -> list[str]:
        named = f"{trial.number}, the winner" if trial.number == won else str(trial.number)
        value = "not finite" if trial.value is None else f"{goal.turn(trial.value):.4g}"
        cells = [named, *(str(trial.settings.get(name, "")) for name in groups)]
        cells += [settings_of(trial, result.searched, groups), value]
        if confirmed:
            own = fresh.get(trial.number)
            cells.append("" if own is None else reached(own, goal))
        return [*cells, _state(trial)]

    return head, [row(trial) for trial in sorted(result.all, key=place)[:count]]


def evidence(result: StudyResult, curves: Mapping[int, Curves]) -> list[str]:
    """The evidence for the headline, line by line.

    Args:
        result: the study's result.
        curves: by trial; for trials on a test function the first points are listed.
    """
    ended = ", ".join(f"{n} {state}" for state, n in result.trials.items()) or "none ended"
    lines = [f"{len(result.all)} trials: {ended}.", f"Why it stopped: {result.stopped}."]
    lines += _paths(curves)
    if result.best is not None:
        lines += _searched(result.best, result)
    confirmed, winner = result.confirmation, result.winning
    if confirmed:
        lines += confirmation.ranking(confirmed, result.goal)
        lines.append(confirmation.worth(confirmed, result.goal))
    if winner is not None:
        lines += [f"Trial {winner.number}, the winner:", *exact(winner.settings, result.searched)]
        lines.append(f"  its curve: {winner.label}, {winner.evidence}; advice: {winner.advice}")
    told: set[int] = set()
    if confirmed:
        lines += confirmation.over_defaults(confirmed, result.goal)
        told = {default.trial for default in confirmed.defaults}
    if (subject := winner or result.best) is not None:
        others = [t for t in result.all if t.is_default and t.number not in told]
        lines += _over_defaults(subject, others, result.goal)
    lines += [divergence.of_optimizer(d) for d in result.divergence]
    failed = [trial for trial in result.all if trial.state == "FAILED"]
    lines += [f"Trial {own.number} failed: {own.reason.rstrip('.')}." for own in failed[:SHOWN]]
    if failed and "function" in result.setup:
        said = f"{len(failed) - SHOWN} more failed; the" if failed[SHOWN:] else "The"
        lines.append(f"{said} traceback of one: job=show trial={failed[0].number}.")
    for finding in result.findings:
        said = finding.said.removesuffix(".")
        advice = "" if finding.passed else f"; {finding.advice.removesuffix('.')}"
        lines.append(
            f"Check {finding.check}: {'passed' if finding.passed else 'failed'}: {said}{advice}."
        )
    return lines + [f"Note: {note}." for note in result.notes]


def exact(settings: Settings, paths: Sequence[str]) -> list[str]:
    """The settings at these paths, a line each."""
    return [f"    {path} = {number(settings[path])}" for path in paths if path in settings]


def settings_of(trial: TrialResult, searched: Sequence[str], told: Sequence[str] = ()) -> str:
    """A trial's searched settings in a line, named by the last words of their paths.

    Args:
        trial: the trial.
        searched: the paths.
        told: paths to leave out.
    """
    own = [path for path in searched if path in trial.settings and path not in told]
    short = {path: _last(path, trial.settings) for path in own}
    names = list(short.values())
    return ", ".join(
        f"{path if names.count(name) > 1 else name} {number(trial.settings[path])}"
        for path, name in short.items()
    )


def _last(path: str, settings: Settings) -> str:
    """The last words of a setting's path, below the option of its branch."""
    group, _, below = path.partition(".")
    key, _, own = below.partition(".")
    option, _, last = own.partition(".")
    # A branch of a user function lies below the function's name.
    return last if last and settings.get(f"{group}.{key}") == option else path.split(".", 2)[-1]


def varied_groups(result: StudyResult) -> list[str]:
    """The groups, and searched settings with branches, in which trials differ."""
    paths = dict.fromkeys(("optimizer", "schedule", "model", *branches(result)))
    return [p for p in paths if len({t.settings.get(p) for t in result.all}) > 1]


def branches(result: StudyResult) -> list[str]:
    """The searched settings whose options have settings of their own."""
    return [
        path
        for path in result.searched
        if any(own.startswith(f"{path}.") for trial in result.all for own in trial.settings)
    ]


def number(value: Any) -> str:
    """A number to four digits; anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def subject_of(trial: TrialResult, searched: Sequence[str]) -> str:
    """A trial in a few words: its optimizer, schedule and learning rate, or its settings.

    A trial of a user's function is named by its first settings.
    """
    parts = [name for name in (trial.optimizer, trial.schedule) if name is not None]
    if trial.learning_rate is not None:
        parts.append(f"learning rate {trial.learning_rate:.4g}")
    if "optimizer" not in trial.settings:
        first = [path for path in searched if path in trial.settings]
        parts = [settings_of(trial, first[:SHOWN]), *(["..."] if first[SHOWN:] else [])]
    told = ", ".join(filter(None, parts))
    return f"trial {trial.number} ({told})" if told else f"trial {trial.number}"


def _winner(result: StudyResult, made: Claim) -> str:
    """The first line: the winner, its result, and how certain it is."""
    winner, confirmed, goal = result.winning, result.confirmation, result.goal
    if winner is None:
        return _no_winner(result)
    subject = f"the winner is {subject_of(winner, result.searched)}{stopped(winner)}"
    if confirmed is not None:
        judged = confirmation.judged(confirmed, goal)
        return f"{subject}: {judged}; {confirmation.why(made, confirmed)}."
    value = _value(winner, goal)
    return f"{subject}: {value}, the best of the search; not confirmed on fresh seeds."


def stopped(trial: TrialResult) -> str:
    """ ", stopped at epoch ..." for a trial that counts by an earlier epoch; else ""."""
    at = trial.stops_at
    return "" if at is None else f", stopped at epoch {at} of {trial.epochs}"


def _no_winner(result: StudyResult) -> str:
    best = result.best
    if result.all_diverged:
        rates = [t.learning_rate for t in result.all if t.state == "DIVERGED"]
        known = [rate for rate in rates if rate is not None]
        mend = f"learning rates below {min(known) / 10:.1g}" if known else "gentler settings"
        return f"every trial diverged: try {mend}."
    if result.trials.keys() == {"failed"}:
        return "every trial failed, so there is no winner."
    if best is None:
        return "no trial has trained to the end yet, so there is no winner."
    subject = subject_of(best, result.searched)
    value = _value(best, result.goal)
    return f"no winner yet; the best so far is {subject}: {value}, not confirmed."


def _value(trial: TrialResult, goal: Goal) -> str:
    """A trial's value in the search."""
    value = "is not finite" if trial.value is None else f"{goal.turn(trial.value):.4g}"
    return f"{goal.name} {value}"


def _gain(result: StudyResult, made: Claim) -> Iterator[str]:
    """The second line: the gain of tuning over the textbook settings."""
    winner = result.winning
    if winner is None:
        return
    if made.is_default and made.gain in (Gain.NONE, Gain.BETTER, Gain.SOLE):
        yield f"It uses {described(winner.origin)}: tuning found nothing better."
    elif made.choice is not Choice.SEARCH:
        yield from confirmation.over_textbook(made)
    else:
        books = [t for t in result.all if t.is_default and t.state == "COMPLETE"]
        known = [(t.value, t) for t in books if t.value is not None and winner.value is not None]
        if known:
            value, book = min(known, key=lambda pair: pair[0])
            gain = value - (winner.value or 0.0)
            subject = f"the textbook settings (trial {book.number}, {described(book.origin)})"
            said = f"better than {subject} by {gain:.2g}" if gain > 0 else f"as good as {subject}"
            yield f"In the search it is {said}."


def left_out(result: StudyResult) -> list[str]:
    """A line on what the deadline left out, or none."""
    if not result.left_out:
        return []
    return [f"Left out because of budget.deadline: {'; '.join(result.left_out)}."]


def _tested(result: StudyResult) -> str:
    """The scores on the test part, and whether the winner diverged when its model was trained."""
    told = [result.failed_refit] if result.failed_refit else []
    if result.test:
        told.insert(0, f"test: {_listed(result.test, result.goal)}, {_how_tested(result)}")
    return "; ".join(told)


def _how_tested(result: StudyResult) -> str:
    """How the test part was measured; a user's function does it in each call."""
    if "function" not in result.setup:
        return "measured once"
    confirmed = result.confirmation
    return f"the mean of {confirmed.seeds} fresh seeds" if confirmed else "in the search"


def _failed(result: StudyResult) -> Iterator[str]:
    """How many trials failed, and the reason of the first failure."""
    failed = [trial for trial in result.all if trial.state == "FAILED"]
    if failed:
        first = failed[0]
        which = f"trial {first.number}" if not failed[1:] else f"the first is trial {first.number}"
        said = f"{len(failed)} of {len(result.all)} trials failed, {which}"
        yield f"{said}: {first.reason.rstrip('.')}."


def _next(result: StudyResult, made: Claim) -> str:
    """What to do next: the audit's first advice, else the advice on the claim or the winner."""
    winner = result.winning
    failed = [finding for finding in result.findings if not finding.passed]
    if failed:
        more = f" (and {len(failed) - 1} more below)" if failed[1:] else ""
        return f"{failed[0].advice.removesuffix('.')}{more}"
    if winner is None:
        ended = result.all_diverged or result.trials.keys() == {"failed"}
        return "" if ended else "the same command continues"
    if made.gain is Gain.LOST or made.choice is Choice.FEWEST:
        if "failed" in made.how_lost:
            return "fix the cause of its failures; the tracebacks are in the folder of its repeats"
        return "try gentler settings, which diverge on no seed"
    if result.failed_refit:
        return "try gentler settings: the winner diverged when it was trained again"
    if winner.advice and winner.advice != NONE:
        return winner.advice
    if made.gain is Gain.WORSE:
        return "use the textbook settings, or tune with more trials"
    if made.gain is Gain.ALIKE:
        return "the textbook settings do as well; more trials or seeds may show a difference"
    if made.choice is Choice.SEARCH:
        return "confirm it on fresh seeds, with job=confirm" if result.test else ALL_IS_WELL
    return ALL_IS_WELL


def _state(trial: TrialResult) -> str:
    """How a trial ended, and the label of its curve."""
    if trial.state == "COMPLETE":
        at = trial.stops_at
        return trial.label if at is None else f"{trial.label}, best at epoch {at}"
    return f"{trial.state.lower()} at epoch {trial.epochs}"


def _searched(best: TrialResult, result: StudyResult) -> Iterator[str]:
    """The best trial of the search, with its values there."""
    goal = result.goal
    scores = {name.removeprefix("validation_"): value for name, value in best.scores.items()}
    scores = {"loss": best.validation_loss, **scores}
    where = "validation" if goal.curve.startswith("validation_") else "with"
    yield f"The search ranks trial {best.number} first{stopped(best)}:"
    if result.winner is None or result.winner.number != best.number:
        yield from exact(best.settings, result.searched)
    yield f"  {where} {_listed(scores, goal)}{_spread(best)}"


def _listed(scores: Mapping[str, float | None], goal: Goal) -> str:
    """Values by name, the metric that is optimized first."""
    names = sorted(scores, key=lambda name: name != goal.name)
    return ", ".join(f"{name} {number(scores[name])}" for name in names if scores[name] is not None)


def _spread(trial: TrialResult) -> str:
    """The spread over a trial's folds, if it has several."""
    numbers = [value for _, _, value in trial.members if value is not None]
    if len(trial.members) < 2 or len(numbers) < len(trial.members):
        return ""
    return f"; mean of {len(numbers)} folds, standard deviation {deviation(numbers):.2g}"


def _over_defaults(best: TrialResult, books: Sequence[TrialResult], goal: Goal) -> Iterator[str]:
    """The gain in the search over textbook settings that were not confirmed on fresh seeds."""
    for trial in books:
        if trial.value is None or best.value is None:
            continue
        value = f"{goal.name} {goal.turn(trial.value):.4g} in the search"
        subject = f"Trial {trial.number}, {described(trial.origin)},"
        if trial.number == best.number:
            yield f"{subject} is the best trial."
        elif trial.state != "COMPLETE":
            yield f"{subject} {trial.state.lower()} at epoch {trial.epochs}, had {value}."
        else:
            gain = trial.value - best.value
            side = "better" if gain >= 0 else "worse"
            yield f"{subject} reached {value}: trial {best.number} is {abs(gain):.2g} {side}."


def _paths(curves: Mapping[int, Curves]) -> Iterator[str]:
    """The first points of trials on a test function, a line each."""
    for trial, own in curves.items():
        axes = [name for name in ("x", "y") if name in own]
        way = zip(*(map(number, own[name][:4]) for name in axes), strict=True)
        points = [f"({', '.join(at)})" if len(at) > 1 else at[0] for at in way]
        if points:
            yield f"  trial {trial}: {', '.join(axes)}: {', '.join(points)}, ..."
