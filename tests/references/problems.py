"""Problems on which optimizers are compared with their references, and how trajectories are kept.

Only the optimizer is compared: its reference gets the same gradients, from these functions, as the
rule. A script `make_<family>.py` follows the references of a family and writes `<family>.npz`; the
keys of that file say everything that a test needs to follow the rule:

    <optimizer>/<problem>/<settings as JSON>            the parameters at which gradients are taken
    <optimizer>/<problem>/<settings as JSON>/average    what validation sees instead, if it does

The settings are this package's hyperparameters; what they leave out has its default in the rule.
The array under a key is (steps in `RECORDED`, parameters), float64.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 100
# A step that differs shows in all that follow, so most of them need not be kept.
RECORDED = (*range(1, 10), *range(10, STEPS + 1, 10))


@dataclass(frozen=True)
class Problem:
    """A loss of parameters that are one flat array, made of tensors one after the other.

    value_and_gradient(theta, t): the loss and its gradient, (parameters,), at the step t from 1.
    shapes: of the tensors; hidden: which of them are hidden matrices.
    """

    name: str
    start: np.ndarray
    shapes: tuple[tuple[int, int], ...]
    hidden: tuple[bool, ...]
    value_and_gradient: Callable[[np.ndarray, int], tuple[float, np.ndarray]]

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """Start and stop of each tensor in the flat array."""
        stops = np.cumsum([rows * columns for rows, columns in self.shapes]).tolist()
        return list(zip([0, *stops[:-1]], stops, strict=True))

    def split(self, flat: np.ndarray) -> list[np.ndarray]:
        """The tensors of a flat array."""
        return [
            flat[low:high].reshape(shape)
            for (low, high), shape in zip(self.bounds, self.shapes, strict=True)
        ]


def _quadratic(theta: np.ndarray, t: int) -> tuple[float, np.ndarray]:
    """Half the sum of curvature times squared distance, plus a slope that swings with the step."""
    curvature = np.array([0.01, 0.1, 0.3, 1.0, 3.0, 10.0])
    swing = 0.1 * np.sin(t * np.arange(1, 7))
    distance = theta - np.array([1.0, -1.0, 0.5, 0.0, 2.0, -0.5])
    value = 0.5 * np.sum(curvature * distance**2) + swing @ theta
    return float(value), curvature * distance + swing


def _logistic(theta: np.ndarray, t: int) -> tuple[float, np.ndarray]:
    """Softmax regression of eight examples on three classes, whose weights swing with the step."""
    X = np.sin(np.arange(32.0) ** 2).reshape(8, 4) * np.array([3.0, 1.0, 1.0, 0.3])
    y = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
    weights = (1 + 0.5 * np.sin(t * np.arange(1, 9))) / 8
    scores = X @ theta[:12].reshape(4, 3) + theta[12:]
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    d_scores = weights[:, None] * (np.exp(log_p) - y)
    value = -np.sum(weights * np.sum(y * log_p, axis=1))
    return float(value), np.concatenate([(X.T @ d_scores).ravel(), d_scores.sum(axis=0)])


QUADRATIC = Problem("quadratic", np.linspace(-2.0, 3.0, 6), ((1, 6),), (False,), _quadratic)
LOGISTIC = Problem(
    "logistic", 0.5 * np.cos(np.arange(15.0)), ((4, 3), (1, 3)), (True, False), _logistic
)
PROBLEMS = {problem.name: problem for problem in (QUADRATIC, LOGISTIC)}


def key(optimizer: str, problem: Problem, settings: dict[str, float], array: str = "") -> str:
    """The name under which a trajectory is kept."""
    name = f"{optimizer}/{problem.name}/{json.dumps(settings)}"
    return f"{name}/{array}" if array else name


def follow(
    problem: Problem, step: Callable[[np.ndarray, np.ndarray, int, float], np.ndarray]
) -> np.ndarray:
    """The parameters after each of all steps, by `step(theta, g, t, loss) -> theta`."""
    theta, path = problem.start.copy(), []
    for t in range(1, STEPS + 1):
        loss, g = problem.value_and_gradient(theta, t)
        theta = step(theta, g, t, loss)
        path.append(theta.copy())
    return np.array(path)


def follow_torch(
    problem: Problem,
    make: Callable[[list[Any]], Any],
    seen: Callable[[Any, Any], Any] | None = None,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """The path of a PyTorch optimizer, `make(parameters)`; with `seen`, also of what it gives.

    seen(optimizer, parameter) is what validation sees of a parameter, taken after every step.
    """
    import torch

    torch.set_default_dtype(torch.float64)  # what some optimizers keep their scalars in
    parameters = [torch.nn.Parameter(torch.tensor(p)) for p in problem.split(problem.start)]
    optimizer = make(parameters)

    def flat(tensors: list[Any]) -> np.ndarray:
        return np.concatenate([p.detach().numpy().ravel() for p in tensors])

    path, averages = [], []
    for t in range(1, STEPS + 1):
        _, g = problem.value_and_gradient(flat(parameters), t)
        for parameter, part in zip(parameters, problem.split(g), strict=True):
            parameter.grad = torch.tensor(part)
        optimizer.step()
        path.append(flat(parameters))
        if seen is not None:
            averages.append(flat([seen(optimizer, p) for p in parameters]))
    return np.array(path) if seen is None else (np.array(path), np.array(averages))


def follow_optax(problem: Problem, transformation: Any, with_value: bool = False) -> np.ndarray:
    """The path of an optax transformation; `with_value` hands it the loss as `value`."""
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    transformation = optax.with_extra_args_support(transformation)
    state: Any = transformation.init([jax.numpy.array(p) for p in problem.split(problem.start)])

    def step(theta: np.ndarray, g: np.ndarray, t: int, loss: float) -> np.ndarray:
        nonlocal state
        parameters = [jax.numpy.array(p) for p in problem.split(theta)]
        gradients = [jax.numpy.array(p) for p in problem.split(g)]
        extra = {"value": jax.numpy.array(loss)} if with_value else {}
        updates, state = transformation.update(gradients, state, parameters, **extra)
        new = optax.apply_updates(parameters, updates)
        return np.concatenate([np.asarray(p).ravel() for p in new])

    return follow(problem, step)


def write(family: str, trajectories: dict[str, np.ndarray]) -> None:
    """Keeps the recorded steps of trajectories, by their keys, in `<family>.npz` beside this."""
    rows = np.array(RECORDED) - 1
    kept = {name: path[rows] for name, path in trajectories.items()}
    assert all(array.dtype == np.float64 for array in kept.values())
    np.savez_compressed(Path(__file__).parent / f"{family}.npz", **kept)
