"""From a trial's settings to a row that trains: problems by structure, members by settings."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.config import Config
from tuner.errors import UserError
from tuner.search.racing import Group
from tuner.search.trials import Trial
from tuner.training.loop import Trainer
from tuner.training.losses import LOSSES
from tuner.training.models import MLP
from tuner.training.population import Member
from tuner.training.problems import Problem, Quadratic, Supervised

if TYPE_CHECKING:
    from tuner.data import DataSet

# The models of conf/model: which tasks they are for.
TASKS = {
    "mlp": ("binary", "multiclass", "regression"),
    "softmax": ("binary", "multiclass"),
    "logistic": ("binary",),
    "linear": ("regression",),
}


def load_data(config: Config) -> "DataSet | None":
    """The data of a config, or None for a function to minimise.

    Raises UserError if the data are bad or the model is not for them.
    """
    if config.data.name == "none":
        return None
    from tuner.data import load

    asked = config.data.model_dump(exclude_none=True)
    data = load(**asked, seed=config.study.seed, dtype=config.dtype)
    if data.task not in TASKS[config.model]:
        fitting = [name for name, tasks in TASKS.items() if data.task in tasks]
        raise UserError(
            f"model: {config.model}: does not fit data={data.name}, a {data.task} task: "
            f"give one of {', '.join(fitting)}"
        )
    return data


class Training:
    """What trains the trials of a study: a trainer for each structure; a context, for threads."""

    def __init__(self, config: Config, data: "DataSet | None", threads: int, stop: Event) -> None:
        self.config, self.data, self.threads, self.stop = config, data, threads, stop
        self.trainers: dict[tuple[Any, ...], Trainer] = {}
        self.stack = ExitStack()

    def __enter__(self) -> "Training":
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    @property
    def task(self) -> str:
        """binary, multiclass or regression; function where there are no data."""
        return "function" if self.data is None else self.data.task

    def member(self, trial: Trial) -> Member:
        """The row of a trial."""
        optimizer, schedule = trial.settings["optimizer"], trial.settings["schedule"]
        return Member(
            trial=trial.number,
            seed=self.config.study.seed,
            optimizer=optimizer,
            settings=_below(f"optimizer.{optimizer}.", trial.settings),
            schedule=schedule,
            schedule_settings=_below(f"schedule.{schedule}.", trial.settings),
        )

    def groups(self, trials: Sequence[Trial]) -> list[Group]:
        """The trials by structure, each with its trainer."""
        by_structure: dict[tuple[Any, ...], list[Trial]] = {}
        for trial in trials:
            by_structure.setdefault(structure(trial.settings), []).append(trial)
        return [
            Group(self.trainer(alike[0].settings), [self.member(t) for t in alike])
            for alike in by_structure.values()
        ]

    def trainer(self, settings: Mapping[str, Any]) -> Trainer:
        key = structure(settings)
        if key not in self.trainers:
            trainer = Trainer(
                self.problem(settings), self.config.budget.epochs, self.threads, self.stop
            )
            self.trainers[key] = self.stack.enter_context(trainer)
        return self.trainers[key]

    def problem(self, settings: Mapping[str, Any]) -> Problem:
        data, dtype = self.data, np.dtype(self.config.dtype)
        if data is None:
            return Quadratic(settings["model.start"], dtype)
        activation = settings.get("model.activation", "relu")
        return Supervised(
            model=MLP(data.inputs, data.outputs, hidden(settings), activation),
            loss=LOSSES[data.task],
            X_train=data.X_train,
            y_train=data.y_train,
            X_validation=data.X_validation,
            y_validation=data.y_validation,
            batch_size=settings["batch_size"],
        )

    def test_problem(self, settings: Mapping[str, Any]) -> Problem:
        """The problem whose validation part is the test part, read here."""
        assert self.data is not None
        X, y = self.data.test()
        problem = self.problem(settings)
        assert isinstance(problem, Supervised)
        return replace(problem, X_validation=X, y_validation=y)


def hidden(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Widths of the hidden layers, given one by one or as one choice."""
    chosen = settings.get("model.hidden")
    if chosen is not None:
        return tuple(chosen) if isinstance(chosen, list) else (chosen,)
    widths = _below("model.hidden.", settings)
    return tuple(widths[str(layer)] for layer in range(len(widths)))


def structure(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """What fixes the shapes: trials that differ here cannot share a population."""
    others = ("model.activation", "model.start", "batch_size")
    return hidden(settings), *(settings.get(path) for path in others)


def _below(prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {path[len(prefix) :]: v for path, v in settings.items() if path.startswith(prefix)}
