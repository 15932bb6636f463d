"""What a study tells the outside: records for MLflow, pictures, the saved winner, the verdict."""

import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tuner.config import Config
from tuner.jobs import _verdict
from tuner.jobs._winner import MODULES, TRACKED, Winner, keep
from tuner.processes.background import Background
from tuner.search.initial_trials import described
from tuner.search.study import Study
from tuner.search.trials import Goal, Outcome, Trial
from tuner.tracking.records import Artifact, Model, Points, Record, RunBegins, RunEnds
from tuner.tracking.store import Store
from tuner.tracking.writer import Writer

# Seconds to wait at the end for MLflow; what it has not taken by then waits in the spool.
PATIENCE = 60.0

# What the loss of a task is, for the axes of the pictures.
UNITS = {
    "binary": "cross-entropy (nats)",
    "multiclass": "cross-entropy (nats)",
    "multilabel": "cross-entropy (nats)",
    "regression": "half squared error (standardised targets)",
    "function": "f(x)",
}


class Report:
    """The records of one study; with tracking=none they go nowhere."""

    def __init__(self, config: Config, study: Study, goal: Goal, folder: Path) -> None:
        self.config, self.study, self.goal, self.folder = config, study, goal, folder
        self.paths = list(config.space.searched)
        self.key = study.remember("key", uuid.uuid4().hex)
        self.started_ms = study.remember("started_ms", now_ms())
        self.store = Store(config.root, config.tracking.uri)
        self.writer: Writer | None = None
        self.saving: tuple[Background, int] | None = None

    def put(self, record: Record) -> None:
        if self.writer is not None:
            self.writer.put(record)

    def open(self) -> None:
        """Lets records reach MLflow, where the study is tracked."""
        study = self.config.study
        if self.config.tracking.name != "none":
            names = {"project": study.project, "study": study.name, "key": self.key}
            self.writer = Writer(self.store, self.folder, **names)

    def begin(self) -> None:
        config = self.config
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config.plain, sort_keys=False))
        self.open()
        models = ", ".join(config.space.branches["model"])
        note = f"{models} on {config.data.name}; the trials are the child runs"
        about = {
            "data": config.data.name,
            "model": models,
            "optimizer": ", ".join(config.space.branches["optimizer"]),
            "schedule": ", ".join(config.space.branches["schedule"]),
            "sampler": config.sampler.name,
            "pruner": config.pruner.name,
            "epochs": config.budget.epochs,
            "seed": config.study.seed,
        }
        tags = {"mlflow.note.content": note}
        self.put(RunBegins(None, config.study.name, self.started_ms, about, tags))
        self.put(Artifact(None, str(self.folder / "config.yaml")))

    def ask(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            self.put(
                RunBegins(
                    trial.number, f"trial {trial.number}", trial.started_ms, dict(trial.settings)
                )
            )

    def leave_out(self, numbers: Sequence[int]) -> None:
        """Ends trials that were under way when the ranges were edited and fit them no more."""
        for number in numbers:
            self.put(RunEnds(number, "INTERRUPTED", "does not fit the new ranges", now_ms()))
        if numbers and self.writer is not None:
            self.writer.sync()

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """All curves and the end of these trials, safe on disk before it returns."""
        for outcome in outcomes:
            number, epochs = outcome.trial.number, outcome.epochs
            initial = {name: [value] for name, value in outcome.initial.items()}
            self.put(Points(number, [0], initial))
            if epochs:
                self.put(Points(number, list(range(1, epochs + 1)), outcome.curves))
            tags = {"label": outcome.label, "evidence": outcome.evidence, "advice": outcome.advice}
            if outcome.diverged_at is not None:
                tags["diverged_at"] = f"{outcome.diverged_at:.4g} of the training"
            if outcome.trial.origin:
                tags["origin"] = described(outcome.trial.origin)
            tags = {f"tuner.{name}": value for name, value in tags.items()}
            self.put(RunEnds(number, outcome.state, outcome.reason, now_ms(), tags))
        if self.writer is not None:
            self.writer.sync()

    def best_so_far(self, summaries: Sequence[Mapping[str, Any]], since: int) -> None:
        """The parent's curve: the best of the goal after each trial from `since` on."""
        steps, values, best = [], [], np.inf
        for s in summaries:
            if s["state"] == "COMPLETE":
                best = min(best, s["value"])
            if np.isfinite(best) and s["number"] >= since:
                steps.append(s["number"])
                values.append(self.goal.turn(best))
        if steps:
            self.put(Points(None, steps, {f"best_{self.goal.curve}": values}))

    def background(self) -> Background:
        """Where a model is saved, prepared beside the study while it trains."""
        return Background(MODULES if self.writer is None else TRACKED)

    def model(self, background: Background, winner: Winner) -> None:
        """Begins to save the winner as a scikit-learn pipeline that takes raw rows."""
        background.begin(keep, winner, self.folder / "model", self.writer is not None)
        self.saving = background, winner.member.trial

    def confirmed(self, told: Mapping[str, Any]) -> None:
        """The mean curves on fresh seeds, each on its trial's run, and what the winner is worth."""
        turn, curve = self.goal.turn, self.goal.curve
        for number, values in told["curves"].items():
            epochs = list(range(1, len(values) + 1))
            self.put(Points(int(number), epochs, {f"confirmed_{curve}": [*map(turn, values)]}))
        if mean := told["judged"]["mean"]:
            metrics = {"mean": "", "low": "_low", "high": "_high"}
            points = {f"confirmed_{curve}{metrics[k]}": [turn(v)] for k, v in mean.items()}
            self.put(Points(None, [told["winner"]], points))

    def end(
        self,
        result: Mapping[str, Any],
        summaries: Sequence[Mapping[str, Any]],
        task: str,
    ) -> str | None:
        """Draws the pictures while the model is saved; returns the page with the curves."""
        for picture in self.draw(summaries, task):
            self.put(Artifact(None, str(picture)))
        if self.saving is not None:
            background, trial = self.saving
            background.result()
            self.put(Model(None, str(self.folder / "model"), "best", tags={"trial": str(trial)}))
        if result["test"]:
            test = {f"test_{name}": [value] for name, value in result["test"].items()}
            self.put(Points(None, [result["winner"]], test))
        if self.writer is not None:
            self.writer.flush(PATIENCE)
        return self.link()

    def over(self, interrupted: bool = False) -> None:
        """Closes the study's run, the last of its records, for they tell of result.json."""
        result = self.folder / "result.json"
        self.put(Artifact(None, str(result)))
        if interrupted:
            self.put(RunEnds(None, "INTERRUPTED", "interrupted", now_ms()))
        else:
            self.put(RunEnds(None, "COMPLETE", "finished", modified_ms(result)))
        if self.writer is not None:
            self.writer.sync()
            self.study.keep("over", modified_ms(result))

    def catch_up(self) -> None:
        """Hands over what a kill or a dead server kept from MLflow of a study that is finished."""
        spool = self.folder / "spool"
        if not spool.exists():
            return
        if self.study.recall("over") != modified_ms(self.folder / "result.json"):
            self.open()
            self.over()
        elif any(spool.glob("*.jsonl")):
            self.open()
        self.close()

    def failed(self, error: BaseException) -> None:
        """Ends the study's run with the error that no later record follows."""
        said = " ".join(f"{type(error).__name__}: {error}".split())
        self.put(RunEnds(None, "FAILED", said, now_ms()))

    def draw(self, summaries: Sequence[Mapping[str, Any]], task: str) -> list[Path]:
        from tuner.report.plots.trials import TrialCurve, learning_rates, loss_curves

        losses = {
            number: (finite(curves["train_loss"]), finite(curves["validation_loss"]))
            for number, curves in self.study.curves()
        }
        trials = [
            TrialCurve(
                number=s["number"],
                group=s["settings"]["optimizer"],
                learning_rate=_verdict.rate_of(s),
                state=s["state"],
                epochs=range(s["epochs"] + 1),
                train_loss=losses[s["number"]][0],
                validation_loss=losses[s["number"]][1],
            )
            for s in summaries
        ]
        name = self.config.study.name
        unit = UNITS[task]
        pictures = {"learning_rates.png": learning_rates, "loss_curves.png": loss_curves}
        for file, draw in pictures.items():
            draw(trials, self.folder / file, f"Study {name}", unit)
        return [self.folder / file for file in pictures]

    def link(self) -> str | None:
        """The page with the curves of all trials; None if MLflow was not reached yet."""
        if self.writer is None:
            return None
        return self.writer.curves_link(self.goal.curve, self.goal.greater_is_better)

    def close(self) -> None:
        """Gives MLflow a while to take what it has not, and says what waits."""
        if self.writer is None:
            return
        waiting = self.writer.close(PATIENCE)
        if waiting:
            print(
                f"tuner: {waiting} records wait for MLflow ({self.writer.error}); the next "
                "command on this study hands them over",
                file=sys.stderr,
            )
        for refusal in self.writer.refused:
            print(f"tuner: MLflow refused: {refusal}", file=sys.stderr)
        self.writer = None

    def print(self, told: Mapping[str, Any], summaries: Sequence[Mapping[str, Any]]) -> None:
        """The verdict of a result.json, and how to look at the curves."""
        if len(summaries) <= _verdict.FEW:
            curves = dict(self.study.curves())
            summaries = [{**s, "curves": curves[s["number"]]} for s in summaries]
        print(_verdict.describe(told["result"], self.paths, summaries))
        print(f"Pictures, settings and all results: {self.folder}")
        if told["run"]["curves"]:
            if self.store.is_server:
                print("All curves, in MLflow:")
            else:
                root = "" if str(self.config.root) == "mlruns" else f" root={self.config.root}"
                print(f"All curves: run   python -m tuner job=ui{root}   and open")
            print(f"  {told['run']['curves']}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def modified_ms(path: Path) -> int:
    return path.stat().st_mtime_ns // 1_000_000


def finite(curve: Sequence[float | None]) -> np.ndarray:
    """A curve from its record, in which JSON has no number for what is not finite."""
    return np.array([np.nan if value is None else value for value in curve])
