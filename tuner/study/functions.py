"""Studies of a user function: a runner for each trial, whose calls an executor steps."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Self

from tuner.config import Config
from tuner.config.direction import is_greater_better
from tuner.errors import UserError
from tuner.function import Function
from tuner.search.runner import Row
from tuner.search.trials import Goal, Trial
from tuner.study.calls.call import Task
from tuner.study.calls.executor import Executor
from tuner.study.calls.local import Local
from tuner.study.confirmation import JUDGING, fresh
from tuner.study.function_code import digest
from tuner.study.populations import below
from tuner.study.reproduce import line
from tuner.study.runners.function import Failures, FunctionRunner
from tuner.study.training import StudyTraining
from tuner.study.trial_files import REPEATS, TRIALS

# The folder of the worker processes, while they exist.
WORKERS = "workers"


class Functions(StudyTraining):
    """Trains the trials of a user function; a context manager, which ends the live calls.

    Args:
        config: the study's config; its function carries the code.
        threads: the number of threads that tuner itself may use.
        stop: set to interrupt the training.
        folder: the study's folder.

    Raises:
        UserError: if the command does not have the function's code.
    """

    def __init__(self, config: Config, threads: int, stop: Event, folder: Path) -> None:
        assert config.function is not None
        self.config, self.threads, self.stop, self.folder = config, threads, stop, folder
        self.function: Function = config.function
        self.data = None
        if self.function.call is None:
            raise UserError(
                f"study.name: {config.study.name}: is a study of the function "
                f"{self.function.name}, "
                f"which this command does not have: give {line_of(self.function, config)}"
            )
        self.failures = Failures(config.budget.failures)
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stack.close()

    @cached_property
    def executor(self) -> Executor:
        """What steps the calls; made at first use."""
        own: Executor
        if self.config.workers == 1 and not self.config.executor.dask:
            own = Local(self.function, self.stop, self.config.threads)
        else:
            from tuner.study.calls.cluster import Cluster

            folder = self.folder / WORKERS
            of = self.config
            own = Cluster(self.function, of.workers, of.threads, self.stop, folder)
        self.stack.callback(own.close)
        return own

    @property
    def unit(self) -> str:
        """The unit of the losses."""
        return "loss"

    @property
    def folds(self) -> int:
        return self.config.data.folds or 1

    @cached_property
    def goal(self) -> Goal:
        return goal_of(self.config)

    @property
    def epochs(self) -> int:
        return self.config.budget.epochs

    @property
    def has_seeds(self) -> bool:
        """Whether a repeated trial may give another result; without a seed, by chance."""
        return True

    @cached_property
    def code(self) -> str:
        """A digest of the function's source and of what it uses of its own module."""
        assert self.function.call is not None
        return digest(self.function.call)

    def runners(
        self, trials: Sequence[Trial], seeds: Mapping[int, Sequence[int]] | None = None
    ) -> list[FunctionRunner]:
        """A runner for each trial (see `tuner.study.training`)."""
        return [
            FunctionRunner(
                self.tasks(trial, None if seeds is None else seeds[trial.number]),
                self.executor,
                self.goal,
                self.failures,
            )
            for trial in trials
        ]

    def tasks(self, trial: Trial, seeds: Sequence[int] | None) -> dict[Row, Task]:
        """The calls of a trial by row: those of the search, or of repeats on these seeds."""
        rows = [
            Row(trial.number, seed, fold)
            for seed in seeds or (self.config.study.seed,)
            for fold in range(self.folds)
        ]
        return {row: self.task(trial, row, repeat=seeds is not None) for row in rows}

    def task(self, trial: Trial, row: Row, repeat: bool) -> Task:
        """One call."""
        settings, schedule = trial.settings, trial.settings.get("schedule")
        if repeat:
            own = hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()[:12]
            folder = self.folder / REPEATS / f"{own}-seed-{row.seed}"
        else:
            folder = self.folder / TRIALS / str(trial.number)
        if self.folds > 1:
            folder /= f"fold-{row.fold}"
        what = f"a repeat on seed {row.seed}" if repeat else f"trial {trial.number}"
        return Task(
            settings=below(f"{self.function.name}.", settings),
            seed=row.seed,
            fold=row.fold,
            folds=self.folds,
            epochs=self.epochs,
            schedule=(schedule, below(f"schedule.{schedule}.", settings)) if schedule else None,
            code=self.code,
            folder=folder,
            keep=self.keeps(row, repeat),
            what=what,
        )

    def keeps(self, row: Row, repeat: bool) -> bool:
        """Whether the model of a call may become the study's model.

        The study's model is that of the first seed that judges the winner; without a confirmation,
        that of the winning trial. With several folds, it is the first fold's.
        """
        if not self.config.confirm.most_top:
            return not repeat and row.fold == 0
        return repeat and row.fold == 0 and row.seed == self.judge

    @cached_property
    def judge(self) -> int:
        """The first of the seeds that judge a winner."""
        return fresh(self.config.study.seed, JUDGING, 1)[0]


def goal_of(config: Config) -> Goal:
    """The goal of a study of a function.

    Raises:
        UserError: for a metric whose name does not say whether greater or lower is better.
    """
    greater = is_greater_better(config.metric, config.direction)
    if config.metric in (None, "loss"):
        return Goal(greater_is_better=greater)
    return Goal(str(config.metric), greater)


def line_of(function: Function, config: Config) -> str:
    """The command line that runs the study's function for the job of this command."""
    given = [f"study.name={config.study.name}"]
    if config.job == "tune":
        return line(function.command, config.root, True, *given)
    if function.is_called:
        name = function.name
        return f"job={config.job} {given[0]} to a script that ends with tuner.main({name})"
    return line(function.command, config.root, True, f"job={config.job}", *given)
