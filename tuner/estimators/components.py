"""Names with numbers: optimizers, schedules and losses as parameters of an estimator."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Self

from tuner.errors import did_you_mean
from tuner.training import optimizers
from tuner.training.domains import Hyperparameter


class Named:
    """A name and numbers that replace its defaults, such as `Optimizer("adam", lr=0.01)`.

    It has scikit-learn's get_params and set_params, so that a search can set its numbers:
    `optimizer__beta1`. Name and numbers are checked when an estimator is fitted.

    >>> Optimizer("adam", beta1=0.8).set_params(lr=0.1)
    Optimizer('adam', beta1=0.8, lr=0.1)
    """

    def __init__(self, name: str, **settings: Any) -> None:
        self.name, self.settings = name, settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The name and the numbers that were given, without defaults."""
        return {"name": self.name, **self.settings}

    def set_params(self, **params: Any) -> Self:
        """Sets the name, as `name`, or numbers. A new name keeps the numbers of the one before."""
        self.name = params.pop("name", self.name)
        self.settings = {**self.settings, **params}
        return self

    def __repr__(self) -> str:
        numbers = "".join(f", {key}={value!r}" for key, value in self.settings.items())
        return f"{type(self).__name__}({self.name!r}{numbers})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # set_params changes it


class Optimizer(Named):
    """An optimizer of tuner.training.optimizers, its hyperparameters and the shared ones."""


class Schedule(Named):
    """A schedule of tuner.training.schedules, with its own hyperparameters and the shared ones.

    In a sequence of schedules, one after another, it also takes `until` and `rate`
    (tuner.training.schedules.part).
    """


class Loss(Named):
    """A loss of tuner.training.losses, with its number if it has one."""


def settled(
    kind: str, chosen: object, names: Sequence[str], known: Any
) -> tuple[str, dict[str, float]]:
    """The name, and the values of all its hyperparameters, with defaults.

    Args:
        kind: the parameter of the estimator, for errors.
        chosen: a name, or a name with numbers.
        names: the allowed names.
        known: returns the hyperparameters of a name.

    Raises:
        ValueError: the name or a number is not allowed.
    """
    if not isinstance(chosen, str | Named):
        raise ValueError(f"{kind}: {chosen!r}: give a name, or a name with numbers")
    name, given = (chosen, {}) if isinstance(chosen, str) else (chosen.name, chosen.settings)
    if name not in names:
        hint = did_you_mean(name, names, 3) or f"give one of {', '.join(names)}"
        raise ValueError(f"{kind}: {name!r}: there is no {kind} of that name: {hint}".rstrip())
    hyperparameters: Mapping[str, Hyperparameter] = known(name)
    check_numbers(f"{kind}.{name}", given, hyperparameters)
    return name, {key: h.default for key, h in hyperparameters.items()} | given


def check_numbers(kind: str, given: Mapping[str, Any], known: Mapping[str, Hyperparameter]) -> None:
    """Refuses unknown hyperparameters and numbers outside their domain.

    Args:
        kind: the name that has the numbers, for errors.
        given: numbers by name.
        known: hyperparameters by name.

    Raises:
        ValueError: a number is refused; the message names the first.
    """
    for key, value in given.items():
        if key not in known:
            raise ValueError(
                f"{kind}: {key}: it has no hyperparameter of that name; it has {', '.join(known)}"
            )
        if not isinstance(value, Real) or float(value) not in known[key].domain:
            raise ValueError(f"{kind}.{key}: {value!r}: give a number {known[key].domain}")


def check_penalty(l1: float, optimizer: str) -> None:
    """Refuses an l1 penalty with an optimizer that averages weights, so that none stays exactly 0.

    Raises:
        ValueError: the message says what to give instead.
    """
    if l1 > 0 and optimizers.load(optimizer).averages:
        raise ValueError(
            f"l1: {l1:g}: {optimizer} averages the weights, so none becomes exactly 0: give 0, "
            "or use sgd"
        )
