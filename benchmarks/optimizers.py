"""What a fused pass costs: nanoseconds a parameter for every optimizer, beside a copy.

Every optimizer is found from its file. A pass and a copy of the same arrays (theta, gradient and
slots, read and written once) are timed in turn, and the best of several rounds counts, for these
machines are noisy. `of a copy` is the pass over the copy, `of a touch` over a sweep that only reads
the arrays and writes back all but the gradient, which no pass can beat by much, `of adam` over
Adam's pass.

    python benchmarks/optimizers.py [--rounds 5] [--only sgd adamw] [--json]
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from tuner.training import optimizers
from tuner.training.kernels.compiling import compiled
from tuner.training.kernels.rule_compiler import fused_pass, slot_arguments
from tuner.training.models import MLP
from tuner.training.population import starting

# Rows and the model whose parameters they are: slots that fit the cache, and those of images.
SIZES = {"in cache": (16, MLP(64, 10, (32,))), "16 x 50890": (16, MLP(784, 10, (64,)))}
PARAMETERS_A_ROUND = 4_000_000


def seconds(work: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


@compiled
def touch(written, read, one):
    """Multiplies `written` (arrays, n) by one, in place, and sums `read` (n,)."""
    for array in range(written.shape[0]):
        for i in range(written.shape[1]):
            written[array, i] *= one
    total = one
    for i in range(read.shape[0]):
        total += read[i]
    return total


def cost(name: str, rows: int, model: MLP, rounds: int) -> list[float]:
    """Nanoseconds a parameter of the pass, of a copy of its arrays and of a touch of them."""
    optimizer = optimizers.load(name)
    rng = np.random.default_rng(0)
    settings = {key: h.default for key, h in optimizer.hyperparameters.items()}
    theta, g = (rng.normal(size=(rows, model.size)).astype(np.float32) for _ in range(2))
    slots = [starting(slot, theta, [settings] * rows) for slot in optimizer.slots.values()]
    table = np.array([[v for k, v in settings.items() if k != "lr"]] * rows)
    rates = np.full((rows, 1), 1e-6)
    losses, norms, left_at = np.ones(rows), np.zeros(rows), np.zeros(rows)
    arrays = [a for a in (theta, g, *slots) if a.ndim == 2]
    copies = [np.empty_like(a) for a in arrays]
    sweep, tensors = fused_pass(name), model.tensors
    t = np.zeros(rows)

    own = slot_arguments(optimizer, slots, theta, t)

    def update() -> None:
        sweep(theta, g, *own, t, rates, 0, 1e6, tensors, table, losses, norms, left_at)

    def copy() -> None:
        for target, source in zip(copies, arrays, strict=True):
            np.copyto(target, source)

    stack, flat, one = np.ones((len(arrays) - 1, g.size), np.float32), g.ravel(), np.float32(1.0)
    works = [update, copy, lambda: touch(stack, flat, one)]
    for work in works:
        work()
    times = max(1, PARAMETERS_A_ROUND // theta.size)
    timed = [[seconds(work, times) for work in works] for _ in range(rounds)]
    return [min(column) * 1e9 / theta.size for column in zip(*timed, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these, beside Adam")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    names = sorted({"adam", *arguments.only}) if arguments.only else optimizers.names()
    report = {
        size: {name: cost(name, rows, model, arguments.rounds) for name in names}
        for size, (rows, model) in SIZES.items()
    }
    if arguments.json:
        print(json.dumps(report))
        return
    for size, costs in report.items():
        print(f"{size:<22}  ns a parameter   of a copy   of a touch   of adam")
        for name, (own, copied, touched) in sorted(costs.items(), key=lambda item: item[1][0]):
            print(
                f"    {name:<18}  {own:14.2f}  {own / copied:10.2f}  {own / touched:11.2f}"
                f"  {own / costs['adam'][0]:8.2f}"
            )


if __name__ == "__main__":
    main()
