"""Families: the models of a config by name, their tasks and their settings.

A linear family has its own loss; the others take any loss that fits the task. Nothing here is
compiled, so that a config can be checked at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tuner.training import losses
from tuner.training.domains import Domain, Fraction, NonNegative, hyperparameters

if TYPE_CHECKING:
    from tuner.training.models import Model

# The allowed values of a setting: a domain, or a tuple of choices.
Allowed = Domain | tuple[Any, ...]

# Stands for the usual loss of the task, in a family without its own loss.
AUTO = "auto"

_COUNT = Domain(1, 1e5, high_closed=True, whole=True)
_WIDTHS = Domain(1, 1e5, high_closed=True, whole=True, many=True, none=True)


def penalties(l1: NonNegative = 0.0, l2: NonNegative = 0.0) -> None:
    """The hyperparameters of every model; each row of a population has its own values.

    Both act on all weights W, not on biases and gains; together they are the elastic net. Reported
    losses exclude them, so that trials are comparable.

    Args:
        l1: strength of the penalty `l1 * |W|`. Its subgradient is added to the gradient before
            clipping, so that every optimizer scales it like the rest. A weight whose step would
            cross 0 stops at exactly 0, and stays there while the slope of the loss is at most l1 on
            both sides (OWL-QN's orthants, Andrew & Gao 2007). An average of weights is 0 only if
            all of them were 0.
        l2: strength of the penalty `l2 / 2 * |W|**2`, whose gradient is added in the same place.
    """


def dropping(dropout: Fraction = 0.0) -> None:
    """The further hyperparameters of networks with hidden layers.

    Args:
        dropout: share of hidden units that each training step leaves out (kernels.dropout).
    """


@dataclass(frozen=True)
class Family:
    """The settings that a config has for a kind of model.

    own: its own losses, the usual one of a task first; empty for any loss that fits the task.
    shape: its settings besides penalties and the hyperparameters of its losses, by the names that
    its model takes. numbers: the domains of the hyperparameters that may differ between rows of a
    population. model: its class in tuner.training.
    """

    own: tuple[str, ...]
    shape: Mapping[str, Allowed]
    numbers: Mapping[str, Domain]
    model: str = "models.MLP"

    @property
    def settings(self) -> dict[str, Allowed]:
        """All its settings, by name."""
        of_losses = {key: h.domain for name in self.own for key, h in losses.load(name).own.items()}
        choice = {"loss": self.own} if self.chooses else {}
        return {**self.shape, **choice, **self.numbers, **of_losses}

    @property
    def chooses(self) -> bool:
        """Whether a config may choose between its own losses: some of them have the same tasks."""
        return len({losses.load(name).tasks for name in self.own}) < len(self.own)

    def fitting(self, task: str) -> list[str]:
        """Names of the losses that fit it and this task; the first is the usual one."""
        return [name for name in self.own or losses.names() if task in losses.load(name).tasks]

    @property
    def tasks(self) -> list[str]:
        """The tasks that it can learn."""
        return [task for task in losses.TASKS if self.fitting(task)]


_PENALTIES = {name: h.domain for name, h in hyperparameters(penalties).items()}
_DROPOUT = {name: h.domain for name, h in hyperparameters(dropping).items()}


def _linear(*own: str) -> Family:
    return Family(own, {}, _PENALTIES)


FAMILIES: Mapping[str, Family] = {
    "mlp": Family(
        (),
        {
            "hidden": _WIDTHS,
            "activation": ("relu", "leaky_relu", "tanh", "logistic", "gelu", "silu"),
            "initialization": ("glorot", "he"),
            "layer_norm": (False, True),
        },
        _PENALTIES | _DROPOUT,
    ),
    "factorization_machine": Family(
        (), {"factors": _COUNT}, _PENALTIES, "factorization_machine.FactorizationMachine"
    ),
    "linear": _linear("squared_error"),
    "logistic": _linear("logistic"),
    "softmax": _linear("cross_entropy", "logistic"),
    "linear_svm": _linear("squared_hinge", "hinge"),
    "huber": _linear("huber"),
    "quantile": _linear("quantile"),
    "poisson": _linear("poisson"),
}


def create(name: str, inputs: int, outputs: int, shape: Mapping[str, Any]) -> "Model":
    """The model of that name with these settings of its shape; `hidden` is a tuple of widths."""
    family = FAMILIES[name]
    module, _, kind = family.model.rpartition(".")
    given = {key: value for key, value in shape.items() if key in family.shape}
    made: Model = getattr(import_module(f"{__package__}.{module}"), kind)(inputs, outputs, **given)
    return made
