"""Labels and advice against the truth: rates swept over two decades on both sides of the best.

Each case is a data set, a model, a loss and one setting of them, found in the package: every model,
loss, activation and function to minimise, dropout, penalties, smoothing and weights, each with two
optimizers, one at a constant rate and one whose rate falls to zero, and with few epochs or more.
The best rate is the lowest mean on three seeds. A study of these rates is then raced on another
seed by the code that trains a study. Of trials a factor of 3 or more off the best rate, a label is
right if it can be so on that side, and advice if it points to the best rate, or says nothing of the
rate where the trial is as good as the best but for a fiftieth of the gain. `alone` is the advice
of each trial's own curve, without the others.

    python benchmarks/advice.py [--quick] [--json] [--only mlp]
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import numpy as np
from _measure import Target, arguments, finish

from tuner.codec import Settings
from tuner.composing import compose
from tuner.config import check
from tuner.search.advice import BETTER, advised
from tuner.search.initial_trials import default
from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Race
from tuner.search.trials import Trial, TrialResult
from tuner.study.data import load_data
from tuner.study.populations import Populations
from tuner.training import functions, losses
from tuner.training.curves import DECAY, LOWER, RAISE
from tuner.training.domains import Domain
from tuner.training.families import FAMILIES

Array = np.ndarray

DATA = {"binary": "data=breast_cancer", "multiclass": "data=wine", "regression": "data=diabetes"}
# Optimizer, schedule and epochs, in turn.
PLANS = (
    ("sgd", "constant", 10),
    ("adam", "cosine", 30),
    ("momentum", "constant", 30),
    ("rmsprop", "cosine", 10),
)
TRUTH = (100, 101, 102)
COARSE, PER_DECADE, OFF = np.logspace(-7, 3, 21), 4, 3.0
BELOW = {"slow", "plateau"}
ABOVE = {"diverged", "oscillating", "plateau", "overfitting"}
SHARE = 0.95
# What is tried of a model's numbers; of others a hundredth.
NUMBERS = {"dropout": 0.5}


class Judged(NamedTuple):
    """A trial off the best rate: what it was told, and what is true."""

    case: str
    factor: float
    label: str
    alone: str
    advice: str
    as_good: bool

    @property
    def label_is_right(self) -> bool:
        usual = BELOW if self.factor < 1 else ABOVE
        return self.label in usual or (self.as_good and self.label != "diverged")

    def is_right(self, advice: str) -> bool:
        """Whether advice points to the best rate."""
        way = direction(advice)
        return way == (1 if self.factor < 1 else -1) or (self.as_good and way == 0)


def direction(advice: str) -> int:
    """1 where advice asks for a higher rate, -1 for a lower one or a decay, 0 for none or both."""
    up, down = RAISE in advice, LOWER in advice or DECAY in advice
    return int(up) - int(down)


def cases(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and settings of each case."""
    for name in functions.names():
        yield name, (f"model={name}", "data=none")
    tables = DATA | {"multilabel": multilabel(folder)}
    for name, family in FAMILIES.items():
        model = f"model.{name}"
        for task in family.tasks:
            for loss in family.fitting(task):
                where = model if family.own else f"loss.{loss}"
                settings: tuple[str, ...] = (f"model={name}", tables[task])
                if family.chooses:
                    settings += (f"{model}.loss={loss}",)
                elif not family.own:
                    settings += (f"loss={loss}",)
                yield f"{name} {task} {loss}", settings
                for key, hyperparameter in losses.load(loss).own.items():
                    value = inside(hyperparameter.domain)
                    yield f"{name} {loss} {key} {value}", (*settings, f"{where}.{key}={value}")
        usual = (f"model={name}", tables[family.tasks[0]])
        words = {key: v for key, v in family.shape.items() if not isinstance(v, Domain)}
        numbers = {key: (NUMBERS.get(key, 0.01),) for key in family.numbers}
        for key, tried in {**words, **numbers}.items():
            for value in tried:
                yield f"{name} {key} {value}", (*usual, f"{model}.{key}={value}")
        if family.tasks[0] != "regression":
            yield f"{name} class_weight", (*usual, "data.class_weight=balanced")
            yield f"{name} sample_weight", (f"model={name}", weighted(folder))


def inside(domain: Domain) -> float:
    """A number of the domain that is none of its ends."""
    return next(n for n in (0.3, 1.3) if n in domain)


def multilabel(folder: Path) -> str:
    """A table with three labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    Y = (X @ rng.normal(size=(6, 3)) + 0.5 * rng.normal(size=(300, 3)) > 0).astype(int)
    write(folder / "labels.csv", X, {f"y{i}": Y[:, i] for i in range(3)})
    return f"data=csv data.path={folder / 'labels.csv'} data.target=[y0,y1,y2]"


def weighted(folder: Path) -> str:
    """A table of two classes whose rows count differently, most of them next to nothing."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 6))
    y = np.where(X @ rng.normal(size=6) + 0.5 * rng.normal(size=300) > 0, "b", "a")
    write(folder / "weights.csv", X, {"y": y, "w": rng.lognormal(0, 1.5, 300)})
    return f"data=csv data.path={folder / 'weights.csv'} data.target=y data.sample_weight=w"


def write(path: Path, X: Array, others: Mapping[str, Array]) -> None:
    names = [*(f"x{i}" for i in range(X.shape[1])), *others]
    columns = [*X.T, *others.values()]
    lines = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([",".join(names), *lines]) + "\n", encoding="utf-8")


def judged(
    name: str, settings: Sequence[str], plan: tuple[str, str, int], seed: int = 0
) -> list[Judged]:
    """The trials of one case that are off its best rate."""
    optimizer, schedule, epochs = plan
    overrides = [word for setting in settings for word in setting.split()]
    overrides += [f"optimizer={optimizer}", f"schedule={schedule}", "tracking=none"]
    config = check(compose([*overrides, f"budget.epochs={epochs}", f"study.seed={seed}"], None))
    rate = f"optimizer.{optimizer}.lr"
    own = dict(config.space.settings(lambda path, setting: setting.nearest(default(path))))
    with Populations(config, load_data(config), 2, Event()) as training:

        def race(rates: Array, seeds: Sequence[int]) -> list[TrialResult]:
            trials = [Trial(i, tried(own, rate, lr), 0) for i, lr in enumerate(rates)]
            chosen = {t.number: seeds if training.has_seeds else (seed,) for t in trials}
            rule, goal = NoPruning().rule(0), training.goal
            raced = Race(trials, training.runners(trials, chosen), rule, epochs, goal).run()
            return [outcome.result() for outcome in raced]

        middle = COARSE[int(np.argmin(values(race(COARSE, TRUTH))))]
        rates = middle * 10 ** (np.arange(-12, 13) / PER_DECADE)
        known = race(rates, TRUTH)
        truth = values(known)
        best = int(np.argmin(truth))
        start = next(t.start for t in known if t.start is not None)
        rates = rates[best] * 10 ** (np.arange(-8, 9) / PER_DECADE)
        truth = values(race(rates, TRUTH))
        told = race(rates, (seed,))
    as_good = truth - truth.min() <= BETTER * (start - truth.min())
    factors = rates / rates[8]
    return [
        Judged(name, float(factors[i]), t.label, told[i].advice, t.advice, bool(as_good[i]))
        for i, t in enumerate(advised(told))
        if max(factors[i], 1 / factors[i]) >= OFF
    ]


def tried(settings: Settings, path: str, rate: float) -> Settings:
    return {**settings, path: float(rate)}


def values(results: Sequence[TrialResult]) -> Array:
    """What each reached; infinity where it diverged."""
    return np.array(
        [t.value if t.state == "COMPLETE" and t.value is not None else np.inf for t in results]
    )


def report_of(trials: Sequence[Judged]) -> dict[str, Any]:
    """Shares that are right, on both sides, and the labels there are."""
    told: dict[str, Any] = {}
    for side, own in {
        "below": [t for t in trials if t.factor < 1],
        "above": [t for t in trials if t.factor > 1],
        "both": list(trials),
    }.items():
        told[side] = {
            "trials": len(own),
            "label": float(np.mean([t.label_is_right for t in own])),
            "alone": float(np.mean([t.is_right(t.alone) for t in own])),
            "advice": float(np.mean([t.is_right(t.advice) for t in own])),
            "labels": dict(Counter(t.label for t in own).most_common()),
        }
    told["wrong"] = [t._asdict() for t in trials if not (t.label_is_right and t.is_right(t.advice))]
    return told


def show(report: Mapping[str, Any]) -> None:
    print(f"{'':<8}{'trials':>8}{'label':>8}{'advice':>8}{'alone':>8}")
    for side in ("below", "above", "both"):
        own = report[side]
        shares = "".join(f"{own[key]:8.3f}" for key in ("label", "advice", "alone"))
        labels = ", ".join(f"{n} {label}" for label, n in own["labels"].items())
        print(f"{side:<8}{own['trials']:>8}{shares}    {labels}")
    print("\nnot right")
    for t in report["wrong"]:
        print(f"    {t['case']:<44}{t['factor']:8.3g}  {t['label']:<12}{t['advice']}")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds it")
    parser.add_argument("--seed", type=int, default=0, help="of the studies and of their data")
    given = parser.parse_args()
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        plans = cycle(PLANS)
        found = [case for case in cases(Path(folder)) if given.only in case[0]]
        for name, settings in found[:: len(found) // 12 + 1 if given.quick else 1]:
            for _ in range(1 if given.quick else 2):
                plan = next(plans)
                trials += judged(f"{name}, {' '.join(map(str, plan))}", settings, plan, given.seed)
            if not given.quick:
                next(plans)
    if not trials:
        parser.error(f"--only: {given.only}: is in no case's name")
    report = report_of(trials)
    both = report["both"]
    targets = [
        Target(f"{key}s that are right", SHARE, round(both[key], 4), "")
        for key in ("label", "advice")
    ]
    return finish(given, report, targets, lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
