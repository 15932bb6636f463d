"""Slots: the state that a rule keeps from step to step, and what it starts from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Annotated, Any


def zero() -> float:
    """Where a slot starts if nothing else is said."""
    return 0.0


@dataclass(frozen=True)
class Slot:
    """State that a rule keeps.

    scalar: one number a row, not one a parameter; start: a function of `theta`, (size,), and of the
    rule's hyperparameters, whichever it names, for its value before the first step.
    """

    scalar: bool = False
    start: Callable[..., Any] = zero

    @property
    def asks(self) -> list[str]:
        """What its start depends on: `theta` and names of hyperparameters."""
        return list(signature(self.start).parameters)

    def initial(self, theta: Any, settings: Mapping[str, float]) -> Any:
        """Its value for the parameters (size,) and the hyperparameters of a row."""
        known = {"theta": theta, **settings}
        return self.start(**{name: known[name] for name in self.asks})


def starting(start: Callable[..., Any]) -> Any:
    """A slot of one number a parameter that starts at what this function returns."""
    return Annotated[Any, Slot(start=start)]


def scalar_starting(start: Callable[..., Any]) -> Any:
    """A slot of one number a row that starts at what this function returns."""
    return Annotated[Any, Slot(scalar=True, start=start)]


# The annotations of a rule's slots; one without annotation starts at zero.
Initial = Annotated[Any, Slot(start=lambda theta: theta)]
Scalar = Annotated[Any, Slot(scalar=True)]
