"""Optimizers: one file each, found by name; a file's rule is the function that bears its name.

A rule is the paper's formula for arrays alike in shape,

    rule(theta, g, *slots, t, lr, *hyperparameters) -> theta, *slots

with the parameters `theta`, their gradient `g`, the state that the rule keeps (its slots, zero
before the first step), the number of the step `t` counted from 1, and the hyperparameters,
annotated with their domains. It runs as it stands on NumPy arrays; `tuner.training.fused`
compiles it into one pass over a population.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

from tuner.training.domains import Hyperparameter, NonNegative, Positive, hyperparameters


def shared(weight_decay: NonNegative = 0.0, clip_norm: Positive = float("inf")) -> None:
    """What every optimizer takes beside its own hyperparameters; the fused pass applies them.

    clip_norm scales a row's gradient down to this Euclidean norm (Pascanu et al. 2013,
    Algorithm 1); weight_decay is added after clipping, as PyTorch does: `g + weight_decay * theta`
    where the decay is coupled (an L2 penalty), `theta - lr * weight_decay * theta` where it is
    decoupled (Loshchilov & Hutter 2019).
    """


SHARED = hyperparameters(shared)


@dataclass(frozen=True)
class Optimizer:
    """A rule with its hyperparameters; `decoupled` says how its weight decay is meant."""

    name: str
    rule: Callable[..., Any]
    slots: tuple[str, ...]
    decoupled: bool

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        return hyperparameters(self.rule) | SHARED


def names() -> list[str]:
    """Names of all optimizers: the files of this folder."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__")


@cache
def load(name: str) -> Optimizer:
    """The optimizer in the file of that name.

    Raises KeyError for a name that no file bears.
    """
    if name not in names():
        raise KeyError(name)
    module = import_module(f"{__name__}.{name}")
    rule = getattr(module, name)
    parameters = list(signature(rule).parameters)
    slots = tuple(parameters[2 : parameters.index("t")])
    return Optimizer(name, rule, slots, getattr(module, "DECOUPLED", False))
