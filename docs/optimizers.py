"""Makes docs/optimizers: a card of every optimizer, and a ranking of all of them by budget.

From the folder of the checkout:

    python -m docs.optimizers            measures what is missing or changed, writes all pages
    python -m docs.optimizers --pages    writes the pages alone, from what was measured
    python -m docs.optimizers --text     the same without the pictures
    python -m docs.optimizers --again    measures everything again

Each optimizer is measured separately: docs/optimizers/measured holds a file for each. It is
measured again if its rule or its default search ranges have changed.
"""

import argparse
import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from tuner.codec import from_json, to_json
from tuner.composing import compose
from tuner.config import Config, check
from tuner.files import write
from tuner.report.card import decades, number, page, table
from tuner.report.plots.card import draw_paths, draw_rates
from tuner.report.rule import Rule
from tuner.search.initial_trials import textbook
from tuner.search.trials import Trial
from tuner.study.card import Card, descents, measure
from tuner.study.data import loaded
from tuner.study.populations import Populations
from tuner.training import optimizers
from tuner.training.loop import Trainer
from tuner.training.population import create
from tuner.training.problems import Fold

FOLDER = Path(__file__).with_name("optimizers")
MEASURED = FOLDER / "measured"

# The epochs of the runs of a card and of the ranking.
EPOCHS = 20
CARD = ("job=card", "threads=1", f"budget.epochs={EPOCHS}", "range.seeds=2", "range.per_decade=3")
# The ranking: trials per optimizer, the first with its default settings; pairs of seeds; budgets.
TRIALS, PAIRS, BUDGETS = 64, 2, (1, 4, 16, 64)
SCHEDULES = "schedule=[constant,cosine]"


DRAWS = 200
RANKING = "ranking.md"
DISAGREEMENTS = FOLDER.parents[1] / "tests" / "references" / "README.md"

HEAD = """
    `python -m docs.optimizers` measures every optimizer that tuner has and writes this page and a
    card for each. `job=card` makes a card of your own: other epochs, another model, other data.

    ```bash
    python -m tuner job=card optimizer=adam
    python -m tuner job=card optimizer=[lion,adamw] data=[iris,wine] budget.epochs=30
    ```
"""
HOW = """
    Each of {count} optimizers is tuned on {data} with an MLP of one hidden layer of 64 units, batch
    size 32 and {epochs} epochs. A budget of 1 is the textbook settings under a constant schedule.
    A larger one adds random settings from the ranges in `conf/optimizer`, half of them under
    `cosine`; {trials} trials of each were trained. The trial and the epoch with the lowest
    validation loss are chosen under one seed. The same settings are then trained under another seed
    and judged by the test loss at that epoch. This is done for {pairs} pairs of seeds.

    The table shows mean ranks (1 is the best) and, in brackets, 95 % intervals over the data sets,
    the seeds and the luck of the draws. `gain` is the mean share of the largest fall of the test
    loss that any optimizer reaches at that budget: ranks tell who is ahead, the gain by how much.
"""
LIMITS = f"""
    What this does not show:

    - Intervals that overlap do not tell optimizers apart, and most overlap.
    - Five small tables and one small network say nothing of large nets, images or text, for which
      many of these optimizers were made.
    - The order holds for these ranges, {EPOCHS} epochs and this batch size. An optimizer whose
      range fits or that has fewer hyperparameters has an advantage at small budgets.
    - At {TRIALS} trials all draws are used, so that interval lacks the luck of the draws.
    - Random search chose the settings. TPE and pruning, which tuner uses by default, need fewer
      trials.
    - A gain may fall while the budget grows. On 30 to 100 rows the lowest of many validation losses
      is often that of a rate close to divergence, and under another seed that rate is worse than
      none. A ranking takes it as it comes; tuner's own studies train the best trials again on
      fresh seeds before one of them wins ([confirmation](../confirmation.md)).
    - Rules for whole batches, as `rprop`, are shown here with noisy ones.
"""


@dataclass(frozen=True)
class Tuned:
    """All trials of an optimizer on one data set.

    Attributes:
        start: the validation loss before training, by pair of seeds.
        selected: the lowest validation loss under the first seed, by pair and trial; None if it
            diverged.
        judged: the test loss under the second seed, after the same number of epochs.
    """

    start: tuple[float, ...]
    selected: tuple[tuple[float | None, ...], ...]
    judged: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Measured:
    """The stored measurements of an optimizer.

    Attributes:
        key: a digest of its rule and its default search ranges.
        tuned: the trials by data set; empty until they are trained.
    """

    key: str
    card: Card
    tuned: dict[str, Tuned]


@dataclass(frozen=True)
class Placed:
    """An optimizer's place at a budget: its mean rank with its bounds, and the mean share of the
    largest fall of the loss."""

    rank: float
    low: float
    high: float
    share: float

    def __str__(self) -> str:
        return f"{self.rank:.0f} ({self.low:.0f} to {self.high:.0f})"


def key_of(name: str) -> str:
    """A digest that changes if an optimizer must be measured again; comments do not count."""
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
    """Trains the default settings and random settings, under the two seeds of each pair."""
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
    """A trial's row under a seed; the second fold is judged on the test part."""
    return replace(training.member(trial), seed=seed, fold=fold)


def lowest(losses: np.ndarray) -> np.ndarray:
    """The lowest loss of each run (epochs, runs); nan if it diverged."""
    return np.min(losses, axis=0)


def after(chosen: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """The losses of `judged` (epochs, runs) at the epochs with the lowest losses of `chosen`."""
    epochs = np.where(np.isnan(chosen), np.inf, chosen).argmin(axis=0)
    found = judged[epochs, np.arange(judged.shape[1])]
    return np.where(np.isnan(chosen[0]), np.nan, found)


def five(number: float) -> float | None:
    """Rounds a number to five digits; None if it is not finite."""
    return float(f"{number:.5g}") if np.isfinite(number) else None


def kept(name: str) -> Measured | None:
    """The stored measurements of an optimizer, if there are any."""
    path = MEASURED / f"{name}.json"
    return from_json(Measured, json.loads(path.read_text())) if path.exists() else None


def keep(name: str, own: Measured) -> None:
    """Stores the measurements, in few lines."""
    text = json.dumps(to_json(own), allow_nan=False, separators=(",", ":"))
    write(MEASURED / f"{name}.json", [text.replace('},"', '},\n"'), "\n"])


def measure_all(names: Sequence[str], again: bool) -> None:
    """Measures missing and outdated optimizers: first the cards, then the ranking's trials."""
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


def searched(name: str) -> dict[str, Any]:
    """The default search ranges of an optimizer."""
    own: dict[str, Any] = check(compose([f"optimizer={name}"], None)).plain["optimizer"][name]
    return own


def elsewhere(name: str) -> list[str]:
    """The known disagreements of an optimizer, from the table that holds them all."""
    found = []
    for row in DISAGREEMENTS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        if len(cells) == 3 and f"`{name}`" in cells[0]:
            _, here, others = cells
            found.append(f"Known disagreements. Here: {here}. Elsewhere: {others}.")
    return found


def text_of(name: str, own: Measured) -> str:
    """The page of an optimizer."""
    return "\n".join(page(own.card, searched(name), elsewhere(name)))


def gains(own: Tuned, pair: int, trials: np.ndarray) -> float:
    """The test loss of the trial that tuning with these trials chooses.

    A choice that diverges under the second seed counts with its initial loss, as does no choice.
    """
    chosen = np.array(own.selected[pair], dtype=float)[trials]
    if np.isnan(chosen).all():
        return own.start[pair]
    judged = own.judged[pair][int(trials[np.nanargmin(chosen)])]
    return own.start[pair] if judged is None else min(judged, own.start[pair])


def ranks_of(losses: np.ndarray) -> np.ndarray:
    """Ranks (optimizers, cases) of losses, 1 for the lowest; ties share their mean rank."""
    from scipy.stats import rankdata

    ranks: np.ndarray = rankdata(losses, axis=0)
    return ranks


def ranking(tuned: Mapping[str, Mapping[str, Tuned]]) -> dict[int, dict[str, Placed]]:
    """Mean ranks by budget and optimizer, with intervals.

    Each draw takes data sets with replacement. For each of them it takes a pair of seeds, the
    default settings, and random trials of the optimizer without replacement.
    """
    names, sets = list(tuned), list(next(iter(tuned.values())))
    found: dict[int, dict[str, Placed]] = {}
    for budget in BUDGETS:
        rng = np.random.default_rng(budget)
        means, shares = [], []
        for _ in range(DRAWS):
            cases = [
                (sets[i], int(rng.integers(PAIRS))) for i in rng.integers(len(sets), size=len(sets))
            ]
            losses = np.array(
                [
                    [gains(tuned[name][data], pair, draw(rng, budget)) for data, pair in cases]
                    for name in names
                ]
            )
            start = np.array([tuned[names[0]][data].start[pair] for data, pair in cases])
            fall = np.maximum(start - losses, 0) / np.maximum(start - losses.min(axis=0), 1e-12)
            means.append(ranks_of(losses).mean(axis=1))
            shares.append(fall.mean(axis=1))
        low, high = np.quantile(means, [0.025, 0.975], axis=0)
        found[budget] = {
            name: Placed(*own)
            for name, *own in zip(
                names, np.mean(means, axis=0), low, high, np.mean(shares, axis=0), strict=True
            )
        }
    return found


def draw(rng: np.random.Generator, budget: int) -> np.ndarray:
    """The trials of a budget: the default settings, and a random choice of the others."""
    return np.append(0, 1 + rng.permutation(TRIALS - 1)[: budget - 1])


def ranking_page(all_measured: Mapping[str, Measured]) -> Iterator[str]:
    """The page with the index of all cards and the ranking."""
    some = next(iter(all_measured.values())).card
    yield from (
        "# All optimizers, and how they rank",
        "",
        *textwrap.dedent(HEAD).strip().splitlines(),
    )
    yield ""
    done = {name: own.tuned for name, own in all_measured.items() if own.tuned}
    if len(done) == len(all_measured):  # a ranking of only some means nothing
        found = ranking(done)
        last = found[BUDGETS[-1]]
        order = sorted(done, key=lambda name: last[name].rank)
        yield from ("## Ranking by budget", "")
        data = ", ".join(some.data)
        yield from (
            textwrap.dedent(HOW)
            .strip()
            .format(count=len(done), data=data, epochs=EPOCHS, trials=TRIALS, pairs=PAIRS)
            .splitlines()
        )
        yield ""
        yield from table(
            (
                "optimizer",
                *(f"{b} trial{'s' * (b > 1)}" for b in BUDGETS),
                *(f"gain at {b}" for b in (BUDGETS[0], BUDGETS[-1])),
            ),
            (
                (
                    f"[{name}]({name}.md)",
                    *(str(found[budget][name]) for budget in BUDGETS),
                    f"{found[BUDGETS[0]][name].share:.1%}",
                    f"{last[name].share:.1%}",
                )
                for name in order
            ),
        )
        yield from ("", *textwrap.dedent(LIMITS).strip().splitlines(), "")
    yield from ("## Cards", "")
    yield "`one rate for all` gains at least so much of the best on every data set. The basin is"
    yield "the narrowest of those on the data sets, in decades; the card tells how."
    yield "State counts arrays as large as the parameters. Cost is the time of a step over that of"
    yield "`sgd`, where all fits the cache."
    yield ""
    yield from table(
        (
            "optimizer",
            "what it is",
            "searched by default",
            "one rate for all",
            "basin",
            "state",
            "cost",
        ),
        (row(name, own.card) for name, own in all_measured.items()),
    )
    yield ""


def row(name: str, card: Card) -> tuple[str, ...]:
    """The row of an optimizer in the index."""
    low, high = number(card.asked.low), number(card.asked.high)
    one = "-" if card.one is None else f"{number(card.one.rate)} ({card.one.share:.0%})"
    basins = [decades(own.basin) for own in card.data.values() if own.basin is not None]
    size = next(iter(card.cost.own))
    return (
        f"[{name}]({name}.md)",
        Rule(name).summary.partition(": ")[2].rstrip("."),
        low if low == high else f"{low} to {high}",
        one,
        f"{min(basins):.1f}" if len(basins) == len(card.data) else "-",
        str(sum(not slot.scalar for slot in optimizers.load(name).slots.values())),
        f"{card.cost.own[size] / card.cost.sgd[size]:.1f}",
    )


def pages() -> dict[str, str]:
    """All pages by file name, for the optimizers that were measured."""
    all_measured = {name: own for name in optimizers.names() if (own := kept(name)) is not None}
    found = {f"{name}.md": text_of(name, own) for name, own in all_measured.items()}
    return found | {RANKING: "\n".join(ranking_page(all_measured))}


def draw_pictures(names: Sequence[str]) -> None:
    """Draws both pictures of these cards; computes the paths again, which takes a second."""
    for name in names:
        own = kept(name)
        assert own is not None
        print(f"{name}: pictures", flush=True)
        draw_rates(own.card, FOLDER / f"{name}-rates.png")
        drawn = descents(card_config(name), name, Event())
        draw_paths(own.card, drawn, FOLDER / f"{name}-paths.png")


def main() -> None:
    """Measures the optimizers and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", action="store_true", help="measure nothing")
    parser.add_argument("--again", action="store_true", help="measure everything again")
    parser.add_argument("--text", action="store_true", help="measure and draw nothing")
    given = parser.parse_args()
    if not (given.pages or given.text):
        measure_all(optimizers.names(), given.again)
    for file, text in pages().items():
        write(FOLDER / file, [text])
    if not given.text:
        draw_pictures([name for name in optimizers.names() if kept(name) is not None])


if __name__ == "__main__":
    main()
