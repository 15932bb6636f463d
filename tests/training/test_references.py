"""Promises of the optimizers: each takes the path of its reference."""

import json
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.training import optimizers
from tuner.training.domains import hyperparameters
from tuner.training.kernels.compiling import Pointer, call
from tuner.training.kernels.rule_compiler import fused_pass, slot_arguments
from tuner.training.population import starting

FOLDER = Path(__file__).parents[1] / "references"
SPEC = spec_from_file_location("reference_problems", FOLDER / "problems.py")
assert SPEC is not None
assert SPEC.loader is not None
problems: Any = module_from_spec(SPEC)
SPEC.loader.exec_module(problems)


def trajectories() -> dict[str, tuple[Path, list[str]]]:
    """The file of every `<optimizer>/<problem>/<settings>`, and its arrays: theta, average."""
    found: dict[str, tuple[Path, list[str]]] = {}
    for path in sorted(FOLDER.glob("*.npz")):
        with np.load(path) as file:
            for key in file.files:
                name = key.removesuffix("/average")
                found.setdefault(name, (path, []))[1].append(key)
    return found


TRAJECTORIES = trajectories()


class Run:
    """An optimizer at the start of a problem: one row, in float64."""

    def __init__(self, key: str) -> None:
        name, problem, settings = key.split("/", 2)
        self.given = json.loads(settings)
        self.optimizer = optimizers.load(name)
        self.problem = problems.PROBLEMS[problem]
        known = self.optimizer.hyperparameters
        assert set(self.given) <= set(known)
        self.settings = {n: h.default for n, h in known.items()} | self.given
        self.theta = self.problem.start[None].copy()
        self.slots = [
            starting(slot, self.theta, [self.settings]) for slot in self.optimizer.slots.values()
        ]

    @property
    def average(self) -> np.ndarray:
        return self.slots[list(self.optimizer.slots).index("average")][0]

    def compiled(self) -> Iterator[None]:
        """Takes the compiled pass through all steps."""
        sweep = fused_pass(self.optimizer.name)
        tensors = np.array(
            [
                (*bounds, *shape, hidden)
                for bounds, shape, hidden in zip(
                    self.problem.bounds, self.problem.shapes, self.problem.hidden, strict=True
                )
            ]
        )
        t, norms, left_at = np.zeros(1), np.zeros(1), np.zeros(1)
        rates = np.full((1, 1), self.settings["lr"])
        others = np.array([[v for name, v in self.settings.items() if name != "lr"]])
        for step in range(1, problems.STEPS + 1):
            loss, g = self.problem.value_and_gradient(self.theta[0], step)
            slots = slot_arguments(self.optimizer, self.slots, self.theta, t)
            arguments = (
                self.theta, g[None].copy(), *slots, t, rates, 0, problems.STEPS, tensors, others,
                np.array([loss]), norms, left_at,
            )  # fmt: skip
            call(Pointer(sweep, *arguments), arguments)
            assert left_at[0] == 0
            yield

    def plain(self) -> Iterator[None]:
        """Takes the rule as it is written through all steps, for problems of one tensor."""
        rule = self.optimizer.rule
        own = {name: self.settings[name] for name in hyperparameters(rule)}
        coupled = 0.0 if "weight_decay" in own else self.settings["weight_decay"]
        (shape,), (hidden,) = self.problem.shapes, self.problem.hidden
        facts = {"T": problems.STEPS, "hidden": hidden, "inputs": shape[0], "outputs": shape[1]}
        slots = [slot[0] if slot.ndim == 1 else slot.reshape(shape) for slot in self.slots]
        for t in range(1, problems.STEPS + 1):
            loss, g = self.problem.value_and_gradient(self.theta[0], t)
            theta, g = self.theta.reshape(shape).copy(), g.reshape(shape)
            if self.optimizer.decoupled:
                theta -= own["lr"] * coupled * theta
            else:
                g = g + coupled * theta
            known = {**facts, "loss": loss, **own}
            given = {name: known[name] for name in known.keys() & signature(rule).parameters.keys()}
            result = rule(theta, g, *slots, t, **given)
            new, *slots = result if isinstance(result, tuple) else (result,)
            self.theta[0] = new.ravel()
            self.slots = [np.reshape(slot, (1, -1)) for slot in slots]
            yield


def errors(key: str, run: Run, steps: Iterator[None]) -> dict[str, float]:
    """The largest error of each array over the recorded steps, over the largest number in it."""
    path, arrays = TRAJECTORIES[key]
    with np.load(path) as file:
        expected = {name: file[name] for name in arrays}
    paths: dict[str, list[np.ndarray]] = {name: [] for name in arrays}
    for step, _ in enumerate(steps, 1):
        if step in problems.RECORDED:
            for name in arrays:
                seen = run.average if name.endswith("/average") else run.theta[0]
                paths[name].append(seen.copy())
    return {
        name: float(np.max(np.abs(paths[name] - path)) / np.max(np.abs(path)))
        for name, path in expected.items()
    }


@pytest.mark.parametrize("key", TRAJECTORIES, ids=str)
def test_the_compiled_pass_takes_the_path_of_the_reference(key: str) -> None:
    run = Run(key)
    for name, error in errors(key, run, run.compiled()).items():
        assert error < 1e-9, name


@pytest.mark.parametrize("key", [k for k in TRAJECTORIES if "/quadratic/" in k], ids=str)
def test_the_rule_as_written_takes_the_path_of_the_reference(key: str) -> None:
    run = Run(key)
    if run.optimizer.hyperparameters.keys() & run.given.keys() - hyperparameters(
        run.optimizer.rule
    ).keys() - {"weight_decay"}:
        pytest.skip("it has settings that only the compiled pass knows")
    for name, error in errors(key, run, run.plain()).items():
        assert error < 1e-9, name


@pytest.mark.parametrize("name", optimizers.names())
def test_every_optimizer_has_a_reference(name: str) -> None:
    assert any(key.startswith(f"{name}/") for key in TRAJECTORIES)
