"""Optuna's own pruners, by name: they compare trials with those of earlier cohorts."""

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType
from typing import Any, Self, get_args, get_type_hints

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from tuner.errors import UserError, did_you_mean
from tuner.search.pruners import Pruner, Rule
from tuner.search.trials import State, TrialResult

# The most reports of a trial: a pruner reads each one, and the study's record stores them.
REPORTS = 20
# It compares values of problem instances, but here a report is an epoch.
UNSUITED = ("WilcoxonPruner",)
# The types of arguments, in words; arguments of other types are checked by the class.
WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
    BasePruner: "the name of a pruner",
}


def kinds() -> list[str]:
    """The names of the supported classes of optuna.pruners."""
    own = {name: getattr(optuna.pruners, name) for name in optuna.pruners.__all__}
    return sorted(
        name
        for name, kind in own.items()
        if inspect.isclass(kind) and not inspect.isabstract(kind) and name not in UNSUITED
    )


def make(kind: str, arguments: Mapping[str, Any]) -> BasePruner:
    """Creates a pruner of Optuna.

    Args:
        kind: the name of its class.
        arguments: arguments of the class; `wrapped_pruner` is the name of a class, too.

    Raises:
        UserError: the name is unknown, the class does not take the arguments, or they fail in a
            small study: Optuna checks some of them only when it judges a trial.
    """
    if kind in UNSUITED:
        raise UserError(
            f"pruner.kind: {kind}: compares problem instances, but tuner reports epochs: "
            f"give one of {', '.join(kinds())}"
        )
    if kind not in kinds():
        hint = did_you_mean(kind, kinds(), 1)
        raise UserError(f"pruner.kind: {kind}: {hint}optuna.pruners has {', '.join(kinds())}")
    own: Any = getattr(optuna.pruners, kind)
    known = {} if own.__init__ is object.__init__ else inspect.signature(own).parameters
    for name in arguments:
        if name not in known:
            takes = ", ".join(known) or "no arguments"
            raise UserError(f"pruner.arguments.{name}: is unknown: {kind} takes {takes}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in arguments:
            raise UserError(f"pruner.arguments.{name}: is missing: {kind} needs it")
    types = get_type_hints(own.__init__) if known else {}
    for name, value in arguments.items():
        if wanted := _wanted(value, types.get(name, Any)):
            raise UserError(f"pruner.arguments.{name}: {value!r}: must be {wanted}")
    given = dict(arguments)
    if given.get("wrapped_pruner") is not None:
        given["wrapped_pruner"] = make(given["wrapped_pruner"], {})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            _rehearse(own(**given))
            pruner: BasePruner = own(**given)
    except (TypeError, ValueError, ArithmeticError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"pruner.arguments: {dict(arguments)}: {kind}: {said}") from error
    return pruner


def _wanted(value: Any, annotation: Any) -> str:
    """What a value must be by an annotation, in words; "" if it is valid."""
    kinds = get_args(annotation) or (annotation,)
    if not all(kind in WORDS for kind in kinds):
        return ""
    takes = {*kinds, int} if float in kinds else {*kinds}
    takes = {str if kind is BasePruner else kind for kind in takes}
    fits = isinstance(value, tuple(takes)) and not isinstance(value, bool)
    return "" if fits else " or ".join(WORDS[kind] for kind in kinds)


def _rehearse(pruner: BasePruner) -> None:
    """Lets a pruner judge two cohorts of two trials, to raise the errors of a study early."""
    rehearsal = Replica(pruner, "study")
    for cohort in range(2):
        values = {2 * cohort + lane: float(lane) for lane in range(2)}
        for epoch in (1, 2):
            rehearsal.survivors(epoch, values, len(values))
        for number, value in values.items():
            rehearsal.end(rehearsal.trials.pop(number), "COMPLETE", value)


@dataclass(frozen=True)
class OptunaPruner(Pruner):
    """A pruner of Optuna for a study that runs cohort by cohort.

    It sees each trial's values at evenly spaced epochs, at most REPORTS of them, and the trials of
    a cohort in the order of their numbers. Its steps are epochs. `learn` brings it to the state
    after the previous cohorts, also when a killed study is resumed.

    Args:
        kind: the name of a class of optuna.pruners.
        arguments: arguments of that class, by name.
    """

    kind: str = "MedianPruner"
    arguments: dict[str, Any] = field(default_factory=dict)
    # Optuna's Hyperband assigns its brackets by the study's name.
    study: str = field(default="study", init=False)

    def check(self, cohort: int) -> None:
        make(self.kind, self.arguments)

    def of(self, study: str) -> Self:
        fresh = type(self)(self.kind, self.arguments)
        object.__setattr__(fresh, "study", study)
        return fresh

    @cached_property
    def replica(self) -> "Replica":
        """The study as Optuna's pruner sees it."""
        return Replica(make(self.kind, self.arguments), self.study)

    def rule(self, cohort: int) -> Rule:
        return self.replica

    def learn(self, results: Sequence[TrialResult]) -> None:
        self.replica.learn(results)


class Replica(Rule):
    """A study in memory that repeats another one for Optuna's pruner, cohort by cohort.

    Args:
        pruner: a pruner of Optuna.
        name: the study's name, by which Optuna's Hyperband assigns its brackets.
    """

    def __init__(self, pruner: BasePruner, name: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.pruner, self.study = pruner, optuna.create_study(study_name=name)
        self.trials: dict[int, optuna.trial.Trial] = {}

    def rungs(self, epochs: int) -> list[int]:
        shares = range(1, min(REPORTS, epochs))
        return [-(-epochs * i // min(REPORTS, epochs)) for i in shares]

    def survivors(self, epoch: int, values: Mapping[int, float], entered: int) -> set[int]:
        stay = set()
        for number in sorted(values):
            trial = self.trials.get(number) or self.study.ask()
            self.trials[number] = trial
            trial.report(values[number], epoch)
            if not self.pruner.prune(self.study, self.frozen(trial)):
                stay.add(number)
        return stay

    def frozen(self, trial: optuna.trial.Trial) -> FrozenTrial:
        """A trial of the study in memory, in the form that a pruner takes."""
        return self.study.get_trials(deepcopy=False)[trial.number]

    def why(self, survivors: int) -> str:
        return f"stopped by {type(self.pruner).__name__}"

    def learn(self, results: Sequence[TrialResult]) -> None:
        """Records how a cohort ended; values of a cohort that it did not see are reported first."""
        reports = {r.number: dict(r.rungs) for r in results}
        if not reports.keys() & self.trials.keys():
            for epoch in sorted({epoch for own in reports.values() for epoch in own}):
                at = {n: own[epoch] for n, own in reports.items() if epoch in own}
                self.survivors(epoch, at, len(at))
        for result in results:
            if result.number in self.trials:
                # The study in memory has the trial, so this copy is dropped.
                self.end(self.trials.pop(result.number), result.state, result.value)

    def end(self, trial: optuna.trial.Trial, state: State, value: float | None) -> None:
        """Tells the study in memory how a trial ended; `value` is None if it has none."""
        if state == "COMPLETE":
            self.study.tell(trial, value)
        elif state in ("PRUNED", "DIVERGED"):
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, state=TrialState.FAIL)
