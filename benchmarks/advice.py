"""Labels and advice against the truth: rates swept over two decades on both sides of the best.

Each case is a data set, a model, a loss and one of their settings, found in the package: every
model, loss, activation and test function, dropout, penalties, smoothing and weights. Each runs with
two optimizers, one at a constant rate and one whose rate falls to zero, and with few epochs or
more. The best rate has the lowest mean on three seeds: of the validation loss for advice, since a
study minimises it, and of the training loss for labels, since they describe the training. A study
of the rates is raced on another seed by the code that trains a study. Only trials whose rate is off
the best by a factor of 3 or more are judged. A label is right if it is possible on that side of the
best rate, and advice if it points to the best rate. If the trial is as good as the best except for
a fiftieth of the gain, any label but `diverged` is right, and so is advice that does not mention
the rate. `alone` is the advice from each trial's own curve, without the others.

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

from tuner.composing import compose
from tuner.config import check
from tuner.search.advice import BETTER, advised
from tuner.search.initial_trials import default
from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Race
from tuner.search.trials import Outcome, Trial
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
# The tried values of a model's numeric settings; those not named here get 0.01.
NUMBERS = {"dropout": 0.5}


class Judged(NamedTuple):
    """A trial off the best rate: its label, its advice, and the truth."""

    case: str
    factor: float
    as_good: bool
    label: str
    alone: str
    advice: str

    @property
    def label_is_right(self) -> bool:
        """Whether the label is possible on this side of the best rate."""
        usual = BELOW if self.factor < 1 else ABOVE
        return self.label in usual or (self.as_good and self.label != "diverged")

    def is_right(self, advice: str) -> bool:
        """Whether advice points to the best rate."""
        way = direction(advice)
        return way == (1 if self.factor < 1 else -1) or (self.as_good and way == 0)


# What is judged, and the loss that decides which rate is best.
JUDGED = {"label": "train_loss", "advice": "validation_loss"}


def direction(advice: str) -> int:
    """1 if advice asks for a higher rate, -1 for a lower one or a decay, 0 for neither or both."""
    up, down = RAISE in advice, LOWER in advice or DECAY in advice
    return int(up) - int(down)


def cases(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The name and the settings of each case."""
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
    """A number inside the domain, not one of its ends."""
    return next(n for n in (0.3, 1.3) if n in domain)


def multilabel(folder: Path) -> str:
    """Writes a table with three labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    Y = (X @ rng.normal(size=(6, 3)) + 0.5 * rng.normal(size=(300, 3)) > 0).astype(int)
    write(folder / "labels.csv", X, {f"y{i}": Y[:, i] for i in range(3)})
    return f"data=csv data.path={folder / 'labels.csv'} data.target=[y0,y1,y2]"


def weighted(folder: Path) -> str:
    """Writes a table of two classes with row weights, a few of which dominate."""
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
) -> dict[str, list[Judged]]:
    """The trials of one case that are off the best rate, by what is judged."""
    optimizer, schedule, epochs = plan
    overrides = [word for setting in settings for word in setting.split()]
    overrides += [f"optimizer={optimizer}", f"schedule={schedule}", "tracking=none"]
    config = check(compose([*overrides, f"budget.epochs={epochs}", f"study.seed={seed}"], None))
    rate = f"optimizer.{optimizer}.lr"
    own = dict(config.space.settings(lambda path, setting: setting.nearest(default(path))))
    with Populations(config, load_data(config), 2, Event()) as training:

        def race(rates: Array, seeds: Sequence[int]) -> list[Outcome]:
            trials = [Trial(i, {**own, rate: float(lr)}, 0) for i, lr in enumerate(rates)]
            chosen = {t.number: seeds if training.has_seeds else (seed,) for t in trials}
            rule, goal = NoPruning().rule(0), training.goal
            return Race(trials, training.runners(trials, chosen), rule, epochs, goal).run()

        best = COARSE[np.argmin(reached(race(COARSE, TRUTH), "validation_loss"))]
        for decades in (3, 2):
            rates = best * 10 ** np.linspace(-decades, decades, 2 * decades * PER_DECADE + 1)
            truth = race(rates, TRUTH)
            best = rates[np.argmin(reached(truth, "validation_loss"))]
        raced = [outcome.result() for outcome in race(rates, (seed,))]
    out: dict[str, list[Judged]] = {}
    for what, loss in JUDGED.items():
        losses, start = reached(truth, loss), truth[0].initial[loss]
        as_good = losses - losses.min() <= BETTER * (start - losses.min())
        factors = rates / rates[np.argmin(losses)]
        out[what] = [
            Judged(name, float(factors[i]), bool(as_good[i]), t.label, raced[i].advice, t.advice)
            for i, t in enumerate(advised(raced))
            if max(factors[i], 1 / factors[i]) >= OFF
        ]
    return out


def reached(outcomes: Sequence[Outcome], loss: str) -> Array:
    """The loss of each trial at the epoch that counts; infinity if it diverged."""
    return np.array([o.at(loss, o.counted) if o.state == "COMPLETE" else np.inf for o in outcomes])


def report_of(trials: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """The shares that are right below the best rate, above it and in all; and the wrong ones."""
    told: dict[str, Any] = {}
    for side, signs in {"below": (-1,), "above": (1,), "both": (-1, 1)}.items():
        labels, advice = (
            [t for t in trials[what] if np.sign(np.log(t.factor)) in signs] for what in JUDGED
        )
        told[side] = {
            "trials": len(advice),
            "label": float(np.mean([t.label_is_right for t in labels])),
            "advice": float(np.mean([t.is_right(t.advice) for t in advice])),
            "alone": float(np.mean([t.is_right(t.alone) for t in advice])),
            "labels": dict(Counter(t.label for t in labels).most_common()),
        }
    told["wrong labels"] = [t._asdict() for t in trials["label"] if not t.label_is_right]
    told["wrong advice"] = [t._asdict() for t in trials["advice"] if not t.is_right(t.advice)]
    return told


def show(report: Mapping[str, Any]) -> None:
    print(f"{'':<8}{'trials':>8}{'label':>8}{'advice':>8}{'alone':>8}")
    for side in ("below", "above", "both"):
        own = report[side]
        shares = "".join(f"{own[key]:8.3f}" for key in ("label", "advice", "alone"))
        labels = ", ".join(f"{n} {label}" for label, n in own["labels"].items())
        print(f"{side:<8}{own['trials']:>8}{shares}    {labels}")
    for kind in ("wrong labels", "wrong advice"):
        print(f"\n{kind}")
        for t in report[kind]:
            told = t["label"] if kind == "wrong labels" else t["advice"]
            print(f"    {t['case']:<56}{t['factor']:8.3g}  {told}")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name holds it")
    parser.add_argument("--seed", type=int, default=0, help="of the studies and of their data")
    given = parser.parse_args()
    trials: dict[str, list[Judged]] = {what: [] for what in JUDGED}
    with tempfile.TemporaryDirectory() as folder:
        plans = cycle(PLANS)
        found = [case for case in cases(Path(folder)) if given.only in case[0]]
        for name, settings in found[:: len(found) // 12 + 1 if given.quick else 1]:
            for _ in range(1 if given.quick else 2):
                plan = next(plans)
                words = " ".join(map(str, plan))
                for what, own in judged(f"{name}, {words}", settings, plan, given.seed).items():
                    trials[what] += own
            if not given.quick:
                next(plans)
    if not trials["advice"]:
        parser.error(f"--only: {given.only}: is in no case's name")
    report = report_of(trials)
    targets = [
        Target(f"{what} that is right", SHARE, round(report["both"][what], 4), "")
        for what in JUDGED
    ]
    return finish(given, report, targets, lambda: show(report))


if __name__ == "__main__":
    sys.exit(main())
