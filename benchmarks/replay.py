"""Published training curves raced again: what pruners and the guard cost, save and lose.

The curves are those of DeepOBS's baselines (Schneider, Balles & Hennig 2019). For pruners, cohorts
of 64 settings are drawn from the optimizers and learning rates of each problem, each curve reduced
to 50 epochs, and raced by the code that prunes a study. Cost is the trained share of all epochs;
regret is how far the chosen setting ends above the best one, as a share of the best one's gain. For
the guard, all runs are raced without a pruner at their full length.

    python benchmarks/replay.py --curves <folder>/deepobs_baselines_curves.npz
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tuner.search.pruners import Pruner
from tuner.search.pruners.halving import Halving
from tuner.search.pruners.hyperband import Hyperband
from tuner.search.pruners.none import NoPruning
from tuner.search.pruners.optuna import OptunaPruner
from tuner.study.runners.recorded import Run, replay

Array = np.ndarray

CURVES = Path(__file__).resolve().parents[2] / "shared" / "data" / "deepobs_baselines_curves.npz"
SETTINGS, EPOCHS, DRAWS, SEED = 64, 50, 20, 42
FAR = 0.05
MOMENTUM = {"MomentumOptimizer": 0.99, "AdamOptimizer": 0.9}
# Steps per epoch: samples over the batch size of each problem.
STEPS = {
    "cifar100_allcnnc": 195,
    "cifar10_3c3d": 390,
    "fmnist_2c2d": 468,
    "fmnist_vae": 937,
    "mnist_vae": 937,
    "quadratic_deep": 7,
    "svhn_wrn164": 572,
    "tolstoi_char_rnn": 1000,
}
# Cost and regret of each rule as published or measured earlier, from a similar replay.
PRUNERS = {
    "halving, keep 1/2, first rung at 10 %": (Halving(1 / 2, 0.1), (0.272, 0.0010)),
    "halving, keep 1/3, first rung at 10 %": (Halving(1 / 3, 0.1), (0.239, 0.0045)),
    "halving, keep 1/3, first rung at 4 %": (Halving(1 / 3, 0.04), (0.129, 0.017)),
}
CONSECUTIVE = {
    "asynchronous halving of Optuna, from 10 %": (
        ("SuccessiveHalvingPruner", {"min_resource": 5, "reduction_factor": 3}),
        (0.237, 0.0147),
    ),
    "median of Optuna, its defaults": (("MedianPruner", {}), (0.316, 0.0115)),
}


def load(path: Path) -> dict[str, Array]:
    """The arrays of the file. Raises SystemExit if it is not there."""
    if not path.exists():
        raise SystemExit(
            f"--curves: {path}: is not there: give the .npz of DeepOBS's published curves"
        )
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def run_of(runs: Mapping[str, Array], i: int, epochs: int | None = None) -> Run:
    """A recorded run at its full length, or reduced to fewer epochs at equal distances."""
    last = int(runs["n_logged"][i]) - 1
    places = np.round(np.linspace(0, last, (epochs or last) + 1)).astype(int)
    train, test = (runs[name][i, places].astype(np.float64) for name in ("train", "test"))
    steps = STEPS[str(runs["problem"][i])] * (last if epochs else 1) // (epochs or 1)
    return Run(train, test, MOMENTUM.get(str(runs["optimizer"][i]), 0.0), max(1, steps))


def cohorts(runs: Mapping[str, Array], draws: int = DRAWS) -> Iterator[list[Run]]:
    """For each problem, settings drawn without replacement from its optimizers and rates."""
    for problem in np.unique(runs["problem"]):
        own = np.flatnonzero((runs["problem"] == problem) & (runs["seed"] == SEED))
        short = [run_of(runs, i, EPOCHS) for i in own]
        for draw in range(draws):
            drawn = np.random.default_rng(draw).choice(len(own), SETTINGS, replace=False)
            yield [short[i] for i in drawn]


def race(cohort: list[Run], pruner: Pruner, at_once: bool = True) -> tuple[float, float]:
    """Cost and regret; trials are proposed all at once, or one after another."""
    states, epochs = [], []
    for first in range(0, SETTINGS, SETTINGS if at_once else 1):
        part = cohort[first : first + (SETTINGS if at_once else 1)]
        outcomes = replay(part, pruner.rule(0), first)
        pruner.learn([o.result() for o in outcomes])
        states += [o.state for o in outcomes]
        epochs += [o.epochs for o in outcomes]
    final = np.array([run.validation[-1] for run in cohort])
    final = np.where(np.isfinite(final), final, np.inf)
    chosen = min((final[i] for i, s in enumerate(states) if s == "COMPLETE"), default=np.inf)
    start, best = float(np.median([run.validation[0] for run in cohort])), float(final.min())
    return sum(epochs) / (SETTINGS * EPOCHS), float(chosen - best) / (start - best)


def brackets(cohort: list[Run]) -> tuple[float, float]:
    """Cost and regret of Hyperband, with the settings dealt to its brackets in turn."""
    pruner, first, spent, ended = Hyperband(), 0, 0, []
    index = 0
    while first < SETTINGS:
        part = cohort[first : first + pruner.size(index, SETTINGS // 2)]
        outcomes = replay(part, pruner.rule(index), first)
        spent += sum(o.epochs for o in outcomes)
        ended += [o.trial.number for o in outcomes if o.state == "COMPLETE"]
        first, index = first + len(part), index + 1
    final = np.array([run.validation[-1] for run in cohort])
    final = np.where(np.isfinite(final), final, np.inf)
    start, best = float(np.median([run.validation[0] for run in cohort])), float(final.min())
    chosen = min((final[i] for i in ended), default=np.inf)
    return spent / (SETTINGS * EPOCHS), float(chosen - best) / (start - best)


def pruning(runs: Mapping[str, Array], draws: int = DRAWS) -> dict[str, dict[str, float | None]]:
    """Mean cost and regret of every rule, with the figures to compare them with."""
    drawn = list(cohorts(runs, draws))
    report: dict[str, dict[str, float | None]] = {}

    def add(name: str, ended: list[tuple[float, float]], told: tuple[float, float] | None) -> None:
        cost, regret = np.mean(ended, axis=0)
        report[name] = {
            "cost": float(cost), "regret": float(regret),
            "cost told": told and told[0], "regret told": told and told[1],
        }  # fmt: skip

    for name, (pruner, told) in PRUNERS.items():
        add(name, [race(c, pruner) for c in drawn], told)
    for name, ((kind, arguments), told) in CONSECUTIVE.items():
        add(name, [race(c, OptunaPruner(kind, arguments), at_once=False) for c in drawn], told)
    add("hyperband, keep 1/3, cohorts of 32 at the most", [brackets(c) for c in drawn], None)
    add("none but the guard", [race(c, NoPruning()) for c in drawn], None)
    return report


def kinds(runs: Mapping[str, Array]) -> tuple[Array, Array]:
    """Which runs end above their start, and which are good, (runs,) bool each.

    Good means within a tenth of the gain of the best run of the same problem and optimizer.
    """
    every, last = np.arange(len(runs["lr"])), runs["n_logged"] - 1
    final, start = (runs["test"].astype(np.float64)[every, i] for i in (last, 0))
    good = np.zeros(len(every), dtype=bool)
    for kind in set(zip(runs["problem"], runs["optimizer"], strict=True)):
        own = (runs["problem"] == kind[0]) & (runs["optimizer"] == kind[1])
        best = np.nanmin(np.where(np.isfinite(final[own]), final[own], np.nan))
        with np.errstate(invalid="ignore"):
            good |= own & np.isfinite(final) & ((final - best) / (start - best) <= 0.1)
    return ~(final <= start), good


def guard(runs: Mapping[str, Array]) -> dict[str, float]:
    """What the guard finds and saves, over all runs at their full length."""
    bad, good = kinds(runs)
    lengths = runs["n_logged"] - 1
    ends = runs["test"].astype(np.float64)[np.arange(len(bad)), lengths]
    start = runs["test"][:, 0].astype(np.float64)
    far = ~(ends <= start + FAR * np.abs(start))
    diverged, trained = np.zeros(len(bad), dtype=bool), np.zeros(len(bad))
    for length in np.unique(lengths):
        own = np.flatnonzero(lengths == length)
        for i, outcome in zip(
            own, replay([run_of(runs, i) for i in own], NoPruning()), strict=True
        ):
            diverged[i], trained[i] = outcome.state == "DIVERGED", outcome.epochs
    return {
        "runs": len(bad),
        "end above their start": int(bad.sum()),
        "of these found": float((diverged & bad).sum() / bad.sum()),
        "right of those found": float((diverged & bad).sum() / diverged.sum()),
        "end 5 % above it, of those": float((diverged & far).sum() / diverged.sum()),
        "good runs": int(good.sum()),
        "good runs given up": int((diverged & good).sum()),
        "share of a run saved": float(1 - (trained / lengths).mean()),
        "share of all epochs saved": float(1 - trained.sum() / lengths.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, default=CURVES, help="the published curves (.npz)")
    parser.add_argument("--draws", type=int, default=DRAWS, help="cohorts of each problem")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    runs = load(arguments.curves)
    report = {"pruning": pruning(runs, arguments.draws), "guard": guard(runs)}
    if arguments.json:
        print(json.dumps(report))
        return
    print(f"{'pruner':<48}{'cost':>7}{'regret':>9}    told: cost   regret")
    for name, own in report["pruning"].items():
        told = [own["cost told"], own["regret told"]]
        beside = f"{told[0]:>14.3f}{told[1]:>9.4f}" if told[0] is not None else ""
        print(f"{name:<48}{own['cost']:>7.3f}{own['regret']:>9.4f}{beside}")
    print("\nguard")
    for name, number in report["guard"].items():
        print(f"    {name:<28}{number:>8.3f}" if isinstance(number, float) else
              f"    {name:<28}{number:>8}")  # fmt: skip


if __name__ == "__main__":
    main()
