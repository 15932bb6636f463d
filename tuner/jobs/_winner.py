"""The winner of a study: what it is made of, and how it is kept as a scikit-learn pipeline."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tuner.jobs._training import Training
from tuner.search.trials import Trial
from tuner.training.population import Member
from tuner.training.problems import Supervised

# What `keep` imports, some seconds' worth; with MLflow's format as well.
MODULES = (
    "tuner.tracking.store:prepare_mlflow",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "skops.io",
    "tuner.estimators.trained",
)
TRACKED = (*MODULES, "mlflow.sklearn")


@dataclass(frozen=True)
class Winner:
    """A trained row with what its raw rows go through, as plain data.

    problem: without its data; member, epochs: how it was trained; theta: (size,), its parameters;
    task, inputs, classes, target_mean, target_scale, example: as tuner.data.DataSet has them;
    rows: what prepares raw rows.
    """

    problem: Supervised
    member: Member
    epochs: int
    theta: np.ndarray
    task: str
    inputs: int
    classes: np.ndarray
    target_mean: np.ndarray | None
    target_scale: np.ndarray | None
    rows: Any
    example: Any

    def pipeline(self) -> Any:
        """A fitted scikit-learn pipeline that takes raw rows (imports scikit-learn)."""
        from sklearn.pipeline import Pipeline

        from tuner.estimators.trained import estimator_of

        estimator = estimator_of(self.problem, self.member, self.epochs, self.task)
        if self.task == "regression":
            estimator.adopt(self.theta, self.inputs, self.target_mean, self.target_scale)
        else:
            estimator.adopt(self.theta, self.inputs, self.classes, self.task)
        steps = [("preprocessing", self.rows.transformer()), ("estimator", estimator)]
        return Pipeline(steps)


def made_of(trial: Trial, theta: np.ndarray, training: Training, epochs: int) -> Winner:
    """The winner that a trial is, with the parameters (size,) that it was judged with."""
    problem = training.problem(trial.settings)
    assert isinstance(problem, Supervised)
    data = training.data_for(problem.loss)
    return Winner(
        problem=replace(problem, folds=(), metrics={}, rows=None),
        member=training.member(trial),
        epochs=epochs,
        theta=theta,
        task=data.task,
        inputs=data.inputs,
        classes=np.arange(data.outputs) if data.classes is None else data.classes,
        target_mean=data.target_mean,
        target_scale=data.target_scale,
        rows=data.recipe.rows,
        example=data.example,
    )


def keep(winner: Winner, folder: Path, tracked: bool) -> None:
    """Writes its pipeline into a folder; tracked: in MLflow's format as well."""
    from tuner.estimators.saving import own_types
    from tuner.tracking.model import describe, save

    pipeline = winner.pipeline()
    trusted = save(folder, pipeline, winner.example, own_types())
    if tracked:
        describe(folder, pipeline, winner.example, trusted)
