"""A plain NumPy loop: softmax regression on scikit-learn's digits, by momentum or by Adam.

    python examples/numpy_loop.py budget.trials=24 budget.epochs=20

`beta` is searched in the trials of momentum, `beta2` in those of Adam. Adam alone, at other rates:

    python examples/numpy_loop.py digits.rule=adam 'digits.lr={low: 1e-3, high: 0.1, scale: log}'
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

import tuner

rows, labels = load_digits(return_X_y=True)
X, X_validation, y, y_validation = train_test_split(rows / 16, labels, random_state=0)


def digits(
    lr: float = tuner.range(1e-3, 3.0, scale="log"),
    batch: int = tuner.choices([16, 32, 64]),
    weight_decay: float = 0.0,
    rule: tuner.Branch = tuner.branch(
        momentum={"beta": tuner.range(0.5, 0.99, scale="reverse_log")},
        adam={"beta2": tuner.range(0.9, 0.9999, scale="reverse_log")},
    ),
    *, epochs: int, seed: int,
):  # fmt: skip
    """Yields the losses of each epoch, and the share of digits that are read right."""
    rng = np.random.default_rng(seed)
    w, m, v, t = rng.normal(0, 0.01, (64, 10)), 0.0, 0.0, 0
    yield {"epoch": 0, "validation_loss": log_loss(y_validation, softmax(X_validation @ w))}
    for _ in range(epochs):
        losses = []
        for chosen in np.array_split(rng.permutation(len(X)), len(X) // batch):
            t, p, truth = t + 1, softmax(X[chosen] @ w), np.eye(10)[y[chosen]]
            losses.append(-np.log(p[truth == 1]).mean())
            g = X[chosen].T @ (p - truth) / len(chosen) + weight_decay * w
            if rule.name == "momentum":
                m = rule.beta * m + g
                w = w - lr * m
            else:
                m, v = 0.9 * m + 0.1 * g, rule.beta2 * v + (1 - rule.beta2) * g**2
                w = w - lr * m / (1 - 0.9**t) / (np.sqrt(v / (1 - rule.beta2**t)) + 1e-8)
        p = softmax(X_validation @ w)
        now = {"train_loss": np.mean(losses), "validation_loss": log_loss(y_validation, p)}
        yield now | {"validation_accuracy": accuracy_score(y_validation, p.argmax(axis=1))}


def softmax(scores):
    """The chance of each digit, by row."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.maximum(e / e.sum(axis=1, keepdims=True), 1e-15)


if __name__ == "__main__":
    tuner.main(digits)
