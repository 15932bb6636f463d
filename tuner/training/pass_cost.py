"""The cost of an optimizer: the time of its compiled pass per parameter and step."""

import time
from collections.abc import Callable

import numpy as np

from tuner.training import optimizers
from tuner.training.kernels.compiling import Pointer, call, compiled
from tuner.training.kernels.rule_compiler import fused_pass, slot_arguments
from tuner.training.models import MLP
from tuner.training.population import starting

# Rows and their model: one size fits the cache, the other does not.
SIZES = {"in cache": (16, MLP(64, 10, (32,))), "16 x 50890": (16, MLP(784, 10, (64,)))}
PARAMETERS_A_ROUND = 4_000_000


def seconds(work: Callable[[], object], times: int) -> float:
    """The mean seconds of a call, over so many calls."""
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


def cost(
    name: str, rows: int, model: MLP, rounds: int, parameters: int = PARAMETERS_A_ROUND
) -> list[float]:
    """Nanoseconds per parameter of the pass, of copying its arrays and of touching them.

    The three take turns, and the fastest round of each counts, because other processes slow some
    rounds down.

    Args:
        name: the optimizer.
        rows: number of rows that one pass updates.
        model: the model of the rows.
        rounds: how often each is timed.
        parameters: number of parameters that a round updates, at least.
    """
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
    tensors, t = model.tensors, np.zeros(rows)
    own = slot_arguments(optimizer, slots, theta, t)
    arguments = theta, g, *own, t, rates, 0, 1e6, tensors, table, losses, norms, left_at
    sweep = Pointer(fused_pass(name), *arguments)

    def copy() -> None:
        for target, source in zip(copies, arrays, strict=True):
            np.copyto(target, source)

    stack, flat, one = np.ones((len(arrays) - 1, g.size), np.float32), g.ravel(), np.float32(1.0)
    works = [lambda: call(sweep, arguments), copy, lambda: touch(stack, flat, one)]
    for work in works:
        work()
    times = max(1, parameters // theta.size)
    timed = [[seconds(work, times) for work in works] for _ in range(rounds)]
    return [min(column) * 1e9 / theta.size for column in zip(*timed, strict=True)]
