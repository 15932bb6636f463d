"""Random problems, some of them spoilt, under numba's check of bounds: a process that must not die.

    NUMBA_BOUNDSCHECK=1 python -m tests.training.fuzz SEED CASES [all]

Each case trains, or is refused at the door with a ValueError, as what was done to it says. The
last line is a count of the cases by what was done to them; `all` draws every task, each with one
dtype, which are many to compile.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from traceback import extract_tb
from typing import Any

import numpy as np

from tests.training.conftest import TASKS, compressed, member, targets
from tuner.training import losses
from tuner.training.blocks import update_ratio
from tuner.training.kernels.sparse import CSR
from tuner.training.loop import Trainer
from tuner.training.models import MLP
from tuner.training.population import Population, create
from tuner.training.problems import Fold, Part, Supervised

# Where a refusal comes from; any other error is one from inside.
DOORS = {"fold_checks.py", "input_checks.py", "population.py", "problems.py"}

# Each dtype with half of the tasks: what is compiled of both is the same source.
DTYPES = dict(zip(sorted(TASKS), cycle([np.float32, np.float64]), strict=False))

Array = np.ndarray
Rng = np.random.Generator


@dataclass
class Case:
    """A problem under way to be made: what is spoilt is spoilt in here."""

    rng: Rng
    task: str
    dtype: Any
    sparse: bool
    features: int
    parts: list[Part]
    hidden: tuple[int, ...] = ()
    batch_size: int = 8
    # What the population becomes before it is trained, and the batches of an epoch.
    population: Callable[[Population], Population] = field(default=lambda population: population)
    batches: Callable[[Sequence[Array]], Sequence[Array]] = field(default=lambda batches: batches)

    def spoil(self, **changed: Callable[[Any], Any]) -> None:
        """Changes fields of one part."""
        place = int(self.rng.integers(len(self.parts)))
        part = self.parts[place]
        own = {name: change(getattr(part, name)) for name, change in changed.items()}
        self.parts[place] = part._replace(**own)

    def spoil_rows(self, **changed: Callable[[Any], Any]) -> None:
        """Changes fields of the rows of one part, which are CSR."""

        def change(X: CSR) -> CSR:
            return X._replace(**{name: new(getattr(X, name)) for name, new in changed.items()})

        self.spoil(X=change)


def drawn(rng: Rng, sparse: bool, everything: bool) -> Case:
    """A case in which all is well."""
    task = str(rng.choice(sorted(TASKS))) if everything else "multiclass"
    dtype = DTYPES[task] if everything else np.float64
    features = int(rng.integers(1, 9))

    def part(weighted: bool) -> Part:
        samples = int(rng.integers(1, 40))
        X = rng.normal(size=(samples, features)).astype(dtype)
        weights = rng.gamma(1.0, size=samples).astype(dtype) if weighted else None
        if sparse:
            X[rng.random(X.shape) < rng.random()] = 0
            X[0, 0] = 1
        X = narrow(compressed(X)) if sparse else X
        return Part(X, targets(task, samples, rng, dtype), weights)

    parts = [part(bool(rng.random() < 0.5)) for _ in range(2 * int(rng.integers(1, 4)))]
    hidden = (int(rng.integers(1, 5)),) if everything and rng.random() < 0.5 else ()
    return Case(rng, task, dtype, sparse, features, parts, hidden, int(rng.integers(1, 50)))


def narrow(X: CSR) -> CSR:
    return X._replace(columns=X.columns.astype(np.int32))


def with_at(array: Array, place: int, value: Any) -> Array:
    """A copy with one number in place of another."""
    out = array.copy()
    out[place] = value
    return out


def strided(array: Array) -> Array:
    """The same numbers, every other of an array twice as long."""
    return np.repeat(array, 2, axis=0)[::2]


def unaligned(array: Array) -> Array:
    room = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    room[...] = array
    return room


def locked(array: Array) -> Array:
    out = array.copy()
    out.flags.writeable = False
    return out


def weights_of(change: Callable[[Array], Any]) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        place = int(case.rng.integers(len(case.parts)))
        part = case.parts[place]
        case.parts[place] = part._replace(weights=change(np.ones(len(part.y), case.dtype)))

    return spoil


def in_part(**changed: Callable[[Any], Any]) -> Callable[[Case], None]:
    return lambda case: case.spoil(**changed)


def in_rows(**changed: Callable[[Any], Any]) -> Callable[[Case], None]:
    return lambda case: case.spoil_rows(**changed)


def in_population(change: Callable[[Population], Population]) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.population = change

    return spoil


def in_batches(change: Callable[[list[Array]], Sequence[Array]]) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.batches = lambda batches: change(list(batches))

    return spoil


def in_slots(change: Callable[[Array], Array]) -> Callable[[Case], None]:
    def changed(p: Population) -> Population:
        slots = {name: tuple(map(change, own)) for name, own in p.slots.items()}
        return replace(p, slots=slots)

    return in_population(changed)


# Of any array of numbers.
ARRAYS: dict[str, Callable[[Array], Any]] = {
    "short": lambda a: a[:-1].copy(),
    "long": lambda a: np.concatenate([a, a[:1]]),
    "empty": lambda a: a[:0].copy(),
    "strided": lambda a: strided(a) if len(a) > 1 else a[:0],
    "unaligned": unaligned,
    "locked": locked,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "complex": lambda a: a.astype(np.complex128),
    "objects": lambda a: a.astype(object),
    "deep": lambda a: a[None],
    "scalar": lambda a: np.zeros((), a.dtype),
    "list": lambda a: a.tolist(),
    "nothing": lambda a: np.nan,
}
# What is refused, by a name; those of rows are of dense or of sparse ones.
ANY: dict[str, Callable[[Case], None]] = {
    **{f"y {name}": in_part(y=change) for name, change in ARRAYS.items()},
    **{f"weights {name}": weights_of(change) for name, change in ARRAYS.items()},
    "weights negative": weights_of(lambda w: with_at(w, -1, -1.0)),
    "weights nan": weights_of(lambda w: with_at(w, 0, np.nan)),
    "weights inf": weights_of(lambda w: with_at(w, 0, np.inf)),
    "theta narrow": in_population(lambda p: replace(p, theta=p.theta[:, 1:].copy())),
    "theta wide": in_population(lambda p: replace(p, theta=np.hstack([p.theta, p.theta]))),
    "theta few": in_population(lambda p: replace(p, theta=p.theta[1:])),
    "theta columns": in_population(lambda p: replace(p, theta=np.tile(p.theta, 2)[:, ::2])),
    "theta half": in_population(lambda p: replace(p, theta=p.theta.astype(np.float16))),
    "slots short": in_slots(lambda a: a[1:]),
    "slots narrow": in_slots(lambda a: a[:, 1:].copy()),
    "slots half": in_slots(lambda a: a.astype(np.float16)),
    "slots locked": in_slots(locked),
    "slots missing": in_population(lambda p: replace(p, slots={"momentum": ()})),
    "slots of others": in_population(lambda p: replace(p, slots={"adam": p.slots["momentum"]})),
    "step short": in_population(lambda p: replace(p, step=p.step[1:])),
    "step whole": in_population(lambda p: replace(p, step=p.step.astype(int))),
    "left short": in_population(lambda p: replace(p, left_at=p.left_at[:-1])),
    "state narrow": in_population(
        lambda p: replace(p, schedule_state=p.schedule_state[:, :2].copy())
    ),
    "members none": in_population(lambda p: replace(p, members=())),
    "members one": in_population(lambda p: replace(p, members=p.members[:1])),
    "fold beyond": in_population(
        lambda p: replace(p, members=tuple(replace(m, fold=9) for m in p.members))
    ),
    "fold negative": in_population(
        lambda p: replace(p, members=tuple(replace(m, fold=-1) for m in p.members))
    ),
    "batch beyond": in_batches(lambda b: [*b[:-1], with_at(b[-1], 0, 40)]),
    "batch negative": in_batches(lambda b: [with_at(b[0], 0, -1), *b[1:]]),
    "batch empty": in_batches(lambda b: [*b, b[0][:0]]),
    "batch large": in_batches(lambda b: [np.tile(b[0], 50)]),
    "batch of floats": in_batches(lambda b: [own.astype(float) for own in b]),
}
DENSE: dict[str, Callable[[Case], None]] = {
    **{f"X {name}": in_part(X=change) for name, change in ARRAYS.items()},
    "X narrow": in_part(X=lambda X: X[:, 1:].copy()),
    "X wide": in_part(X=lambda X: np.hstack([X, X])),
    "X columns": in_part(X=lambda X: np.hstack([X, X])[:, ::2]),
    "X whole": in_part(X=lambda X: X.astype(int)),
    "X half": in_part(X=lambda X: X.astype(np.float16)),
}
SPARSE: dict[str, Callable[[Case], None]] = {
    **{
        f"X.{part} {name}": in_rows(**{part: change})
        for part in ("values", "columns", "starts")
        for name, change in ARRAYS.items()
    },
    "X dense": in_part(X=lambda X: np.zeros((len(X.starts) - 1, X.features), X.values.dtype)),
    "X of other indices": in_rows(columns=lambda c: c.astype(np.int64)),
    "X narrow": in_rows(features=lambda features: features - 1),
    "X wide": in_rows(features=lambda features: features + 1),
    "columns beyond": in_rows(columns=lambda c: with_at(c, -1, 8)),
    "columns far": in_rows(columns=lambda c: with_at(c, 0, 2**31 - 1)),
    "columns negative": in_rows(columns=lambda c: with_at(c, 0, -1)),
    "columns small": in_rows(columns=lambda c: c.astype(np.int16)),
    "starts beyond": in_rows(starts=lambda s: with_at(s, -1, s[-1] + 1)),
    "starts far": in_rows(starts=lambda s: with_at(s, -1, 2**62)),
    "starts negative": in_rows(starts=lambda s: with_at(s, 0, -1)),
    "starts falling": in_rows(starts=lambda s: np.r_[s[-1] + 1, s[1:]]),
    "starts small": in_rows(starts=lambda s: s.astype(np.int32)),
}


def coded(case: Case) -> dict[str, Callable[[Case], None]]:
    """What is refused of targets: classes that there are not, or numbers that are none."""
    if case.parts[0].y.ndim == 2:
        nan = {"y nan": in_part(y=lambda y: with_at(y, 0, np.nan))}
        return nan | {"y narrow": in_part(y=lambda y: y[:, 1:].copy())}
    return {
        "y beyond": in_part(y=lambda y: with_at(y, -1, max(2, TASKS[case.task]))),
        "y far": in_part(y=lambda y: with_at(y, -1, 2**62)),
        "y negative": in_part(y=lambda y: with_at(y, 0, -1)),
        "y floats": in_part(y=lambda y: y.astype(float)),
        "y small": in_part(y=lambda y: y.astype(np.int32)),
    }


def backwards(X: CSR) -> CSR:
    """The same rows, the non-zeros of each from the right to the left."""
    own = [slice(*bounds) for bounds in zip(X.starts, X.starts[1:], strict=False)]
    order = np.concatenate([np.arange(len(X.values))[s][::-1] for s in own])
    return X._replace(values=X.values[order], columns=X.columns[order])


NOTHING: dict[str, Callable[[Case], None]] = {"nothing": lambda case: None}
# What is as good as before.
HARMLESS: dict[str, Callable[[Case], None]] = {
    "backwards": in_part(X=backwards),
    "twice": in_part(X=lambda X: X._replace(columns=X.columns * 0)),
    "a tail": in_rows(
        values=lambda v: np.concatenate([v, v]), columns=lambda c: np.concatenate([c, c])
    ),
    "all zeros": in_part(
        X=lambda X: narrow(compressed(np.zeros((len(X.starts) - 1, X.features), X.values.dtype)))
    ),
}


class Fuzzed(Supervised):
    """A problem with batches of the case's own."""

    def batches(self, seed: int, epoch: int) -> Sequence[Array]:
        return CASES[-1].batches(super().batches(seed, epoch))


CASES: list[Case] = []


def train(case: Case) -> Mapping[str, Array]:
    """Two epochs of rows of every fold, some of them scored apart; the metrics of the last."""
    CASES[:] = [case]
    folds = tuple(Fold(*pair) for pair in zip(case.parts[::2], case.parts[1::2], strict=False))
    model = MLP(case.features, TASKS[case.task], case.hidden, activation="relu")
    loss = losses.load(losses.fitting(case.task)[0])
    problem = Fuzzed(model, loss, folds, case.batch_size)
    members = [member("momentum", trial=i, lr=1e-3, fold=i % len(folds)) for i in range(4)]
    population = case.population(create(problem, members))
    with Trainer(problem, 2) as trainer:
        trainer.start(population)
        trainer.epoch(population, 1)
        last = trainer.epoch(population, 2)
    problem.model.scores(population.theta[0], folds[0].train.X)
    return last.metrics


def ending(case: Case) -> str:
    """How a case ends: trained, refused, or in words what neither is."""
    try:
        metrics = train(case)
    except Exception as error:
        last = Path(extract_tb(error.__traceback__)[-1].filename).name
        if isinstance(error, ValueError) and last in DOORS:
            return "refused"
        return f"{type(error).__name__} in {last}: {error}"
    finite = all(np.isfinite(values).all() for values in metrics.values())
    return "trained" if finite else f"not finite: {metrics}"


def run(seed: int, count: int, everything: bool) -> Counter[str]:
    """Runs so many cases; each way of spoiling one comes in its turn.

    Raises:
        AssertionError: a case ended otherwise than it must.
    """
    done: Counter[str] = Counter()
    lost: list[Any] = []
    sys.unraisablehook = lost.append  # where code that is entered by a pointer leaves its errors
    for number in range(count):
        turn, sparse = divmod(number, 2)
        case = drawn(np.random.default_rng((seed, number)), bool(sparse), everything)
        ways = ANY | coded(case) | (SPARSE if sparse else DENSE)
        fine = NOTHING | (HARMLESS if sparse else {})
        name = [*ways, *fine][turn % (len(ways) + len(fine))]
        (ways | fine)[name](case)
        about = f"seed {seed}, case {number}: {name}"
        ended = ending(case)
        assert ended == ("refused" if name in ways else "trained"), f"{about}: {ended}"
        assert not lost, f"{about}: {lost}"
        done[name] += 1
    return done


def looks_at_bounds() -> bool:
    """Whether compiled code does."""
    try:
        update_ratio(np.ones((3, 2)), np.ones((3, 2)), np.ones(1))
    except IndexError:
        return True
    return False


if __name__ == "__main__":
    assert looks_at_bounds()
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]), "all" in sys.argv[3:])))
