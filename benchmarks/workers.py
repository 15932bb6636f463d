"""Workers of Dask: what two of one thread do beside one, and what it costs to coordinate them.

Trials of an MLP on Fashion-MNIST (with --quick fewer rows and epochs) race to their end like a
study's cohort: first in one worker, then in two, in turn. Coordination is the processor time of the
command, including Dask's scheduler, as a share of that and of the workers' training.

    python benchmarks/workers.py [--quick] [--json] [--rounds 3]
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from threading import Event
from typing import Any

from _measure import Target, arguments, finish

from tuner.composing import compose
from tuner.config import check
from tuner.search.pruners.halving import Halving
from tuner.search.racing import Race
from tuner.search.trials import Trial
from tuner.study.data import load_data
from tuner.study.populations import Populations
from tuner.study.workers.pool import Pool

SETTINGS = ("data=fashion_mnist", "batch_size=128", "tracking=none", "executor=dask")


class Counted(Pool):
    """A pool that adds up the returned results: seconds of legs, bytes of states, and tasks."""

    def __init__(self, workers: int, folder: Path) -> None:
        super().__init__(workers, 1, Event(), folder)
        self.tasks, self.seconds, self.bytes = 0, 0.0, 0

    def submit(self, hear: Any, function: Any, *arguments: Any) -> Any:
        self.tasks += 1

        def counted(found: Any) -> None:
            if hasattr(found, "population"):
                self.seconds += found.seconds * len(found.epochs)
                own = found.population
                slots = [slot for slots in own.slots.values() for slot in slots]
                self.bytes += sum(a.nbytes for a in (own.theta, *own.kept.values(), *slots))
            hear(found)

        return super().submit(counted, function, *arguments)


def measure(config: Any, data: Any, pool: Counted, cohort: int) -> dict[str, float]:
    """Runs one cohort from its first epoch to its last."""
    space = config.space
    rates = [1e-4 * 10 ** (3 * i / cohort) for i in range(cohort)]
    fixed = {path: s.nearest(None) for path, s in space.searched.items()}
    settings = {**{name: own[0] for name, own in space.branches.items()}, **space.fixed, **fixed}
    trials = [Trial(i, {**settings, "optimizer.adam.lr": lr}, 0) for i, lr in enumerate(rates)]
    with Populations(config, data, 1, Event(), pool) as training:
        training.seconds.update(SPEEDS)
        pool.tasks, pool.seconds, pool.bytes = 0, 0.0, 0
        began, spent = time.perf_counter(), time.process_time()
        rule = Halving().rule(0)
        Race(trials, training.runners(trials), rule, config.budget.epochs, training.goal).run()
        wall, spent = time.perf_counter() - began, time.process_time() - spent
        SPEEDS.update(training.seconds)
    return {
        "wall": wall,
        "trials a second": cohort / wall,
        "coordination": spent / (spent + pool.seconds),
        "its milliseconds a task": 1000 * spent / pool.tasks,
        "tasks a second": pool.tasks / wall,
        "bytes that came back": pool.bytes,
    }


# Seconds per row and epoch, which a study knows from its first cohort.
SPEEDS: dict[str, float] = {}


def show(report: dict[str, Any]) -> None:
    for name, told in report.items():
        numbers = ", ".join(f"{what} {value:.4g}" for what, value in told.items())
        print(f"{name}: {numbers}")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cohort", type=int, default=64)
    given = parser.parse_args()
    epochs, cohort = (2, 8) if given.quick else (9, given.cohort)
    config = check(compose([*SETTINGS, f"budget.epochs={epochs}"], None))
    data = load_data(config)
    rounds: dict[int, list[dict[str, float]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        pools = {workers: Counted(workers, Path(folder, str(workers))) for workers in rounds}
        try:
            for turn in range(1 + (1 if given.quick else given.rounds)):
                for workers, pool in pools.items():
                    found = measure(config, data, pool, cohort)
                    if turn:  # the first round compiles, and sends the data
                        rounds[workers].append(found)
        finally:
            for pool in reversed(pools.values()):
                pool.close()
    report = {
        f"{workers} workers": {
            what: statistics.median(own[what] for own in found) for what in found[0]
        }
        for workers, found in rounds.items()
    }
    one, two = report["1 workers"], report["2 workers"]
    gain = two["trials a second"] / one["trials a second"]
    targets = [
        Target("two workers beside one, trials a second", 1.7, gain, "x"),
        Target(f"coordination, {cohort} trials", 5, 100 * two["coordination"], "%", True),
    ]
    return finish(given, report, targets, lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
