"""LightGBM by rounds: each epoch is ten more trees, and a trial that gains no more ends early.

    python examples/lightgbm_rounds.py budget.trials=16 budget.epochs=12

It needs `pip install lightgbm`. The booster of the winner is in mlruns/studies/trees/model.
"""

import lightgbm
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import tuner

ROUNDS, PATIENCE = 10, 3
rows, targets = load_diabetes(return_X_y=True)
X, X_validation, y, y_validation = train_test_split(rows, targets, random_state=0)


def trees(
    learning_rate: float = tuner.range(0.01, 0.5, scale="log"),
    num_leaves: int = tuner.range(4, 64, scale="log"),
    min_child_samples: int = tuner.range(5, 60),
    feature_fraction: float = tuner.range(0.3, 1.0, step=0.1),
    lambda_l2: float = 0.0,
    *,
    epochs: int,
    seed: int,
    log,
):
    """Yields the mean squared errors after each ten trees; returns the booster."""
    settings = {
        "objective": "l2", "learning_rate": learning_rate, "num_leaves": num_leaves,
        "min_child_samples": min_child_samples, "feature_fraction": feature_fraction,
        "lambda_l2": lambda_l2, "bagging_fraction": 0.8, "bagging_freq": 1, "seed": seed,
        "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.Booster(settings, lightgbm.Dataset(X, y))
    losses = []
    for _ in range(epochs):
        for _ in range(ROUNDS):
            booster.update()
        train_loss = np.mean((booster.predict(X, num_threads=1) - y) ** 2)
        found = booster.predict(X_validation, num_threads=1)
        losses.append(np.mean((found - y_validation) ** 2))
        yield {"train_loss": train_loss, "validation_loss": losses[-1]}
        if len(losses) - np.argmin(losses) > PATIENCE:
            break
    gains = booster.feature_importance("gain")
    log.text("gains.txt", "\n".join(f"{i}: {gain:g}" for i, gain in enumerate(gains)))
    return booster


if __name__ == "__main__":
    tuner.main(trees)
