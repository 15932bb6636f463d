"""Writes modern.npz: the paths of the optimizers that SETTINGS names.

Needs an environment of its own, with torch 2.13, optax 0.2.8 and jax: `python make_modern.py`.

The references are optax, and for Muon and Adafactor PyTorch. A weight decay that optax's function
does not take is put where the authors' code has it: before the rule if coupled, after it if
decoupled. Adan is written here from its paper, for optax has another middle coefficient; with
beta2 = 0.5 both have the same, and that path is optax's. PyTorch's Muon orthogonalizes in bfloat16;
here it keeps float64.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import optax
import torch
from problems import PROBLEMS, STEPS, Problem, follow, follow_optax, follow_torch, key, write

BETAS = {"beta1": 0.8, "beta2": 0.95}


def decoupled(rule: Any, lr: float, weight_decay: float) -> Any:
    """A rule without rate, the decay times the rate taken off the weights."""
    return optax.chain(
        rule, optax.add_decayed_weights(weight_decay), optax.scale_by_learning_rate(lr)
    )


def coupled(rule: Any, weight_decay: float) -> Any:
    """A rule with the decay added to its gradient."""
    return optax.chain(optax.add_decayed_weights(weight_decay), rule)


def adabelief(lr: float, beta1=0.9, beta2=0.999, eps=1e-16, weight_decay=0.0) -> Any:
    return decoupled(optax.scale_by_belief(beta1, beta2, eps, eps), lr, weight_decay)


def yogi(lr: float, beta1=0.9, beta2=0.999, eps=1e-3, weight_decay=0.0) -> Any:
    return coupled(optax.yogi(lr, beta1, beta2, eps), weight_decay)


def lion(lr: float, beta1=0.9, beta2=0.99, weight_decay=0.0) -> Any:
    return optax.lion(lr, beta1, beta2, weight_decay=weight_decay)


def signum(lr: float, momentum=0.9, weight_decay=0.0) -> Any:
    return coupled(optax.signum(lr, momentum), weight_decay)


def adopt(lr: float, beta1=0.9, beta2=0.9999, eps=1e-6, weight_decay=0.0) -> Any:
    return coupled(optax.contrib.adopt(lr, beta1, beta2, eps), weight_decay)


def lars(lr: float, momentum=0.9, trust=0.001, weight_decay=0.0) -> Any:
    return optax.lars(lr, weight_decay, trust_coefficient=trust, momentum=momentum)


def lamb(lr: float, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.0) -> Any:
    return optax.lamb(lr, beta1, beta2, eps, weight_decay=weight_decay)


def ademamix(
    lr: float, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=5.0, warmup=1.0, eps=1e-8,
    weight_decay=0.0,
) -> Any:  # fmt: skip
    """The schedules are those of the authors' code, where a half-life grows linearly."""

    def half_life(beta: float) -> float:
        return math.log(0.5) / math.log(beta)

    def progress(count: Any) -> Any:
        return np.minimum((np.float64(count) + 1) / (warmup * STEPS), 1.0)

    def beta3_schedule(count: Any) -> Any:
        p = progress(count)
        return 0.5 ** (1 / ((1 - p) * half_life(beta1) + p * half_life(beta3)))

    schedules = (beta3_schedule, lambda count: alpha * progress(count))
    slow = schedules if warmup > 0 else (beta3, alpha)
    return optax.contrib.ademamix(lr, beta1, beta2, *slow, eps, weight_decay=weight_decay)


def adan(
    lr: float, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, weight_decay=0.0
) -> Callable[[np.ndarray, np.ndarray, int, float], np.ndarray]:
    """Xie et al. 2022, Algorithm 1, in the paper's own letters: b1 = 1 - beta1 and so on."""
    b1, b2, b3 = 1 - beta1, 1 - beta2, 1 - beta3
    state: dict[str, list[float]] = {}

    def step(theta: np.ndarray, g: np.ndarray, k: int, loss: float) -> np.ndarray:
        if not state:
            state.update(m=[0.0] * g.size, v=[0.0] * g.size, n=[0.0] * g.size, g=g.tolist())
        new = theta.copy()
        for i in range(g.size):
            change = g[i] - state["g"][i]
            state["m"][i] = (1 - b1) * state["m"][i] + b1 * g[i]
            state["v"][i] = (1 - b2) * state["v"][i] + b2 * change
            state["n"][i] = (1 - b3) * state["n"][i] + b3 * (g[i] + (1 - b2) * change) ** 2
            kept = zip("mvn", (b1, b2, b3), strict=True)
            m, v, n = (state[name][i] / (1 - (1 - b) ** k) for name, b in kept)
            eta = lr / (math.sqrt(n) + eps)
            new[i] = (theta[i] - eta * (m + (1 - b2) * v)) / (1 + weight_decay * lr)
            state["g"][i] = g[i]
        return new

    return step


class Together:
    """Several PyTorch optimizers that step together."""

    def __init__(self, *optimizers: Any) -> None:
        self.optimizers = optimizers

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()


def muon(
    problem: Problem, lr: float, momentum=0.95, adamw_ratio=1.0, beta1=0.9, beta2=0.999, eps=1e-8,
    weight_decay=0.0,
) -> np.ndarray:  # fmt: skip
    torch.Tensor.bfloat16 = torch.Tensor.clone  # type: ignore[method-assign]

    def make(parameters: list[Any]) -> Together:
        matrices = [p for p, h in zip(parameters, problem.hidden, strict=True) if h]
        others = [p for p, h in zip(parameters, problem.hidden, strict=True) if not h]
        adamw = torch.optim.AdamW(
            others, lr * adamw_ratio, (beta1, beta2), eps, weight_decay=weight_decay
        )
        if not matrices:
            return Together(adamw)
        return Together(
            adamw,
            torch.optim.Muon(matrices, lr, weight_decay, momentum, adjust_lr_fn="match_rms_adamw"),
        )

    return follow_torch(problem, make)


def adafactor(
    problem: Problem, lr: float, decay_rate=0.8, clip_threshold=1.0, eps1=None, eps2=1e-3,
    weight_decay=0.0,
) -> np.ndarray:  # fmt: skip
    def make(parameters: list[Any]) -> Any:
        return torch.optim.Adafactor(
            parameters, lr, -decay_rate, (eps1, eps2), clip_threshold, weight_decay
        )

    return follow_torch(problem, make)


def by_optax(make: Callable[..., Any]) -> Callable[..., np.ndarray]:
    return lambda problem, **settings: follow_optax(problem, make(**settings))


def adan_path(problem: Problem, **settings: float) -> np.ndarray:
    if settings.get("beta2") != 0.5:
        return follow(problem, adan(**settings))
    lr, *betas = (settings[name] for name in ("lr", "beta1", "beta2", "beta3"))
    return follow_optax(problem, optax.adan(lr, *betas, eps_root=0.0))


PATHS: dict[str, Callable[..., np.ndarray]] = {
    **{f.__name__: by_optax(f) for f in (adabelief, yogi, lion, signum, adopt, lars, lamb)},
    "ademamix": by_optax(ademamix),
    "adan": adan_path,
    "muon": muon,
    "adafactor": adafactor,
}

SETTINGS: dict[str, list[dict[str, float]]] = {
    "adabelief": [
        {"lr": 0.02},
        {"lr": 0.02, "weight_decay": 0.5},
        {"lr": 0.05, **BETAS, "eps": 1e-4, "weight_decay": 0.1},
    ],
    "yogi": [
        {"lr": 0.05},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.05, **BETAS, "eps": 0.1},
    ],
    "lion": [
        {"lr": 0.02},
        {"lr": 0.02, "weight_decay": 0.5},
        {"lr": 0.03, **BETAS},
    ],
    "signum": [
        {"lr": 0.02},
        {"lr": 0.02, "weight_decay": 0.1},
        {"lr": 0.03, "momentum": 0.0},
    ],
    "adan": [
        {"lr": 0.05},
        {"lr": 0.05, "weight_decay": 0.5},
        {"lr": 0.05, "beta1": 0.9, "beta2": 0.5, "beta3": 0.95},
        {"lr": 0.05, "beta1": 0.9, "beta2": 0.8, "beta3": 0.95, "eps": 0.1, "weight_decay": 0.1},
    ],
    "adopt": [
        {"lr": 0.05},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.05, **BETAS, "eps": 0.1},
    ],
    "ademamix": [
        {"lr": 0.02},
        {"lr": 0.02, "weight_decay": 0.5},
        {"lr": 0.02, "warmup": 0.0},
        {"lr": 0.02, **BETAS, "beta3": 0.99, "alpha": 2.0, "warmup": 0.5, "eps": 1e-3},
    ],
    "lars": [
        {"lr": 1.0},
        {"lr": 1.0, "weight_decay": 0.1},
        {"lr": 0.5, "momentum": 0.5, "trust": 0.05},
    ],
    "lamb": [
        {"lr": 0.02},
        {"lr": 0.02, "weight_decay": 0.1},
        {"lr": 0.05, **BETAS, "eps": 0.1},
    ],
    "muon": [
        {"lr": 0.02},
        {"lr": 0.02, "weight_decay": 0.5},
        {"lr": 0.05, "momentum": 0.8, "adamw_ratio": 0.3, **BETAS, "eps": 0.1, "weight_decay": 0.1},
    ],
    "adafactor": [
        {"lr": 0.05},
        {"lr": 0.05, "weight_decay": 0.5},
        {"lr": 0.5, "decay_rate": 0.5, "clip_threshold": 1.2, "eps1": 0.3, "eps2": 0.8},
    ],
}  # fmt: skip

if __name__ == "__main__":
    write(
        "modern",
        {
            key(name, problem, settings): PATHS[name](problem, **settings)
            for name, several in SETTINGS.items()
            for settings in several
            for problem in PROBLEMS.values()
        },
    )
