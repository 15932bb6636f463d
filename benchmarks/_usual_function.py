"""The script that most people write around a training loop of their own: Optuna and MLflow.

It tunes an example of examples/ by TPE and MedianPruner, one trial after another, and reports each
epoch to MLflow and to the pruner. The space and the function are those of the example. It writes
the settings of the best trial and the number of trained epochs as JSON.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


import mlflow
import optuna
from _examples import called, declaration


def suggested(trial: optuna.Trial, path: str, plain: Any) -> Any:
    """Suggests a setting from a range or from choices; a fixed value stays as it is."""
    if not isinstance(plain, dict):
        return plain
    if "choices" in plain:
        return trial.suggest_categorical(path, plain["choices"])
    if plain.get("scale") == "reverse_log":
        return 1 - trial.suggest_float(f"1-{path}", 1 - plain["high"], 1 - plain["low"], log=True)
    whole = isinstance(plain["low"], int) and isinstance(plain["high"], int)
    suggest = trial.suggest_int if whole else trial.suggest_float
    return suggest(path, plain["low"], plain["high"], log=plain.get("scale") == "log")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--example", required=True)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    own, trained = declaration(given.example), 0
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment(given.example)

    def objective(trial: optuna.Trial) -> float:
        nonlocal trained
        settings: dict[str, Any] = {}
        for key, plain in own.settings.items():
            if own.kinds[key] != "branch":
                settings[key] = suggested(trial, key, plain)
                continue
            option = settings[key] = trial.suggest_categorical(key, list(plain))
            for name, value in plain[option].items():
                path = f"{key}.{option}.{name}"
                settings[path] = suggested(trial, path, value)
        trial.set_user_attr("settings", settings)
        with mlflow.start_run(run_name=f"trial {trial.number}", nested=True):
            mlflow.log_params(settings)
            with tempfile.TemporaryDirectory() as folder:
                epoch, loss = 0, float("nan")
                for metrics in called(own, settings, given.epochs, given.seed, Path(folder)):
                    epoch, loss = metrics.pop("epoch", epoch + 1), float(metrics["validation_loss"])
                    mlflow.log_metrics({k: float(v) for k, v in metrics.items()}, step=epoch)
                    trained += epoch > 0
                    trial.report(loss, epoch)
                    if trial.should_prune():
                        raise optuna.TrialPruned
        return loss

    study = optuna.create_study(
        storage="sqlite:///optuna.db",
        sampler=optuna.samplers.TPESampler(seed=given.seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    with mlflow.start_run(run_name="study"):
        study.optimize(objective, n_trials=given.trials)
        mlflow.log_metric("best_validation_loss", study.best_value)
    best = {"settings": study.best_trial.user_attrs["settings"], "epochs": trained}
    Path("best.json").write_text(json.dumps(best), encoding="utf-8")


if __name__ == "__main__":
    main()
