"""Types of a study's results, from which everything that people read is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuner.codec import Settings
from tuner.config.schema import Plain
from tuner.search.importance import Importance
from tuner.search.statistics import Interval
from tuner.search.trials import ENDED, Goal, Origin, TrialResult

# The reason of a study that was told to stop.
INTERRUPTED = "it was interrupted"


@dataclass(frozen=True)
class Repeated:
    """The values of a trial's settings on fresh seeds; lower is better.

    Attributes:
        optimizer: the optimizer's name, if the trial has one.
        believed: the trial's value in the search; None if it was not finite.
        values: a value per seed; None where the training diverged or failed.
        diverged, failed: the number of seeds on which it did.
        mean: the mean over the seeds; None if the training diverged or failed on any seed.
        worse: the mean difference from the compared trial, seed by seed; positive if worse, for
            losses and scores. None for the compared trial itself, or if either has no mean.
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
        """How it ended on seeds without a value, in words: diverged, failed, both or ""."""
        words = {"diverged": self.diverged, "failed": self.failed}
        return " or ".join(word for word, seeds in words.items() if seeds)


@dataclass(frozen=True)
class ConfirmedTrial(Repeated):
    """A confirmed trial, compared with the best of them.

    Attributes:
        alike: whether it is the best, or the noise hides its difference from the best.
    """

    alike: bool


@dataclass(frozen=True)
class ConfirmedDefault(Repeated):
    """Default settings, compared with the winner.

    Attributes:
        origin: which default settings they are (`tuner.search.initial_trials`).
    """

    origin: Origin


@dataclass(frozen=True)
class Confirmation:
    """The best trials of a study, trained again on fresh seeds.

    Attributes:
        seeds: the number of seeds that chose the winner; as many others judged it. A single trial
            was only judged.
        trials: the trials, ranked by fresh seeds.
        winner: the winner's number.
        why: why the winner is simpler than the first trial, if it is not the first.
        judged: the winner on the seeds that had no part in choosing it.
        defaults: the default settings on the same seeds.
    """

    seeds: int
    trials: tuple[ConfirmedTrial, ...]
    winner: int
    why: str
    judged: Repeated
    defaults: tuple[ConfirmedDefault, ...]

    @property
    def is_alone(self) -> bool:
        """Whether only one trial was confirmed, so there was nothing to choose."""
        return len(self.trials) == 1


@dataclass(frozen=True)
class Winner:
    """The trial that the confirmation chose; without a confirmation, the best of the search.

    Attributes:
        value: the value of the goal's curve, as people read it: on the seeds that judged it, or at
            the end of the search.
        low, high: the bounds of its 95 % interval; None if no seeds judged it.
        stops_at: the epoch whose value counts; None if that is the last one.
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
        check: the check's name.
        passed: whether nothing is wrong.
        number, threshold: the measured number, and the number at which the check fails.
        said: what was found, a sentence.
        advice: what to do, a sentence; "" if the check passed.
        changes: the settings to change in the next round, by path.
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
    """How many trials of an optimizer diverged; without optimizers, of all trials.

    Attributes:
        lowest_diverged_rate: None if none diverged, or there are no rates.
        stable_above_it: the number of trials with higher rates that did not diverge.
    """

    optimizer: str | None
    trials: int
    diverged: int
    lowest_diverged_rate: float | None
    stable_above_it: int
    highest_stable_rate: float | None


@dataclass(frozen=True)
class StudyResult:
    """The result of a study: everything that the seed determines.

    Here, lower is better; the file of a result has scores as people read them
    (`tuner.study.natural`).

    Attributes:
        study: the study's name.
        stopped: why it ended, in words.
        trials: the number of trials in each state, in lower case.
        winner: the one trial that counts, with its settings.
        best: the trial with the lowest value of the search, which may be luck; the winner may be
            another trial.
        test: the winner's scores on the test part, by name.
        all: all trials, in order of their numbers.
        searched: the paths of the searched settings.
        unit: the unit of the loss, for axes.
        failed_refit: says that the winner diverged when its model was trained, and what was done;
            or "".
        notes: further remarks, a sentence each.
        left_out: the requested steps for which `budget.deadline` left no time, in words.
        importances: the importances of the searched settings, the greatest first.
        findings: the findings of the audit.
        reproduce: the command that trains the winner's settings again, in one line; "" without a
            winner.
        next_round: the command that continues the search as the findings advise; "" if none of them
            changes a setting.
        setup: the other settings that a trial's curve depends on, and how the winner was judged, as
            in the config.

    Raises:
        ValueError: if a named trial is not among all trials.
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
        """Whether trials have ended and all diverged, not counting interrupted and failed ones."""
        return self.trials.keys() - {"interrupted", "failed"} == {"diverged"}

    @property
    def none_succeeded(self) -> bool:
        """Whether trials have ended and all of them diverged or failed."""
        ended = self.trials.keys() - {"interrupted"}
        return bool(ended) and ended <= {"diverged", "failed"}

    def trial(self, number: int) -> TrialResult:
        """The trial with that number.

        Raises:
            KeyError: if there is none.
        """
        return {trial.number: trial for trial in self.all}[number]


def counts(trials: Sequence[TrialResult]) -> dict[str, int]:
    """The number of trials by state, in lower case."""
    states = [trial.state.lower() for trial in trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def divergences(trials: Sequence[TrialResult]) -> tuple[Divergence, ...]:
    """How many trials of each optimizer diverged, and the lowest rate of these."""
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
    """The facts of a command on a study that the seed does not determine.

    Attributes:
        seconds: the duration of the command.
        finished: when it ended.
        key: identifies the study in MLflow.
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
    """The contents of a result's file.

    Attributes:
        made_from: a digest of what the result was made from; the result is valid for that only.
    """

    result: StudyResult
    run: RunFacts
    made_from: str


def winner_of(goal: Goal, best: TrialResult | None, confirmed: Confirmation | None,
              trials: Sequence[TrialResult]) -> Winner | None:  # fmt: skip
    """The winner of a study: the confirmed trial, or the best of the search."""
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
