"""Writes classic.npz: SGD, Adam and their kin, by PyTorch; SGDW, by its paper.

Needs the environment that README.md names: `python make_classic.py`.
"""

from typing import Any

import numpy as np
import torch
from problems import PROBLEMS, Problem, follow, follow_torch, key, write

TORCH: dict[str, tuple[Any, dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {}),
    "nesterov": (torch.optim.SGD, {"nesterov": True}),
    "asgd": (torch.optim.ASGD, {}),
    "adagrad": (torch.optim.Adagrad, {}),
    "adadelta": (torch.optim.Adadelta, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "rmsprop_centered": (torch.optim.RMSprop, {"centered": True}),
    "adam": (torch.optim.Adam, {}),
    "amsgrad": (torch.optim.Adam, {"amsgrad": True}),
    "adamw": (torch.optim.AdamW, {}),
    "adamax": (torch.optim.Adamax, {}),
    "nadam": (torch.optim.NAdam, {}),
    "radam": (torch.optim.RAdam, {}),
    "rprop": (torch.optim.Rprop, {}),
}

# The first settings of each are what PyTorch does by default but for the rate.
SETTINGS: dict[str, list[dict[str, float]]] = {
    "sgd": [{"lr": 0.05}, {"lr": 0.05, "weight_decay": 0.1}],
    "momentum": [
        {"lr": 0.02, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "nesterov": [
        {"lr": 0.02, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "sgdw": [
        {"lr": 0.02, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "asgd": [
        {"lr": 0.05},
        {"lr": 0.05, "lambd": 0.1, "alpha": 0.5, "t0": 20.0, "weight_decay": 0.1},
    ],
    "adagrad": [
        {"lr": 0.3},
        {"lr": 0.3, "lr_decay": 0.01, "initial_accumulator": 0.1, "eps": 0.1, "weight_decay": 0.1},
    ],
    "adadelta": [{"lr": 1.0}, {"lr": 2.0, "rho": 0.95, "eps": 1e-3, "weight_decay": 0.1}],
    "rmsprop": [
        {"lr": 0.01},
        {"lr": 0.01, "alpha": 0.9, "momentum": 0.8, "eps": 0.1, "weight_decay": 0.1},
    ],
    "rmsprop_centered": [
        {"lr": 0.01},
        {"lr": 0.01, "alpha": 0.9, "momentum": 0.8, "eps": 0.1, "weight_decay": 0.1},
    ],
    "adam": [
        {"lr": 0.05},
        {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.1},
    ],
    "amsgrad": [
        {"lr": 0.05},
        {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.1},
    ],
    "adamw": [
        {"lr": 0.05, "weight_decay": 0.01},
        {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.3},
    ],
    "adamax": [
        {"lr": 0.05},
        {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.1},
    ],
    "nadam": [
        {"lr": 0.05},
        {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "momentum_decay": 0.1, "eps": 0.1,
         "weight_decay": 0.1},
    ],
    "radam": [
        {"lr": 0.05},
        {"lr": 0.05, "beta1": 0.5, "beta2": 0.9, "eps": 0.1, "weight_decay": 0.1},
        {"lr": 0.05, "beta2": 0.5},
    ],
    "rprop": [
        {"lr": 0.01},
        {"lr": 0.1, "etaminus": 0.3, "etaplus": 1.5, "step_size_min": 0.01, "step_size_max": 0.3},
    ],
}  # fmt: skip


def torch_settings(settings: dict[str, float]) -> dict[str, Any]:
    """The same settings by PyTorch's names."""
    given: dict[str, Any] = dict(settings)
    for pair, (first, second), defaults in (
        ("betas", ("beta1", "beta2"), (0.9, 0.999)),
        ("etas", ("etaminus", "etaplus"), (0.5, 1.2)),
        ("step_sizes", ("step_size_min", "step_size_max"), (1e-6, 50.0)),
    ):
        if first in given or second in given:
            given[pair] = (given.pop(first, defaults[0]), given.pop(second, defaults[1]))
    if "initial_accumulator" in given:
        given["initial_accumulator_value"] = given.pop("initial_accumulator")
    return given


def sgdw(
    problem: Problem, lr: float, momentum: float = 0.9, weight_decay: float = 0.0
) -> np.ndarray:
    """Loshchilov & Hutter (2019), Algorithm 1, whose lambda is our `lr * weight_decay`.

    Written from the paper: no reference has the rate inside the velocity and the decay outside.
    """
    multiplier = 1.0  # eta of the paper, the schedule
    m = np.zeros_like(problem.start)

    def step(x: np.ndarray, g: np.ndarray, t: int, loss: float) -> np.ndarray:
        m[:] = momentum * m + multiplier * lr * g
        return x - m - multiplier * (lr * weight_decay) * x

    return follow(problem, step)


def main() -> None:
    trajectories: dict[str, np.ndarray] = {}
    for name, variants in SETTINGS.items():
        for settings in variants:
            for problem in PROBLEMS.values():
                if name == "sgdw":
                    trajectories[key(name, problem, settings)] = sgdw(problem, **settings)
                    continue
                make, fixed = TORCH[name]
                given = torch_settings(settings) | fixed
                path = follow_torch(
                    problem,
                    lambda parameters, make=make, given=given: make(parameters, **given),
                    (lambda o, p: o.state[p]["ax"]) if name == "asgd" else None,
                )
                if name == "asgd":
                    path, trajectories[key(name, problem, settings, "average")] = path
                trajectories[key(name, problem, settings)] = path
    write("classic", trajectories)


if __name__ == "__main__":
    main()
