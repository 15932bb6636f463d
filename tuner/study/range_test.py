"""The range test: finds a range of learning rates by short runs, a ramp and longer runs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tuner.codec import Settings
from tuner.config import Config
from tuner.errors import UserError
from tuner.search.initial_trials import default
from tuner.search.space import Choices, Range, Setting, Space
from tuner.search.trials import Trial, rounded
from tuner.study.config_changes import WITHOUT_EFFECT
from tuner.study.events import Listener, StageBegan, nobody
from tuner.study.range_result import (
    Ends,
    FoundRange,
    LongerRuns,
    Pair,
    Ramp,
    RangeTest,
    Spread,
    TestedRates,
    three_digits,
)
from tuner.study.short_runs import Ended, short_runs
from tuner.training import optimizers
from tuner.training.kernels.sparse import CSR
from tuner.training.population import Member
from tuner.training.problems import Problem
from tuner.training.ramp import ramp
from tuner.training.ranges import (
    CLASSIC,
    Bracket,
    Sweep,
    bracket,
    brackets,
    joined,
    open_ends,
    slopes,
    smoothed,
)

if TYPE_CHECKING:
    from tuner.data import DataSet

Array = np.ndarray

# The confirming runs are at the suggested rate and this factor below and above it.
APART = 3.0

# Rates are widened by this factor where losses do not rise, at most WIDENINGS times.
WIDER, WIDENINGS = 100.0, 4


class Training(Protocol):
    """Makes problems and members from settings."""

    def problem(self, settings: Settings) -> Problem:
        """The problem of these settings."""

    def member(self, trial: Trial) -> Member:
        """A member with the settings of a trial."""


class Measurement:
    """The range test of one config.

    Args:
        config: the optimizers, their ranges and how to test them.
        training: makes problems and members from settings.
        threads: the number of threads that train.
        stop: set to interrupt it.
        tell: receives the events of the stages.
        measure: the loss that rates are compared by.

    Raises:
        UserError: if several options of a group other than optimizer are chosen.
    """

    def __init__(
        self,
        config: Config,
        training: Training,
        threads: int,
        stop: Event,
        tell: Listener = nobody,
        measure: str = "train_loss",
    ) -> None:
        self.config, self.asked, self.measure = config, config.range, measure
        self.threads, self.stop, self.tell = threads, stop, tell
        self.settings = {name: held(config.space, name) for name in optimizers_of(config.space)}
        self.training = training
        self.problem = training.problem(next(iter(self.settings.values())))
        self.epochs = min(self.asked.epochs, config.budget.epochs)
        self.longer = min(self.asked.confirm_epochs, config.budget.epochs)
        self.rates = {name: grid(config, name) for name in self.settings}

    def run(self, key: str) -> RangeTest:
        """Runs the sweep, the ramp and the confirmation, each as one population.

        Args:
            key: the fingerprint of the test.

        Raises:
            Interrupted: when `stop` was set.
        """
        return RangeTest(
            study=self.config.study.name,
            key=key,
            epochs=self.epochs,
            longer=self.longer,
            held=self.held(),
            optimizers=self.optimizers(),
        )

    def begin(self, what: str) -> None:
        """Tells which stage begins."""
        self.tell(StageBegan(what))

    def optimizers(self) -> dict[str, FoundRange | TestedRates]:
        """The result of each optimizer."""
        rows = sum(map(len, self.rates.values())) * self.asked.seeds
        self.begin(f"{rows} runs of {self.epochs} epochs: all rates, {self.asked.seeds} seeds each")
        sweeps = self.widened(self.sweep(self.rates))
        self.begin(f"a ramp of {self.asked.ramp_steps} steps for each seed, for comparison")
        ramps = self.ramps({name: sweep.rates for name, sweep in sweeps.items()})
        found = {name: bracket(sweep) for name, sweep in sweeps.items()}
        known = {name: b for name, b in found.items() if b is not None}
        if known:
            runs = len(known) * 3 * self.asked.seeds
            self.begin(f"{runs} confirming runs of {self.longer} epochs")
        confirmed = self.confirm(known) if known else {}
        return {
            name: (
                found_range(
                    self.short(name, sweep, ramps[name]), sweep, known[name], confirmed[name]
                )
                if name in known
                else TestedRates(**self.short(name, sweep, ramps[name]), bracket=None)
            )
            for name, sweep in sweeps.items()
        }

    def held(self) -> dict[str, Any]:
        """The searched settings, except the rates, with their fixed values."""
        return {
            path: own[path]
            for own in self.settings.values()
            for path in self.config.space.searched
            if path in own and path != "optimizer" and not path.endswith(".lr")
        }

    def member(self, optimizer: str, rate: float, seed: int) -> Member:
        """A member at that rate; `seed` is added to the study's seed."""
        settings = {**self.settings[optimizer], f"optimizer.{optimizer}.lr": float(rate)}
        member = self.training.member(Trial(0, settings, 0))
        return replace(member, seed=self.config.study.seed + seed)

    def members(
        self, rates: Mapping[str, Sequence[float] | Array], seeds: Sequence[int]
    ) -> list[Member]:
        """Members ordered by optimizer, seed and rate."""
        return [
            self.member(name, rate, seed)
            for name, own in rates.items()
            for seed in seeds
            for rate in own
        ]

    def trained(self, members: Sequence[Member], epochs: int) -> Ended:
        """Trains these members (`short_runs`)."""
        return short_runs(self.problem, members, epochs, self.threads, self.stop, self.tell)

    def shaped(self, values: Array, counts: Mapping[str, int]) -> dict[str, Array]:
        """Splits numbers in the order of `members` into (seeds, rates) for each optimizer."""
        sizes = [self.asked.seeds * count for count in counts.values()]
        parts = np.split(values, np.cumsum(sizes)[:-1])
        return {n: p.reshape(self.asked.seeds, -1) for n, p in zip(counts, parts, strict=True)}

    def sweep(self, rates: Mapping[str, Array]) -> dict[str, Sweep]:
        """Short runs at these rates."""
        members = self.members(rates, range(self.asked.seeds))
        ended = self.trained(members, self.epochs)
        counts = {name: len(own) for name, own in rates.items()}
        initial = self.shaped(ended.initial[self.measure], counts)
        losses = self.shaped(ended.final[self.measure], counts)
        return {n: Sweep(rates[n], initial[n][:, 0], losses[n]) for n in counts}

    def widened(self, sweeps: dict[str, Sweep]) -> dict[str, Sweep]:
        """Adds rates further out until losses rise on both sides, at most WIDENINGS times."""
        for _ in range(WIDENINGS):
            beyond = {name: self.beyond(name, sweep) for name, sweep in sweeps.items()}
            beyond = {name: rates for name, rates in beyond.items() if rates.size}
            if not beyond:
                break
            rows = sum(map(len, beyond.values())) * self.asked.seeds
            those = ", ".join(beyond)
            self.begin(
                f"{rows} more runs: the loss of {those} does not yet rise on both sides of its "
                "lowest"
            )
            more = self.sweep(beyond)
            sweeps = {n: joined(s, more[n]) if n in more else s for n, s in sweeps.items()}
        return sweeps

    def beyond(self, optimizer: str, sweep: Sweep) -> Array:
        """Rates further out at the same factor, as far as the domain and the dtype allow."""
        below, above = open_ends(sweep)
        factor = sweep.rates[1] / sweep.rates[0]
        steps = np.arange(1, max(2, round(np.log(WIDER) / np.log(factor)) + 1))
        with np.errstate(over="ignore", under="ignore"):
            low = sweep.rates[0] / factor**steps if below else np.empty(0)
            high = sweep.rates[-1] * factor**steps if above else np.empty(0)
        kind = np.finfo(self.config.dtype)
        domain = optimizers.load(optimizer).hyperparameters["lr"].domain
        rates = [r for r in (*low, *high) if kind.tiny <= r <= kind.max and float(r) in domain]
        return np.sort(np.array(rates))

    def short(self, optimizer: str, sweep: Sweep, climbed: Ramp) -> dict[str, Any]:
        """The fields of `TestedRates`, without the bracket."""
        first = self.rates[optimizer]
        return {
            "rates": plain(sweep.rates),
            "initial": plain(sweep.initial),
            "losses": plain_rows(sweep.losses),
            "slope": plain(slopes(sweep.rates, sweep.losses.mean(axis=0))),
            "asked": Ends(*plain(first[[0, -1]])),
            "open": open_ends(sweep),
            "ramp": climbed,
        }

    def ramps(self, tried: Mapping[str, Array]) -> dict[str, Ramp]:
        """Ramps over the same rates, and what the classic rules suggest for each seed."""
        ramps = {}
        for name, rates in tried.items():
            rows = self.members({name: rates[:1]}, range(self.asked.seeds))
            high, steps = float(rates[-1]), self.asked.ramp_steps
            climbed, losses = ramp(self.problem, rows, high, steps, self.threads, self.stop)
            ramps[name] = Ramp(
                rates=plain(climbed[0]),
                smoothed=tuple(plain(smoothed(own)) for own in losses),
                rules={
                    word: plain(np.array([rule(climbed[0], own) for own in losses]))
                    for word, rule in CLASSIC.items()
                },
            )
        return ramps

    def confirm(self, found: Mapping[str, Bracket]) -> dict[str, LongerRuns]:
        """Longer runs on fresh seeds at the suggested rate, a third of it and three times it."""
        middle = {name: b.suggested for name, b in found.items()}
        rates = {name: (m * (1 / APART), m, m * APART) for name, m in middle.items()}
        seeds = range(self.asked.seeds, 2 * self.asked.seeds)
        members = self.members(rates, seeds)
        ended = self.trained(members, self.longer)
        measure = "validation_loss" if "validation_loss" in ended.final else "train_loss"
        losses = self.shaped(ended.final[measure], dict.fromkeys(rates, 3))
        return {name: longer_runs(rates[name], measure, losses[name]) for name in rates}


def longer_runs(rates: tuple[float, float, float], measure: str, losses: Array) -> LongerRuns:
    """The result of the confirming runs; losses: (seeds, 3)."""
    kept = plain_rows(losses)
    means = np.array(kept, dtype=float).mean(axis=0)
    return LongerRuns(rates, measure, kept, plain(means))


def found_range(
    short: Mapping[str, Any], sweep: Sweep, found: Bracket, confirmed: LongerRuns
) -> FoundRange:
    """The result of an optimizer's runs: the bracket, its spread over the seeds, and the range.

    The range reaches from the lowest to the highest end of any seed, and includes the rate that the
    confirming runs suggest.
    """
    alone = brackets(sweep) or [found]

    def ends(name: str) -> Pair:
        values = [getattr(b, name) for b in alone]
        return min(values), max(values)

    spread = Spread(ends("low"), ends("high"), ends("suggested"), ends("stable"))
    losses = np.array(confirmed.losses, dtype=float)
    suggested = settled(np.array(confirmed.rates), losses, found.stable)
    given = (spread.low[0], spread.high[1], suggested)
    return FoundRange(
        **short,
        bracket=found,
        spread=spread,
        confirmation=confirmed,
        suggested=three_digits(suggested),
        range=Ends(*reach(given, sweep.rates)),
    )


def reach(ends: Sequence[float], rates: Array) -> tuple[float, float]:
    """The lowest and the highest of these rates, rounded, as a searchable range.

    If they are equal, the ends are half a grid step below and above.
    """
    low, high = three_digits(min(ends)), three_digits(max(ends))
    if low < high:
        return low, high
    half = float(np.sqrt(rates[1] / rates[0]))
    return three_digits(low / half), three_digits(high * half)


def settled(rates: Array, losses: Array, stable: float) -> float:
    """The rate to suggest after the confirming runs: rates (3,), losses (seeds, 3).

    It differs from the middle one only if every seed agrees, because means of a few seeds may
    differ by chance. It never exceeds the largest stable rate.
    """
    losses = np.where(np.isnan(losses), np.inf, losses)
    better = (losses < losses[:, 1:2]).all(axis=0) & (rates <= stable)
    candidates = np.append(1, np.flatnonzero(better))
    return float(rates[candidates[np.argmin(losses.mean(axis=0)[candidates])]])


def optimizers_of(space: Space) -> tuple[str, ...]:
    """The optimizers to test, each on its own.

    Raises:
        UserError: if several options of another group are chosen; several models, for example, do
            not share their good rates.
    """
    for group, options in space.branches.items():
        if group != "optimizer" and len(options) > 1:
            chosen = ", ".join(options)
            raise UserError(
                f"{group}: [{chosen}]: a range test takes one at a time: give {group}={options[0]}"
            )
    return space.branches["optimizer"]


def held(space: Space, optimizer: str) -> dict[str, Any]:
    """Settings in which every searched setting has one fixed value.

    It is the textbook value, or the nearest one in the range; without a textbook value, the middle
    of the range.
    """

    def choose(path: str, setting: Setting) -> Any:
        return optimizer if path == "optimizer" else setting.nearest(default(path))

    return space.settings(choose)


def grid(config: Config, optimizer: str) -> Array:
    """The rates to try: the config's range and beyond, at equal factors.

    The grid reaches further by the factor `range.widen` at both ends; around a fixed rate, by its
    square.
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


def plain(values: Array) -> tuple[Any, ...]:
    """Numbers (n,) in the form of results: to nine digits, None if not finite."""
    return tuple(rounded(value) for value in values.tolist())


def plain_rows(values: Array) -> tuple[tuple[Any, ...], ...]:
    """The same for (rows, n)."""
    return tuple(plain(row) for row in values)


def fingerprint(config: Config, data: "DataSet | None") -> str:
    """A digest of everything that determines a test's result, including the data."""
    deciding = {key: value for key, value in config.plain.items() if key not in WITHOUT_EFFECT}
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode())
    for part in data.folds[0] if data is not None else ():
        if part is not None:
            X = part.X if isinstance(part.X, CSR) else (part.X,)
            for array in (*X, part.y, part.weights):
                digest.update(np.ascontiguousarray(0 if array is None else array).data)
    return digest.hexdigest()
