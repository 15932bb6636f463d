"""Racing: a cohort trains in lockstep; trials that diverge or lose leave, the rest go on."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuner.search.pruners import Rule
from tuner.search.trials import Goal, Outcome, State, Trial
from tuner.training.curves import Curve, Guard, diagnose
from tuner.training.loop import Interrupted, Trainer
from tuner.training.population import Member, Population, create, take
from tuner.training.schedules import MOMENTA


@dataclass(frozen=True)
class Group:
    """Members alike in structure and what trains them; all members of a trial are in one group."""

    trainer: Trainer
    members: Sequence[Member]


@dataclass
class _Lane:
    """A trial under way: the mean curves of its members so far."""

    trial: Trial
    goal: Goal
    steps: int = 1
    initial: dict[str, float] = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=dict)
    members: dict[tuple[int, int], float] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)
    lost: bool = False

    @property
    def value(self) -> float:
        """What is minimised, as of the last epoch."""
        return self.goal.turn(self.curves[self.goal.curve][-1])

    def add(self, means: Mapping[str, float]) -> None:
        for name, number in means.items():
            self.curves.setdefault(name, []).append(number)

    def curve(self) -> Curve:
        def known(name: str) -> np.ndarray:
            return np.array(self.curves.get(name, []))

        def whole(name: str) -> np.ndarray:
            return np.array([self.initial[name], *self.curves.get(name, [])])

        return Curve(
            whole("train_loss"),
            whole("validation_loss") if "validation_loss" in self.initial else np.empty(0),
            known("learning_rate"),
            known("gradient_norm"),
            known("update_ratio"),
            self.steps,
        )

    def outcome(self, state: State, reason: str, diverged_at: float | None = None) -> Outcome:
        d = diagnose(self.curve(), reason if diverged_at is not None else "")
        epochs = len(self.curves.get("train_loss", []))
        return Outcome(
            self.trial, state, reason, epochs, self.initial, self.curves, self.rungs, diverged_at,
            d.label, d.evidence, d.advice, self.goal, self.members,
        )  # fmt: skip


@dataclass
class _Heat:
    """A population under way: who guards its rows, and the rows of each trial."""

    trainer: Trainer
    population: Population
    guard: Guard
    rows: dict[int, list[int]]

    @property
    def members(self) -> tuple[Member, ...]:
        return self.population.members

    def keep(self, running: Sequence[int]) -> None:
        """Leaves only the rows of these trials."""
        gone = self.rows.keys() - set(running)
        if gone:
            stay = [row for row, m in enumerate(self.members) if m.trial not in gone]
            self.population, self.guard = take(self.population, stay), self.guard.take(stay)
            self.rows = rows_of(self.population)


def rows_of(population: Population) -> dict[int, list[int]]:
    """The rows of each trial."""
    rows: dict[int, list[int]] = {}
    for row, member in enumerate(population.members):
        rows.setdefault(member.trial, []).append(row)
    return rows


def mean(numbers: Sequence[float]) -> float:
    """Exact to the last digit, whatever the order; a lone number is itself."""
    return numbers[0] if len(numbers) == 1 else math.fsum(numbers) / len(numbers)


class Race:
    """One cohort through all its epochs.

    A trial is one member or several (seeds, folds): its curves are the means over them, it diverges
    when one of them does, and it leaves with all of them.

    groups: the members by structure; epochs: the full length; goal: what is minimised; on_epoch is
    called after each epoch with its number; out_of_budget is asked after each epoch but the last
    and names the budget that is spent, or "".
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        groups: Sequence[Group],
        rule: Rule,
        epochs: int,
        goal: Goal = Goal(),  # noqa: B008 (frozen)
        on_epoch: Callable[[int, "Race"], None] = lambda epoch, race: None,
        out_of_budget: Callable[["Race"], str] = lambda race: "",
    ) -> None:
        self.lanes = {trial.number: _Lane(trial, goal) for trial in trials}
        self.groups, self.heats = groups, list[_Heat]()
        self.rule, self.epochs, self.goal = rule, epochs, goal
        self.on_epoch, self.out_of_budget = on_epoch, out_of_budget
        self.outcomes: dict[int, Outcome] = {}

    @property
    def running(self) -> list[int]:
        return [number for number in self.lanes if number not in self.outcomes]

    @property
    def trained(self) -> int:
        """Epochs that members were trained so far, all together."""
        return sum(
            len(lane.curves.get("train_loss", [])) * max(1, len(lane.members))
            for lane in self.lanes.values()
        )

    def run(self) -> list[Outcome]:
        """Outcomes in the order of the trials' numbers.

        Training that is interrupted ends every running trial as INTERRUPTED, by the epochs it had
        finished, and raises Interrupted; `outcomes` holds them.
        """
        self.heats = [self.begin(group) for group in self.groups]
        rungs, entered = self.rule.rungs(self.epochs), len(self.lanes)
        try:
            for epoch in range(1, self.epochs + 1):
                for heat in self.heats:
                    self.advance(heat, epoch)
                if epoch in rungs:
                    entered = self.halve(epoch, entered)
                self.on_epoch(epoch, self)
                if epoch < self.epochs and (spent := self.out_of_budget(self)):
                    self.end(self.running, "PRUNED", f"{spent} was up at epoch {epoch}")
                self.compact()
                if not self.heats:
                    break
        except Interrupted:
            self.end(self.running, "INTERRUPTED", "training was interrupted")
            raise
        for number in [n for n in self.running if self.lanes[n].lost]:
            self.above_start(self.lanes[number], "at the end", self.epochs)
        self.end(self.running, "COMPLETE", f"trained all {self.epochs} epochs")
        return [self.outcomes[number] for number in sorted(self.outcomes)]

    def begin(self, group: Group) -> _Heat:
        """A population before its first step, its initial losses known."""
        trainer, problem = group.trainer, group.trainer.problem
        population = create(problem, group.members)
        start = trainer.start(population)
        momentum = np.array([momentum_of(m) for m in population.members])
        guard = Guard.at(start.metrics["train_loss"], momentum, problem.steps)
        heat = _Heat(trainer, population, guard, rows_of(population))
        numbers = {name: values.tolist() for name, values in start.metrics.items()}
        for number, rows in heat.rows.items():
            lane = self.lanes[number]
            lane.steps = problem.steps
            lane.initial = {k: mean([v[row] for row in rows]) for k, v in numbers.items()}
            self.remember(lane, heat, rows, numbers)
        return heat

    def remember(
        self, lane: _Lane, heat: _Heat, rows: Sequence[int], numbers: Mapping[str, list[float]]
    ) -> None:
        """Keeps what each member of a trial has reached."""
        reached = numbers.get(self.goal.curve, [])
        for row in rows:
            member = heat.members[row]
            lane.members[member.seed, member.fold] = reached[row]

    def advance(self, heat: _Heat, epoch: int) -> None:
        """One epoch of a population; diverged trials get their outcome and leave."""
        result = heat.trainer.epoch(heat.population, epoch)
        # What a row that left says is not read, but those beside it are compared.
        heat.guard = heat.guard.after(result.metrics["train_loss"])
        leaves, lost = heat.guard.leaves, heat.guard.lost
        numbers = {name: values.tolist() for name, values in result.metrics.items()}
        for number, rows in heat.rows.items():
            lane = self.lanes[number]
            if result.left[rows].any():
                self.not_finite(lane, heat, rows, epoch)
                continue
            lane.add({k: mean([v[row] for row in rows]) for k, v in numbers.items()})
            self.remember(lane, heat, rows, numbers)
            lane.lost = bool(lost[rows].any())
            if leaves[rows].any():
                self.above_start(lane, f"up to {numbers['train_loss'][rows[0]]:.4g}", epoch)
        heat.keep(self.running)

    def not_finite(self, lane: _Lane, heat: _Heat, rows: Sequence[int], epoch: int) -> None:
        population = heat.population
        steps = [int(population.left_at[r]) or int(population.step[r]) for r in rows]
        left = [s for s, r in zip(steps, rows, strict=True) if population.left_at[r] > 0] or steps
        reason = f"loss or parameters not finite at step {min(left)}, in epoch {epoch}"
        self.diverge(lane, reason, min(left) / heat.trainer.total_steps)

    def above_start(self, lane: _Lane, how: str, epoch: int) -> None:
        reason = f"training loss above its initial {lane.initial['train_loss']:.4g} {how}"
        self.diverge(lane, f"{reason}, epoch {epoch}", epoch / self.epochs)

    def diverge(self, lane: _Lane, reason: str, share: float) -> None:
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

    def end(self, numbers: Sequence[int], state: State, reason: str) -> None:
        for number in numbers:
            self.outcomes[number] = self.lanes[number].outcome(state, reason)

    def compact(self) -> None:
        """Leaves only running trials in the populations."""
        running = self.running
        for heat in self.heats:
            heat.keep(running)
        self.heats = [heat for heat in self.heats if heat.rows]


def momentum_of(member: Member) -> float:
    """The share of its velocity that the member's optimizer keeps from one step to the next."""
    return max((float(member.settings.get(key, 0.0)) for key in MOMENTA), default=0.0)
