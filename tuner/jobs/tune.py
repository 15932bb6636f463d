"""Search for the best settings: train cohorts of trials, keep every curve, judge the winner."""

import json
import math
import os
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

import tuner
from tuner.config import Config
from tuner.errors import UserError
from tuner.jobs import _verdict
from tuner.jobs._lock import owned
from tuner.jobs._progress import Progress
from tuner.jobs._report import Report
from tuner.jobs._training import Training, load_data
from tuner.search import samplers
from tuner.search.racing import Halving, NoPruning, Pruner, Race
from tuner.search.study import Study
from tuner.search.trials import Outcome, Trial
from tuner.training.compiling import announced
from tuner.training.loop import Interrupted
from tuner.training.population import create, evaluated

EVERY_TRIAL_DIVERGED = 3

COMPILING = "compiling for this machine and these models, which happens once"

# What may differ from one command on a study to the next.
FREE = ("job", "root", "threads", "tracking", "budget.trials", "budget.seconds", "study.project")


def run(config: Config, stop: Event) -> int:
    """Runs or goes on with the study that the config names; returns the exit code.

    Raises UserError before anything is written, and Interrupted, after everything is closed, when
    `stop` was set.
    """
    data = load_data(config)
    folder = config.root / "studies" / config.study.name
    threads = config.threads or len(os.sched_getaffinity(0))
    with owned(folder), Training(config, data, threads, stop) as training:
        study = Study(folder, config.study.name, config.space, sampler(config), config.study.seed)
        check_same(study, config)
        job = Tune(config, study, training, folder)
        try:
            return job.run()
        finally:
            job.report.close()


def sampler(config: Config) -> samplers.Sampler:
    named: dict[str, samplers.Sampler] = {
        "tpe": samplers.tpe(config.sampler.startup),
        "random": samplers.random,
        "quasi_random": samplers.quasi_random,
        "grid": samplers.grid,
    }
    return named[config.sampler.name]


def pruner(config: Config) -> Pruner:
    if config.pruner.name == "none":
        return NoPruning()
    return Halving(config.pruner.keep, config.pruner.first_rung)


def check_same(study: Study, config: Config) -> None:
    """A study goes on as it was begun. Raises UserError for a config that differs."""
    now = flat(config.plain) | {group: list(b) for group, b in config.space.branches.items()}
    begun = study.remember("config", now)
    # What was chosen of a group says more than the settings that came with it.
    for path in sorted(begun.keys() | now.keys(), key=lambda path: (path.count("."), path)):
        if path.startswith(FREE) or begun.get(path) == now.get(path):
            continue
        raise UserError(
            f"{path}: {now.get(path)}: study {config.study.name} was begun with "
            f"{begun.get(path)}: give it back, or another study.name"
        )


def flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one of paths; a range or choices are one value."""
    out: dict[str, Any] = {}
    for key, value in plain.items():
        path = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and not value.keys() & {"low", "choices"}
        out |= flat(value, f"{path}.") if nested else {path: value}
    return out


class Tune:
    """One command's work on a study."""

    def __init__(self, config: Config, study: Study, training: Training, folder: Path) -> None:
        self.config, self.study, self.training, self.folder = config, study, training, folder
        self.started = time.monotonic()
        self.report = Report(config, study, folder)

    def run(self) -> int:
        budget, path = self.config.budget.trials, self.folder / "result.json"
        if self.study.finished() >= budget and path.exists():
            print(f"Study {self.config.study.name} is finished: it has its {budget} trials.")
            return self.tell_all(json.loads(path.read_text()))
        self.report.begin()
        interrupted = False
        try:
            with Progress(budget, self.study.finished()) as progress:
                progress.count(self.study.summaries())
                with announced(lambda: progress.note(COMPILING)):
                    self.train(progress)
        except Interrupted:
            interrupted = True
        result = self.result(judge=not interrupted)
        self.report.end(
            result,
            self.study.summaries(),
            interrupted,
            self.training.task,
            write_result=lambda link: self.write({"result": result, "run": self.run_part(link)}),
        )
        self.report.close()
        code = self.tell_all(json.loads(path.read_text()))
        if interrupted:
            raise Interrupted
        return code

    def tell_all(self, told: Mapping[str, Any]) -> int:
        """Prints the verdict; returns the exit code."""
        self.report.print(told, self.study.summaries())
        return EVERY_TRIAL_DIVERGED if told["result"]["trials"].keys() == {"diverged"} else 0

    def time_is_up(self) -> bool:
        seconds = self.config.budget.seconds
        return seconds is not None and time.monotonic() - self.started > seconds

    def train(self, progress: Progress) -> None:
        """Cohort after cohort, until the budget is spent or the grid has no more."""
        while (todo := self.config.budget.trials - self.study.finished()) > 0:
            if self.time_is_up():
                progress.note(f"budget.seconds: {self.config.budget.seconds:g} s are over")
                return
            trials = self.study.cohort(min(self.config.study.cohort, todo))
            if not trials:
                progress.note("the grid has no more combinations")
                return
            self.report.ask(trials)
            self.race(trials, progress)

    def race(self, trials: Sequence[Trial], progress: Progress) -> None:
        """Trains one cohort and tells how each of its trials ended, whatever happens."""
        race = Race(
            trials,
            self.training.groups(trials),
            pruner(self.config),
            self.config.budget.epochs,
            on_epoch=lambda epoch, race: progress.show(len(race.running), epoch),
            time_is_up=self.time_is_up,
        )
        try:
            race.run()
        except Interrupted:
            raise
        except BaseException as error:
            race.end(race.running, "FAILED", f"{type(error).__name__}: {error}")
            raise
        finally:
            self.tell(list(race.outcomes.values()))
            progress.count(self.study.summaries())
            progress.show(0, 0, now=True)

    def tell(self, outcomes: list[Outcome]) -> None:
        """MLflow's spool first, then Optuna: what Optuna knows is never missing from MLflow."""
        outcomes.sort(key=lambda outcome: outcome.trial.number)
        self.report.tell(outcomes)
        for outcome in outcomes:
            self.study.tell(outcome)
        if outcomes:
            self.report.best_so_far(self.study.summaries(), since=outcomes[0].trial.number)

    def result(self, judge: bool) -> dict[str, Any]:
        """What the seed determines of the outcome: the `result` part of result.json."""
        summaries = self.study.summaries()
        best = _verdict.best_of(summaries)
        test = self.judge(best) if judge and best and self.training.data is not None else None
        return {
            "study": self.config.study.name,
            "trials": _verdict.counts(summaries),
            "best": best and {k: v for k, v in best.items() if k != "curves"},
            "test": test,
            "divergence": _verdict.divergence(summaries),
            "all": [{k: v for k, v in s.items() if k != "curves"} for s in summaries],
        }

    def judge(self, best: Mapping[str, Any]) -> dict[str, float]:
        """Trains the winner again, saves it, and scores it on the test part, read only here.

        A row trains alike alone and among others, so the winner must find its losses again.
        """
        trial = Trial(best["number"], restored(best["settings"]), 0)
        trainer = self.training.trainer(trial.settings)
        population = create(trainer.problem, [self.training.member(trial)])
        for epoch in range(1, self.config.budget.epochs + 1):
            metrics = trainer.epoch(population, epoch).metrics
        again = float(f"{metrics['validation_loss'][0]:.9g}")
        if again != best["validation_loss"]:
            raise RuntimeError(
                f"trial {trial.number} ended at {again} when trained again, "
                f"at {best['validation_loss']} before: a curve depended on its neighbours"
            )
        theta = evaluated(population)
        self.report.model(trial, theta[0], self.training)
        problem = self.training.test_problem(trial.settings)
        objective = problem.attach(theta, np.empty_like(theta), population.left_at)
        measured = {k.removeprefix("validation_"): v for k, v in objective.evaluate(theta).items()}
        return {name: float(f"{values[0]:.9g}") for name, values in measured.items()}

    def run_part(self, link: str | None) -> dict[str, Any]:
        """The `run` part of result.json: what the seed does not determine."""
        return {
            "seconds": round(time.monotonic() - self.started, 3),
            "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "host": socket.gethostname(),
            "threads": self.training.threads,
            "python": platform.python_version(),
            "tuner": tuner.__version__,
            "key": self.report.key,
            "curves": link,
        }

    def write(self, told: Mapping[str, Any]) -> None:
        """result.json, whole or not at all."""
        path = self.folder / "result.json"
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(told, indent=2, allow_nan=False))
        draft.replace(path)


def restored(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from their record, in which JSON has no infinity."""
    return {path: math.inf if value is None else value for path, value in settings.items()}
