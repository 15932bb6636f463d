"""A schedule as standalone code: tuner's own functions with the numbers of the study."""

import ast
import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType

import numpy as np

from tuner.codec import Settings
from tuner.training import schedules
from tuner.training.domains import hyperparameters


@dataclass
class ScheduleCode:
    """The rates or the momenta of a schedule as functions of the step.

    Args:
        schedule: the schedule's name.
        settings: its hyperparameters.
        total: the number of steps of the training.
        epoch: the number of steps in an epoch.

    Attributes:
        helpers: definitions by name, each after those that it uses.
    """

    schedule: str
    settings: Settings
    total: int
    epoch: int
    helpers: dict[str, str] = field(default_factory=dict)

    def function(self, name: str, kind: str, value: str) -> str:
        """The source of a function of the step, counted from 0, that uses the helpers and NumPy.

        Args:
            name: the function's name.
            kind: "rate" or "momentum".
            value: the expression for the optimizer's own rate or momentum.
        """
        lines = [f"def {name}(t):", f'"""The {kind} of step t, counted from 0."""']
        if self.schedule != schedules.PARTS:
            lines += self.body(kind, self.schedule, self.settings, float(self.total), value)
            return "\n    ".join(lines)
        for at, (begin, length, part, own) in reversed([*enumerate(self.parts())]):
            scale = own.get("rate", schedules.PART["rate"].default)
            rate = value if kind == "momentum" or scale == 1 else f"{value} * {scale!r}"
            inside = [f"t = min(t - {begin!r}, {length!r})"] if begin else []
            inside += self.body(kind, part, own, length, rate)
            if at:
                inside = [f"if t >= {begin!r}:", *(f"    {line}" for line in inside)]
            lines += inside
        return "\n    ".join(lines)

    def parts(self) -> list[tuple[float, float, str, Settings]]:
        """Where each part begins, its length in steps, its schedule and its hyperparameters."""
        found: list[tuple[float, float, str, Settings]] = []
        begin = 0.0
        count = sum(key.endswith(".name") for key in self.settings)
        for i in range(count):
            own = {
                key.partition(".")[2]: value
                for key, value in self.settings.items()
                if key.partition(".")[0] == str(i)
            }
            until = own.get("until", schedules.PART["until"].default)
            end = float(max(np.round(until * self.total), begin))
            end = float(self.total) if i == count - 1 else end
            found.append((begin, max(end - begin, 1.0), own.pop("name"), own))
            begin = end
        return found

    def body(self, kind: str, name: str, settings: Settings, total: float, value: str) -> list[str]:
        """The lines of a function's body for one schedule with its warmups."""
        function = getattr(schedules.load(name), kind)
        if function is None:
            return [f"return {value}"]
        self.define(function)
        shared = {k: float(settings.get(k, h.default)) for k, h in schedules.SHARED.items()}
        lines = []
        if held := shared["hold_epochs"] * self.epoch:
            lines.append(f"t = np.floor(t / {held!r} + 1e-9) * {held!r}  # held for epochs")
        lengths = {
            shape: float(min(np.round(shared[f"warmup_{shape}"] * total), total - 1))
            for shape in ("constant", "linear", "exponential")
        }
        begin, step = max(lengths.values()), "t"
        if begin:
            step = f"max(t - {begin!r}, 0.0)"
        own = {k: settings.get(k, h.default) for k, h in hyperparameters(function).items()}
        given = ", ".join(
            [step, repr(total - begin), value, *(f"{k}={v!r}" for k, v in own.items())]
        )
        call = f"{function.__name__}({given})"
        if kind == "rate":
            call = " * ".join([call, *_warmups(lengths, shared["warmup_start"])])
        return [*lines, f"return {call}"]

    def define(self, function: FunctionType) -> None:
        """Adds the definition of a function and of all that it uses of the package."""
        if function.__name__ in self.helpers:
            return
        module = sys.modules[function.__module__]
        (node,) = ast.parse(inspect.getsource(function)).body
        assert isinstance(node, ast.FunctionDef)
        said = (ast.get_docstring(node) or "").partition("\n")[0]
        if said:
            node.body[0] = ast.Expr(ast.Constant(said))
        for argument in node.args.args:
            argument.annotation = None
        for used in sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)}):
            self.define_name(module, used)
        self.helpers[function.__name__] = ast.unparse(node)

    def define_name(self, module: ModuleType, name: str) -> None:
        """Adds the value of a module's name, if it is a function or a number."""
        known = vars(module).get(name)
        if isinstance(known, FunctionType):
            self.define(known)
        elif isinstance(known, int | float):
            self.helpers[name] = f"{name} = {known!r}"


def _warmups(lengths: Mapping[str, float], start: float) -> list[str]:
    """The factors of warmups over these numbers of steps, in the order of `schedules.table`."""
    done = {shape: f"min(t / {n!r}, 1.0)" for shape, n in lengths.items()}
    factors = {
        "constant": f"({start!r} if t < {lengths['constant']!r} else 1.0)",
        "linear": f"({start!r} + {1.0 - start!r} * {done['linear']})",
        "exponential": f"np.float_power({start!r}, 1.0 - {done['exponential']})",
    }
    return [factor for shape, factor in factors.items() if lengths[shape]]
