"""A card: measures one optimizer on data sets, on test functions, and its time per step."""

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

# The loss that learning rates are compared by.
MEASURE = "validation_loss"

# A quadratic of one dimension says little: it gets two dimensions of unequal curvature.
BOWL = {"quadratic": {"dimension": 2, "condition_number": 20.0}}

# Steps of a descent: enough to pass the bend of Rosenbrock's valley.
STEPS = 200

# The optimizer that costs are compared with, the timed rounds, and the parameters of a pass.
PLAIN, ROUNDS, PARAMETERS = "sgd", 5, 1_000_000


@dataclass(frozen=True)
class RatesOnData:
    """Runs on one data set that differ only in learning rate and seed.

    Attributes:
        rates: ascending.
        losses: by rate, the validation loss at the end divided by the one before training, as a
            mean over the seeds; None where a run diverged.
        start: the validation loss before training.
        best: the rate with the lowest loss; None if no rate lowers the loss.
        basin: the lowest and the highest rate around the best one at which the loss falls by at
            least nine tenths (`ranges.AS_GOOD`) of its fall at the best rate.
        worth: the rates worth searching, as in the range test: those with at least half of the
            fall.
        open: whether good rates may lie below, and above, those tried.
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
    """The single rate whose worst result over all data sets is best.

    Attributes:
        share: on every data set, this rate gains at least this share of the best rate's gain there.
    """

    rate: float
    share: float


@dataclass(frozen=True)
class Descended:
    """The best descent on a test function among the settings tried.

    Attributes:
        settings: the learning rate, and the other searched settings.
        value: the final function value above its minimum; None if the descent diverged.
        start: the same before the first step.
        steps: the number of steps taken.
        left: the step at which it diverged, or 0.
    """

    settings: Settings
    value: float | None
    start: float
    steps: int
    left: int


@dataclass(frozen=True)
class Cost:
    """Nanoseconds per parameter and step, by population size, on one thread.

    Attributes:
        own: the cost of the optimizer's pass.
        sgd: the cost of SGD's pass, timed in the same way.
    """

    own: Mapping[str, float]
    sgd: Mapping[str, float]


@dataclass(frozen=True)
class Card:
    """All measurements of an optimizer.

    Attributes:
        model, schedule, batch_size, epochs, seeds: of the runs on data sets.
        held: the settings that are searched by default, with the fixed values of these runs.
        asked: the range of rates that is searched by default; both ends are equal if the rate is
            fixed.
        data: the results by data set.
        one: None if no rate lowers the loss on every data set.
        trials: how many settings descended on each function; the best one is reported.
        descents: the best descents by function.
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
    """A path, and the function that it runs on.

    Attributes:
        start: the value of the function before the first step.
        lowest: the value of the function at its minima.
    """

    surface: Surface
    path: Path
    start: float
    lowest: float


def configs(config: Config, optimizer: str) -> dict[str, Config]:
    """One config per data set, with this optimizer only, by the name of the data.

    Raises:
        UserError: if a model is a test function and takes no data, or if several options of a group
            are chosen.
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
        config: the config of the runs; model, schedule, batch size, budget and `range` count.
        optimizer: the optimizer's name.
        threads: number of threads for the runs on data.
        stop: set to interrupt it.
        tell: receives the events of the stages.

    Returns:
        The card, and the paths on the test functions by their names.

    Raises:
        UserError: if the config does not fit the data.
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
    """The range of learning rates that a config searches."""
    path = f"optimizer.{optimizer}.lr"
    match config.space.searched.get(path):
        case Range(low=low, high=high):
            return Ends(low, high)
        case Choices(options=options):
            return Ends(min(options), max(options))
        case _:
            return Ends(config.space.fixed[path], config.space.fixed[path])


def on_data(sweep: Sweep) -> RatesOnData:
    """Summarises the runs on one data set."""
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
    """The rate, among those tried on every data set, with the best worst share of the best gain."""
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
    """The path that ends lowest on each two-dimensional test function, over evenly spread settings.

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
    """The measured cost of the optimizer's pass and of SGD's."""
    both = [
        {size: cost(name, *shape, ROUNDS, PARAMETERS)[0] for size, shape in SIZES.items()}
        for name in (optimizer, PLAIN)
    ]
    return Cost(*({size: three_digits(ns) for size, ns in own.items()} for own in both))
