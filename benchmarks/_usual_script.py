"""The script that most people write to tune a network: Optuna, scikit-learn and MLflow by the book.

Trials run one after another. An epoch is a call of partial_fit, after which the losses go to MLflow
and the validation loss to Optuna's pruner. The rows are read from a prepared .npz file. The script
writes a JSON list of [seconds since its start, best validation loss so far] at each new best.
"""

import argparse
import json
import os
import time

# ruff: noqa: E402 (imports count as time, so the clock starts before them)
BEGAN = time.time()
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
import numpy as np
import optuna
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help=".npz of X, y, X_validation, y_validation")
    parser.add_argument("--folder", required=True, help="where the stores and best.json go")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--pruning", action="store_true")
    given = parser.parse_args()
    with np.load(given.data) as data:
        X, y, X_validation, y_validation = (data[name] for name in data.files)
    classes, bests = np.unique(y), []

    mlflow.set_tracking_uri(f"sqlite:///{given.folder}/mlflow.db")
    mlflow.set_experiment("digits")

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        beta1 = 1 - trial.suggest_float("one_minus_beta1", 0.02, 0.5, log=True)
        beta2 = 1 - trial.suggest_float("one_minus_beta2", 1e-4, 0.1, log=True)
        model = MLPClassifier(
            (64,), solver="adam", alpha=0.0, batch_size=32, learning_rate_init=rate,
            beta_1=beta1, beta_2=beta2, random_state=0,
        )  # fmt: skip
        with mlflow.start_run(run_name=f"trial {trial.number}", nested=True):
            mlflow.log_params(trial.params)
            for epoch in range(1, given.epochs + 1):
                model.partial_fit(X, y, classes=classes)
                scores = model.predict_proba(X_validation)
                loss = log_loss(y_validation, scores, labels=classes)
                accuracy = float((classes[scores.argmax(axis=1)] == y_validation).mean())
                curves = {
                    "train_loss": model.loss_,
                    "validation_loss": loss,
                    "validation_accuracy": accuracy,
                }
                mlflow.log_metrics(curves, step=epoch)
                if not bests or loss < bests[-1][1]:
                    bests.append([time.time() - BEGAN, loss])
                trial.report(loss, epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return loss

    study = optuna.create_study(
        storage=f"sqlite:///{given.folder}/optuna.db",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner() if given.pruning else optuna.pruners.NopPruner(),
    )
    with mlflow.start_run(run_name="study"):
        study.optimize(objective, n_trials=given.trials)
        mlflow.log_metric("best_validation_loss", study.best_value)
    with open(f"{given.folder}/best.json", "w") as file:
        json.dump(bests, file)


if __name__ == "__main__":
    main()
