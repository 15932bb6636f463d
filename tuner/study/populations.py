"""Populations: makes problems, trainers and members from the settings of trials."""

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tuner.codec import Settings
from tuner.config import Config
from tuner.search.space import Chosen
from tuner.search.trials import Goal, Trial
from tuner.study import ahead
from tuner.study.data import goal, loss_name
from tuner.study.runners.population import PopulationRunner
from tuner.study.training import StudyTraining
from tuner.study.units import TRANSFORMED, UNITS
from tuner.training import functions, losses
from tuner.training.analytic import Analytic
from tuner.training.families import FAMILIES, create
from tuner.training.kernels.compiling import announced
from tuner.training.loop import Trainer
from tuner.training.losses import Loss
from tuner.training.population import Member
from tuner.training.problems import Fold, Metric, Problem, Supervised

if TYPE_CHECKING:
    from tuner.data import DataSet
    from tuner.study.workers.pool import Pool


class Populations(StudyTraining):
    """Trains the trials of a config; a context manager, because its trainers hold threads.

    Args:
        config: the study's config.
        data: the study's data; None for a function to minimise.
        threads: the number of threads that a trainer may use.
        stop: set to interrupt the training.
        pool: the workers that train cohorts and repeats; None if threads do.

    Attributes:
        refit: whether the final model is trained on all rows except the test part.
        next: the problems and members of the next cohort, for `compile_ahead`.
    """

    def __init__(
        self,
        config: Config,
        data: "DataSet | None",
        threads: int,
        stop: Event,
        pool: "Pool | None" = None,
    ) -> None:
        self.config, self.data, self.threads, self.stop = config, data, threads, stop
        self.pool = pool
        self.seconds: dict[str, float] = {}
        self.refit = config.refit
        self.trainers: dict[tuple[Any, ...], Trainer] = {}
        self.next: Sequence[ahead.Rows] = ()
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        if self.threads > 1:
            self.stack.enter_context(announced(self.compile_ahead))
        return self

    def compile_ahead(self) -> None:
        """Has a second process compile for the next cohort as well; it ends with the training."""
        if self.next:
            with suppress(OSError):
                self.stack.callback(ended, ahead.start(self.next))

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    @property
    def task(self) -> str:
        """The task of the data, as binary, multiclass or regression; "function" without data."""
        return "function" if self.data is None else self.data.task

    @property
    def unit(self) -> str:
        """The unit of the loss."""
        if self.config.data.target_transform is not None:
            return TRANSFORMED
        return UNITS[self.task]

    @property
    def folds(self) -> int:
        """The number of folds."""
        return 1 if self.data is None else len(self.data.folds)

    @cached_property
    def goal(self) -> Goal:
        """The study's goal."""
        return goal(self.config, self.data)

    @property
    def epochs(self) -> int:
        """The full length of a trial."""
        return self.config.budget.epochs

    @property
    def has_seeds(self) -> bool:
        """Whether results depend on the seed: those of test functions do not."""
        return self.data is not None

    def data_for(self, loss: Loss) -> "DataSet":
        """The data, with regression targets on the scale that the loss takes."""
        assert self.data is not None
        return self.data if loss.standardise else self.data.unstandardised

    def kept_data_for(self, loss: Loss) -> "DataSet":
        """The data that the final model is trained on, on the loss's scale."""
        data = self.data_for(loss)
        return data.refitted if self.refit else data

    def asked(self, loss: Loss) -> list[str]:
        """The study's metrics, without those that the loss reports itself."""
        names = dict.fromkeys((self.config.metric or "loss", *self.config.metrics))
        own = loss.score.__name__
        if self.config.data.target_transform is not None:  # the loss's own is of transformed ones
            return [*dict.fromkeys((own, *(name for name in names if name != "loss")))]
        return [name for name in names if name not in ("loss", own)]

    def metrics(self, loss: Loss) -> tuple[dict[str, Metric], ...]:
        """The metrics of each fold besides the loss and its own score."""
        data, names = self.data_for(loss), self.asked(loss)
        found = [data.fold_metrics(name, loss.name) for name in names]
        if not names:
            return ()
        return tuple(
            {name: own.function for name, own in zip(names, fold, strict=True)}
            for fold in zip(*found, strict=True)
        )

    def member(self, trial: Trial) -> Member:
        """The member of a trial."""
        optimizer, schedule = trial.settings["optimizer"], trial.settings["schedule"]
        return Member(
            trial=trial.number,
            seed=self.config.study.seed,
            optimizer=optimizer,
            settings=below(f"optimizer.{optimizer}.", trial.settings),
            schedule=schedule,
            schedule_settings=below(f"schedule.{schedule}.", trial.settings),
            model_settings={} if self.data is None else self.numbers(trial.settings),
        )

    def loss(self, settings: Settings) -> Loss:
        """The loss of a trial."""
        own = model_settings(settings).get("loss")
        return losses.load(loss_name(settings["model"], settings["loss"], self.task, own))

    def numbers(self, settings: Settings) -> dict[str, float]:
        """A trial's numbers for penalties, dropout and the loss."""
        own, family, loss = (
            model_settings(settings),
            FAMILIES[settings["model"]],
            self.loss(settings),
        )
        chosen = below(f"loss.{settings['loss']}.", settings)
        known = (*family.numbers, *loss.own)
        return {key: v for key, v in (own | chosen).items() if key in known}

    def members(self, trial: Trial, seeds: Sequence[int] = ()) -> list[Member]:
        """A trial's members: one per fold and seed; by default, the study's seed."""
        own = self.member(trial)
        return [
            replace(own, seed=seed, fold=fold)
            for seed in seeds or (own.seed,)
            for fold in range(self.folds)
        ]

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[PopulationRunner]:
        """A population for each structure of these trials (see `tuner.study.training`)."""
        by_structure: dict[tuple[Any, ...], list[Trial]] = {}
        for trial in trials:
            by_structure.setdefault(structure(trial.settings), []).append(trial)
        own = seeds or {}
        rows = [
            (
                self.trainer(alike[0].settings),
                [m for t in alike for m in self.members(t, own.get(t.number, ()))],
                repr(kind),
            )
            for kind, alike in by_structure.items()
        ]
        self.next = [(trainer.problem, members) for trainer, members, _ in rows]
        if self.pool is None:
            return [PopulationRunner(trainer, members) for trainer, members, _ in rows]
        from tuner.study.runners.spread import Bounds, SpreadRunner

        bounds = Bounds(self.seconds)
        return [SpreadRunner(*own, self.pool, bounds) for own in rows]

    def trainer(self, settings: Settings) -> Trainer:
        """The trainer of this structure; it is made once."""
        key = structure(settings)
        if key not in self.trainers:
            trainer = Trainer(
                self.problem(settings), self.config.budget.epochs, self.threads, self.stop
            )
            self.trainers[key] = self.stack.enter_context(trainer)
        return self.trainers[key]

    def kept_length(self, settings: Settings, stops_at: int | None) -> tuple[int, int]:
        """How long the final model is trained.

        A refit has more rows. It takes about as many steps as the training that it repeats, and its
        schedule is scaled alike; with folds of several sizes, the largest counts.

        Args:
            settings: the winner's settings.
            stops_at: the epoch at which its value was taken; None for the last.

        Returns:
            The epochs to train, and the epochs that the schedule is laid out for.
        """
        stop = stops_at or self.epochs
        if self.data is None or not self.refit:
            return stop, self.epochs
        rows, size = self.data.split, settings["batch_size"]
        steps = max(-(-len(train) // size) for train, _ in rows.folds)
        share = steps / -(-len(rows.rest) // size)
        return max(1, round(share * stop)), max(1, round(share * self.epochs))

    def kept_trainer(self, settings: Settings, epochs: int) -> Trainer:
        """The trainer of the final model, on `DataSet.final`.

        Args:
            settings: the winner's settings.
            epochs: the epochs that its schedule is laid out for.
        """
        if self.data is None or (self.folds == 1 and not self.refit):
            return self.trainer(settings)
        data = self.kept_data_for(self.loss(settings))
        whole = self.supervised(settings, data, (data.final,))
        return self.stack.enter_context(Trainer(whole, epochs, self.threads, self.stop))

    def problem(self, settings: Settings) -> Problem:
        """The problem of trials with this structure: the data in folds, or a function."""
        data, dtype = self.data, np.dtype(self.config.dtype)
        if data is None:
            return Analytic(functions.create(settings["model"], model_settings(settings)), dtype)
        loss = self.loss(settings)
        own = self.data_for(loss)
        return self.supervised(settings, own, own.folds, self.metrics(loss))

    def supervised(
        self,
        settings: Settings,
        data: "DataSet",
        folds: Sequence[Fold],
        metrics: Sequence[Mapping[str, Metric]] = (),
    ) -> Supervised:
        """The problem of trials with this structure on these folds of the data."""
        shape = model_settings(settings)
        if "hidden" in FAMILIES[settings["model"]].shape:
            shape["hidden"] = hidden(settings)
        return Supervised(
            model=create(settings["model"], data.inputs, data.outputs, shape),
            loss=self.loss(settings),
            folds=tuple(folds),
            batch_size=settings["batch_size"],
            metrics=tuple(metrics),
        )

    def test_problem(self, settings: Settings) -> Supervised:
        """The problem whose validation part is the test part, which is read here."""
        loss = self.loss(settings)
        data = self.kept_data_for(loss)
        found = {name: data.metric(name, loss.name).function for name in self.asked(loss)}
        return self.supervised(
            settings, data, (Fold(data.final.train, data.test()),), (found,) if found else ()
        )


def ended(process: "subprocess.Popen[Any]") -> None:
    """Ends a process, if it has not ended yet."""
    process.kill()
    process.wait()


def model_settings(settings: Settings) -> Chosen:
    """The model's settings of a trial, by their paths below the model."""
    return below(f"model.{settings['model']}.", settings)


def hidden(settings: Settings) -> tuple[int, ...]:
    """The widths of the hidden layers, which are set one by one or as one choice."""
    own = model_settings(settings)
    chosen = own.get("hidden")
    if chosen is not None:
        return tuple(chosen) if isinstance(chosen, list) else (chosen,)
    widths = below("hidden.", own)
    return tuple(widths[str(layer)] for layer in range(len(widths)))


def structure(settings: Settings) -> tuple[Any, ...]:
    """The key of all that fixes shapes: trials that differ here cannot share a population."""
    own = model_settings(settings)
    if settings["model"] in functions.names():
        return settings["model"], repr(own)
    shape = FAMILIES[settings["model"]].shape
    others = (own.get(key) for key in shape if key != "hidden")
    return (
        settings["model"], hidden(settings), *others, own.get("loss"), settings["loss"],
        settings["batch_size"],
    )  # fmt: skip


def below(prefix: str, settings: Settings) -> Chosen:
    """The settings whose paths begin with a prefix, by the rest of their paths."""
    return {path[len(prefix) :]: v for path, v in settings.items() if path.startswith(prefix)}
