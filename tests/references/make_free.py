"""Writes free.npz: the paths of the learning-rate-free optimizers.

Run it in an environment with torch, optax, schedulefree, prodigyopt and momo-opt. The average of
DoG's iterates, which optax leaves out, is taken here by the paper's formula.
"""

from typing import Any

import numpy as np
from problems import PROBLEMS, STEPS, Problem, follow_optax, follow_torch, key, write

Settings = dict[str, float]


def schedule_free(optimizer: str, problem: Problem, settings: Settings) -> tuple[Any, Any]:
    import schedulefree

    rest = dict(settings)
    if optimizer == "schedule_free_sgd":
        share = rest.get("momentum", 0.9)
    else:
        share = rest.pop("beta1", 0.9)
        rest["betas"] = (share, rest.pop("beta2", 0.999))
    kind = {
        "schedule_free_sgd": schedulefree.SGDScheduleFree,
        "schedule_free_adamw": schedulefree.AdamWScheduleFree,
    }[optimizer]

    def make(parameters: list[Any]) -> Any:
        made = kind(parameters, **rest)
        made.train()
        return made

    def seen(made: Any, parameter: Any) -> Any:
        return parameter.lerp(end=made.state[parameter]["z"], weight=1 - 1 / share)

    return follow_torch(problem, make, seen)


def prodigy(problem: Problem, settings: Settings) -> np.ndarray:
    import prodigyopt

    rest = dict(settings)
    betas = rest.pop("beta1", 0.9), rest.pop("beta2", 0.999)
    return follow_torch(problem, lambda p: prodigyopt.Prodigy(p, betas=betas, **rest))


def momo(optimizer: str, problem: Problem, settings: Settings) -> np.ndarray:
    """MoMo's `step` takes the loss, so it is followed here."""
    import momo
    import torch

    # momo keeps some numbers in the default dtype.
    torch.set_default_dtype(torch.float64)
    rest = dict(settings)
    rest["lb"] = rest.pop("lower_bound", 0.0)
    kind = momo.Momo
    if optimizer == "momo_adam":
        kind = momo.MomoAdam
        rest["betas"] = (rest.pop("beta1", 0.9), rest.pop("beta2", 0.999))
    parameters = [torch.nn.Parameter(torch.tensor(p)) for p in problem.split(problem.start)]
    made = kind(parameters, **rest)
    path = []
    for t in range(1, STEPS + 1):
        theta = np.concatenate([p.detach().numpy().ravel() for p in parameters])
        loss, g = problem.value_and_gradient(theta, t)
        for parameter, part in zip(parameters, problem.split(g), strict=True):
            parameter.grad = torch.tensor(part)
        made.step(loss=torch.tensor(loss))
        path.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    return np.array(path)


def dadapt_adam(problem: Problem, settings: Settings) -> np.ndarray:
    from optax import contrib

    rest = dict(settings)
    rest["learning_rate"] = rest.pop("lr", 1.0)
    rest["estim_lr0"] = rest.pop("d0", 1e-6)
    betas = rest.pop("beta1", 0.9), rest.pop("beta2", 0.999)
    return follow_optax(problem, contrib.dadapt_adamw(betas=betas, **rest))


def dog(problem: Problem, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    from optax import contrib

    rest = dict(settings)
    rest["learning_rate"] = rest.pop("lr", 1.0)
    gamma = rest.pop("gamma", 8.0)
    share = rest.pop("initial_share", 1e-6)
    path = follow_optax(problem, contrib.dog(init_step=("heuristic", share), **rest))
    average, averages = problem.start, []
    for t, theta in enumerate(path, 1):
        weight = (1 + gamma) / (t + gamma)
        average = (1 - weight) * average + weight * theta
        averages.append(average)
    return path, np.array(averages)


def dowg(problem: Problem, settings: Settings) -> np.ndarray:
    from optax import contrib

    rest = dict(settings)
    rest["learning_rate"] = rest.pop("lr", 1.0)
    if "initial_distance" in rest:
        rest["init_estim_sq_dist"] = rest.pop("initial_distance") ** 2
    return follow_optax(problem, contrib.dowg(**rest))


def sps(problem: Problem, settings: Settings) -> np.ndarray:
    """optax has no c, and its polyak_sgd scales before it measures: hence this chain."""
    import optax

    lr, largest = settings.get("lr", 1.0), settings.get("max_step", 1.0)
    c, lowest = settings.get("c", 0.5), settings.get("lower_bound", 0.0)
    polyak = optax.scale_by_polyak(lowest, c * largest, variant="sps+")
    decay = optax.add_decayed_weights(settings.get("weight_decay", 0.0))
    return follow_optax(problem, optax.chain(decay, polyak, optax.scale(-lr / c)), with_value=True)


def cocob(problem: Problem, settings: Settings) -> np.ndarray:
    from optax import contrib

    rest = dict(settings)
    rest["learning_rate"] = rest.pop("lr", 1.0)
    return follow_optax(problem, contrib.cocob(**rest))


FOLLOW = {
    "schedule_free_sgd": lambda *a: schedule_free("schedule_free_sgd", *a),
    "schedule_free_adamw": lambda *a: schedule_free("schedule_free_adamw", *a),
    "dadapt_adam": dadapt_adam,
    "prodigy": prodigy,
    "dog": dog,
    "dowg": dowg,
    "momo": lambda *a: momo("momo", *a),
    "momo_adam": lambda *a: momo("momo_adam", *a),
    "sps": sps,
    "cocob": cocob,
}
# Settings under which a rounding error does not grow: with its defaults Prodigy goes hundreds of
# units far where classes can be separated, and larger Polyak steps jump to and fro.
SETTINGS: dict[str, list[Settings]] = {
    "schedule_free_sgd": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.15, "momentum": 0.7, "r": 2.0, "weight_lr_power": 1.0},
    ],
    "schedule_free_adamw": [
        {},
        {"lr": 0.05, "weight_decay": 0.1},
        {"lr": 0.1, "beta1": 0.95, "beta2": 0.9, "eps": 1e-3, "r": 1.0},
    ],
    "dadapt_adam": [
        {},
        {"d0": 1e-2, "weight_decay": 0.1},
        {"lr": 0.5, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3, "d0": 1e-3},
    ],
    "prodigy": [
        {"d_coef": 0.5},
        {"weight_decay": 0.1},
        {"lr": 0.5, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3, "d0": 1e-3, "d_coef": 2.0},
    ],
    "dog": [
        {},
        {"initial_share": 1e-2, "weight_decay": 0.1},
        {"lr": 0.5, "initial_share": 1e-3, "eps": 1e-2, "gamma": 3.0},
    ],
    "dowg": [
        {},
        {"weight_decay": 0.1},
        {"lr": 0.5, "initial_distance": 0.3, "eps": 1e-2},
    ],
    "momo": [
        {},
        {"weight_decay": 0.1},
        {"lr": 0.2, "beta": 0.7, "lower_bound": 0.1},
    ],
    "momo_adam": [
        {},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 1.0, "beta1": 0.8, "beta2": 0.99, "eps": 1e-3, "lower_bound": 0.1},
    ],
    "sps": [
        {},
        {"max_step": 0.15, "weight_decay": 0.1},
        {"lr": 0.3, "c": 0.7, "max_step": 3.0, "lower_bound": 0.5},
    ],
    "cocob": [
        {},
        {"weight_decay": 0.1},
        {"lr": 0.5, "alpha": 10.0, "eps": 1e-2},
    ],
}

if __name__ == "__main__":
    trajectories: dict[str, np.ndarray] = {}
    for optimizer, follow in FOLLOW.items():
        for settings in SETTINGS[optimizer]:
            for problem in PROBLEMS.values():
                path = follow(problem, settings)
                if isinstance(path, tuple):
                    path, average = path
                    trajectories[key(optimizer, problem, settings, "average")] = average
                trajectories[key(optimizer, problem, settings)] = path
    write("free", trajectories)
