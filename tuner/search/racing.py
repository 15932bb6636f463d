"""Racing: a cohort trains in lockstep; trials that diverge or are pruned leave it."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tuner.errors import CrashError
from tuner.files import read_json
from tuner.search.lanes import GUARDED, Lane
from tuner.search.pruners import Rule
from tuner.search.runner import Progress, Row, Runner
from tuner.search.trials import Curves, Goal, Outcome, State, Trial, kept_curves
from tuner.training.curves import Guard
from tuner.training.loop import Interrupted

# The files of a saved race: what is known of its trials, and what guards a runner's rows.
RACE, GUARD = "race.json", "guard.npz"


@dataclass
class _Heat:
    """A runner under way: its place among all, who guards its rows, and the rows of each trial."""

    place: int
    runner: Runner
    guard: Guard | None
    rows: dict[int, list[int]]

    def keep(self, running: Sequence[int]) -> None:
        """Leaves only the rows of these trials."""
        gone = self.rows.keys() - set(running)
        if not gone:
            return
        if self.guard is not None:
            stay = [i for i, row in enumerate(self.runner.rows) if row.trial not in gone]
            self.guard = self.guard.take(stay)
        self.runner.keep(self.rows.keys() - gone)
        self.rows = rows_of(self.runner)


def rows_of(runner: Runner) -> dict[int, list[int]]:
    """The indices of the rows of each trial."""
    rows: dict[int, list[int]] = {}
    for i, row in enumerate(runner.rows):
        rows.setdefault(row.trial, []).append(i)
    return rows


def mean(numbers: Sequence[float]) -> float:
    """Exact to the last digit, whatever the order; a lone number is itself."""
    return numbers[0] if len(numbers) == 1 else math.fsum(numbers) / len(numbers)


class Race:
    """One cohort through all its epochs.

    A trial is one row or several (seeds, folds): its curves are the means over them, it diverges
    when one of them does, and it leaves with all of them.

    Args:
        trials: the cohort.
        runners: what trains them, each some of them.
        rule: who goes on at a rung.
        epochs: the full length.
        goal: what is minimised.
        on_epoch: called before the first epoch, with 0, and after each, with its number and the
            race.
        out_of_budget: asked after each epoch but the last; names the budget that is spent, or "".
        lengths: of trials that end before the full length, by number.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        runners: Sequence[Runner],
        rule: Rule,
        epochs: int,
        goal: Goal = Goal(),  # noqa: B008 (frozen)
        on_epoch: Callable[[int, "Race"], None] = lambda epoch, race: None,
        out_of_budget: Callable[["Race"], str] = lambda race: "",
        lengths: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.lanes = {trial.number: Lane(trial, goal) for trial in trials}
        self.runners, self.heats = runners, list[_Heat]()
        self.lengths = {n: min(epochs, lengths.get(n, epochs)) for n in self.lanes}
        self.rule, self.epochs, self.goal = rule, max(self.lengths.values(), default=0), goal
        self.on_epoch, self.out_of_budget = on_epoch, out_of_budget
        self.outcomes: dict[int, Outcome] = {}
        self.epoch, self.expected, self.entered = 0, 0, len(trials)

    @property
    def running(self) -> list[int]:
        """Numbers of the trials that have not ended."""
        return [number for number in self.lanes if number not in self.outcomes]

    @property
    def trained(self) -> int:
        """Epochs that rows were trained so far, all together."""
        return sum(lane.epochs * max(1, len(lane.members)) for lane in self.lanes.values())

    @property
    def best(self) -> float | None:
        """The lowest value that a running trial has now; None where none is finite."""
        values = [lane.last for n, lane in self.lanes.items() if n not in self.outcomes]
        return min((value for value in values if math.isfinite(value)), default=None)

    def live_curves(self) -> dict[int, Curves]:
        """The curves so far of the running trials, as `Outcome.kept_curves` has them."""
        return {n: kept_curves(self.lanes[n].initial, self.lanes[n].curves) for n in self.running}

    def run(self) -> list[Outcome]:
        """Trains the cohort; outcomes in the order of the trials' numbers.

        Raises:
            Interrupted: if training was asked to stop. Every running trial has then ended as
                INTERRUPTED, by the epochs it had finished, and `outcomes` holds them; but none
                where not all had begun.
        """
        if not self.epoch:
            self.expect()
            self.heats = [self.begin(place) for place in range(len(self.runners))]
            self.on_epoch(0, self)
        try:
            while self.heats and self.epoch < self.epochs:
                self.expect()
                self.epoch += 1
                for heat in self.heats:
                    self.advance(heat, self.epoch)
                if self.epoch in self.rungs:
                    self.entered = self.halve(self.epoch, self.entered)
                if self.epoch < self.epochs:
                    self.finish([n for n in self.running if self.lengths[n] <= self.epoch])
                if self.epoch < self.epochs and (spent := self.out_of_budget(self)):
                    self.end(self.running, "PRUNED", f"{spent} was up at epoch {self.epoch}")
                self.compact()
                self.on_epoch(self.epoch, self)
        except Interrupted:
            self.end(self.running, "INTERRUPTED", "training was interrupted")
            raise
        finally:
            for heat in self.heats:
                heat.runner.close()
        self.finish(self.running)
        return [self.outcomes[number] for number in sorted(self.outcomes)]

    def expect(self) -> None:
        """Tells the runners up to which epoch nobody is compared."""
        if self.epoch == self.expected:
            ends = sorted({*self.rungs, *(self.lengths[n] for n in self.running), self.epochs})
            self.expected = next(e for e in ends if e > self.epoch)
            own = [heat.runner for heat in self.heats] if self.heats else self.runners
            for runner in own:
                runner.expect(self.epoch, self.expected)

    @property
    def at_rest(self) -> bool:
        """Whether the state after the last epoch is at hand, so that it can be saved."""
        return all(heat.runner.at_rest for heat in self.heats)

    def fail(self, error: BaseException) -> None:
        """Ends the trials that had begun with an error that stopped all training.

        If it is known whose error it was, the others did not fail.
        """
        begun = [number for number in self.running if self.lanes[number].initial]
        if isinstance(error, CrashError):
            self.end(begun, "INTERRUPTED", "other trainings failed, which stopped the study")
        else:
            self.end(begun, "FAILED", f"{type(error).__name__}: {error}")

    @cached_property
    def rungs(self) -> list[int]:
        """The epochs after which trials are compared."""
        return self.rule.rungs(self.epochs)

    def save(self, folder: Path) -> None:
        """Writes the state after the last epoch into an empty folder, as plain data."""
        ended = {n: (o.state, o.reason, o.diverged_at) for n, o in self.outcomes.items()}
        plain = {
            "epoch": self.epoch,
            "entered": self.entered,
            "lanes": {number: lane.plain() for number, lane in self.lanes.items()},
            "ended": ended,
            "heats": [heat.place for heat in self.heats],
        }
        (folder / RACE).write_text(json.dumps(plain), encoding="utf-8")
        for heat in self.heats:
            own = folder / str(heat.place)
            own.mkdir()
            heat.runner.save(own)
            if heat.guard is not None:
                np.savez(own / GUARD, allow_pickle=False, **heat.guard.arrays())

    def restore(self, folder: Path) -> None:
        """Takes up a saved state, in place of a beginning.

        Raises:
            ValueError: if it is of other trials.
            OSError: if a file is missing.
        """
        plain = read_json(folder / RACE)
        if {int(number) for number in plain["lanes"]} != self.lanes.keys():
            raise ValueError(f"{folder}: holds other trials than these")
        for number, own in plain["lanes"].items():
            self.lanes[int(number)].take_up(own)
        for number, (state, reason, diverged_at) in plain["ended"].items():
            lane = self.lanes[int(number)]
            self.outcomes[int(number)] = lane.outcome(state, reason, diverged_at)
        for place in plain["heats"]:
            runner, own = self.runners[place], folder / str(place)
            runner.restore(own)
            guard = None
            if (own / GUARD).exists():
                with np.load(own / GUARD, allow_pickle=False) as arrays:
                    guard = Guard.of(arrays)
            self.heats.append(_Heat(place, runner, guard, rows_of(runner)))
        self.epoch, self.entered = plain["epoch"], plain["entered"]
        self.expected = self.epoch

    def begin(self, place: int) -> _Heat:
        """A runner before its first step, its initial losses known."""
        runner = self.runners[place]
        start = runner.start()
        guard = None
        if GUARDED in start:
            guard = Guard.at(start[GUARDED], runner.momentum, runner.steps)
        heat = _Heat(place, runner, guard, rows_of(runner))
        numbers = {name: values.tolist() for name, values in start.items()}
        known = runner.rows
        for number, rows in heat.rows.items():
            lane = self.lanes[number]
            lane.steps = runner.steps
            lane.initial = {k: mean([v[row] for row in rows]) for k, v in numbers.items()}
            self.remember(lane, known, rows, numbers)
        return heat

    def remember(
        self,
        lane: Lane,
        known: Sequence[Row],
        own: Sequence[int],
        numbers: Mapping[str, list[float]],
    ) -> None:
        """Keeps what each row of a trial has reached.

        Args:
            lane: of the trial.
            known: all rows of its runner.
            own: the indices of the trial's.
            numbers: metrics of all rows, by name.
        """
        reached = numbers.get(self.goal.curve, [])
        for i in own:
            lane.members.setdefault((known[i].seed, known[i].fold), []).append(reached[i])

    def advance(self, heat: _Heat, epoch: int) -> None:
        """One epoch of a runner; diverged trials get their outcome and leave."""
        progress = heat.runner.epoch(epoch)
        rows = len(progress.left)
        leaves, lost = np.zeros((2, rows), bool)
        for number, reason in progress.failed.items():
            self.end([number], "FAILED", reason)
        for number, final in progress.over.items():
            self.lanes[number].end_with(final)
            self.end([number], "COMPLETE", f"ended by itself after epoch {epoch - 1}")
        if heat.guard is not None and GUARDED in progress.metrics:
            # Numbers of a row that left are not read, but those of other rows are compared.
            heat.guard = heat.guard.after(progress.metrics[GUARDED])
            leaves, lost = heat.guard.leaves, heat.guard.lost
        numbers = {name: values.tolist() for name, values in progress.metrics.items()}
        known = heat.runner.rows
        for number, own in heat.rows.items():
            lane = self.lanes[number]
            if number in self.outcomes:
                continue
            if progress.left[own].any():
                self.not_finite(lane, progress, own, epoch)
                continue
            lane.add({k: mean([v[row] for row in own]) for k, v in numbers.items()})
            self.remember(lane, known, own, numbers)
            lane.lost = bool(lost[own].any())
            if leaves[own].any():
                self.above_start(lane, f"up to {numbers[GUARDED][own[0]]:.4g}", epoch)
        heat.keep(self.running)

    def not_finite(self, lane: Lane, progress: Progress, rows: Sequence[int], epoch: int) -> None:
        """Ends a trial, one of whose rows is not finite any more, as diverged at the first step
        that was not."""
        within = [int(progress.left_at[row]) for row in rows if progress.left_at[row] > 0]
        step = min(within or [int(progress.steps[row]) for row in rows])
        reason = f"loss or parameters not finite at step {step}, in epoch {epoch}"
        self.diverge(lane, reason, step / (self.epochs * lane.steps))

    def above_start(self, lane: Lane, how: str, epoch: int) -> None:
        """Ends a trial as diverged, for its training loss is above its initial one.

        Args:
            lane: of the trial.
            how: how far, or when it was looked at, in words.
            epoch: after which.
        """
        first = lane.curve().train[0]
        reason = f"training loss above its initial {first:.4g} {how}"
        self.diverge(lane, f"{reason}, epoch {epoch}", epoch / self.epochs)

    def diverge(self, lane: Lane, reason: str, share: float) -> None:
        """Ends a trial as diverged at this share of the full training."""
        self.outcomes[lane.trial.number] = lane.outcome("DIVERGED", reason, share)

    def halve(self, epoch: int, entered: int) -> int:
        """Ends the trials that lose this rung; returns how many go on.

        An optimizer's defaults train to the end, whoever beats them: tuning is measured by them.
        """
        values = {number: self.lanes[number].value for number in self.running}
        for number, value in values.items():
            self.lanes[number].rungs[epoch] = value
        survivors = self.rule.survivors(epoch, values, entered)
        why = self.rule.why(len(survivors))
        spared = {number for number in values if "default" in self.lanes[number].trial.origin}
        for number in values.keys() - survivors - spared:
            lane = self.lanes[number]
            if lane.lost:
                self.above_start(lane, "at a rung", epoch)
            else:
                reached = f"{self.goal.curve.replace('_', ' ')} {self.goal.turn(lane.value):.4g}"
                self.end([number], "PRUNED", f"{reached} {why} at epoch {epoch}")
        return len(survivors)

    def finish(self, numbers: Sequence[int]) -> None:
        """Ends trials that have their full length, as diverged those above their start."""
        for number in [n for n in numbers if self.lanes[n].lost or self.lanes[n].far_above]:
            self.above_start(self.lanes[number], "at the end", self.epoch)
        left = [n for n in numbers if n not in self.outcomes]
        self.end(left, "COMPLETE", f"trained all {self.epoch} epochs")

    def end(self, numbers: Sequence[int], state: State, reason: str) -> None:
        """Ends trials in a state, for a reason in words."""
        for number in numbers:
            self.outcomes[number] = self.lanes[number].outcome(state, reason)

    def compact(self) -> None:
        """Leaves only running trials with their runners."""
        running = self.running
        for heat in self.heats:
            heat.keep(running)
        self.heats = [heat for heat in self.heats if heat.rows]
