"""Slots: the state that a rule keeps from step to step, and its initial value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Annotated, Any


def zero() -> float:
    """The default initial value of a slot."""
    return 0.0


@dataclass(frozen=True)
class Slot:
    """State that a rule keeps.

    scalar: one number per row, not one per parameter; start: the function that returns its value
    before the first step, from those of `theta`, (size,), and the rule's hyperparameters that its
    signature names.
    """

    scalar: bool = False
    start: Callable[..., Any] = zero

    @property
    def asks(self) -> list[str]:
        """The parameters of `start`: `theta` and names of hyperparameters."""
        return list(signature(self.start).parameters)

    def initial(self, theta: Any, settings: Mapping[str, float]) -> Any:
        """Its initial value for the parameters (size,) and the hyperparameters of a row."""
        known = {"theta": theta, **settings}
        return self.start(**{name: known[name] for name in self.asks})


def starting(start: Callable[..., Any]) -> Any:
    """A slot of one number per parameter that starts at the value this function returns."""
    return Annotated[Any, Slot(start=start)]


def scalar_starting(start: Callable[..., Any]) -> Any:
    """A slot of one number per row that starts at the value this function returns."""
    return Annotated[Any, Slot(scalar=True, start=start)]


# Annotations of slots; a slot without one has a number per parameter and starts at zero.
Initial = Annotated[Any, Slot(start=lambda theta: theta)]
Scalar = Annotated[Any, Slot(scalar=True)]
