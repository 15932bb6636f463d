"""The help page of a user's own command: its function, with all that may be said of it."""

import inspect
from collections.abc import Iterator

from tuner.declarations import CHOICES, LOW
from tuner.function import ASKED, BRANCH, Function

# The groups that a function has no use for, beside a schedule that it does not ask for.
FOREIGN = ("data", "model", "loss", "optimizer", "function")
SCHEDULE = "schedule"
# The jobs likewise.
OF_MODELS, OF_SCHEDULES = ("range_test", "plot_descent"), ("plot_schedule",)

# What tuner gives to a parameter of this name.
GIVEN = {
    "epochs": "how many mappings to yield, one after each epoch",
    "seed": "of its randomness; the winner is confirmed on fresh ones",
    "fold": "which part of the data judges, from 0; asked for with data.folds=5",
    "folds": "how many parts there are",
    "schedule": "schedule(step, steps): what to multiply the learning rate by",
    "checkpoint": "a folder of the trial: what it saves there is there again after a kill",
    "log": "keeps files: log.text(name, text), log.figure(name, figure), log.file(path)",
}

PAGE = """\
{program} tunes the function {name}(){said}

    {program:<43} tune it
    {program:<43} again: goes on with the study, or says it is done
    {ui:<43} open the curves of all trials in MLflow's pages

Its settings, as its signature declares them:
{settings}
What it may ask for, by parameters of these names ({name}() asks for {asks}):
{given}
After each epoch it yields a mapping of numbers: train_loss, by which a trial that explodes is told,
what counts (the metric, validation_loss if none is given), and whatever else is to become a curve.

A command is made of settings, key=value, in any order:

    budget.trials=100 budget.epochs=50          how much to spend
{examples}    metric=validation_accuracy                  what counts, beside direction=maximize
    root=results  study.name=mine  study.seed=1   where it is kept, its name, its randomness
    workers=4  tracking=none                    how it runs
    +next=NAME                                  the round after study NAME, as its audit advises
    +best=NAME                                  the settings of the winner of the study NAME

"""


def page(function: Function) -> str:
    """What is said of a function, before the groups, jobs and flags that all commands have.

    Args:
        function: the user's, with its code.
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
    """The groups of the config that a function has no use for."""
    return FOREIGN if SCHEDULE in function.asks else (*FOREIGN, SCHEDULE)


def jobs(function: Function) -> tuple[str, ...]:
    """The jobs that are not for it."""
    return OF_MODELS if SCHEDULE in function.asks else (*OF_MODELS, *OF_SCHEDULES)


def told(value: object) -> str:
    """A setting as its function declares it, in words.

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
    """Settings of this very function, as a command gives them."""
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
