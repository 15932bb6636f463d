"""The space of a search: tuner's ranges, lists, or scipy's distributions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from tuner.codec import Settings

if TYPE_CHECKING:
    from tuner.search.space import Setting, Space

WORDS = {"low", "high", "scale", "step"}
SCALES = ("linear", "log", "reverse_log")
# A discrete distribution is searched between these quantiles, without its tails.
LIKELY = (0.001, 0.999)


@dataclass(frozen=True)
class Parameters:
    """Parameters to search.

    Attributes:
        space: the space for a sampler.
        decode: for each parameter, converts a sampler's value to the parameter's value.
    """

    space: "Space"
    decode: Mapping[str, Callable[[Any], Any]]

    def of(self, settings: Settings) -> dict[str, Any]:
        """The parameters of a trial."""
        return {name: self.decode[name](value) for name, value in settings.items()}


def parameters(given: Mapping[str, Any]) -> Parameters:
    """The space of a search.

    Args:
        given: for each parameter one of: a range {"low": 1e-4, "high": 1, "scale": "log"}, where
            scale is linear, log or reverse_log, a linear range may have a step, and integer bounds
            give integers; {"choices": [...]} or a list; a distribution of scipy.stats, where a
            discrete one gives all integers between its quantiles 0.001 and 0.999 with equal
            probability; any other value is fixed.

    Raises:
        ValueError: a range is invalid.
    """
    from tuner.search.space import Space

    settings: dict[str, Any] = {}
    decode: dict[str, Any] = {}
    for name, words in given.items():
        settings[name], decode[name] = _searched(name, words)
    return Parameters(Space(fixed={}, searched=settings, branches={}), decode)


def _searched(name: str, words: Any) -> tuple["Setting", Callable[[Any], Any]]:
    from tuner.search.space import Choices, Range

    if hasattr(words, "pmf"):
        low, high = (int(words.ppf(share)) for share in LIKELY)
        words = {"low": low, "high": high} if low < high else [low]
    elif hasattr(words, "ppf"):
        # The quantile is searched, so that samples follow the distribution.
        return Range(0.0, 1.0), lambda share: float(words.ppf(min(max(share, 1e-9), 1 - 1e-9)))
    if isinstance(words, Mapping) and "low" in words:
        return _range(name, words), lambda value: value
    options = words["choices"] if isinstance(words, Mapping) and "choices" in words else words
    if isinstance(options, str | Mapping) or not isinstance(options, Sequence):
        options = options.tolist() if hasattr(options, "tolist") else [options]
    if not len(options):
        raise ValueError(f"space: {name}: no choices: give one or more")
    return Choices(tuple(range(len(options)))), lambda index: options[index]


def _range(name: str, words: Mapping[str, Any]) -> "Setting":
    from tuner.search.space import Range

    unknown = sorted(set(words) - WORDS)
    if unknown:
        raise ValueError(f"space: {name}: {unknown[0]}: a range has {', '.join(sorted(WORDS))}")
    low, high, scale = words["low"], words.get("high", math.nan), words.get("scale", "linear")
    if not all(isinstance(x, Real) and math.isfinite(x) for x in (low, high)) or not low < high:
        raise ValueError(f"space: {name}: low {low!r}, high {high!r}: low must be below high")
    if scale not in SCALES:
        raise ValueError(f"space: {name}: scale {scale!r}: give one of {', '.join(SCALES)}")
    if (scale == "log" and low <= 0) or (scale == "reverse_log" and high >= 1):
        bound = "low must be above 0" if scale == "log" else "high must be below 1"
        raise ValueError(f"space: {name}: scale {scale}: {bound}")
    step = words.get("step")
    if step is not None and (scale != "linear" or not 0 < step <= high - low):
        raise ValueError(f"space: {name}: step {step!r}: on a linear scale, within the range")
    whole = all(isinstance(x, Integral) for x in (low, high, step or 1)) and scale != "reverse_log"
    return Range(low, high, scale, step, whole)
