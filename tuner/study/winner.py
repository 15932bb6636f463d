"""The winner, trained again for its test scores and its model."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tuner.search.trials import Trial, TrialResult, rounded
from tuner.study.events import Listener, StageBegan, StageEpochEnded, nobody
from tuner.study.numerics import TOLERANCE
from tuner.study.populations import Populations
from tuner.training.curves import Guard
from tuner.training.loop import Epoch
from tuner.training.population import Member, Population, create, evaluated
from tuner.training.problems import Supervised
from tuner.training.target_transforms import TargetTransform


@dataclass(frozen=True)
class TrainedWinner:
    """A trained model with its preprocessing, as plain data.

    Attributes:
        problem: the problem, without its data.
        member, epochs: how it was trained.
        total: the epochs that its schedule is laid out for.
        theta: (size,), its parameters.
        task, inputs, classes, target_mean, target_scale, target_transform, example: as in
            tuner.data.DataSet.
        rows: the preprocessing of raw rows.
    """

    problem: Supervised
    member: Member
    epochs: int
    total: int
    theta: np.ndarray
    task: str
    inputs: int
    classes: np.ndarray
    target_mean: np.ndarray | None
    target_scale: np.ndarray | None
    target_transform: TargetTransform | None
    rows: Any
    example: Any

    def pipeline(self) -> Any:
        """A fitted scikit-learn pipeline that takes raw rows (imports scikit-learn)."""
        from sklearn.pipeline import Pipeline

        from tuner.estimators.trained import estimator_of

        stop_after = self.epochs if self.epochs < self.total else None
        estimator = estimator_of(self.problem, self.member, self.total, self.task, stop_after)
        if self.task == "regression":
            own = self.target_transform
            estimator.adopt(self.theta, self.inputs, self.target_mean, self.target_scale, own)
        else:
            estimator.adopt(self.theta, self.inputs, self.classes, self.task)
        steps = [("preprocessing", self.rows.transformer()), ("estimator", estimator)]
        return Pipeline(steps)


class Retraining:
    """Trains a study's winner again with the study's seed, to the epoch at which it was judged.

    It trains on all rows except the test part (`Populations.kept_length`). Without `refit` and
    without folds it trains as in the search and must reach the same loss, because a row trains the
    same alone and among others.

    Args:
        training: the study's training, on data.
        winner: the winner's trial.
        exact: whether all training used the same numerics (`tuner.study.numerics`); otherwise the
            losses may differ, and a note says by how much.
        tell: receives an event per epoch.

    Attributes:
        notes: remarks, one sentence each.
        failed: in words, that it diverged on all rows but the test part, and what was done; or "".

    Raises:
        RuntimeError: if it does not reach that loss.
        Interrupted: if training was stopped.
    """

    def __init__(
        self,
        training: Populations,
        winner: TrialResult,
        exact: bool = True,
        tell: Listener = nobody,
    ) -> None:
        self.notes: list[str] = []
        self.failed = ""
        self.training, self.trial = training, Trial(winner.number, winner.settings, 0)
        how = "on all but the test part" if training.refit else "once more"
        tell(StageBegan(f"training the winner, trial {winner.number}, {how} to keep its model"))
        trained = self.train(winner.stops_at, tell)
        if self.diverged and (training.refit or training.folds > 1):
            # In the search it did not diverge.
            self.failed = f"trained {how}, the winner diverged: "
            if training.folds > 1:
                self.failed += "do not use the saved model"
            else:
                self.failed += "the saved model was trained on the training part alone"
                training.refit = False
                trained = self.train(winner.stops_at, tell)
        if training.refit:
            counted = winner.stops_at or training.epochs
            self.notes.append(refitted(self.epochs, self.total, counted, training.epochs))
        elif training.folds == 1:
            loss = float(trained.metrics["validation_loss"][0])
            if exact:
                check_again(winner, loss)
            else:
                self.notes.append(compared(winner, loss))

    def train(self, stops_at: int | None, tell: Listener) -> Epoch:
        """Trains from the beginning to the end; returns the last epoch.

        A refit has no validation part; it has diverged if its training loss ends above its start.

        Args:
            stops_at: the epoch at which the winner's value was taken; None for its last.
            tell: receives an event per epoch.
        """
        training, settings = self.training, self.trial.settings
        self.epochs, self.total = training.kept_length(settings, stops_at)
        trainer = training.kept_trainer(settings, self.total)
        assert isinstance(trainer.problem, Supervised)
        self.problem = trainer.problem
        self.population: Population = create(trainer.problem, [training.member(self.trial)])
        first = trainer.start(self.population).metrics["train_loss"]
        guard = Guard.at(first, np.zeros(1), trainer.problem.steps)
        for epoch in range(1, self.epochs + 1):
            trained = trainer.epoch(self.population, epoch)
            guard = guard.after(trained.metrics["train_loss"])
            tell(StageEpochEnded(epoch, self.epochs))
        self.diverged = bool(trained.left[0] or guard.risen[0])
        return trained

    def trained(self) -> TrainedWinner:
        """The trained winner in the form that is saved."""
        training = self.training
        data = training.kept_data_for(self.problem.loss)
        return TrainedWinner(
            problem=replace(self.problem, folds=(), metrics=(), rows=None),
            member=training.member(self.trial),
            epochs=self.epochs,
            total=self.total,
            theta=evaluated(self.population)[0],
            task=data.task,
            inputs=data.inputs,
            classes=np.arange(data.outputs) if data.classes is None else data.classes,
            target_mean=data.target_mean,
            target_scale=data.target_scale,
            target_transform=data.target_transform,
            rows=data.recipe.rows,
            example=data.example,
        )

    def test(self) -> dict[str, float]:
        """The winner's finite loss and scores on the test part, which nothing else reads."""
        theta = evaluated(self.population)
        problem = self.training.test_problem(self.trial.settings)
        objective = problem.attach(theta, np.empty_like(theta), self.population.left_at)
        return {
            name.removeprefix("validation_"): float(f"{values[0]:.9g}")
            for name, values in objective.evaluate(theta).items()
            if np.isfinite(values[0])
        }


def refitted(epochs: int, total: int, counted: int, searched: int) -> str:
    """The remark on a model trained on all rows but the test part.

    Args:
        epochs, total: the trained epochs, and the epochs that the schedule is laid out for.
        counted, searched: the same two numbers in the search.
    """
    of = f" of {total}" if epochs < total else ""
    theirs = f" of {searched}" if counted < searched else ""
    return (
        f"the saved model was trained on all rows but the test part, for {epochs}{of} epochs: "
        f"about as many steps as {counted}{theirs} in the search"
    )


def check_again(winner: TrialResult, loss: float) -> None:
    """Checks that a trial has reached the same validation loss again.

    Raises:
        RuntimeError: if it ended at another one.
    """
    again = rounded(loss)
    if again != winner.validation_loss:
        raise RuntimeError(
            f"trial {winner.number} ended at {again} when trained again, at "
            f"{winner.validation_loss} before: a curve depended on its neighbours"
        )


def compared(winner: TrialResult, loss: float) -> str:
    """The remark on a loss that was computed with other numerics than those of the search."""
    before = winner.validation_loss
    if before is None:
        return f"trained again the winner ended at {loss:.6g}; the search has no number for it"
    share = abs(loss - before) / max(abs(before), 1e-12)
    within = share <= TOLERANCE
    distance = f"within {TOLERANCE:.0%} of" if within else f"more than {TOLERANCE:.0%} from"
    return (
        f"trained again the winner ended at {loss:.6g}, {distance} the {before:.6g} of the search"
    )
