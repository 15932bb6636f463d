"""A population spread over workers: each trains a share of its rows from bound to bound.

Rows never interact, so the way they are shared out changes no result. Workers return the losses of
each epoch, and the state at certain epochs, the bounds. What is lost with a worker is trained again
from the last bound.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from tuner.search.runner import Progress
from tuner.study.runners.population import PopulationRunner
from tuner.study.workers import legs
from tuner.study.workers.legs import Kind, Leg
from tuner.study.workers.pool import Pool
from tuner.training.loop import Trainer
from tuner.training.population import Member, Population, join, take

Array = np.ndarray

# Seconds between two bounds: at most this much is trained again after a kill.
BETWEEN = 5.0

# Up to SHARES shares per slot, if each has ROWS rows or more: a worker that finishes early, or
# joins late, takes another one.
SHARES, ROWS = 3, 8


class Bounds:
    """The epochs at which the states of all rows of a race come back.

    Args:
        seconds: the known seconds per row and epoch, by the name of a structure; kept from race to
            race.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds
        self.rows: dict[str, int] = {}
        self.known: list[int] = []

    def after(self, epoch: int, until: int, slots: int) -> int:
        """The bound after an epoch, the same for all shares.

        Args:
            epoch: the bound before, or the start of the race.
            until: the last possible bound.
            slots: how many legs may run at once.
        """
        for bound in self.known:
            if bound > epoch:
                return bound
        epochs = 1
        if self.rows.keys() <= self.seconds.keys():
            shares = {name: max(1.0, count / slots) for name, count in self.rows.items()}
            seconds = sum(share * self.seconds[name] for name, share in shares.items())
            epochs = max(1, int(BETWEEN / max(seconds, 1e-9)))
        self.known.append(min(epoch + epochs, until))
        return self.known[-1]


@dataclass
class _Trained:
    """A leg of a share, running or done: its rows, its first and its last epoch."""

    members: Sequence[Member]
    after: int
    until: int
    future: Any = None
    found: Leg | None = None


@dataclass
class _Share:
    """Some rows, with their unreported legs in order."""

    trained: list[_Trained] = field(default_factory=list)


class SpreadRunner(PopulationRunner):
    """Members of one structure, trained by workers; its population is that of the last bound.

    Args:
        trainer: a trainer of that structure; it trains nothing in this process.
        members: one per row.
        name: identifies the structure within the race.
        pool: the workers.
        bounds: the bounds of the race.
    """

    def __init__(
        self, trainer: Trainer, members: Sequence[Member], name: str, pool: Pool, bounds: Bounds
    ) -> None:
        super().__init__(trainer, members)
        self.name, self.pool, self.bounds = name, pool, bounds
        self.shares: list[_Share] = []
        self.firsts: list[Any] = []
        self.found: dict[int, Mapping[str, Array]] = {}
        # The last reported epoch, the epoch of the population, and the next rung.
        self.at = self.bound = self.until = 0
        bounds.rows[name] = len(members)

    @cached_property
    def kind(self) -> Kind:
        """What the workers need to train all members; it is sent once."""
        problem, members = self.trainer.problem, self.population.members
        self.pool.compile_for(problem, members)
        return self.pool.kind(problem, self.trainer.total_steps // problem.steps)

    @property
    def at_rest(self) -> bool:
        return self.at == self.bound

    def expect(self, after: int, until: int) -> None:
        """Shares all rows out among the present workers, after a rung."""
        self.at, self.bound, self.until = after, after, until
        if not after:
            self.look()
        self.cancel()
        self.pool.count()
        members = self.population.members
        self.bounds.rows[self.name] = len(members)
        for start, stop in shares(len(members), self.pool.slots):
            own = range(start, stop)
            state = take(self.population, own) if after else None
            share = _Share()
            self.shares.append(share)
            self.train(share, members[start:stop], state, after)

    def look(self) -> None:
        """Submits the losses before the first step, once for rows that have the same."""
        members = self.population.members
        kinds = self.at_first()
        firsts = [members[kinds.index(kind)] for kind in dict.fromkeys(kinds)]
        for place, (start, stop) in enumerate(shares(len(firsts), self.pool.slots)):
            own = firsts[start:stop]
            hear = partial(self.found.__setitem__, place)
            self.firsts.append(self.pool.submit(hear, legs.begin, self.kind, own))

    def at_first(self) -> list[Any]:
        """For each row, the key of what determines its losses before the first step."""
        problem = self.trainer.problem
        return [problem.alike_at_first(member) for member in self.population.members]

    def start(self) -> Mapping[str, Array]:
        if not self.firsts:
            self.look()
        while len(self.found) < len(self.firsts):
            self.pool.wait()
        parts = [self.found[place] for place in range(len(self.firsts))]
        kinds = self.at_first()
        places = {kind: place for place, kind in enumerate(dict.fromkeys(kinds))}
        rows = [places[kind] for kind in kinds]
        return {name: np.concatenate([p[name] for p in parts])[rows] for name in parts[0]}

    def train(
        self, share: _Share, members: Sequence[Member], state: Population | None, after: int
    ) -> None:
        """Submits the training of a share from one bound to the next."""
        until = self.bounds.after(after, self.until, self.pool.slots)
        own = _Trained(members, after, until)
        share.trained.append(own)
        hear = partial(self.came, share, own)
        own.future = self.pool.submit(hear, legs.run, self.kind, members, state, after, until)

    def came(self, share: _Share, own: _Trained, leg: Leg) -> None:
        """Takes a finished leg, and submits the next one with the rows that have not left."""
        if own not in share.trained or share not in self.shares:
            return  # cancelled meanwhile
        own.found, own.future = leg, None
        self.pool.heard(leg.numerics)
        self.bounds.seconds[self.name] = leg.seconds / len(own.members)
        rows = self.running(own)
        if own.until < self.until and rows:
            state = take(leg.population, rows)
            self.train(share, state.members, state, own.until)

    def running(self, own: _Trained) -> list[int]:
        """The rows of a leg that have not left."""
        trials = {member.trial for member in self.population.members}
        return [row for row, member in enumerate(own.members) if member.trial in trials]

    def epoch(self, epoch: int) -> Progress:
        if not self.shares:
            self.expect(epoch - 1, epoch)
        while not all(share.trained and share.trained[0].found for share in self.shares):
            self.pool.wait()
        self.at, parts, states = epoch, [], []
        for share in self.shares:
            own = share.trained[0]
            assert own.found is not None
            rows = self.running(own)
            said = own.found.epochs[epoch - own.after - 1]
            parts.append(said.take(rows))
            if own.until == epoch:
                states.append(take(own.found.population, rows))
                share.trained.pop(0)
        if states:
            self.population, self.bound = join(*states), epoch
        if epoch == self.until:
            self.cancel()
        return Progress(
            {name: np.concatenate([p.metrics[name] for p in parts]) for name in parts[0].metrics},
            np.concatenate([said.left for said in parts]),
            np.concatenate([said.steps for said in parts]),
            np.concatenate([said.left_at for said in parts]),
        )

    def keep(self, trials: Collection[int]) -> None:
        super().keep(trials)
        for share in [s for s in self.shares if not any(map(self.running, s.trained))]:
            self.shares.remove(share)
            self.pool.cancel([own.future for own in share.trained if own.future is not None])

    def close(self) -> None:
        self.pool.cancel(self.firsts)
        self.cancel()

    def cancel(self) -> None:
        """Cancels all running legs."""
        left = [own.future for share in self.shares for own in share.trained]
        self.pool.cancel([future for future in left if future is not None])
        self.shares = []


def shares(rows: int, slots: int) -> list[tuple[int, int]]:
    """Splits rows into non-empty shares (start, stop): one per slot, or more for many rows."""
    count = min(rows, max(slots, min(SHARES * slots, rows // ROWS)))
    edges = [rows * i // count for i in range(count + 1)] if count else []
    return list(pairwise(edges))
