"""A runner for tuner's own models: each model is a row of one matrix."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from tuner.files import read_json
from tuner.search.runner import Progress, Row, Runner
from tuner.training.loop import Trainer
from tuner.training.population import Member, Population, create, take
from tuner.training.schedules import MOMENTA

Array = np.ndarray

ARRAYS, MEMBERS = "population.npz", "members.json"


class PopulationRunner(Runner):
    """Members of one structure, trained by one trainer; all members of a trial are in one runner.

    Args:
        trainer: a trainer of that structure; its creator ends its threads.
        members: one per row.
    """

    def __init__(self, trainer: Trainer, members: Sequence[Member]) -> None:
        self.trainer = trainer
        self.population = create(trainer.problem, members)

    @property
    def rows(self) -> list[Row]:
        return [Row(m.trial, m.seed, m.fold) for m in self.population.members]

    @property
    def steps(self) -> int:
        return self.trainer.problem.steps

    @property
    def momentum(self) -> Array:
        return np.array([momentum_of(member) for member in self.population.members])

    def start(self) -> Mapping[str, Array]:
        return self.trainer.start(self.population).metrics

    def epoch(self, epoch: int) -> Progress:
        trained, own = self.trainer.epoch(self.population, epoch), self.population
        return Progress(trained.metrics, trained.left, own.step, own.left_at)

    def keep(self, trials: Collection[int]) -> None:
        members = self.population.members
        self.population = take(
            self.population, [row for row, m in enumerate(members) if m.trial in trials]
        )

    def save(self, folder: Path) -> None:
        (folder / MEMBERS).write_text(json.dumps(self._members()), encoding="utf-8")
        np.savez(folder / ARRAYS, allow_pickle=False, **_arrays(self.population))

    def restore(self, folder: Path) -> None:
        members = read_json(folder / MEMBERS)
        self.keep({trial for trial, *_ in members})
        if members != self._members():
            raise ValueError(f"{folder}: holds other trials than these")
        own = _arrays(self.population)
        with np.load(folder / ARRAYS, allow_pickle=False) as saved:
            if set(saved.files) != set(own):
                raise ValueError(f"{folder}: holds other arrays than these trials have")
            for name, array in own.items():
                if saved[name].shape != array.shape or saved[name].dtype != array.dtype:
                    raise ValueError(f"{folder}: {name} does not fit these trials")
                array[...] = saved[name]

    def _members(self) -> list[list[object]]:
        """What identifies the rows, in the form that JSON returns."""
        return [
            [*row, m.optimizer] for row, m in zip(self.rows, self.population.members, strict=True)
        ]


def momentum_of(member: Member) -> float:
    """The share of its velocity that the member's optimizer keeps from one step to the next."""
    return max((float(member.settings.get(key, 0.0)) for key in MOMENTA), default=0.0)


def _arrays(population: Population) -> dict[str, Array]:
    """All arrays that training changes, by name."""
    own = {
        name: getattr(population, name) for name in ("theta", "step", "left_at", "schedule_state")
    }
    own |= {f"kept.{name}": array for name, array in population.kept.items()}
    for optimizer, slots in population.slots.items():
        own |= {f"slot.{optimizer}.{i}": slot for i, slot in enumerate(slots)}
    return own
