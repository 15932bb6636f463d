"""Racing: a cohort trains in lockstep; trials that diverge or are pruned leave the race."""

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

# The files of a saved race: the state of its trials, and the guard of a runner's rows.
RACE, GUARD = "race.json", "guard.npz"


@dataclass
class _Heat:
    """A runner in the race: its index, the guard of its rows, and the rows of each trial."""

    place: int
    runner: Runner
    guard: Guard | None
    rows: dict[int, list[int]]

    def keep(self, running: Sequence[int]) -> None:
        """Drops the rows of all other trials."""
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
    """The mean, summed exactly, so that the order does not matter."""
    return numbers[0] if len(numbers) == 1 else math.fsum(numbers) / len(numbers)


class Race:
    """Trains one cohort through all its epochs.

    A trial has one row or several (seeds, folds). Its curves are the means over its rows. It
    diverges when one of its rows does, and leaves with all of them.

    Args:
        trials: the cohort.
        runners: train the trials, each some of them.
        rule: says which trials continue at a rung.
        epochs: the full length.
        goal: what is minimised.
        on_epoch: called with the number of the epoch and the race, before the first epoch with 0
            and after each.
        out_of_budget: called after each epoch except the last; names the exhausted budget, or "".
        lengths: epochs of trials that end before the full length, by number.
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
        """Total number of epochs trained so far, over all rows."""
        return sum(lane.epochs * max(1, len(lane.members)) for lane in self.lanes.values())

    @property
    def best(self) -> float | None:
        """The lowest current value of a running trial; None if no value is finite."""
        values = [lane.last for n, lane in self.lanes.items() if n not in self.outcomes]
        return min((value for value in values if math.isfinite(value)), default=None)

    def live_curves(self) -> dict[int, Curves]:
        """The curves of the running trials so far, in the form of `Outcome.kept_curves`."""
        return {n: kept_curves(self.lanes[n].initial, self.lanes[n].curves) for n in self.running}

    def run(self) -> list[Outcome]:
        """Trains the cohort; outcomes in the order of the trials' numbers.

        Raises:
            Interrupted: a stop was requested. Every running trial has then ended as INTERRUPTED,
                after the epochs it had finished, and is in `outcomes`. Before all runners had
                begun, there are no outcomes.
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
        """Tells the runners the next epoch at which trials are compared or end."""
        if self.epoch == self.expected:
            ends = sorted({*self.rungs, *(self.lengths[n] for n in self.running), self.epochs})
            self.expected = next(e for e in ends if e > self.epoch)
            own = [heat.runner for heat in self.heats] if self.heats else self.runners
            for runner in own:
                runner.expect(self.epoch, self.expected)

    @property
    def at_rest(self) -> bool:
        """Whether the state after the last epoch can be saved now."""
        return all(heat.runner.at_rest for heat in self.heats)

    def fail(self, error: BaseException) -> None:
        """Ends the started trials after an error that stopped all training.

        If the error is known to be another training's, they are interrupted, not failed.
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
        """Restores a saved state, instead of beginning.

        Raises:
            ValueError: the state is of other trials.
            OSError: a file is missing.
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
        """Starts a runner and records its initial losses."""
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
        """Appends to the curve of each row of a trial.

        Args:
            lane: the lane of the trial.
            known: all rows of its runner.
            own: the indices of the trial's rows.
            numbers: metrics of all rows, by name.
        """
        reached = numbers.get(self.goal.curve, [])
        for i in own:
            lane.members.setdefault((known[i].seed, known[i].fold), []).append(reached[i])

    def advance(self, heat: _Heat, epoch: int) -> None:
        """Trains a runner for one epoch; trials that diverge get their outcome and leave."""
        progress = heat.runner.epoch(epoch)
        rows = len(progress.left)
        leaves, lost = np.zeros((2, rows), bool)
        for number, reason in progress.failed.items():
            self.end([number], "FAILED", reason)
        for number, final in progress.over.items():
            self.lanes[number].end_with(final)
            self.end([number], "COMPLETE", f"ended by itself after epoch {epoch - 1}")
        if heat.guard is not None and GUARDED in progress.metrics:
            # The guard may see numbers of rows that left: each row is compared with itself only.
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
        """Ends a trial with a row that is no longer finite, as diverged at the first such step."""
        within = [int(progress.left_at[row]) for row in rows if progress.left_at[row] > 0]
        step = min(within or [int(progress.steps[row]) for row in rows])
        reason = f"loss or parameters not finite at step {step}, in epoch {epoch}"
        self.diverge(lane, reason, step / (self.epochs * lane.steps))

    def above_start(self, lane: Lane, how: str, epoch: int) -> None:
        """Ends a trial as diverged, because its training loss is above its initial one.

        Args:
            lane: the lane of the trial.
            how: how far above, or when this was checked, in words.
            epoch: the epoch after which this was found.
        """
        first = lane.curve().train[0]
        reason = f"training loss above its initial {first:.4g} {how}"
        self.diverge(lane, f"{reason}, epoch {epoch}", epoch / self.epochs)

    def diverge(self, lane: Lane, reason: str, share: float) -> None:
        """Ends a trial as diverged; share: the share of the full training until then."""
        self.outcomes[lane.trial.number] = lane.outcome("DIVERGED", reason, share)

    def halve(self, epoch: int, entered: int) -> int:
        """Prunes trials at a rung; returns how many survive.

        Trials of an optimizer's defaults always train to the end: they are the baseline of tuning.
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
        """Ends trials that reached their length; those above their start end as diverged."""
        for number in [n for n in numbers if self.lanes[n].lost or self.lanes[n].far_above]:
            self.above_start(self.lanes[number], "at the end", self.epoch)
        left = [n for n in numbers if n not in self.outcomes]
        self.end(left, "COMPLETE", f"trained all {self.epoch} epochs")

    def end(self, numbers: Sequence[int], state: State, reason: str) -> None:
        """Ends trials in a state, with a reason in words."""
        for number in numbers:
            self.outcomes[number] = self.lanes[number].outcome(state, reason)

    def compact(self) -> None:
        """Drops trials that have ended, and runners without trials."""
        running = self.running
        for heat in self.heats:
            heat.keep(running)
        self.heats = [heat for heat in self.heats if heat.rows]
