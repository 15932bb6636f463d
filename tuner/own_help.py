"""The help page of a user's command: its function and everything that can be set."""

import inspect
from collections.abc import Iterator

from tuner.declarations import CHOICES, LOW
from tuner.function import ASKED, BRANCH, Function

# The groups that functions do not use, besides the schedule if it is not requested.
FOREIGN = ("data", "model", "loss", "optimizer", "function")
SCHEDULE = "schedule"
# The jobs that functions do not use: always, and without a schedule.
OF_MODELS, OF_SCHEDULES = ("range_test", "card", "plot_descent"), ("plot_schedule",)

# The meaning of the parameters that tuner passes.
GIVEN = {
    "epochs": "number of epochs to train; yield one mapping after each",
    "seed": "seed of all randomness; tuner confirms the winner on fresh seeds",
    "fold": "index of the validation fold, from 0; set the number with data.folds=5",
    "folds": "number of folds",
    "schedule": "schedule(step, steps): factor for the learning rate",
    "checkpoint": "folder for checkpoints; the function finds them there again after a kill",
    "log": "keeps files: log.text(name, text), log.figure(name, figure), log.file(path)",
}

PAGE = """\
{program} tunes the function {name}(){said}

    {program:<43} tune it
    {program:<43} again: continues the study, or shows its result
    {ui:<43} open the curves of all trials in MLflow

Settings that its signature declares:
{settings}
Parameters that tuner fills in, if the signature names them ({name}() names {asks}):
{given}
After each epoch the function yields a mapping of numbers: train_loss, from which tuner detects
divergence; the metric (validation_loss by default); and anything else that should become a curve.

A command is a list of settings, key=value, in any order:

    budget.trials=100 budget.epochs=50          how much to spend
{examples}    metric=validation_accuracy                  metric to optimize; see also direction
    root=results  study.name=mine  study.seed=1   the output folder, the study's name, its seed
    workers=4  tracking=none                    four processes, nothing in MLflow
    +next=NAME                                  run the next round that NAME's audit advises
    +best=NAME                                  train with the winner's settings of study NAME

"""


def page(function: Function) -> str:
    """The first part of the help page, before the groups, jobs and flags of all commands.

    Args:
        function: the user function, with its code.
    """
    line = (inspect.getdoc(function.call) or "").partition("\n")[0]
    settings = {f"{function.name}.{key}": told(own) for key, own in function.settings.items()}
    return PAGE.format(
        program=function.command,
        ui=f"{function.command} job=ui",
        name=function.name,
        said=f": {line}" if line else ".",
        settings=_table(settings) or "    none: give it parameters with defaults\n",
        asks=", ".join(function.asks) or "none of them",
        given=_table({key: GIVEN[key] for key in ASKED}),
        examples="".join(f"    {given:<43} {what}\n" for given, what in _examples(function)),
    )


def groups(function: Function) -> tuple[str, ...]:
    """The config groups that a function does not use."""
    return FOREIGN if SCHEDULE in function.asks else (*FOREIGN, SCHEDULE)


def jobs(function: Function) -> tuple[str, ...]:
    """The jobs that a function does not use."""
    return OF_MODELS if SCHEDULE in function.asks else (*OF_MODELS, *OF_SCHEDULES)


def told(value: object) -> str:
    """The declaration of a setting, in words.

    >>> told({"low": 0.001, "high": 1.0, "scale": "log"}), told({"choices": [32, 64]}), told(4)
    ('0.001 to 1, log', '32 or 64', '4')
    """
    if not isinstance(value, dict):
        return "null" if value is None else str(value)
    if CHOICES in value:
        return " or ".join(map(str, value[CHOICES]))
    if LOW in value:
        scale = "" if value.get("scale", "linear") == "linear" else f", {value['scale']}"
        step = f", in steps of {value['step']:g}" if value.get("step") else ""
        return f"{value[LOW]:g} to {value['high']:g}{scale}{step}"
    return "; ".join(
        option + (f" with {', '.join(f'{key} {told(v)}' for key, v in own.items())}" if own else "")
        for option, own in value.items()
    )


def _examples(function: Function) -> Iterator[tuple[str, str]]:
    """Example settings for this function."""
    kinds = function.kinds
    number = next((key for key, kind in kinds.items() if kind == "number"), None)
    if number is not None:
        path = f"{function.name}.{number}"
        yield f"{path}=0.01", "fix a number"
        yield f"'{path}={{low: 1e-4, high: 1, scale: log}}'", "search a range"
    whole = next((key for key, kind in kinds.items() if kind == "whole"), None)
    if whole is not None:
        yield f"'{function.name}.{whole}={{choices: [16, 32, 64]}}'", "search a list"
    branch = next((key for key, kind in kinds.items() if kind == BRANCH), None)
    if branch is not None:
        first, *_ = function.settings[branch]
        yield f"{function.name}.{branch}={first}", "take one option, with its own settings"


def _table(rows: dict[str, str]) -> str:
    wide = max([13, *map(len, rows)])
    return "".join(f"    {name:<{wide}} {text}\n" for name, text in rows.items())
