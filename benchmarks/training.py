"""What an epoch of a trial costs, beside scikit-learn, PyTorch and bare matrix products.

All train the same network or linear model on the same float32 data with the same batch size and
optimizer, with one thread each and without validation. They take turns, and medians count. Costs
are those of one epoch of one trial. PyTorch takes part if the interpreter `--torch-python` has it.

    python benchmarks/training.py [--quick] [--json] [--rounds 7] [--only softmax]
"""

import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Cost, Target, Work, arguments, finish, in_turn, median, ratio, timed
from threadpoolctl import threadpool_limits

from tuner.training import losses, optimizers
from tuner.training.loop import Trainer
from tuner.training.models import MLP
from tuner.training.population import Member, create
from tuner.training.problems import Fold, Part, Supervised

Array = np.ndarray

ROWS, QUICK_ROWS, THREADED = (1, 4, 16, 32, 64), (1, 32), (16, 64)
IMAGES, CLASSES = 10_000, 10
FASHION = Path("/usr/share/datasets/fashion-mnist")
WORKER = Path(__file__).with_name("_torch_worker.py")
SQUARE = 1024  # size of the matrices that measure the machine


@dataclass(frozen=True)
class Shape:
    """What is trained: data, hidden widths, batch size, activation; and the targets.

    against, asked: a rival, and how many times the cost of 32 rows it should cost; of_sgemm: the
    share of the machine's own matrix product to reach.
    """

    data: str
    hidden: tuple[int, ...]
    batch_size: int
    asked: float | None = None
    against: str = "MLPClassifier"
    of_sgemm: float | None = None
    activation: str = "relu"

    @property
    def optimizer(self) -> str:
        return "adam" if self.hidden else "sgd"

    @property
    def widths(self) -> tuple[int, ...]:
        return (data(self.data)[0].shape[1], *self.hidden, CLASSES)

    @property
    def products(self) -> list[tuple[int, int, int]]:
        """The matrix products of a step: rows, inner width, columns."""
        n, out = self.batch_size, []
        for layer, (i, o) in enumerate(pairwise(self.widths)):
            out += [(n, i, o), (i, n, o)] + ([(n, o, i)] if layer else [])
        return out

    @property
    def steps(self) -> int:
        return -(-len(data(self.data)[1]) // self.batch_size)

    @property
    def gigaflop(self) -> float:
        """The arithmetic operations of an epoch's products, in 1e9."""
        samples = len(data(self.data)[1]) / self.batch_size
        return samples * sum(2 * n * i * o for n, i, o in self.products) / 1e9


SHAPES = {
    "digits 64-32-10, batch 32": Shape("digits", (32,), 32, 25.0),
    "digits 64-64-10, batch 128": Shape("digits", (64,), 128, 10.0),
    "digits 64-64-10 of tanh, batch 32": Shape("digits", (64,), 32, activation="tanh"),
    "images 784-64-10, batch 128": Shape("images", (64,), 128, 2.5, of_sgemm=0.85),
    "images 784-256-128-10, batch 256": Shape("images", (256, 128), 256),
    "softmax 784-10, batch 128": Shape("images", (), 128, 30.0, "SGDClassifier"),
}


@cache
def data(name: str) -> tuple[Array, Array]:
    """X (n, inputs) float32 and y (n,) int64: digits, or Fashion-MNIST's first images.

    If Fashion-MNIST is not installed, random numbers of its size take its place: the cost does not
    depend on the values.
    """
    if name == "digits":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(np.float32), y.astype(np.int64)
    if not FASHION.is_dir():
        rng = np.random.default_rng(0)
        return rng.random((IMAGES, 784), np.float32), rng.integers(CLASSES, size=IMAGES)
    from tuner.data import load

    settings = {"reader": "idx", "folder": str(FASHION), "scale": "minmax"}
    part = load("fashion_mnist", seed=0, dtype="float32", **settings).folds[0].train  # type: ignore[arg-type]
    return np.ascontiguousarray(part.X[:IMAGES]), part.y[:IMAGES].copy()


def own(shape: Shape, rows: int, threads: int, stack: ExitStack) -> Work:
    """tuner: one epoch with that number of rows."""
    X, y = data(shape.data)
    problem = Supervised(
        model=MLP(X.shape[1], CLASSES, shape.hidden, shape.activation),
        loss=losses.load("cross_entropy"),
        folds=(Fold(Part(X, y), None),),
        batch_size=shape.batch_size,
    )
    rule = optimizers.load(shape.optimizer)
    settings = {key: h.default for key, h in rule.hyperparameters.items()}
    members = [
        Member(i, 0, shape.optimizer, {**settings, "lr": 1e-3 * (1 + i / 64)}, "constant", {})
        for i in range(rows)
    ]
    trainer = stack.enter_context(Trainer(problem, 1000, threads))
    population = create(problem, members)
    epochs = count(1)
    return timed(lambda: trainer.epoch(population, next(epochs)), rows)


def perceptron(shape: Shape) -> Work:
    from sklearn.neural_network import MLPClassifier

    X, y = data(shape.data)
    model = MLPClassifier(
        shape.hidden, shape.activation, solver=shape.optimizer, alpha=0.0,
        batch_size=shape.batch_size, momentum=0.0, learning_rate_init=1e-3,
    )  # fmt: skip
    return timed(lambda: model.partial_fit(X, y, classes=np.arange(CLASSES)))


def stochastic(shape: Shape) -> Work:
    from sklearn.linear_model import SGDClassifier

    X, y = data(shape.data)
    model = SGDClassifier(loss="log_loss", alpha=0.0, learning_rate="constant", eta0=1e-3)
    return timed(lambda: model.partial_fit(X, y, classes=np.arange(CLASSES)))


def saga(shape: Shape) -> Work:
    """Three epochs per call, since the first one finds the step size."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    X, y = data(shape.data)
    model = LogisticRegression(solver="saga", max_iter=3, tol=0.0)

    def fit() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)

    return timed(fit, 3)


@contextmanager
def torch(shape: Shape, python: str) -> Iterator[Work]:
    """PyTorch in its own process, which measures itself."""
    with tempfile.TemporaryDirectory() as folder:
        X, y = data(shape.data)
        np.savez(f"{folder}/data.npz", X=X, y=y)
        told = {
            "data": f"{folder}/data.npz", "widths": shape.widths,
            "batch_size": shape.batch_size, "optimizer": shape.optimizer,
            "activation": shape.activation,
        }  # fmt: skip
        with subprocess.Popen(
            [python, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            asked, answers = process.stdin, process.stdout
            print(json.dumps(told), file=asked, flush=True)

            def epoch() -> Cost:
                print(file=asked, flush=True)
                wall, cpu = answers.readline().split()
                return Cost(float(wall), float(cpu))

            yield epoch
            asked.close()


def has_torch(python: str) -> bool:
    found = "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"
    return subprocess.run([python, "-c", found]).returncode == 0


def products(shape: Shape) -> Work:
    """Only the matrix products of an epoch, on arrays that stay in place."""
    rng = np.random.default_rng(0)
    arrays = [
        (rng.random((n, i), np.float32), rng.random((i, o), np.float32), np.empty((n, o), "f4"))
        for n, i, o in shape.products
    ]

    def multiply() -> None:
        for _ in range(shape.steps):
            for a, b, out in arrays:
                np.matmul(a, b, out=out)

    return timed(multiply)


def square() -> Work:
    """The machine's own product of large square matrices."""
    rng = np.random.default_rng(0)
    a, b = (rng.random((SQUARE, SQUARE), np.float32) for _ in range(2))
    out = np.empty_like(a)
    return timed(lambda: np.matmul(a, b, out=out))


def measure(shape: Shape, given: Any) -> dict[str, Any]:
    """The costs of all rivals on the shape, and their ratios to the costs of tuner's rows."""
    rows = QUICK_ROWS if given.quick else ROWS
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(1))
        works = {f"{n} rows": own(shape, n, 1, stack) for n in rows}
        if not given.quick:
            works |= {f"{n} rows, 2 threads": own(shape, n, 2, stack) for n in THREADED}
        rivals: dict[str, Callable[[Shape], Work]] = {"MLPClassifier": perceptron}
        if not shape.hidden:
            rivals |= {"SGDClassifier": stochastic, "LogisticRegression(saga)": saga}
        works |= {name: make(shape) for name, make in rivals.items()}
        if given.torch_python and has_torch(given.torch_python):
            works["PyTorch"] = stack.enter_context(torch(shape, given.torch_python))
        works |= {"its products alone": products(shape), "sgemm": square()}
        costs = in_turn(works, given.rounds)
    peak = 2 * SQUARE**3 / 1e9 / median(costs["sgemm"]).cpu
    populations = [name for name in costs if name.endswith("rows")]
    return {
        "costs": {n: median(c)._asdict() for n, c in costs.items() if n != "sgemm"},
        "times": {
            rival: {name: ratio(costs[rival], costs[name]) for name in populations}
            for rival in [*rivals, "PyTorch"]
            if rival in costs
        },
        "threads": {
            f"{n} rows": ratio(costs[f"{n} rows"], costs[f"{n} rows, 2 threads"], "wall")
            for n in THREADED
            if f"{n} rows, 2 threads" in costs
        },
        "sgemm": peak,
        "of sgemm": {n: shape.gigaflop / median(costs[n]).cpu / peak for n in populations},
        "of its products": {n: ratio(costs["its products alone"], costs[n]) for n in populations},
    }


def targets(report: dict[str, dict[str, Any]]) -> list[Target]:
    out = []
    for name, told in report.items():
        shape = SHAPES[name]
        if shape.asked:
            times = told["times"][shape.against]["32 rows"]
            out.append(Target(f"{name}, 32 rows: cost of {shape.against}", shape.asked, times))
        if shape.of_sgemm:
            share = told["of sgemm"]["32 rows"]
            what = f"{name}, 32 rows: share of sgemm"
            # Not a ratio that is the same on any machine: other processes use the caches too.
            out.append(Target(what, shape.of_sgemm, share, "", is_ratio=False))
        alone = told["times"]["MLPClassifier"]["1 rows"]
        out.append(Target(f"{name}, a row alone: cost of MLPClassifier", 1.0, alone))
        out += [
            Target(f"{name}, {rows}: two threads over one, wall", 1.7, times)
            for rows, times in told["threads"].items()
        ]
    return out


def show(report: dict[str, dict[str, Any]]) -> None:
    for name, told in report.items():
        print(f"\n{name}    (sgemm: {told['sgemm']:.0f} GFLOP/s)")
        rivals = list(told["times"])
        head = "".join(f"{rival:>26}" for rival in rivals)
        print(f"    {'':<22}{'CPU ms':>9}{'wall ms':>9}{'of sgemm':>10}{'of products':>13}{head}")
        for who, cost in told["costs"].items():
            line = f"    {who:<22}{1e3 * cost['cpu']:9.2f}{1e3 * cost['wall']:9.2f}"
            if who in told["of sgemm"]:
                line += f"{told['of sgemm'][who]:10.2f}{told['of its products'][who]:13.2f}"
                line += "".join(f"{told['times'][rival][who]:24.1f} x" for rival in rivals)
            print(line)


def main() -> int:
    parser = arguments(__doc__, rounds=7)
    parser.add_argument("--only", default="", metavar="TEXT", help="shapes whose name holds it")
    parser.add_argument(
        "--torch-python", default=sys.executable, metavar="PATH", help="an interpreter with PyTorch"
    )
    given = parser.parse_args()
    if given.quick:
        given.rounds = min(given.rounds, 3)
    chosen = {
        name: shape
        for name, shape in SHAPES.items()
        if given.only in name and (shape.asked or not given.quick)
    }
    if not chosen:
        parser.error(f"--only: {given.only}: must be a part of one of: {'; '.join(SHAPES)}")
    report = {name: measure(shape, given) for name, shape in chosen.items()}
    return finish(given, report, targets(report), lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
