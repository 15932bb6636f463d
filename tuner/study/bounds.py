"""The bounds of searched settings: how near a value lies to them, and where to move them."""

import math
from collections.abc import Sequence

from tuner.codec import Settings
from tuner.config.space import BATCH_SIZE, MODELS
from tuner.search.ranges import Choices, Range, Setting, is_number
from tuner.training import losses, optimizers, schedules
from tuner.training.domains import Domain

# A bound moves by this share of the range's width on the scale of the search: on a log scale over
# five decades, by a factor of 18.
WIDER = 0.25
# A bound is not moved when it lies closer than this share of the width to an open end of the
# domain.
CLOSE = 0.01
# Choices that grow by at least this factor are continued geometrically, the others arithmetically.
FACTOR = 1.5


def place(setting: Setting, value: float) -> float | None:
    """Where a value lies between the bounds: 0 to 1 on the scale of the search.

    For choices of three or more numbers, it is the value's rank among them, scaled to 0 to 1.

    Returns:
        None if the values have no order, or there are only two.
    """
    if isinstance(setting, Choices):
        numbers = ordered(setting)
        return numbers.index(value) / (len(numbers) - 1) if value in numbers else None
    if setting.size < 3:
        return None
    high = setting.high if setting.count is None else setting.item(setting.count - 1)
    down, up, at = (scaled(setting, x) for x in (setting.low, high, value))
    return min(max((at - down) / (up - down), 0.0), 1.0)


def ordered(choices: Choices) -> list[float]:
    """The options in ascending order if they are at least three numbers; else an empty list."""
    numbers = [option for option in choices.options if is_number(option)]
    return sorted(numbers) if 3 <= len(numbers) == len(choices.options) else []


def scaled(range_: Range, value: float) -> float:
    """A value on the scale of its range."""
    if range_.scale == "log":
        return math.log(value)
    return -math.log1p(-value) if range_.scale == "reverse_log" else value


def bound(setting: Setting, upper: bool) -> float:
    """The highest or the lowest value that is searched."""
    if isinstance(setting, Choices):
        return ordered(setting)[-1 if upper else 0]
    if upper and setting.count is not None:
        return setting.item(setting.count - 1)
    return setting.high if upper else setting.low


def moved(setting: Setting, upper: bool, domain: Domain) -> float | None:
    """The bound moved outwards by WIDER of the range's width; for choices, the next value outside.

    Args:
        setting: a searched setting.
        upper: whether to move the upper bound or the lower one.
        domain: the setting's domain. A bound moves at most to a closed end of the domain, and half
            the way to an open one.

    Returns:
        None if the domain leaves no room.
    """
    old = bound(setting, upper)
    limit = domain.high if upper else domain.low
    if isinstance(setting, Choices):
        new = _next_choice(ordered(setting), upper)
        return new if new in domain and new != old else None
    new = _further(setting, upper)
    width = abs(setting.high - setting.low)
    if old == limit or (setting.scale == "linear" and abs(old - limit) < CLOSE * width):
        return None
    if new not in domain:
        closed = domain.high_closed if upper else domain.low_closed
        new = limit if closed else (old + limit) / 2
        return int(new) if setting.integer else new
    return new


def _next_choice(numbers: Sequence[float], upper: bool) -> float:
    last, before = (numbers[-1], numbers[-2]) if upper else (numbers[0], numbers[1])
    ratio = last / before if before else 0.0
    grows = numbers[0] > 0 and max(ratio, 1 / ratio) >= FACTOR
    new = last * ratio if grows else last + (last - before)
    whole = all(isinstance(number, int) for number in numbers)
    return round(new) if whole else short(new, last)


def _further(range_: Range, upper: bool) -> float:
    """The bound moved on the range's scale, rounded to the grid if the range has one."""
    old, sign = bound(range_, upper), 1 if upper else -1
    if range_.count is not None:
        more = max(1, round(WIDER * (range_.count - 1)))
        return range_.item(range_.count - 1 + more if upper else -more)
    width = scaled(range_, range_.high) - scaled(range_, range_.low)
    at = scaled(range_, old) + sign * WIDER * width
    if range_.scale == "reverse_log":
        return float(f"{1 - short(math.exp(-at), 1 - old):.9g}")
    new = math.exp(at) if range_.scale == "log" else at
    if range_.integer:
        return max(round(new), int(old) + 1) if upper else min(round(new), int(old) - 1)
    return short(new, old)


def short(new: float, old: float) -> float:
    """The new number rounded to few digits.

    It keeps as many digits (two or more) as keep at least half of its distance to the old one.
    """
    digits = (float(f"{new:.{n}g}") for n in range(2, 18))
    return next((n for n in digits if (n - old) / (new - old) >= 0.5), new)


def own_domain(setting: Setting) -> Domain | None:
    """The domain of a user function's setting, guessed from its range.

    A range that starts at 0 or above never goes below 0, and integers that start at 1 or above
    never go below 1. A linear range within 0 and 1 is a share and never goes above 1.
    """
    numbers = ordered(setting) if isinstance(setting, Choices) else [setting.low, setting.high]
    if not numbers:
        return None
    scale = "linear" if isinstance(setting, Choices) else setting.scale
    whole = all(isinstance(number, int) for number in numbers)
    above, share = numbers[0] >= 0, numbers[0] >= 0 and numbers[-1] <= 1 and scale == "linear"
    low = 1.0 if whole and numbers[0] >= 1 else 0.0 if above else -math.inf
    high = 1.0 if share or scale == "reverse_log" else math.inf
    return Domain(low, high, low_closed=low == 1 or scale != "log", high_closed=share)


def domain_of(path: str, fixed: Settings, setting: Setting | None = None) -> Domain | None:
    """The domain of a setting; None if it is not numeric.

    Args:
        path: the setting's path.
        fixed: the fixed settings of the space; they name the parts of a schedule.
        setting: how it is searched; the only source for a setting of a user function.
    """
    group, _, rest = path.partition(".")
    option, _, key = rest.partition(".")
    found: object = None
    if group == "batch_size":
        found = BATCH_SIZE
    elif group == "optimizer":
        found = optimizers.load(option).hyperparameters[key].domain
    elif group == "loss":
        found = losses.load(option).own[key].domain
    elif group == "model":
        found = MODELS[option][key.partition(".")[0]]
    elif group == "schedule" and option == schedules.PARTS:
        part, _, key = key.partition(".")
        name = fixed[f"{group}.{option}.{part}.name"]
        known = {**schedules.PART, **schedules.schedule_hyperparameters(name)}
        found = known[key].domain
    elif group == "schedule":
        found = schedules.schedule_hyperparameters(option)[key].domain
    elif setting is not None:
        found = own_domain(setting)
    return found if isinstance(found, Domain) else None
