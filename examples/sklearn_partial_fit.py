"""scikit-learn's partial_fit: a linear classifier of tumours, by folds, and its model is kept.

    python examples/sklearn_partial_fit.py data.folds=3 budget.trials=16 budget.epochs=10

Each trial is three fits then, whose mean counts. The model of the winner, trained anew, is in
mlruns/studies/tumours/model. What counts may be another curve:

    python examples/sklearn_partial_fit.py metric=validation_auc study.name=auc
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tuner

X, y = load_breast_cancer(return_X_y=True)


def tumours(
    eta0: float = tuner.range(1e-4, 1.0, scale="log"),
    alpha: float = tuner.range(1e-7, 1e-1, scale="log"),
    penalty: str = tuner.choices(["l2", "l1", "elasticnet"]),
    average: bool = tuner.choices([False, True]),
    *,
    epochs: int,
    seed: int,
    fold: int,
    folds: int,
):
    """Yields the losses and the area under the ROC curve; returns the whole pipeline."""
    # Without data.folds there is one fold: a fifth of the rows is for validation.
    splits = list(StratifiedKFold(max(folds, 5), shuffle=True, random_state=0).split(X, y))
    here, there = splits[fold]
    scaler = StandardScaler().fit(X[here])
    rows, others, rng = scaler.transform(X[here]), scaler.transform(X[there]), np.random
    rng = np.random.default_rng(seed)
    model = SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=eta0, alpha=alpha, penalty=penalty,
        average=average, random_state=seed,
    )  # fmt: skip
    for _ in range(epochs):
        order = rng.permutation(len(rows))
        model.partial_fit(rows[order], y[here][order], classes=[0, 1])
        chances = model.predict_proba(others)
        yield {
            "train_loss": log_loss(y[here], model.predict_proba(rows)),
            "validation_loss": log_loss(y[there], chances),
            "validation_auc": roc_auc_score(y[there], chances[:, 1]),
        }
    return make_pipeline(scaler, model)


if __name__ == "__main__":
    tuner.main(tumours)
