"""Makes docs/optimizers: a card of every optimizer, and a ranking of all of them by budget.

From the folder of the checkout:

    python -m docs.optimizers            measures what is missing or was changed, and writes all pages
    python -m docs.optimizers --pages    writes the pages alone, from what was measured
    python -m docs.optimizers --again    measures everything again

An optimizer is measured by itself: docs/optimizers/measured holds a file for each. It is measured
again when its rule or what is searched of it by default has changed.
"""

import argparse
import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from tuner.codec import from_json, to_json
from tuner.composing import compose
from tuner.config import Config, check
from tuner.files import write
from tuner.search.initial_trials import textbook
from tuner.search.trials import Trial
from tuner.study.card import Card, measure
from tuner.study.data import loaded
from tuner.study.populations import Populations
from tuner.training import optimizers
from tuner.training.loop import Trainer
from tuner.training.population import create
from tuner.training.problems import Fold

FOLDER = Path(__file__).with_name("optimizers")
MEASURED = FOLDER / "measured"

# Of the runs of a card and of the ranking.
EPOCHS = 20
CARD = ("job=card", "threads=1", f"budget.epochs={EPOCHS}", "range.seeds=2", "range.per_decade=3")
# The ranking: trials an optimizer, the first of them the textbook's; pairs of seeds; budgets.
TRIALS, PAIRS, BUDGETS = 64, 2, (1, 4, 16, 64)
SCHEDULES = "schedule=[constant,cosine]"


@dataclass(frozen=True)
class Tuned:
    """All trials of an optimizer on one data set.

    Attributes:
        start: the validation loss before training, by pair of seeds.
        selected: of each pair and trial the lowest validation loss under the first seed; None where
            the run diverged.
        judged: the test loss under the second seed, after as many epochs.
    """

    start: tuple[float, ...]
    selected: tuple[tuple[float | None, ...], ...]
    judged: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Measured:
    """What is kept of an optimizer.

    Attributes:
        key: a digest of its rule and of what is searched of it by default.
        tuned: by the name of the data; empty where its trials are still to be trained.
    """

    key: str
    card: Card
    tuned: dict[str, Tuned]


def key_of(name: str) -> str:
    """What changes when an optimizer is to be measured again; words in its files do not count."""
    rule = optimizers.load(name).rule
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule)))
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    function.body = function.body[1:]  # the docstring
    searched = check(compose([f"optimizer={name}"], None)).plain["optimizer"]
    said = [ast.dump(tree), json.dumps(searched, sort_keys=True), *map(str, CARD)]
    said += [optimizers.load(name).name, SCHEDULES, str((TRIALS, PAIRS))]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def card_config(name: str) -> Config:
    """The config of an optimizer's card."""
    return check(compose([*CARD, f"optimizer={name}"], None))


def tuned(name: str, data_name: str) -> Tuned:
    """Trains the textbook's settings and settings drawn at random, under two seeds a pair."""
    asked = ["tracking=none", f"budget.epochs={EPOCHS}", SCHEDULES]
    config = check(compose([f"optimizer={name}", f"data={data_name}", *asked], None))
    config, data = loaded(config)
    assert data is not None
    space = config.space
    drawn = islice(space.drawn(np.random.default_rng(0)), TRIALS - 1)
    settings = [textbook(space)[0].settings, *drawn]
    with Populations(config, data, 1, Event()) as training:
        own = training.data_for(training.loss(settings[0]))
        folds = (own.folds[0], Fold(own.final.train, own.test()))
        problem = training.supervised(settings[0], own, folds)
        members = [
            training_member(training, Trial(i, chosen, 0), 2 * pair + fold, fold)
            for i, chosen in enumerate(settings)
            for pair in range(PAIRS)
            for fold in (0, 1)
        ]
        with Trainer(problem, EPOCHS) as trainer:
            population = create(problem, members)
            at = {(m.trial, m.seed): row for row, m in enumerate(population.members)}
            first = trainer.start(population).metrics["validation_loss"]
            ended = [trainer.epoch(population, epoch) for epoch in range(1, EPOCHS + 1)]
    losses = np.array([epoch.metrics["validation_loss"] for epoch in ended])
    left = np.array([epoch.left for epoch in ended]).any(axis=0)
    losses[:, left] = np.nan
    choosing = [[at[i, 2 * pair] for i in range(TRIALS)] for pair in range(PAIRS)]
    judging = [[at[i, 2 * pair + 1] for i in range(TRIALS)] for pair in range(PAIRS)]
    return Tuned(
        start=tuple(five(first[rows[0]]) for rows in choosing),
        selected=tuple(tuple(map(five, lowest(losses[:, rows]))) for rows in choosing),
        judged=tuple(
            tuple(map(five, after(losses[:, chosen], losses[:, judged])))
            for chosen, judged in zip(choosing, judging, strict=True)
        ),
    )


def training_member(training: Populations, trial: Trial, seed: int, fold: int) -> Any:
    """A row of a trial under a seed; the second fold is judged on the test part."""
    from dataclasses import replace

    return replace(training.member(trial), seed=seed, fold=fold)


def lowest(losses: np.ndarray) -> np.ndarray:
    """The lowest loss of each run (epochs, runs); nan where it diverged."""
    return np.min(losses, axis=0)


def after(chosen: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """The losses of `judged` (epochs, runs) at the epochs of the lowest ones of `chosen`."""
    epochs = np.where(np.isnan(chosen), np.inf, chosen).argmin(axis=0)
    found = judged[epochs, np.arange(judged.shape[1])]
    return np.where(np.isnan(chosen[0]), np.nan, found)


def five(number: float) -> float | None:
    """A number of five digits; None for what is not finite."""
    return float(f"{number:.5g}") if np.isfinite(number) else None


def kept(name: str) -> Measured | None:
    """What was measured of an optimizer, if it was."""
    path = MEASURED / f"{name}.json"
    return from_json(Measured, json.loads(path.read_text())) if path.exists() else None


def keep(name: str, own: Measured) -> None:
    """Writes what was measured, on few lines."""
    text = json.dumps(to_json(own), allow_nan=False, separators=(",", ":"))
    write(MEASURED / f"{name}.json", [text.replace('},"', '},\n"'), "\n"])


def measure_all(names: Sequence[str], again: bool) -> None:
    """Measures what is missing or changed: the cards first, then the trials of the ranking."""
    MEASURED.mkdir(parents=True, exist_ok=True)
    keys = {name: key_of(name) for name in names}

    def known(name: str) -> Measured | None:
        own = kept(name)
        return own if own is not None and own.key == keys[name] and name not in stale else None

    stale = set(names) if again else set[str]()
    for name in names:
        if known(name) is None:
            card, _ = measure(card_config(name), name, 1, Event())
            keep(name, Measured(keys[name], card, {}))
            stale.discard(name)
            print(f"{name}: card", flush=True)
    for name in names:
        own = kept(name)
        assert own is not None
        if not own.tuned:
            found = {data: tuned(name, data) for data in own.card.data}
            keep(name, Measured(own.key, own.card, found))
            print(f"{name}: {TRIALS} trials", flush=True)


def main() -> None:
    """Measures, and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", action="store_true", help="measure nothing")
    parser.add_argument("--again", action="store_true", help="measure everything again")
    given = parser.parse_args()
    if not given.pages:
        measure_all(optimizers.names(), given.again)


if __name__ == "__main__":
    main()
