"""The range test against the classic rules: the regret of the rate that each suggests.

There are thirty cases: five data sets, a linear model and a network, SGD, Momentum and Adam, with
the config's defaults. `job=range_test`'s own code tests each case; the classic rules use its
exponential ramp, and one from 1e-7 to 10, fastai's default. Then a fine grid of rates is trained
with other seeds, and the regret of a suggestion is

    (loss at the suggested rate - loss at the best one) / (loss before training - the latter).

    python benchmarks/range_test.py
    python benchmarks/range_test.py --shift 1e-4    # of rates that end far below the best ones
"""

import argparse
import json
from collections.abc import Mapping
from threading import Event
from typing import Any

import numpy as np

from tuner.composing import compose
from tuner.config import Config, check
from tuner.search.space import Range
from tuner.study.data import load_data
from tuner.study.populations import Populations
from tuner.study.range_result import FoundRange
from tuner.study.range_test import Measurement, grid
from tuner.training.ramp import ramp
from tuner.training.ranges import CLASSIC

Array = np.ndarray

DATA = ("digits", "breast_cancer", "wine", "iris", "diabetes")
OPTIMIZERS = ("sgd", "momentum", "adam")
LINEAR, NETWORK = {"diabetes": "linear"}, "mlp"
# The seeds of the grid's training; the tests use the first few integers.
SEEDS = range(100, 103)
FINE = 8  # rates per factor of ten
FASTAI = (1e-7, 10.0)
OURS, BEST_INSIDE = "range_test", "best in its range"
MEASURES = ("validation_loss", "train_loss")
# Mean regret, share within 0.05 and worst regret of the classic rules on thirty similar cases.
ELSEWHERE = {
    "steepest": (0.082, 0.80, 1.0),
    "valley": (0.085, 0.60, 0.49),
    "minimum over 10": (0.090, 0.73, 1.0),
}


def config(data: str, model: str, seed: int, per_decade: int | None = None, *more: str) -> Config:
    overrides = [f"data={data}", f"model={model}", f"optimizer=[{','.join(OPTIMIZERS)}]"]
    overrides += ["tracking=none", f"study.seed={seed}"]
    overrides += [f"range.per_decade={per_decade}"] if per_decade else []
    return check(compose([*overrides, *more], None))


def shifted(asked: Config, data: str, model: str, seed: int, factor: float) -> Config:
    """The config with its ranges of rates multiplied by a factor."""
    rates = {name: asked.space.searched[f"optimizer.{name}.lr"] for name in OPTIMIZERS}
    ends = {n: (r.low * factor, r.high * factor) for n, r in rates.items() if isinstance(r, Range)}
    overrides = [
        f"optimizer.{n}.lr={{low: {low}, high: {high}, scale: log}}"
        for n, (low, high) in ends.items()
    ]
    return config(data, model, seed, None, *overrides)


def case(data: str, model: str, seed: int, threads: int, shift: float) -> dict[str, Any]:
    """The regrets of one data set and one model, by optimizer, measure and rule."""
    asked, stop = config(data, model, seed), Event()
    if shift != 1:
        asked = shifted(asked, data, model, seed, shift)
    with Populations(asked, load_data(asked), threads, stop) as training:
        measurement = Measurement(asked, training, threads, stop)
        found = measurement.run("").found
        truth = trained(measurement, config(data, model, seed, FINE))
        return {
            name: regrets(truth[name], suggestions(measurement, name, found[name]))
            for name in OPTIMIZERS
        }


def trained(measurement: Measurement, fine: Config) -> dict[str, dict[str, Any]]:
    """Trains a fine grid: its rates, final losses and initial losses, by measure."""
    truth: dict[str, dict[str, Any]] = {}
    for name in OPTIMIZERS:
        rates = grid(fine, name)
        members = measurement.members({name: rates}, SEEDS)
        ended = measurement.trained(members, fine.budget.epochs)
        truth[name] = {"rates": rates}
        for measure in MEASURES:
            losses = ended.final[measure].reshape(len(SEEDS), -1)
            truth[name][measure] = (float(ended.initial[measure].mean()), losses.mean(axis=0))
    return truth


def suggestions(measurement: Measurement, name: str, found: FoundRange) -> dict[str, list[float]]:
    """The rates that each rule suggests: one of tuner's rule, one per seed of the classic ones."""
    low, high = FASTAI
    seeds = range(measurement.asked.seeds)
    rates, losses = ramp(measurement.problem, measurement.members({name: [low]}, seeds), high, 100)
    inside = np.geomspace(found.range.low, found.range.high, 50).tolist()
    return {
        OURS: [found.suggested],
        BEST_INSIDE: inside,
        **found.ramp.rules,
        **{
            f"{rule}, 1e-7 to 10": [look(rates[0], own) for own in losses]
            for rule, look in CLASSIC.items()
        },
    }


def regrets(
    truth: Mapping[str, Any], suggested: Mapping[str, list[float]]
) -> dict[str, dict[str, float]]:
    """The regret of each rule by measure, a mean over its suggestions; at most 1."""
    out: dict[str, dict[str, float]] = {}
    for measure in MEASURES:
        initial, losses = truth[measure]
        losses = np.minimum(np.nan_to_num(losses, nan=np.inf), initial)
        shares = (losses - losses.min()) / (initial - losses.min())
        places = np.log10(truth["rates"])
        out[measure] = {}
        for rule, rates in suggested.items():
            own = np.interp(np.log10(np.array(rates, dtype=float)), places, shares)
            own = np.nan_to_num(own, nan=1.0)
            out[measure][rule] = float(own.min() if rule == BEST_INSIDE else own.mean())
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the split and of the tests")
    parser.add_argument("--shift", type=float, default=1, help="factor of the config's rates")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    cases = {
        f"{data} {model} {optimizer}": own
        for data in DATA
        for model in (LINEAR.get(data, "softmax"), NETWORK)
        for optimizer, own in case(
            data, model, arguments.seed, arguments.threads, arguments.shift
        ).items()
    }
    if arguments.json:
        print(json.dumps(cases))
        return
    for measure in MEASURES:
        print(f"regret of the {measure.replace('_', ' ')}, {len(cases)} cases")
        print(
            f"    {'rule':<28} {'mean':>6} {'within 0.05':>12} {'worst':>6}   "
            f"{'on 30 other cases':<20} worst case"
        )
        for rule in next(iter(cases.values()))[measure]:
            own = {name: c[measure][rule] for name, c in cases.items()}
            values, worst = np.array(list(own.values())), max(own, key=lambda name: own[name])
            known = ELSEWHERE.get(rule)
            other = f"{known[0]:.3f} {known[1]:5.0%} {known[2]:6.2f}" if known else ""
            print(
                f"    {rule:<28} {values.mean():6.3f} {(values <= 0.05).mean():12.0%} "
                f"{values.max():6.3f}   {other:<20} {worst}"
            )


if __name__ == "__main__":
    main()
