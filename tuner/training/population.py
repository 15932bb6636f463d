"""A population: many models of one structure, each a row of one matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from tuner.training import optimizers, schedules
from tuner.training.kernels.input_checks import check_array
from tuner.training.problems import Problem
from tuner.training.slots import Slot

Array = np.ndarray


@dataclass(frozen=True)
class Member:
    """What a row is: a trial's settings under one seed, on one fold of the data.

    Attributes:
        trial: its number.
        seed: fixes the initialisation, the order of the batches and what dropout takes out.
        optimizer: its name.
        settings: a number for every hyperparameter of the optimizer.
        schedule: its name.
        schedule_settings: a number for every hyperparameter of the schedule. Those of `parts` are
            paths, as `0.until`, and the names of its schedules are among them, as `0.name`.
        fold: the number of the fold whose part it trains on.
        model_settings: the row's numbers of model and loss: l1, l2, dropout and the loss's own,
            each at its default where it is left out.
    """

    trial: int
    seed: int
    optimizer: str
    settings: Mapping[str, float]
    schedule: str
    schedule_settings: Mapping[str, Any]
    fold: int = 0
    model_settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Population:
    """The rows that train together; training changes its arrays in place.

    Attributes:
        members: one a row, ordered by seed, fold and optimizer, so that the rows of one optimizer,
            seed and fold are neighbours.
        theta: (rows, size) parameters, C-contiguous.
        slots: for each optimizer its state, arrays (its rows, size) or (its rows,), in the order
            of the rows.
        kept: what transforms keep, (rows, size) each: `mean`, the averaged parameters, and `slow`,
            those of Lookahead; empty where no row is transformed so.
        step: (rows,) float64, the steps taken.
        left_at: (rows,) float64, the step at which a row's loss or parameters turned non-finite,
            or 0.
        schedule_state: (rows, 4), what schedules know of the losses (schedules.plateau).
    """

    members: tuple[Member, ...]
    theta: Array
    slots: Mapping[str, tuple[Array, ...]]
    kept: Mapping[str, Array]
    step: Array
    left_at: Array
    schedule_state: Array

    def rows_of(self, optimizer: str) -> list[int]:
        """Numbers of the rows that this optimizer trains, in order: those of its slots."""
        return [row for row, m in enumerate(self.members) if m.optimizer == optimizer]


def _sorted_rows(members: Sequence[Member]) -> list[int]:
    def place(i: int) -> tuple[int, int, str]:
        return members[i].seed, members[i].fold, members[i].optimizer

    return sorted(range(len(members)), key=place)


def create(problem: Problem, members: Sequence[Member]) -> Population:
    """The rows of these members before their first step; rows of one seed start alike."""
    members = tuple(members[i] for i in _sorted_rows(members))
    initial = {seed: problem.initial(seed) for seed in {m.seed for m in members}}
    theta = np.empty((len(members), problem.size), problem.dtype)
    for row, member in enumerate(members):
        theta[row] = initial[member.seed]
    names = [m.optimizer for m in members]
    slots = {}
    for name in dict.fromkeys(names):
        rows = [row for row, n in enumerate(names) if n == name]
        settings = [members[row].settings for row in rows]
        own = optimizers.load(name).slots.values()
        slots[name] = tuple(starting(slot, theta[rows], settings) for slot in own)
    kept = {name: theta.copy() for name in dict.fromkeys(k for m in members for k in keeps(m))}
    steps, left_at = np.zeros(len(members)), np.zeros(len(members))
    state = schedules.initial_state(len(members))
    return Population(members, theta, slots, kept, steps, left_at, state)


def check(population: Population, problem: Problem) -> None:
    """Refuses a population that passes of this problem cannot take.

    Raises:
        ValueError: of rows that are not neighbours where they must be, or of an array that is not
            as `Population` says, or is of another number of parameters or of another dtype.
    """
    kinds = [(m.seed, m.fold, m.optimizer) for m in population.members]
    blocks = 1 + sum(kind != other for kind, other in pairwise(kinds))
    if not kinds or blocks != len(set(kinds)):
        raise ValueError("members: give some, those of one seed, fold and optimizer side by side")
    count, whole = len(kinds), (len(kinds), problem.size)
    check_array("theta", population.theta, whole, problem.dtype)
    for name, array in population.kept.items():
        check_array(f"kept: {name}", array, whole, problem.dtype)
    check_array("step", population.step, (count,), np.float64)
    check_array("left_at", population.left_at, (count,), np.float64)
    check_array("schedule_state", population.schedule_state, (count, 4), np.float64)
    names = [optimizer for _, _, optimizer in kinds]
    if set(names) != population.slots.keys():
        raise ValueError(
            f"slots: of {sorted(population.slots)}: give those of {sorted(set(names))}"
        )
    for optimizer, slots in population.slots.items():
        rows, own = names.count(optimizer), optimizers.load(optimizer).slots
        if len(slots) != len(own):
            raise ValueError(f"slots: {optimizer}: {len(slots)}: give {len(own)}")
        for (name, slot), array in zip(own.items(), slots, strict=True):
            shape, dtype = (
                ((rows,), np.float64) if slot.scalar else ((rows, whole[1]), problem.dtype)
            )
            check_array(f"slots: {optimizer}: {name}", array, shape, dtype)


def keeps(member: Member) -> list[str]:
    """Names of the arrays that the transforms of a member keep."""
    s = member.settings
    averaged = s.get("ema", 0.0) > 0 or s.get("tail_average", 0.0) > 0
    return ["mean"] * averaged + ["slow"] * (s.get("lookahead_rate", 1.0) < 1)


def evaluated(population: Population) -> Array:
    """The parameters that validation sees (rows, size): averages where a row has one."""
    theta = population.theta
    if not population.kept and not any(optimizers.load(n).averages for n in population.slots):
        return theta
    theta = theta.copy()
    for name, arrays in population.slots.items():
        optimizer = optimizers.load(name)
        if optimizer.averages:
            theta[population.rows_of(name)] = arrays[list(optimizer.slots).index("average")]
    for row, member in enumerate(population.members):
        if "mean" in keeps(member):
            theta[row] = population.kept["mean"][row]
    return theta


def starting(slot: Slot, theta: Array, settings: Sequence[Mapping[str, float]]) -> Array:
    """A slot before the first step: (rows, size), or (rows,) float64 for a scalar one.

    Args:
        slot: of the optimizer of all these rows.
        theta: (rows, size), where they start.
        settings: the hyperparameters of each row.
    """
    out = np.empty(len(theta)) if slot.scalar else np.empty_like(theta)
    for row, own in enumerate(settings):
        out[row] = slot.initial(theta[row], own)
    return out


def take(population: Population, keep: Sequence[int] | Array) -> Population:
    """The population of these rows alone, in the order given by `keep` (row numbers)."""
    keep = [int(row) for row in keep]
    members = tuple(population.members[row] for row in keep)
    slots = {}
    for name, arrays in population.slots.items():
        place = {row: i for i, row in enumerate(population.rows_of(name))}
        kept = [place[row] for row in keep if row in place]
        if kept:
            slots[name] = tuple(a[kept] for a in arrays)
    averaged = {name for member in members for name in keeps(member)}
    return Population(
        members,
        population.theta[keep],
        slots,
        {name: array[keep] for name, array in population.kept.items() if name in averaged},
        population.step[keep],
        population.left_at[keep],
        population.schedule_state[keep],
    )


def join(*populations: Population) -> Population:
    """All populations in one; a row goes on from the step that it had reached."""
    names = dict.fromkeys(name for p in populations for name in p.slots)
    parts = {name: [p.slots[name] for p in populations if name in p.slots] for name in names}
    kept = dict.fromkeys(name for p in populations for name in p.kept)
    whole = Population(
        tuple(member for p in populations for member in p.members),
        np.concatenate([p.theta for p in populations]),
        {
            name: tuple(np.concatenate(slots) for slots in zip(*own, strict=True))
            for name, own in parts.items()
        },
        {name: np.concatenate([p.kept.get(name, p.theta) for p in populations]) for name in kept},
        np.concatenate([p.step for p in populations]),
        np.concatenate([p.left_at for p in populations]),
        np.concatenate([p.schedule_state for p in populations]),
    )
    return take(whole, _sorted_rows(whole.members))


def view(population: Population, start: int, stop: int) -> Population:
    """Rows start to stop as views: what is done to them is done to the population."""
    members = population.members[start:stop]
    slots = {}
    for name in dict.fromkeys(m.optimizer for m in members):
        before = sum(m.optimizer == name for m in population.members[:start])
        count = sum(m.optimizer == name for m in members)
        slots[name] = tuple(a[before : before + count] for a in population.slots[name])
    return replace(
        population,
        members=members,
        theta=population.theta[start:stop],
        slots=slots,
        kept={name: array[start:stop] for name, array in population.kept.items()},
        step=population.step[start:stop],
        left_at=population.left_at[start:stop],
        schedule_state=population.schedule_state[start:stop],
    )
