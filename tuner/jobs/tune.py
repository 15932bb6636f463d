"""Search for the best settings: train cohorts of trials, keep every curve, judge the winner."""

import json
import os
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import optuna

import tuner
from tuner.config import Config
from tuner.errors import UserError
from tuner.files import write_json
from tuner.jobs import _verdict
from tuner.jobs._ending import Ending, end_where_nothing_is_allowed
from tuner.jobs._progress import Progress
from tuner.jobs._repeating import Repeating
from tuner.jobs._report import Report
from tuner.jobs._training import Training, goal, load_data
from tuner.jobs._winner import made_of
from tuner.processes.background import Background
from tuner.processes.lock import owned
from tuner.search import initial_trials
from tuner.search.pruners import Pruner
from tuner.search.racing import Race
from tuner.search.space import Space
from tuner.search.study import Ask, Study
from tuner.search.trials import Outcome, Trial, restored
from tuner.training.kernels.compiling import announced
from tuner.training.loop import Interrupted
from tuner.training.population import create, evaluated

EVERY_TRIAL_DIVERGED = 3

INTERRUPTED = "it was interrupted"

COMPILING = "compiling for this machine and these models, which happens once"

# What may differ from one command on a study to the next.
FREE = (
    *("job", "root", "threads", "tracking", "range"),
    *("budget.trials", "budget.seconds", "budget.epochs_total", "study.project"),
    *("target", "stop", "confirm", "compare"),
)


def run(config: Config, stop: Event) -> int:
    """Runs or goes on with the study that the config names; returns the exit code.

    Raises UserError before anything is written, and Interrupted, after everything is closed, when
    `stop` was set.
    """
    data = load_data(config)
    goal(config, data)
    folder = config.root / "studies" / config.study.name
    threads = config.threads or len(os.sched_getaffinity(0))
    if not (folder / "optuna.journal").exists():
        first(config)
    with owned(folder), Training(config, data, threads, stop) as training:
        name, seed = config.study.name, config.study.seed
        study = Study(folder, name, config.space, config.sampler.ask, seed)
        begin(study, config, folder)
        job = Tune(config, study, training, folder)
        try:
            return job.run()
        finally:
            job.report.close()


def pruner(config: Config, study: Study) -> Pruner:
    """The pruner of a study, which has heard how the cohorts before ended."""
    made = config.pruner.of(config.study.name)
    for start, stop in study.cohorts[: study.index]:
        made.learn([s for s in study.summaries() if start <= s["number"] < stop])
    return made


def first(config: Config) -> tuple[list[dict[str, Any]], str]:
    """What a new study tries before its sampler proposes, and a line about it."""
    if config.sampler.no_initial_trials:
        return [], ""
    study = config.study
    return initial_trials.first(config.space, config.root, study.defaults, study.warm_start)


def after(trials: Sequence[Mapping[str, Any]], propose: Ask) -> Ask:
    """Asks the initial trials, and then what the sampler proposes."""

    def ask(study: optuna.Study, space: Space, seed: int) -> bool:
        return initial_trials.ask_initial(study, space, trials) or propose(study, space, seed)

    return ask


def begin(study: Study, config: Config, folder: Path) -> None:
    """Takes a study up, new or old, and says which trials count. Raises UserError if it may not."""
    if edited(study, config):
        # Its best trial may be one that counts no more.
        (folder / "result.json").unlink(missing_ok=True)
        study.keep("config", recorded(config))
        print(study.refitted())
    if not study.knows("queue"):
        trials, line = first(config)
        study.remember("queue", trials)
        if line:
            print(line)
    study.sampler = after(study.remember("queue", []), study.sampler)
    end_where_nothing_is_allowed(study)


def recorded(config: Config) -> dict[str, Any]:
    """The config as the study's record keeps it."""
    return flat(config.plain) | {group: list(b) for group, b in config.space.branches.items()}


def edited(study: Study, config: Config) -> bool:
    """Whether ranges or conditions are others than the study was begun, or last edited, with.

    Raises UserError for a config that differs otherwise: a study goes on as it was begun.
    """
    now = recorded(config)
    begun = study.remember("config", now)
    found = False
    # What was chosen of a group says more than the settings that came with it.
    for path in sorted(begun.keys() | now.keys(), key=lambda path: (path.count("."), path)):
        if path.startswith(FREE) or begun.get(path) == now.get(path):
            continue
        if path == "where" or (is_searched(begun.get(path)) and is_searched(now.get(path))):
            found = True
            continue
        raise UserError(
            f"{path}: {now.get(path)}: study {config.study.name} was begun with "
            f"{begun.get(path)}: give it back, or another study.name"
        )
    return found


def is_searched(value: Any) -> bool:
    """Whether a value of the config is a range or choices."""
    return isinstance(value, Mapping) and bool(value.keys() & {"low", "choices"})


def flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as one of paths; a range or choices are one value."""
    out: dict[str, Any] = {}
    for key, value in plain.items():
        path = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and not is_searched(value)
        out |= flat(value, f"{path}.") if nested else {path: value}
    return out


class Tune:
    """One command's work on a study."""

    def __init__(self, config: Config, study: Study, training: Training, folder: Path) -> None:
        self.config, self.study, self.training, self.folder = config, study, training, folder
        self.started = time.monotonic()
        self.report = Report(config, study, training.goal, folder)
        self.ending = Ending(config, study, training)
        self.pruner = pruner(config, study)

    def run(self) -> int:
        path = self.folder / "result.json"
        stopped = self.ending.reason()
        if stopped and whole(path):
            print(f"Study {self.config.study.name} is finished: {stopped}.")
            self.report.catch_up()
            return self.tell_all(json.loads(path.read_text()))
        self.report.begin()
        try:
            interrupted, told = self.work()
        except BaseException as error:
            self.report.failed(error)
            raise
        self.report.close()
        code = self.tell_all(told)
        if interrupted:
            raise Interrupted
        return code

    def work(self) -> tuple[bool, dict[str, Any]]:
        """Trains, judges and writes what was found.

        Returns whether it was interrupted, and what result.json holds.
        """
        budget = self.config.budget.trials
        stranded = self.study.stranded()
        self.report.leave_out(stranded)
        self.study.give_up(stranded)
        interrupted = False
        with (
            self.report.background()
            if self.training.data is not None
            else nullcontext() as background
        ):
            try:
                with Progress(budget, self.study.finished(), self.training.goal) as progress:
                    progress.count(self.study.summaries())
                    with announced(lambda: progress.note(COMPILING)):
                        stopped = self.train(progress, background)
                    confirmed = self.confirm(progress)
                    winner = self.winner(confirmed)
                    test = self.judge(winner, background) if winner and background else None
            except Interrupted:
                interrupted, stopped = True, INTERRUPTED
                confirmed = winner = test = None
            result = self.result(stopped, confirmed, winner, test)
            link = self.report.end(result, self.study.summaries(), self.training.task)
            told = {"result": result, "run": self.run_part(link)}
            write_json(self.folder / "result.json", told)
            self.report.over(interrupted)
        return interrupted, told

    def tell_all(self, told: Mapping[str, Any]) -> int:
        """Prints the verdict; returns the exit code."""
        self.report.print(told, self.study.summaries())
        return EVERY_TRIAL_DIVERGED if _verdict.all_diverged(told["result"]["trials"]) else 0

    def seconds_over(self) -> str:
        """The budget of seconds in words once it is spent, else ""."""
        seconds = self.config.budget.seconds
        over = seconds is not None and time.monotonic() - self.started > seconds
        return f"budget.seconds: {seconds:g} s are over" if over else ""

    def train(self, progress: Progress, background: Background | None) -> str:
        """Cohort after cohort, until something ends the study; returns what it was."""
        while True:
            # Not at once: the first trials should not have to share the cores.
            if background is not None and self.study.finished():
                background.prepare()
            if stopped := self.ending.reason(measure=True) or self.seconds_over():
                return stopped
            todo = self.config.budget.trials - self.study.finished()
            size = self.pruner.size(self.study.index, self.config.study.cohort)
            trials = self.study.cohort(min(size, todo))
            if not trials:
                stopped = self.ending.nothing_left()
                progress.note(stopped)
                return stopped
            self.report.ask(trials)
            self.race(trials, progress)

    def race(self, trials: Sequence[Trial], progress: Progress) -> None:
        """Trains one cohort and tells how each of its trials ended, whatever happens."""
        numbers = {trial.number for trial in trials}
        before = self.ending.epochs(without=numbers)

        def out_of_budget(race: Race) -> str:
            return self.ending.epochs_over(before + race.trained) or self.seconds_over()

        race = Race(
            trials,
            self.training.groups(trials),
            self.pruner.rule(self.study.index),
            self.config.budget.epochs,
            self.training.goal,
            on_epoch=lambda epoch, race: progress.show(len(race.running), epoch),
            out_of_budget=out_of_budget,
        )
        try:
            race.run()
        except Interrupted:
            raise
        except BaseException as error:
            begun = [n for n in race.running if race.lanes[n].initial]
            race.end(begun, "FAILED", f"{type(error).__name__}: {error}")
            raise
        finally:
            self.tell(list(race.outcomes.values()))
            self.pruner.learn([s for s in self.study.summaries() if s["number"] in numbers])
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

    def confirm(self, progress: Progress) -> dict[str, Any] | None:
        """Trains the top trials again on fresh seeds; None where nothing depends on seeds."""
        asked, summaries = self.config.confirm, self.study.summaries()
        top = _verdict.top_of(summaries, asked.top)
        if not top or self.training.data is None:
            return None
        progress.stage(f"training the best {len(top)} again on {asked.seeds} fresh seeds")
        repeating = Repeating(self.config, self.study, self.training)
        confirmed = repeating.confirmation(top, asked.seeds)
        self.report.confirmed(confirmed)
        return confirmed

    def winner(self, confirmed: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The trial that is judged and saved: the one confirmed, or the best of the search."""
        summaries = self.study.summaries()
        if confirmed is None:
            best = _verdict.best_of(summaries)
            return dict(best) if best else None
        return next(s for s in summaries if s["number"] == confirmed["winner"])

    def result(
        self,
        stopped: str,
        confirmed: Mapping[str, Any] | None,
        winner: Mapping[str, Any] | None,
        test: Mapping[str, float] | None,
    ) -> dict[str, Any]:
        """What the seed determines of the outcome: the `result` part of result.json."""
        summaries = self.study.summaries()
        best = _verdict.best_of(summaries)
        return {
            "study": self.config.study.name,
            "stopped": stopped,
            "goal": asdict(self.training.goal),
            "trials": _verdict.counts(summaries),
            "best": best,
            "confirmation": confirmed and {k: v for k, v in confirmed.items() if k != "curves"},
            "winner": winner and winner["number"],
            "test": test,
            "divergence": _verdict.divergence(summaries),
            "all": summaries,
        }

    def judge(self, best: Mapping[str, Any], background: Background) -> dict[str, float]:
        """Trains the winner again, saves it, and scores it on the test part, read only here.

        Where folds took turns, it is trained on all but the test part.
        """
        trial = Trial(best["number"], restored(best["settings"]), 0)
        trainer = self.training.final_trainer(trial.settings)
        population = create(trainer.problem, [self.training.member(trial)])
        for epoch in range(1, self.config.budget.epochs + 1):
            metrics = trainer.epoch(population, epoch).metrics
        if self.training.folds == 1:
            check_again(best, float(metrics["validation_loss"][0]))
        theta = evaluated(population)
        own = made_of(trial, theta[0], self.training, self.config.budget.epochs)
        self.report.model(background, own)
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


def whole(path: Path) -> bool:
    """Whether there is a result that was not interrupted on its way."""
    if not path.exists():
        return False
    return bool(json.loads(path.read_text())["result"]["stopped"] != INTERRUPTED)


def check_again(best: Mapping[str, Any], loss: float) -> None:
    """A row trains alike alone and among others, so the winner must find its losses again."""
    again = float(f"{loss:.9g}")
    if again != best["validation_loss"]:
        raise RuntimeError(
            f"trial {best['number']} ended at {again} when trained again, at "
            f"{best['validation_loss']} before: a curve depended on its neighbours"
        )
