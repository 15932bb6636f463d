"""The public estimator for a row of a population, with the row's settings."""

from collections.abc import Mapping
from typing import Any

from tuner.estimators.classifiers import Classifier
from tuner.estimators.components import Loss, Optimizer, Schedule
from tuner.estimators.public import estimators
from tuner.training import optimizers, schedules
from tuner.training.domains import Hyperparameter
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
    linear = isinstance(model, MLP) and not model.hidden and _public(task, loss.name)
    if linear:
        common.pop("dropout", None)
        kind = linear[0]
        chosen = {"loss": loss.name} if "loss" in kind().get_params() else {}
        return kind(**chosen, **own, **common)
    # No linear estimator for this loss: use a network without hidden layers.
    kind = next(kind for kind in _public(task) if kind.MODEL is type(model))
    shape = {name: getattr(model, name) for name in kind.SHAPE}
    return kind(loss=Loss(loss.name, **own), **shape, **common)


def _public(task: str, loss: str = "") -> list[type[Any]]:
    """The estimators for a task: the linear ones of a loss, or those that take any.

    Those that take any say which MODEL they are of, and the names of its SHAPE.
    """
    return [
        kind
        for kind in estimators()
        if issubclass(kind, Classifier) == (task != "regression")
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
