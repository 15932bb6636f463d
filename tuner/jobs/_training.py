"""From a trial's settings to a row that trains: problems by structure, members by settings."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from tuner.config import Config
from tuner.errors import UserError
from tuner.search.racing import Group
from tuner.search.trials import Goal, Trial
from tuner.training import functions, losses
from tuner.training.analytic import Analytic
from tuner.training.families import AUTO, FAMILIES, create
from tuner.training.loop import Trainer
from tuner.training.losses import Loss
from tuner.training.population import Member
from tuner.training.problems import Fold, Metric, Problem, Supervised

if TYPE_CHECKING:
    from tuner.data import DataSet


def load_data(config: Config) -> "DataSet | None":
    """The data of a config, or None for a function to minimise.

    Raises UserError if the data are bad or the model is not for them.
    """
    if config.data.name == "none":
        return None
    from tuner.data import load

    asked = config.data.model_dump(exclude_none=True)
    data = load(**asked, seed=config.study.seed, dtype=config.dtype)
    check_fit(config, data)
    return data


def check_fit(config: Config, data: "DataSet") -> None:
    """Raises UserError if a model or a loss cannot learn the task, or not its targets."""
    task, about = data.task, f"does not fit data={data.name}, a {data.task} task"
    for model in config.space.branches["model"]:
        if task not in FAMILIES[model].tasks:
            fitting = [name for name, family in FAMILIES.items() if task in family.tasks]
            raise UserError(f"model: {model}: {about}: give one of {', '.join(fitting)}")
        for chosen in config.space.branches["loss"]:
            if chosen != AUTO and task not in losses.load(chosen).tasks:
                fitting = losses.fitting(task)
                raise UserError(f"loss: {chosen}: {about}: give one of {', '.join(fitting)}")
            loss = losses.load(loss_name(model, chosen, task))
            if loss.lowest > -np.inf and data.target.values.min() < loss.lowest:
                raise UserError(
                    f"loss: {loss.name}: takes targets of {loss.lowest:g} or more, "
                    f"data={data.name} has {data.target.values.min():g}: give another"
                )


def loss_name(model: str, chosen: str, task: str, own: str | None = None) -> str:
    """The loss of a model: its own choice, the one chosen for it, or the usual one of the task."""
    fitting = FAMILIES[model].fitting(task)
    return own or (fitting[0] if chosen == AUTO else chosen)


def goal(config: Config, data: "DataSet | None") -> Goal:
    """What a study minimises. Raises UserError for a metric that the task has not."""
    if config.metric in (None, "loss"):
        return Goal()
    if data is None:
        raise UserError(f"metric: {config.metric}: a function has none but loss: give null")
    metric = data.metric(str(config.metric))
    return Goal(f"validation_{metric.name}", metric.greater_is_better)


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

    @property
    def folds(self) -> int:
        """How many folds take turns in judging a trial."""
        return 1 if self.data is None else len(self.data.folds)

    @cached_property
    def goal(self) -> Goal:
        """What the study minimises."""
        return goal(self.config, self.data)

    def data_for(self, loss: Loss) -> "DataSet":
        """The data with the targets of a regression as the loss takes them."""
        assert self.data is not None
        return self.data if loss.standardise else self.data.unstandardised

    def metrics(self, loss: Loss) -> dict[str, Metric]:
        """The metric of the study, unless the loss measures it by itself."""
        name = self.config.metric
        if name is None or name in ("loss", loss.score.__name__):
            return {}
        return {name: self.data_for(loss).metric(name, loss.name).function}

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
            model_settings={} if self.data is None else self.numbers(trial.settings),
        )

    def loss(self, settings: Mapping[str, Any]) -> Loss:
        """The loss of a trial."""
        own = model_settings(settings).get("loss")
        return losses.load(loss_name(settings["model"], settings["loss"], self.task, own))

    def numbers(self, settings: Mapping[str, Any]) -> dict[str, float]:
        """What a trial sets of penalties, dropout and its loss."""
        own, family, loss = (
            model_settings(settings),
            FAMILIES[settings["model"]],
            self.loss(settings),
        )
        chosen = _below(f"loss.{settings['loss']}.", settings)
        known = (*family.numbers, *loss.own)
        return {key: v for key, v in (own | chosen).items() if key in known}

    def members(self, trial: Trial, seeds: Sequence[int] = ()) -> list[Member]:
        """A trial's rows: one for each fold and each of the seeds, by default the study's."""
        own = self.member(trial)
        return [
            replace(own, seed=seed, fold=fold)
            for seed in seeds or (own.seed,)
            for fold in range(self.folds)
        ]

    def groups(self, trials: Sequence[Trial]) -> list[Group]:
        """The trials by structure, each with its trainer."""
        by_structure: dict[tuple[Any, ...], list[Trial]] = {}
        for trial in trials:
            by_structure.setdefault(structure(trial.settings), []).append(trial)
        return [
            Group(self.trainer(alike[0].settings), [m for t in alike for m in self.members(t)])
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

    def final_trainer(self, settings: Mapping[str, Any]) -> Trainer:
        """What trains the winner: where folds took turns, on all but the test part."""
        if self.data is None or self.folds == 1:
            return self.trainer(settings)
        problem = self.problem(settings)
        assert isinstance(problem, Supervised)
        whole = replace(problem, folds=(self.data_for(problem.loss).final,))
        trainer = Trainer(whole, self.config.budget.epochs, self.threads, self.stop)
        return self.stack.enter_context(trainer)

    def problem(self, settings: Mapping[str, Any]) -> Problem:
        data, dtype = self.data, np.dtype(self.config.dtype)
        if data is None:
            return Analytic(functions.create(settings["model"], model_settings(settings)), dtype)
        loss, shape = self.loss(settings), model_settings(settings)
        if "hidden" in FAMILIES[settings["model"]].shape:
            shape["hidden"] = hidden(settings)
        return Supervised(
            model=create(settings["model"], data.inputs, data.outputs, shape),
            loss=loss,
            folds=self.data_for(loss).folds,
            batch_size=settings["batch_size"],
            metrics=self.metrics(loss),
        )

    def test_problem(self, settings: Mapping[str, Any]) -> Problem:
        """The problem whose validation part is the test part, read here."""
        assert self.data is not None
        problem = self.problem(settings)
        assert isinstance(problem, Supervised)
        data = self.data_for(problem.loss)
        return replace(problem, folds=(Fold(data.final.train, data.test()),))


def model_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial's settings say of its model, by the last names of their paths."""
    return _below(f"model.{settings['model']}.", settings)


def hidden(settings: Mapping[str, Any]) -> tuple[int, ...]:
    """Widths of the hidden layers, given one by one or as one choice."""
    own = model_settings(settings)
    chosen = own.get("hidden")
    if chosen is not None:
        return tuple(chosen) if isinstance(chosen, list) else (chosen,)
    widths = _below("hidden.", own)
    return tuple(widths[str(layer)] for layer in range(len(widths)))


def structure(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """What fixes the shapes: trials that differ here cannot share a population."""
    own = model_settings(settings)
    if settings["model"] in functions.names():
        return settings["model"], repr(own)
    shape = FAMILIES[settings["model"]].shape
    others = (own.get(key) for key in shape if key != "hidden")
    return (
        settings["model"], hidden(settings), *others, own.get("loss"), settings["loss"],
        settings["batch_size"],
    )  # fmt: skip


def _below(prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {path[len(prefix) :]: v for path, v in settings.items() if path.startswith(prefix)}
