"""Racing: a cohort trains in lockstep; rows that diverge or lose leave, the rest go on."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuner.search.trials import Outcome, State, Trial
from tuner.training.curves import diagnose, stands_above_start
from tuner.training.loop import Epoch, Interrupted, Trainer
from tuner.training.population import Member, Population, create, take


@dataclass(frozen=True)
class Halving:
    """Lockstep successive halving (Jamieson & Talwalkar 2016) by the current validation loss.

    At each rung the best `keep` of the trials that reached the rung before go on. The first rung
    lies at the share `first_rung` of the epochs, the next ones 1 / keep times later each. All
    trials keep the schedule of their full length, so rungs are comparable.
    """

    keep: float = 0.5
    first_rung: float = 0.1

    def rungs(self, epochs: int) -> list[int]:
        """Epochs after which trials are compared, all before the last one."""
        rungs, share = [], self.first_rung
        while (epoch := math.ceil(share * epochs - 1e-9)) < epochs:
            rungs.append(epoch)
            share = max(share / self.keep, (epoch + 1) / epochs)
        return rungs

    def survivors(self, losses: Mapping[int, float], entered: int) -> set[int]:
        """Numbers of the trials that go on.

        losses: current validation losses by trial number; entered: how many trials there were
        after the rung before, those that left since included. Ties go to the lower number.
        """
        ranked = sorted(losses, key=lambda number: (losses[number], number))
        return set(ranked[: max(1, math.ceil(self.keep * entered - 1e-9))])


@dataclass(frozen=True)
class NoPruning:
    """Every trial trains to the end, unless it diverges."""

    def rungs(self, epochs: int) -> list[int]:
        return []

    def survivors(self, losses: Mapping[int, float], entered: int) -> set[int]:
        return set(losses)


Pruner = Halving | NoPruning


@dataclass
class _Lane:
    """A trial under way: its curves so far."""

    trial: Trial
    initial: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)

    def add(self, metrics: Mapping[str, np.ndarray], row: int) -> None:
        for name, values in metrics.items():
            self.curves.setdefault(name, []).append(float(values[row]))

    def train_losses(self) -> np.ndarray:
        return np.array([self.initial["train_loss"], *self.curves.get("train_loss", [])])

    def outcome(self, state: State, reason: str, diverged_at: float | None = None) -> Outcome:
        ratios = np.array(self.curves.get("update_ratio", []))
        d = diagnose(self.train_losses(), ratios, diverged_at is not None)
        epochs = len(ratios)
        return Outcome(
            self.trial, state, reason, epochs, self.initial, self.curves, self.rungs, diverged_at,
            d.label, d.evidence, d.advice,
        )  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Trials alike in structure: what trains them, and the row of each."""

    trainer: Trainer
    members: Sequence[Member]


class Race:
    """One cohort through all its epochs.

    groups: the trials by structure; epochs: the full length; on_epoch is called after each epoch
    with its number and the validation losses of the trials still running; time_is_up is asked
    after each epoch whether to stop.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        groups: Sequence[Group],
        pruner: Pruner,
        epochs: int,
        on_epoch: Callable[[int, "Race"], None] = lambda epoch, race: None,
        time_is_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.lanes = {trial.number: _Lane(trial) for trial in trials}
        self.groups = [(g.trainer, create(g.trainer.problem, g.members)) for g in groups]
        self.pruner, self.epochs = pruner, epochs
        self.on_epoch, self.time_is_up = on_epoch, time_is_up
        self.outcomes: dict[int, Outcome] = {}

    @property
    def running(self) -> list[int]:
        return [number for number in self.lanes if number not in self.outcomes]

    def run(self) -> list[Outcome]:
        """Outcomes in the order of the trials' numbers.

        Training that is interrupted ends every running trial as INTERRUPTED, by the epochs it had
        finished, and raises Interrupted; `outcomes` holds them.
        """
        for trainer, population in self.groups:
            self.begin(trainer.start(population), population)
        rungs, entered = self.pruner.rungs(self.epochs), len(self.lanes)
        try:
            for epoch in range(1, self.epochs + 1):
                self.groups = [(t, self.advance(t, p, epoch)) for t, p in self.groups]
                if epoch in rungs:
                    entered = self.halve(epoch, entered)
                self.on_epoch(epoch, self)
                if epoch < self.epochs and self.time_is_up():
                    self.end(self.running, "PRUNED", f"budget.seconds was up at epoch {epoch}")
                self.compact()
                if not self.groups:
                    break
        except Interrupted:
            self.end(self.running, "INTERRUPTED", "training was interrupted")
            raise
        self.end(self.running, "COMPLETE", f"trained all {self.epochs} epochs")
        return [self.outcomes[number] for number in sorted(self.outcomes)]

    def begin(self, start: Epoch, population: Population) -> None:
        for row, member in enumerate(population.members):
            initial = {name: float(values[row]) for name, values in start.metrics.items()}
            self.lanes[member.trial].initial = initial

    def advance(self, trainer: Trainer, population: Population, epoch: int) -> Population:
        """One epoch of a population; diverged rows get their outcome and leave."""
        result = trainer.epoch(population, epoch)
        stay = []
        for row, member in enumerate(population.members):
            lane = self.lanes[member.trial]
            if result.left[row]:
                step = int(population.left_at[row]) or int(population.step[row])
                reason = f"loss or parameters not finite at step {step}, in epoch {epoch}"
                self.diverge(lane, reason, step / trainer.total_steps)
                continue
            lane.add(result.metrics, row)
            losses = lane.train_losses()
            if stands_above_start(losses[:, None])[0]:
                reason = (
                    f"training loss above its initial {losses[0]:.4g} up to {losses[-1]:.4g} "
                    f"at epoch {epoch}"
                )
                self.diverge(lane, reason, epoch / self.epochs)
                continue
            stay.append(row)
        return take(population, stay) if len(stay) < len(population.members) else population

    def diverge(self, lane: _Lane, reason: str, share: float) -> None:
        self.outcomes[lane.trial.number] = lane.outcome("DIVERGED", reason, share)

    def halve(self, epoch: int, entered: int) -> int:
        """Ends the trials that lose this rung; returns how many go on."""
        losses = {n: self.lanes[n].curves["validation_loss"][-1] for n in self.running}
        for number, loss in losses.items():
            self.lanes[number].rungs[epoch] = loss
        survivors = self.pruner.survivors(losses, entered)
        for number, loss in losses.items():
            if number in survivors:
                continue
            lane = self.lanes[number]
            if lane.train_losses()[-1] > lane.train_losses()[0]:
                reason = f"training loss above its initial one at the rung of epoch {epoch}"
                self.diverge(lane, reason, epoch / self.epochs)
            else:
                reason = f"validation loss {loss:.4g} not among the best {len(survivors)}"
                self.end([number], "PRUNED", f"{reason} of its cohort at epoch {epoch}")
        return len(survivors)

    def end(self, numbers: Sequence[int], state: State, reason: str) -> None:
        for number in numbers:
            self.outcomes[number] = self.lanes[number].outcome(state, reason)

    def compact(self) -> None:
        """Leaves only running trials in the populations."""
        groups = []
        for trainer, population in self.groups:
            stay = [r for r, m in enumerate(population.members) if m.trial not in self.outcomes]
            if len(stay) < len(population.members):
                population = take(population, stay)
            if stay:
                groups.append((trainer, population))
        self.groups = groups
