"""Optimizers: one file each, found by name; a file's rule is the function of the same name.

A rule is the paper's formula for arrays of the same shape,

    rule(theta, g, *slots, t, *given, lr, *hyperparameters) -> theta, *slots

with the parameters `theta`, their gradient `g`, the state that the rule keeps (its slots; zero
before the first step unless annotated otherwise), the number of the step `t` counted from 1, given
values that the rule may ask for (`loss`, `T`, `inputs`, `outputs`, `hidden`: see
tuner.training.rule_language), and the hyperparameters, annotated with their domains. Sums over a
row or a tensor and functions of a whole tensor come from tuner.training.rule_language. Validation
uses a slot named `average` in place of theta. A rule runs unchanged on NumPy arrays;
`kernels.rule_compiler` compiles it into one pass over a population.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, get_args

from tuner.training.domains import (
    AtLeastOne,
    Fraction,
    Hyperparameter,
    NonNegative,
    Positive,
    PositiveFraction,
    UnitInterval,
    hyperparameters,
)
from tuner.training.rule_checks import RuleError, check
from tuner.training.slots import Slot


def shared(
    clip_value: Positive = float("inf"),
    clip_adaptive: Positive = float("inf"),
    clip_norm: Positive = float("inf"),
    weight_decay: NonNegative = 0.0,
    ema: Fraction = 0.0,
    tail_average: UnitInterval = 0.0,
    lookahead_rate: PositiveFraction = 1.0,
    lookahead_steps: AtLeastOne = 5.0,
) -> None:
    """The hyperparameters that every optimizer takes besides its own, in the order they act.

    The defaults leave the optimizer as it is.

    Args:
        clip_value: limit of the gradient's numbers, which are cut off at +-clip_value.
        clip_adaptive: limit of the gradient of an output's weights, or of a layer's biases, as a
            share of their norm (Brock et al. 2021, equation 3, with their floor of 1e-3 on the
            norm).
        clip_norm: limit of the Euclidean norm of a row's gradient, which is scaled to it (Pascanu
            et al. 2013, Algorithm 1). PyTorch divides by the norm + 1e-6, which is not done here.
        weight_decay: strength of the decay of all parameters. Coupled, it is added to the gradient
            after clipping, `g + weight_decay * theta` (an L2 penalty, as in PyTorch); decoupled, it
            is taken off the weights before the step, `theta - lr * weight_decay * theta`
            (Loshchilov & Hutter 2019), by a rule whose file says `DECOUPLED = True`. A rule with a
            `weight_decay` of its own applies that alone.
        ema: decay of the exponential moving average of the parameters, which validation sees.
        tail_average: share of the training, at its end, over which the parameters that validation
            sees are averaged (averaged SGD, Bottou 2012, section 5.3).
        lookahead_rate: share of the way to the fast parameters that the slow ones go, where the
            fast ones start again (Zhang et al. 2019, Algorithm 1).
        lookahead_steps: number of steps between two such moves.
    """


SHARED = hyperparameters(shared)


@dataclass(frozen=True)
class Optimizer:
    """A rule with its slots; `decoupled` says whether the shared weight decay is decoupled."""

    name: str
    rule: Callable[..., Any]
    slots: Mapping[str, Slot]
    decoupled: bool

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """The hyperparameters of a member: the rule's own, then the shared ones that it lacks."""
        shared = {name: h for name, h in SHARED.items() if name not in self.own}
        return self.own | shared

    @cached_property
    def own(self) -> dict[str, Hyperparameter]:
        """The hyperparameters of the rule itself."""
        return hyperparameters(self.rule)

    @property
    def averages(self) -> bool:
        """Whether validation uses the rule's own average in place of its parameters."""
        return "average" in self.slots


def names() -> list[str]:
    """Names of all optimizers: the files of this folder."""
    files = (file for folder in __path__ for file in Path(folder).glob("*.py"))
    return sorted(file.stem for file in files if file.stem != "__init__")


@cache
def load(name: str) -> Optimizer:
    """The optimizer in the file of that name.

    Raises:
        KeyError: no file has the name.
        RuleError: the file's rule is not in the language of rules (tuner.training.rule_checks).
    """
    if name not in names():
        raise KeyError(name)
    try:
        module = import_module(f"{__name__}.{name}")
    except SyntaxError as error:
        raise RuleError(f"{error.filename}:{error.lineno}: {error.msg}") from error
    check(name, module.__file__ or name, vars(module))
    rule = getattr(module, name)
    parameters = signature(rule).parameters
    kept = list(parameters)[2 : list(parameters).index("t")]
    slots = {slot: _slot(parameters[slot].annotation) for slot in kept}
    return Optimizer(name, rule, slots, getattr(module, "DECOUPLED", False))


def _slot(annotation: Any) -> Slot:
    return Slot() if annotation is Parameter.empty else get_args(annotation)[1]
