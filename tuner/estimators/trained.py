"""The public estimator for a row of a population, with the row's settings."""

from collections.abc import Mapping
from typing import Any

from tuner.estimators.classifiers import Classifier
from tuner.estimators.components import Loss, Optimizer, Schedule
from tuner.estimators.factorization_machine import Factorized
from tuner.estimators.linear import Linear
from tuner.estimators.mlp import Network
from tuner.estimators.public import estimators
from tuner.training import optimizers, schedules
from tuner.training.domains import Hyperparameter
from tuner.training.factorization_machine import FactorizationMachine
from tuner.training.models import MLP
from tuner.training.population import Member
from tuner.training.problems import Supervised


def estimator_of(
    problem: Supervised, member: Member, epochs: int, task: str, stop_after: int | None = None
) -> Any:
    """A public estimator with the row's settings, not yet fitted; its `adopt` takes the parameters.

    Args:
        problem: the problem of the row.
        member: the row.
        epochs: number of epochs of its schedule.
        task: binary, multiclass, multilabel or regression.
        stop_after: number of epochs the row was trained, if fewer.
    """
    model, loss, numbers = problem.model, problem.loss, dict(member.model_settings)
    own = {name: numbers.pop(name) for name in loss.own if name in numbers}
    known = optimizers.load(member.optimizer).hyperparameters
    common = {
        "optimizer": Optimizer(member.optimizer, **_unusual(member.settings, known)),
        "schedule": _schedule(member),
        "batch_size": problem.batch_size,
        "max_iter": epochs,
        "stop_after": stop_after,
        "random_state": member.seed,
        **numbers,
    }
    if isinstance(model, FactorizationMachine):
        kind = _public(Factorized, task)[0]
        return kind(loss=Loss(loss.name, **own), factors=model.factors, **common)
    assert isinstance(model, MLP)
    linear = [] if model.hidden else _public(Linear, task, loss.name)
    if not linear:  # No linear estimator for this loss: use a network without hidden layers.
        shape = {name: getattr(model, name) for name in Network.SHAPE}
        return _public(Network, task)[0](loss=Loss(loss.name, **own), **shape, **common)
    common.pop("dropout", None)
    kind = linear[0]
    return kind(**({"loss": loss.name} if "loss" in kind().get_params() else {}), **own, **common)


def _public(family: type, task: str, loss: str = "") -> list[type[Any]]:
    """The estimators of a family for a task and, for linear models, for a loss."""
    return [
        kind
        for kind in estimators()
        if issubclass(kind, family)
        and issubclass(kind, Classifier) == (task != "regression")
        and loss in getattr(kind, "LOSSES", ("",))
    ]


def _schedule(member: Member) -> Schedule | list[Schedule]:
    settings = member.schedule_settings
    if member.schedule != schedules.PARTS:
        known = schedules.schedule_hyperparameters(member.schedule)
        return Schedule(member.schedule, **_unusual(settings, known))
    names = [settings[f"{i}.name"] for i in range(sum(key.endswith(".name") for key in settings))]
    return [
        Schedule(
            name,
            **_unusual(
                {k.partition(".")[2]: v for k, v in settings.items() if k.startswith(f"{i}.")},
                schedules.schedule_hyperparameters(name) | schedules.PART,
            ),
        )
        for i, name in enumerate(names)
    ]


def _unusual(
    settings: Mapping[str, float], known: Mapping[str, Hyperparameter]
) -> dict[str, float]:
    """The numbers that differ from their defaults."""
    return {k: settings[k] for k, h in known.items() if settings.get(k, h.default) != h.default}
