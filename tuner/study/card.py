"""A card: measurements of one optimizer on data, on test functions and by the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event

import numpy as np

from tuner.codec import Settings
from tuner.config import Config, check
from tuner.config.schema import Plain
from tuner.errors import UserError
from tuner.search.ranges import Choices, Range
from tuner.study.data import loaded
from tuner.study.descent import Path, Rivals, Surface, descend, surface_of
from tuner.study.events import Listener, StageBegan, nobody
from tuner.study.populations import Populations
from tuner.study.range_result import Ends, three_digits
from tuner.study.range_test import Measurement, optimizers_of, plain
from tuner.training import functions
from tuner.training.analytic import COORDINATES
from tuner.training.pass_cost import SIZES, cost
from tuner.training.ranges import Sweep, as_good, bracket, open_ends

Array = np.ndarray

# The loss that a rate is judged by.
MEASURE = "validation_loss"

# A bowl of one number says little: it is drawn in two, and not round.
BOWL = {"quadratic": {"dimension": 2, "condition_number": 20.0}}

# Steps of a descent: enough to come round the bend of Rosenbrock's valley.
STEPS = 200

# The pass that costs are compared with, and how they are timed.
PLAIN, ROUNDS, PARAMETERS = "sgd", 5, 1_000_000


@dataclass(frozen=True)
class RatesOnData:
    """Runs on one data set that differ by rate and seed alone.

    Attributes:
        rates: ascending.
        losses: the mean over the seeds of the validation loss at the end over that before
            training, by rate; None where a run diverged.
        start: the validation loss before training.
        best: the rate of the lowest loss; None where no rate gains.
        basin: from the lowest to the highest rate about the best one at which the loss falls by at
            least nine tenths (`ranges.AS_GOOD`) of what it falls by at the best.
        worth: the rates worth searching, as the range test has them: from half of that fall on.
        open: whether good rates may lie below and above those tried.
    """

    rates: tuple[float, ...]
    losses: tuple[float | None, ...]
    start: float
    best: float | None
    basin: Ends | None
    worth: Ends | None
    open: tuple[bool, bool]

    @property
    def lowest(self) -> float | None:
        """The validation loss at the best rate."""
        known = [loss for loss in self.losses if loss is not None]
        return None if self.best is None else self.start * min(known)


@dataclass(frozen=True)
class OneRate:
    """The rate that loses least where it loses most.

    Attributes:
        share: on every data set it gains at least this share of what the best rate gains there.
    """

    rate: float
    share: float


@dataclass(frozen=True)
class Descended:
    """How the best of the settings descended on a test function.

    Attributes:
        settings: the rate, and what of it was searched.
        value: of the function, above its minimum; None where it diverged.
        start: the same before the first step.
        steps: that it took.
        left: the step at which it diverged, or 0.
    """

    settings: Settings
    value: float | None
    start: float
    steps: int
    left: int


@dataclass(frozen=True)
class Cost:
    """Nanoseconds of a parameter and a step, by the size of the population, on one thread.

    Attributes:
        own: of the optimizer's pass.
        sgd: of SGD's, timed beside it.
    """

    own: Mapping[str, float]
    sgd: Mapping[str, float]


@dataclass(frozen=True)
class Card:
    """All that is measured of an optimizer.

    Attributes:
        model, schedule, batch_size, epochs, seeds: of the runs on data.
        held: settings that are searched by default, at the values that these runs had.
        asked: the rates that are searched by default; both ends are one where the rate is fixed.
        data: by name.
        one: None where no rate gains everywhere.
        trials: settings that descended on each function, the best of which is told.
        descents: by the function's name.
    """

    optimizer: str
    model: str
    schedule: str
    batch_size: int
    epochs: int
    seeds: int
    held: Settings
    asked: Ends
    data: Mapping[str, RatesOnData]
    one: OneRate | None
    trials: int
    descents: Mapping[str, Descended]
    cost: Cost

    @property
    def worth(self) -> Ends | None:
        """The rates worth searching on any of the data sets."""
        known = [own.worth for own in self.data.values() if own.worth is not None]
        if not known:
            return None
        return Ends(min(ends.low for ends in known), max(ends.high for ends in known))


@dataclass(frozen=True)
class Drawn:
    """A path, and the function that it is on.

    Attributes:
        start: the value of the function before the first step.
        lowest: that at its minima.
    """

    surface: Surface
    path: Path
    start: float
    lowest: float


def configs(config: Config, optimizer: str) -> dict[str, Config]:
    """The config of each data set, with this optimizer alone, by the name of the data.

    Raises:
        UserError: where a model is none of data, or several options of a group are chosen.
    """
    optimizers_of(config.space)
    for name in config.space.branches["model"]:
        if name in functions.names():
            raise UserError(
                f"model: {name}: a card needs a model that is trained on data: give one, such as "
                "mlp"
            )
    given = config.given
    several: Sequence[Plain] = given["compare"].get("data") or [given["data"]]
    own = {
        "optimizer": {optimizer: given["optimizer"][optimizer]},
        "compare": {**given["compare"], "data": None},
        "range": {**given["range"], "epochs": given["budget"]["epochs"]},
    }
    return {str(data["name"]): check({**given, **own, "data": data}) for data in several}


def measure(
    config: Config, optimizer: str, threads: int, stop: Event, tell: Listener = nobody
) -> tuple[Card, dict[str, Drawn]]:
    """Measures an optimizer.

    Args:
        config: of the runs: its model, schedule, batch size, budget and `range`.
        optimizer: its name.
        threads: for the runs on data.
        stop: set to interrupt it.
        tell: hears of what is at work.

    Returns:
        The card, and the paths on the test functions by their names.

    Raises:
        UserError: for what does not fit the data.
        Interrupted: when `stop` was set.
    """
    sweeps: dict[str, Sweep] = {}
    held: Settings = {}
    batch_size = 0
    for name, own in configs(config, optimizer).items():
        now, data = loaded(own)
        tell(StageBegan(f"{optimizer} on {name}"))
        with Populations(now, data, threads, stop) as training:
            measurement = Measurement(now, training, threads, stop, tell, MEASURE)
            sweeps[name] = measurement.widened(measurement.sweep(measurement.rates))[optimizer]
            held = measurement.held()
            batch_size = measurement.settings[optimizer]["batch_size"]
    tell(StageBegan(f"{optimizer} on {len(functions.names())} test functions"))
    schedule = config.space.branches["schedule"][0]
    rivals = Rivals(config, optimizer, schedule)
    drawn = descents(config, rivals, stop)
    card = Card(
        optimizer=optimizer,
        model=config.space.branches["model"][0],
        schedule=schedule,
        batch_size=batch_size,
        epochs=config.budget.epochs,
        seeds=config.range.seeds,
        held=held,
        asked=asked(config, optimizer),
        data={name: on_data(sweep) for name, sweep in sweeps.items()},
        one=one_rate(list(sweeps.values())),
        trials=len(rivals.members),
        descents={name: told(rivals, own) for name, own in drawn.items()},
        cost=costs(optimizer),
    )
    return card, drawn


def asked(config: Config, optimizer: str) -> Ends:
    """The rates that a config searches."""
    path = f"optimizer.{optimizer}.lr"
    match config.space.searched.get(path):
        case Range(low=low, high=high):
            return Ends(low, high)
        case Choices(options=options):
            return Ends(min(options), max(options))
        case _:
            return Ends(config.space.fixed[path], config.space.fixed[path])


def on_data(sweep: Sweep) -> RatesOnData:
    """What the runs on one data set say."""
    start = float(sweep.initial.mean())
    good, found = as_good(sweep), bracket(sweep)
    return RatesOnData(
        rates=plain(sweep.rates),
        losses=plain(sweep.losses.mean(axis=0) / start),
        start=start,
        best=None if found is None else three_digits(found.best),
        basin=None if good is None else Ends(*map(three_digits, good)),
        worth=None if found is None else Ends(three_digits(found.low), three_digits(found.high)),
        open=open_ends(sweep),
    )


def one_rate(sweeps: Sequence[Sweep]) -> OneRate | None:
    """The rate, of those tried on all data sets, whose worst share of the best gain is largest."""
    tried = [{f"{rate:.6g}": i for i, rate in enumerate(sweep.rates)} for sweep in sweeps]
    common = [rate for rate in tried[0] if all(rate in own for own in tried)]
    worst = np.full(len(common), np.inf)
    for sweep, places in zip(sweeps, tried, strict=True):
        gains = sweep.gains.mean(axis=0)
        if not gains.max() > 0:
            return None
        worst = np.minimum(worst, gains[[places[rate] for rate in common]] / gains.max())
    best = int(worst.argmax())
    if not worst[best] > 0:
        return None
    return OneRate(three_digits(float(common[best])), three_digits(float(worst[best])))


def descents(config: Config, rivals: Rivals, stop: Event) -> dict[str, Drawn]:
    """The path that ends lowest on each test function of two numbers, of settings spread evenly.

    Raises:
        Interrupted: when `stop` was set.
    """
    length = config.budget.model_copy(update={"epochs": STEPS})
    config = config.model_copy(update={"budget": length})
    found = {}
    for name in functions.names():
        function = functions.create(name, BOWL.get(name, {}))
        if function.size == len(COORDINATES):
            paths = descend(config, function, rivals.members, stop)
            start = float(function(function.origin[None])[0][0])
            best = min(paths, key=Path.rank)
            found[name] = Drawn(surface_of(function), best, start, function.lowest)
    return found


def told(rivals: Rivals, drawn: Drawn) -> Descended:
    """A path in numbers."""
    path = drawn.path
    value, start = plain(np.array([path.value, drawn.start]) - drawn.lowest)
    settings = {key: three_digits(number) for key, number in rivals.shown(path.member)}
    ended = None if path.left else value
    return Descended(settings, ended, start, len(path.points) - 1, path.left)


def costs(optimizer: str) -> Cost:
    """What a pass costs, and SGD's."""
    both = [
        {size: cost(name, *shape, ROUNDS, PARAMETERS)[0] for size, shape in SIZES.items()}
        for name in (optimizer, PLAIN)
    ]
    return Cost(*({size: three_digits(ns) for size, ns in own.items()} for own in both))
