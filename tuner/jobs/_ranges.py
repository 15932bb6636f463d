"""Measuring a range of learning rates: the sweep, the ramp and the confirming runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Event
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.errors import UserError
from tuner.jobs._training import Training
from tuner.search.initial_trials import default
from tuner.search.space import Choices, Range, Setting, Space
from tuner.search.trials import Trial
from tuner.training.loop import Trainer
from tuner.training.population import Member, create
from tuner.training.problems import Problem
from tuner.training.ramp import ramp
from tuner.training.ranges import CLASSIC, Bracket, Sweep, bracket, brackets, slopes, smoothed

Array = np.ndarray

# The confirming runs are at the suggested rate and this factor below and above it.
APART = 3.0
ENDS = ("low", "high", "suggested", "stable")


@dataclass(frozen=True)
class Ended:
    """How runs ended, in the order of their members, (members,) each: losses of the last epoch,
    nan where a run diverged, and those before the first step."""

    initial: Mapping[str, Array]
    final: Mapping[str, Array]


def short_runs(
    problem: Problem, members: Sequence[Member], epochs: int, threads: int, stop: Event
) -> Ended:
    """Trains the members as one population, their schedules laid out for these epochs."""
    rows = [replace(member, trial=i) for i, member in enumerate(members)]
    with Trainer(problem, epochs, threads, stop) as trainer:
        population = create(problem, rows)
        place = np.argsort([m.trial for m in population.members])
        first, left = trainer.start(population), np.zeros(len(rows), dtype=bool)
        for epoch in range(1, epochs + 1):
            last = trainer.epoch(population, epoch)
            left |= last.left
    losses = [name for name in ("train_loss", "validation_loss") if name in first.metrics]
    return Ended(
        {name: first.metrics[name][place] for name in losses},
        {name: np.where(left, np.nan, last.metrics[name])[place] for name in losses},
    )


class Measurement:
    """The range test of one config; `run` gives what it found as plain data, by optimizer."""

    def __init__(self, config: Config, training: Training, threads: int, stop: Event) -> None:
        self.config, self.asked = config, config.range
        self.threads, self.stop = threads, stop
        self.settings = {name: held(config.space, name) for name in optimizers_of(config.space)}
        self.training = training
        self.problem = training.problem(next(iter(self.settings.values())))
        self.epochs = min(self.asked.epochs, config.budget.epochs)
        self.longer = min(self.asked.confirm_epochs, config.budget.epochs)
        self.rates = {name: grid(config, name) for name in self.settings}

    def run(self, note: Callable[[str], None]) -> dict[str, dict[str, Any]]:
        """Sweep, ramp and confirmation, each as one population. Raises Interrupted."""
        rows = sum(map(len, self.rates.values())) * self.asked.seeds
        note(f"{rows} runs of {self.epochs} epochs: all rates, {self.asked.seeds} seeds each")
        sweeps = self.sweep()
        note(f"a ramp of {self.asked.ramp_steps} steps for each seed, for comparison")
        ramps = self.ramps()
        found = {name: bracket(sweep) for name, sweep in sweeps.items()}
        known = {name: b for name, b in found.items() if b is not None}
        if known:
            note(f"{len(known) * 3 * self.asked.seeds} confirming runs of {self.longer} epochs")
        confirmed = self.confirm(known) if known else {}
        return {
            name: {
                "rates": plain(sweep.rates),
                "initial": plain(sweep.initial),
                "losses": plain(sweep.losses),
                "slope": plain(slopes(sweep.rates, sweep.losses.mean(axis=0))),
                "ramp": ramps[name],
                "bracket": None,
                **(summary(sweep, known[name], confirmed[name]) if name in known else {}),
            }
            for name, sweep in sweeps.items()
        }

    def member(self, optimizer: str, rate: float, seed: int) -> Member:
        """A run at that rate; seeds count from the study's."""
        settings = {**self.settings[optimizer], f"optimizer.{optimizer}.lr": float(rate)}
        member = self.training.member(Trial(0, settings, 0))
        return replace(member, seed=self.config.study.seed + seed)

    def members(
        self, rates: Mapping[str, Sequence[float] | Array], seeds: Sequence[int]
    ) -> list[Member]:
        """By optimizer, seed and rate, in this order."""
        return [
            self.member(name, rate, seed)
            for name, own in rates.items()
            for seed in seeds
            for rate in own
        ]

    def trained(self, members: Sequence[Member], epochs: int) -> Ended:
        return short_runs(self.problem, members, epochs, self.threads, self.stop)

    def shaped(self, values: Array, counts: Mapping[str, int]) -> dict[str, Array]:
        """What was measured of `members`, (seeds, rates) for each optimizer."""
        sizes = [self.asked.seeds * count for count in counts.values()]
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return {n: p.reshape(self.asked.seeds, -1) for n, p in zip(counts, parts, strict=True)}

    def sweep(self) -> dict[str, Sweep]:
        members = self.members(self.rates, range(self.asked.seeds))
        ended = self.trained(members, self.epochs)
        counts = {name: len(rates) for name, rates in self.rates.items()}
        initial = self.shaped(ended.initial["train_loss"], counts)
        losses = self.shaped(ended.final["train_loss"], counts)
        return {n: Sweep(self.rates[n], initial[n][:, 0], losses[n]) for n in counts}

    def ramps(self) -> dict[str, dict[str, Any]]:
        """The ramp over the same rates, and what the classic rules say of each seed's."""
        told = {}
        for name, rates in self.rates.items():
            rows = self.members({name: rates[:1]}, range(self.asked.seeds))
            high, steps = float(rates[-1]), self.asked.ramp_steps
            climbed, losses = ramp(self.problem, rows, high, steps, self.threads, self.stop)
            told[name] = {
                "rates": plain(climbed[0]),
                "smoothed": [plain(smoothed(own)) for own in losses],
                "rules": {
                    word: plain(np.array([rule(climbed[0], own) for own in losses]))
                    for word, rule in CLASSIC.items()
                },
            }
        return told

    def confirm(self, found: Mapping[str, Bracket]) -> dict[str, dict[str, Any]]:
        """Longer runs on fresh seeds at the suggested rate, a third and three times of it."""
        rates = {n: [b.suggested * f for f in (1 / APART, 1, APART)] for n, b in found.items()}
        seeds = range(self.asked.seeds, 2 * self.asked.seeds)
        members = self.members(rates, seeds)
        ended = self.trained(members, self.longer)
        measure = "validation_loss" if "validation_loss" in ended.final else "train_loss"
        losses = self.shaped(ended.final[measure], dict.fromkeys(rates, 3))
        return {
            name: {"rates": rates[name], "measure": measure, "losses": plain(losses[name])}
            for name in rates
        }


def summary(sweep: Sweep, found: Bracket, confirmed: dict[str, Any]) -> dict[str, Any]:
    """What an optimizer's runs say: the bracket, its spread over the seeds, and the range.

    The range reaches from the lowest end to the highest that any seed gives, and holds what the
    confirming runs suggest.
    """
    alone = brackets(sweep) or [found]
    spread = {end: [min(v), max(v)] for end in ENDS if (v := [getattr(b, end) for b in alone])}
    losses = np.array([[np.nan if v is None else v for v in row] for row in confirmed["losses"]])
    suggested = settled(np.array(confirmed["rates"]), losses, found.stable)
    ends = (spread["low"][0], spread["high"][1], suggested)
    return {
        "bracket": asdict(found),
        "spread": spread,
        "confirmation": confirmed | {"means": plain(losses.mean(axis=0))},
        "suggested": rounded(suggested),
        "range": dict(zip(("low", "high"), reach(ends, sweep.rates), strict=True)),
    }


def reach(ends: Sequence[float], rates: Array) -> tuple[float, float]:
    """The lowest and the highest of these rates, rounded; where they are one, half a step of the
    grid below and above it, for a range that is searched has two ends."""
    low, high = rounded(min(ends)), rounded(max(ends))
    if low < high:
        return low, high
    half = float(np.sqrt(rates[1] / rates[0]))
    return rounded(low / half), rounded(high * half)


def settled(rates: Array, losses: Array, stable: float) -> float:
    """The rate to suggest after the confirming runs: rates (3,), losses (seeds, 3).

    It moves away from the middle one only if every seed agrees, for means of a few seeds may differ
    by chance, and never beyond the largest stable rate.
    """
    losses = np.where(np.isnan(losses), np.inf, losses)
    better = (losses < losses[:, 1:2]).all(axis=0) & (rates <= stable)
    candidates = np.append(1, np.flatnonzero(better))
    return float(rates[candidates[np.argmin(losses.mean(axis=0)[candidates])]])


def optimizers_of(space: Space) -> tuple[str, ...]:
    """The optimizers that are tested, each apart. Raises UserError where several options of another
    group are chosen, as several models, whose good rates are not the same."""
    for group, options in space.branches.items():
        if group != "optimizer" and len(options) > 1:
            chosen = ", ".join(options)
            raise UserError(
                f"{group}: [{chosen}]: a range test is of one: give {group}={options[0]}"
            )
    return space.branches["optimizer"]


def held(space: Space, optimizer: str) -> dict[str, Any]:
    """Settings with the textbook's value, or the nearest there is, for all that is searched; the
    middle of its range where no book has one."""

    def choose(path: str, setting: Setting) -> Any:
        return optimizer if path == "optimizer" else setting.nearest(default(path))

    return space.settings(choose)


def grid(config: Config, optimizer: str) -> Array:
    """The rates to try: the range of the config and beyond it, at equal factors.

    It reaches `range.widen` times further at both ends, and twice as many decades on both sides of
    a rate that is fixed.
    """
    path, wide = f"optimizer.{optimizer}.lr", config.range.widen
    match config.space.searched.get(path):
        case Range(low=low, high=high):
            low, high = low / wide, high * wide
        case Choices(options=options):
            low, high = min(options) / wide, max(options) * wide
        case None:
            rate = config.space.fixed[path]
            low, high = rate / wide**2, rate * wide**2
    decades = float(np.log10(high) - np.log10(low))
    count = max(3, round(decades * config.range.per_decade) + 1)
    rates: Array = np.geomspace(low, high, count)
    return rates


def plain(values: Array) -> list[Any]:
    """Numbers for JSON, which has none for what is not finite."""
    if values.ndim > 1:
        return [plain(row) for row in values]
    return [float(f"{v:.9g}") if np.isfinite(v) else None for v in values.tolist()]


def rounded(rate: float) -> float:
    """Three digits: a range test knows no more."""
    return float(f"{rate:.3g}")
