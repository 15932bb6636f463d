"""Types of a study's results, from which everything that people read is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.codec import Settings
from tuner.config.schema import Plain
from tuner.search.importance import Importance
from tuner.search.statistics import Interval
from tuner.search.trials import ENDED, Goal, Origin, TrialResult

# Why a study ended that was told to stop.
INTERRUPTED = "it was interrupted"


@dataclass(frozen=True)
class Repeated:
    """What a trial's settings reached on fresh seeds; lower is better.

    Attributes:
        optimizer: its name, if the trial has one.
        believed: its value in the search, None if that was not finite.
        values: one a seed, None where it diverged or failed.
        diverged, failed: on how many seeds.
        mean: over the seeds, None if it diverged or failed on any.
        worse: by how much than another, seed by seed; None for that one, and if either has no mean.
            Above 0 it is worse, be it a loss or a score.
    """

    trial: int
    optimizer: str | None
    believed: float | None
    values: tuple[float | None, ...]
    diverged: int
    mean: Interval | None
    worse: Interval | None
    failed: int = field(default=0, kw_only=True)

    @property
    def how_lost(self) -> str:
        """In words, how it ended on the seeds without a number: diverged, failed, both or ""."""
        words = {"diverged": self.diverged, "failed": self.failed}
        return " or ".join(word for word, seeds in words.items() if seeds)


@dataclass(frozen=True)
class ConfirmedTrial(Repeated):
    """One of the trials that were confirmed, beside the best of them.

    Attributes:
        alike: whether the noise does not tell it apart from the best, or it is the best.
    """

    alike: bool


@dataclass(frozen=True)
class ConfirmedDefault(Repeated):
    """The textbook settings, beside the winner.

    Attributes:
        origin: which textbook settings they are (`tuner.search.initial_trials`).
    """

    origin: Origin


@dataclass(frozen=True)
class Confirmation:
    """The best trials of a study, trained again on fresh seeds.

    Attributes:
        seeds: how many chose the winner; as many others judged it. One trial alone was only judged.
        trials: as fresh seeds rank them.
        winner: its number.
        why: what makes it simpler than the first, if it is not the first.
        judged: the winner on the seeds that had no part in choosing it.
        defaults: the textbook settings on the same seeds.
    """

    seeds: int
    trials: tuple[ConfirmedTrial, ...]
    winner: int
    why: str
    judged: Repeated
    defaults: tuple[ConfirmedDefault, ...]

    @property
    def is_alone(self) -> bool:
        """Whether one trial was confirmed, which was not chosen."""
        return len(self.trials) == 1


@dataclass(frozen=True)
class Winner:
    """The trial that the confirmation chose; without one, the best of the search.

    Attributes:
        value: of the goal's curve, as people read it: on the seeds that judged it, or at the end
            of the search.
        low, high: the bounds of its 95 % interval; None where no seeds judged it.
        stops_at: the epoch by which it counts, None where that is its last one.
    """

    number: int
    settings: Settings
    value: float | None
    low: float | None
    high: float | None
    stops_at: int | None = None


@dataclass(frozen=True)
class Finding:
    """What one check of the audit found.

    Attributes:
        check: its name.
        passed: whether all is well.
        number, threshold: what was measured, and at which number it would not be well.
        said: what was found, a sentence.
        advice: what to do, a sentence; "" if it passed.
        changes: what the next round sets, by path.
    """

    check: str
    passed: bool
    number: float
    threshold: float
    said: str
    advice: str
    changes: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class Divergence:
    """Which trials of an optimizer diverged; of trials without optimizers, of all of them.

    Attributes:
        lowest_diverged_rate: None if none diverged, or there are no rates.
        stable_above_it: trials that did not diverge at higher rates.
    """

    optimizer: str | None
    trials: int
    diverged: int
    lowest_diverged_rate: float | None
    stable_above_it: int
    highest_stable_rate: float | None


@dataclass(frozen=True)
class StudyResult:
    """How a study ended: all that the seed determines of it.

    In the file of a result scores are as people read them (`tuner.study.natural`); here, lower is
    better.

    Attributes:
        study: its name.
        stopped: why it ended, in words.
        trials: how many there are in each state, in small letters.
        winner: the one trial that counts, with its settings.
        best: the lowest value of the search, which luck may have made so: no winner, unless the
            winner has its number.
        test: what the winner reaches on the test part, by name.
        all: every trial, in the order of the numbers.
        searched: paths of the settings that were searched.
        unit: what the loss is measured in, for axes.
        failed_refit: that the winner diverged when its model was trained, and what was done, in
            words; or "".
        notes: what else there is to know, a sentence each.
        left_out: what the config asks for and `budget.deadline` left no time for, in words.
        importances: of the searched settings, the greatest first.
        findings: of the audit.
        reproduce: the command that trains the winner's settings again, in one line; "" where there
            is no winner.
        next_round: the command that searches on as the findings advise; "" where none of them says
            what to change.
        setup: what beside its settings a trial's curve depends on, and how the winner was judged,
            as the config has it.

    Raises:
        ValueError: if a trial is named that is not among all.
    """

    study: str
    stopped: str
    goal: Goal
    trials: Mapping[str, int]
    winner: Winner | None
    best: TrialResult | None
    confirmation: Confirmation | None
    test: Mapping[str, float] | None
    divergence: tuple[Divergence, ...]
    all: tuple[TrialResult, ...]
    searched: tuple[str, ...]
    unit: str
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    importances: tuple[Importance, ...] = ()
    findings: tuple[Finding, ...] = ()
    reproduce: str = ""
    next_round: str = ""
    setup: Plain = field(default_factory=dict)
    failed_refit: str = ""

    def __post_init__(self) -> None:
        named = [self.best, self.winner, *(self.confirmation.trials if self.confirmation else ())]
        numbers = {own.trial if isinstance(own, Repeated) else own.number for own in named if own}
        if missing := numbers - {trial.number for trial in self.all}:
            raise ValueError(f"trials {sorted(missing)} are named, but not among all")

    @property
    def interrupted(self) -> bool:
        """Whether the study was told to stop before its end."""
        return self.stopped == INTERRUPTED

    @property
    def winning(self) -> TrialResult | None:
        """The winner's trial."""
        return None if self.winner is None else self.trial(self.winner.number)

    @property
    def all_diverged(self) -> bool:
        """Whether trials have ended and every one diverged; interrupted ones say nothing."""
        return self.trials.keys() - {"interrupted", "failed"} == {"diverged"}

    @property
    def none_succeeded(self) -> bool:
        """Whether trials have ended and every one diverged or failed."""
        ended = self.trials.keys() - {"interrupted"}
        return bool(ended) and ended <= {"diverged", "failed"}

    def trial(self, number: int) -> TrialResult:
        """The trial of that number.

        Raises:
            KeyError: if there is none.
        """
        return {trial.number: trial for trial in self.all}[number]


def counts(trials: Sequence[TrialResult]) -> dict[str, int]:
    """Trials by state, in small letters."""
    states = [trial.state.lower() for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def divergences(trials: Sequence[TrialResult]) -> tuple[Divergence, ...]:
    """For each optimizer how many trials diverged, and the lowest rate that did."""
    return tuple(
        _divergence(optimizer, [t for t in trials if t.optimizer == optimizer])
        for optimizer in dict.fromkeys(t.optimizer for t in trials)
    )


def _divergence(optimizer: str | None, trials: Sequence[TrialResult]) -> Divergence:
    diverged = [t for t in trials if t.state == "DIVERGED"]
    rates = [t.learning_rate for t in diverged if t.learning_rate is not None]
    stable = [
        t.learning_rate
        for t in trials
        if t.state in ENDED and t.state != "DIVERGED" and t.learning_rate is not None
    ]
    lowest = min(rates, default=None)
    return Divergence(
        optimizer=optimizer,
        trials=sum(t.state != "FAILED" for t in trials),
        diverged=len(diverged),
        lowest_diverged_rate=lowest,
        stable_above_it=sum(lowest is not None and rate > lowest for rate in stable),
        highest_stable_rate=max(stable, default=None),
    )


@dataclass(frozen=True)
class RunFacts:
    """What the seed does not determine of a command on a study.

    Attributes:
        seconds: of the command.
        finished: when it ended.
        key: tells the study from all others in MLflow.
        curves: the page with the curves of all trials, if MLflow was reached.
    """

    seconds: float
    finished: str
    host: str
    threads: int
    python: str
    tuner: str
    key: str
    curves: str | None


@dataclass(frozen=True)
class SavedResult:
    """What the file of a study's result holds.

    Attributes:
        made_from: a digest of what the result was made from; it counts for nothing else.
    """

    result: StudyResult
    run: RunFacts
    made_from: str


def winner_of(goal: Goal, best: TrialResult | None, confirmed: Confirmation | None,
              trials: Sequence[TrialResult]) -> Winner | None:  # fmt: skip
    """The one winner of a study: the confirmed one, or the best of the search."""
    if confirmed is None:
        if best is None:
            return None
        value = None if best.value is None else goal.turn(best.value)
        return Winner(best.number, best.settings, value, None, None, best.stops_at)
    (trial,) = (t for t in trials if t.number == confirmed.winner)
    mean = confirmed.judged.mean
    if mean is None:
        return Winner(trial.number, trial.settings, None, None, None, trial.stops_at)
    low, high = sorted(goal.turn(end) for end in (mean.low, mean.high))
    value = goal.turn(mean.mean)
    return Winner(trial.number, trial.settings, value, low, high, trial.stops_at)
