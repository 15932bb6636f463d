"""A study: its trials, proposed in cohorts and recorded before and after they train."""

import math
from collections.abc import Iterable, Iterator, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from tuner.errors import UserError
from tuner.search.initial_trials import InitialTrial, ask_initial
from tuner.search.proposals import ORIGIN, next_number
from tuner.search.samplers import Sampler
from tuner.search.space import Space
from tuner.search.trials import Curves, Outcome, Trial, TrialResult
from tuner.search.untried import Untried
from tuner.study.record import Bounds, Record, TrialEnd
from tuner.study.times import ended_ms, started_ms

STATES = {
    "COMPLETE": TrialState.COMPLETE,
    "PRUNED": TrialState.PRUNED,
    "DIVERGED": TrialState.PRUNED,
    # A sampler sees it as the worst trial of all, so that its settings are not tried again.
    "FAILED": TrialState.PRUNED,
    "INTERRUPTED": TrialState.FAIL,
}

# The curves that plots and tables show.
DRAWN = ("train_loss", "validation_loss", "x", "y")

# The states of trials that count towards the budget.
COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)


class Study:
    """The trials of a study, and what it tries next.

    The sampler works on a copy in memory. The record gets every proposed trial whole, in one write.
    So a kill leaves either no trial, or one that can be trained again unchanged. A trial proposed
    under other ranges may not fit the current ones: it stays in the record, is marked as failed in
    the copy, and does not count.

    Args:
        record: a record that this process owns.
        space: the searched space.
        sampler: proposes settings.
        seed: the sampler's seed.
        initial: trials to try before the sampler proposes (`tuner.search.initial_trials`).
    """

    def __init__(
        self,
        record: Record,
        space: Space,
        sampler: Sampler,
        seed: int,
        initial: Sequence[InitialTrial] = (),
    ) -> None:
        self.record, self.space, self.sampler, self.seed = record, space, sampler, seed
        self.initial = initial
        trials = record.trials()
        seen = [space.seen(trial) for trial in trials]
        self.memory = _in_memory(seen)
        # The trials that do not fit the current ranges.
        self.left_out = {t.number for t, s in zip(trials, seen, strict=True) if t.state != s.state}

    def refitted(self) -> str:
        """How many of the earlier trials fit the current ranges, in words."""
        counted = [t.number for t in self.record.trials() if t.state in COUNTED]
        fit = len(set(counted) - self.left_out)
        return (
            f"{fit} of {len(counted)} earlier trials lie in the new ranges and count; "
            f"{len(counted) - fit} are kept on record only."
        )

    def give_up_stranded(self) -> list[int]:
        """Gives up trials that a kill interrupted and that do not fit the current ranges.

        Returns:
            Their numbers.
        """
        trials = self.record.trials()
        stranded = [n for n in sorted(self.left_out) if not trials[n].state.is_finished()]
        for number in stranded:
            self.record.give_up(number)
        return stranded

    @property
    def cohorts(self) -> list[list[int]]:
        """The bounds of all cohorts: the first number, and one past the last."""
        return [list(pair) for pair in self.record.get("cohorts", Bounds) or []]

    @property
    def finished(self) -> int:
        """The number of trials that count towards the budget: ended and not interrupted."""
        return len(self.memory.get_trials(deepcopy=False, states=COUNTED))

    def cohort(self, size: int) -> list[Trial]:
        """The trials to train next: those of a recorded, unfinished cohort, or `size` new ones.

        Fewer, or none, if the sampler finds nothing more to try.
        """
        cohorts, index = self.cohorts, self.index
        if index == len(cohorts):
            start = next_number(self.memory)
            # A cohort given up while its trials were being proposed ends after the last of them.
            cohorts = [*([a, min(b, start)] for a, b in cohorts), [start, start + size]]
            self.record.put("cohorts", cohorts)
        start, stop = cohorts[index]
        with self.record.together():
            while next_number(self.memory) < stop:
                if not self._ask():
                    stop = next_number(self.memory)
                    # An empty cohort is not kept, however often the study continues.
                    last = [[start, stop]] if stop > start else []
                    self.record.put("cohorts", [*cohorts[:index], *last])
                    break
                self.record.ask(self.memory.get_trials(deepcopy=False)[-1])
        trials = self.record.trials()[start:stop]
        return [self._trial(t) for t in trials if t.number not in self.left_out]

    @property
    def exhausted(self) -> str:
        """Why no more trials are proposed, in words."""
        return Untried(self.memory, self.space).why_none()

    def _ask(self) -> bool:
        """Adds a trial to the copy in memory; False if nothing is left to try.

        A study with trials ends if the space's constraints reject all of many draws; without any
        trial, this raises UserError.
        """
        if ask_initial(self.memory, self.space, self.initial):
            return True
        earlier = self.memory.get_trials(deepcopy=False)
        try:
            return self.sampler.ask(self.memory, self.space, self.seed)
        except UserError:
            if not earlier:
                raise
            if next_number(self.memory) > len(earlier):
                # Drop the trial that the sampler had begun: it will not be recorded.
                self.memory = _in_memory(earlier)
            return False

    @property
    def index(self) -> int:
        """The index of the cohort to train next: one that a kill interrupted, or a new one.

        After damage of the record several may be unfinished, because their bounds survive.
        """
        trials, cohorts = self.memory.get_trials(deepcopy=False), self.cohorts
        waiting = (i for i, (a, b) in enumerate(cohorts) if _unfinished(trials[a:b], b - a))
        return next(waiting, len(cohorts))

    def _trial(self, trial: FrozenTrial) -> Trial:
        assert trial.datetime_start is not None
        started_ms = int(trial.datetime_start.timestamp() * 1000)
        origin = trial.user_attrs.get(ORIGIN, {})
        return Trial(trial.number, self.space.settings_of(trial), started_ms, origin)

    def tell(self, outcome: Outcome) -> None:
        """Records how a trial ended, unless an earlier process did.

        A diverged trial is told to Optuna as pruned, with a finite penalty as its last value and a
        constraint that is larger the earlier it diverged: 2 minus the share that it had trained.
        """
        reports, diverged_at = dict(outcome.rungs), outcome.diverged_at
        if diverged_at is not None:
            reports[outcome.epochs + 1] = penalty(outcome)
        end = TrialEnd(
            number=outcome.trial.number,
            state=STATES[outcome.state],
            value=outcome.value if outcome.state == "COMPLETE" else None,
            reports=reports,
            divergence=None if diverged_at is None else 2 - diverged_at,
            result=outcome.result(),
            curves=outcome.kept_curves(),
        )
        end.tell(self.memory)
        self.record.tell(end)

    def results(self) -> list[TrialResult]:
        """The results of the ended trials that fit the current ranges, ordered by number."""
        results = self.record.results()
        return [results[n] for n in sorted(results) if n not in self.left_out]

    def curves(self) -> Iterator[tuple[int, Curves]]:
        """The curves of the trials, read from the record one after another."""
        return self.record.curves()

    def drawn_curves(self, *others: str) -> dict[int, Curves]:
        """The shown curves of each trial: its losses, a function's point, and others by name."""
        return drawn(self.curves(), *others)

    def times(self) -> dict[int, tuple[int, int]]:
        """When each trial began and ended, in milliseconds since 1970."""
        return {t.number: (started_ms(t), ended_ms(t)) for t in self.record.trials()}


def drawn(curves: Iterable[tuple[int, Curves]], *others: str) -> dict[int, Curves]:
    """The shown ones among the curves of trials (see `Study.drawn_curves`)."""
    names = dict.fromkeys((*DRAWN, *others))
    return {number: {name: own[name] for name in names if name in own} for number, own in curves}


def penalty(outcome: Outcome) -> float:
    """The value told for a diverged trial: ten times its first finite loss."""
    curve = outcome.goal.curve
    known = [outcome.initial[curve], *outcome.curves.get(curve, [])]
    first = next((own for own in known if math.isfinite(own)), math.inf)
    return 10 * abs(first) if math.isfinite(first) else 1e30


def _unfinished(trials: Sequence[FrozenTrial], size: int) -> bool:
    """Whether trials of a cohort of this size still have to be trained or proposed."""
    failed = any(t.state is TrialState.FAIL for t in trials)
    return any(not t.state.is_finished() for t in trials) or not (len(trials) == size or failed)


def _in_memory(trials: Sequence[FrozenTrial]) -> optuna.Study:
    study = optuna.create_study()
    study.add_trials(trials)
    return study
