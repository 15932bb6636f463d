"""A study: trials asked in cohorts and told when they end, on record before anything trains."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from tuner.search.proposals import ORIGIN, next_number
from tuner.search.space import Space
from tuner.search.storage import SUMMARY, open_study, read_curves
from tuner.search.trials import Outcome, Trial

STATES = {
    "COMPLETE": TrialState.COMPLETE,
    "PRUNED": TrialState.PRUNED,
    "DIVERGED": TrialState.PRUNED,
    "INTERRUPTED": TrialState.FAIL,
    "FAILED": TrialState.FAIL,
}

# What adds the next trial, as `Sampler.ask`: (study, space, seed) -> whether there was any.
Ask = Callable[[optuna.Study, Space, int], bool]

# The states of trials that count towards the budget.
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)


class Study:
    """The record of a study in `folder`, and what it asks next.

    Samplers work on a copy in memory; the journal gets every trial whole, in one write, when it is
    asked. So a kill leaves either no trial or one that can be trained again as it was. Where the
    ranges were others when a trial was asked and it does not fit those of now, the journal keeps
    it, the copy holds it as failed, and nothing else counts it.

    Memory holds of a trial what samplers and the verdict need, once, and no curves: these are read
    from the journal when they are asked for.
    """

    def __init__(self, folder: Path, name: str, space: Space, sampler: Ask, seed: int) -> None:
        self.space, self.sampler, self.seed = space, sampler, seed
        self.path = folder / "optuna.journal"
        self.journal = open_study(self.path, name)
        self.memory = optuna.create_study()
        self.ranges: dict[tuple[Any, ...], dict[str, BaseDistribution]] = {}
        trials = self.journal.get_trials(deepcopy=False)
        seen = [space.seen(trial) for trial in trials]
        for trial in seen:
            trial.user_attrs = {k: v for k, v in trial.user_attrs.items() if k != SUMMARY}
        self.memory.add_trials(seen)
        for trial in (*trials, *self.memory.get_trials(deepcopy=False)):
            self.share_ranges(trial)
        # Those that do not fit the ranges of now.
        self.left_out = {t.number for t, s in zip(trials, seen, strict=True) if t.state != s.state}

    def refitted(self) -> str:
        """In words, how many of the earlier trials fit the ranges of now."""
        told = [t.number for t in self.journal.get_trials(deepcopy=False) if t.state in COUNTED]
        fit = len(set(told) - self.left_out)
        return (
            f"{fit} of {len(told)} earlier trials fit the new ranges and count; "
            f"{len(told) - fit} are kept on record only."
        )

    def stranded(self) -> list[int]:
        """Numbers of trials that a kill left under way and that do not fit the ranges of now."""
        trials = self.journal.get_trials(deepcopy=False)
        return [n for n in sorted(self.left_out) if not trials[n].state.is_finished()]

    def give_up(self, numbers: Sequence[int]) -> None:
        """Ends trials that will not be trained."""
        for number in numbers:
            self.journal.tell(number, state=TrialState.FAIL)

    @property
    def cohorts(self) -> list[list[int]]:
        """The bounds of all cohorts: first number, one past the last."""
        bounds: list[list[int]] = self.journal.user_attrs.get("cohorts", [])
        return bounds

    def remember(self, key: str, value: Any) -> Any:
        """What the journal keeps under the key; `value` becomes it where there is nothing yet."""
        if not self.knows(key):
            self.keep(key, value)
        return self.recall(key)

    def recall(self, key: str) -> Any:
        """What the journal keeps under the key; None where that is nothing."""
        return self.journal.user_attrs.get(key)

    def knows(self, key: str) -> bool:
        """Whether the journal keeps something under the key."""
        return key in self.journal.user_attrs

    def keep(self, key: str, value: Any) -> None:
        """Lets the journal keep a value under the key, in place of what it kept before."""
        self.journal.set_user_attr(key, value)

    def finished(self) -> int:
        """Trials that count towards the budget: told, and neither failed nor interrupted."""
        return len(self.memory.get_trials(deepcopy=False, states=COUNTED))

    def cohort(self, size: int) -> list[Trial]:
        """The trials to train next: those of a cohort that a kill cut short, or `size` new ones.

        Fewer, or none, where a grid ends.
        """
        cohorts = self.cohorts
        if self.index == len(cohorts):
            start = next_number(self.memory)
            cohorts = [*cohorts, [start, start + size]]
            self.journal.set_user_attr("cohorts", cohorts)
        start, stop = cohorts[-1]
        while next_number(self.memory) < stop:
            if not self.sampler(self.memory, self.space, self.seed):
                cohorts[-1][1] = next_number(self.memory)
                self.journal.set_user_attr("cohorts", cohorts)
                break
            self.record()
        trials = self.journal.get_trials(deepcopy=False)[start:stop]
        return [self.trial(t) for t in trials if t.number not in self.left_out]

    def record(self) -> None:
        """Puts the trial that was asked last on record; what both keep of it is kept once."""
        asked = self.memory.get_trials(deepcopy=False)[-1]
        self.share_ranges(asked)
        self.journal.add_trial(asked)
        kept = self.journal.get_trials(deepcopy=False)[-1]
        kept.params, kept.distributions = asked.params, asked.distributions

    def share_ranges(self, trial: FrozenTrial) -> None:
        """Lets a trial have its ranges in common with those that were asked of the same ones."""
        own = trial.distributions
        trial.distributions = self.ranges.setdefault(tuple(own.items()), own)

    @property
    def index(self) -> int:
        """The index of the cohort to train next: one that a kill cut short, or a new one."""
        cohorts = self.cohorts
        return len(cohorts) - bool(cohorts and self.unfinished(*cohorts[-1]))

    def unfinished(self, start: int, stop: int) -> bool:
        """Whether trials of these numbers wait to be trained, or even to be asked."""
        trials = self.memory.get_trials(deepcopy=False)[start:stop]
        failed = any(t.state is TrialState.FAIL for t in trials)
        asked = len(trials) == stop - start
        return any(not t.state.is_finished() for t in trials) or not (asked or failed)

    def trial(self, trial: FrozenTrial) -> Trial:
        assert trial.datetime_start is not None
        started_ms = int(trial.datetime_start.timestamp() * 1000)
        origin = trial.user_attrs.get(ORIGIN, {})
        return Trial(trial.number, self.space.settings_of(trial), started_ms, origin)

    def tell(self, outcome: Outcome) -> None:
        """Records how a trial ended, unless an earlier process did.

        A diverged trial is told as pruned, with a finite penalty as its last value and a
        constraint that is the larger, the earlier it diverged: 2 less the share it had trained.
        """
        number, diverged_at = outcome.trial.number, outcome.diverged_at
        reports = dict(outcome.rungs)
        if diverged_at is not None:
            reports[outcome.epochs + 1] = penalty(outcome)
        value = outcome.value if outcome.state == "COMPLETE" else None
        for study in (self.memory, self.journal):
            known = study.get_trials(deepcopy=False)[number]
            if known.state.is_finished():
                continue
            trial = optuna.trial.Trial(study, known._trial_id)
            for epoch, loss in reports.items():
                if epoch not in known.intermediate_values:
                    trial.report(loss, epoch)
            if diverged_at is not None and "divergence" not in known.constraints:
                trial.set_constraint("divergence", 2 - diverged_at)
            if study is self.journal:
                trial.set_user_attr(SUMMARY, outcome.summary())
            study.tell(number, value, STATES[outcome.state])

    def summaries(self) -> list[dict[str, Any]]:
        """What was told of the trials that fit the ranges of now, in the order of their numbers.

        It is `Outcome.summary` without the curves.
        """
        trials = self.journal.get_trials(deepcopy=False)
        return [
            t.user_attrs[SUMMARY]
            for t in trials
            if SUMMARY in t.user_attrs and t.number not in self.left_out
        ]

    def curves(self) -> Iterator[tuple[int, dict[str, list[float | None]]]]:
        """The curves of `Outcome.summary` by number, read from the journal one after another."""
        return read_curves(self.path)


def penalty(outcome: Outcome) -> float:
    """What a diverged trial is told in place of its value: ten times the loss at the start."""
    start = outcome.initial[outcome.goal.curve]
    return 10 * abs(start) if math.isfinite(start) else 1e30
