"""Labels of published training curves, counted by learning rate.

The curves are those of DeepOBS's baselines (Schneider, Balles & Hennig 2019): for each of 8
problems and 3 optimizers, runs at 36 constant learning rates from 1e-5 to 1e2. A rate is good if
its run ends within a tenth of the gain of the best run of its problem and optimizer. The labels are
those of a study, computed from the losses alone, since nothing else was published.

    python benchmarks/diagnosis.py --curves <folder>/deepobs_baselines_curves.npz
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from replay import CURVES, kinds, load, run_of

from tuner.search.pruners.none import NoPruning
from tuner.study.runners.recorded import replay

Array = np.ndarray

LABELS = ("slow", "plateau", "converged", "overfitting", "oscillating", "diverged")
PLACES = ("far below", "below", "good", "above", "far above")


def labels(runs: Mapping[str, Array]) -> list[str]:
    """The label of each run."""
    lengths = runs["n_logged"] - 1
    told = [""] * len(lengths)
    for length in np.unique(lengths):
        own = np.flatnonzero(lengths == length)
        for i, outcome in zip(
            own, replay([run_of(runs, i) for i in own], NoPruning()), strict=True
        ):
            told[i] = outcome.label
    return told


def places(runs: Mapping[str, Array]) -> list[str]:
    """The place of each run's rate: among the good ones of its kind, up to tenfold off, or further.

    All rates between the lowest and the highest good one count as good.
    """
    _, good = kinds(runs)
    told = [""] * len(good)
    for kind in set(zip(runs["problem"], runs["optimizer"], strict=True)):
        own = np.flatnonzero((runs["problem"] == kind[0]) & (runs["optimizer"] == kind[1]))
        rates = runs["lr"][own[good[own]]]
        for i in own:
            low, high = runs["lr"][i] / rates.min(), runs["lr"][i] / rates.max()
            near = "below" if low > 0.099 else "far below"
            beyond = "above" if high < 10.1 else "far above"
            told[i] = near if low < 0.99 else beyond if high > 1.01 else "good"
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--curves", type=Path, default=CURVES, help="the published curves (.npz)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    runs = load(arguments.curves)
    counts = Counter(zip(places(runs), labels(runs), strict=True))
    if arguments.json:
        print(json.dumps({p: {name: counts[p, name] for name in LABELS} for p in PLACES}))
        return
    print(f"{'learning rate':<15}" + "".join(f"{name:>13}" for name in LABELS))
    for place in PLACES:
        print(f"{place:<15}" + "".join(f"{counts[place, name]:>13}" for name in LABELS))


if __name__ == "__main__":
    main()
