"""Reproduction: the setup and the command that train a winner again."""

import re
from pathlib import Path

from tuner.config import Config
from tuner.config.schema import Plain
from tuner.function import PROGRAM, typed
from tuner.study.results import Confirmation

# The default folder of studies.
ROOT = "mlruns"

UNTRACKED = "tracking=none"

# How a trial of tuner's models is measured, and on which rows its final model is trained.
JUDGING = ("metrics", "best_epoch", "refit")

# What Hydra reads as a text without quotes.
BARE = re.compile(r"[A-Za-z_./][\w./-]*")
NO_TEXT = ("null", "true", "false", "inf", "nan")


def setup(config: Config, confirmed: Confirmation | None = None) -> Plain:
    """What a trial's curve depends on besides its settings, and how the winner was judged.

    Together with the winner's settings, it is the content of `best.yaml`, which `+best=` takes.

    Args:
        config: the study's config.
        confirmed: its confirmation, if there was one.
    """
    plain, top, seeds = config.plain, 0, config.confirm.seeds
    if confirmed is not None:
        top, seeds = len(confirmed.trials), confirmed.seeds
    # These do not apply to a user function.
    judging = {key: plain[key] for key in JUDGING if config.function is None and key in plain}
    of: Plain = {"data": plain["data"], "dtype": plain["dtype"]}
    if config.function is not None:
        folds = of if config.data.folds else {}
        of = {"function": config.function.plain(), "direction": config.direction, **folds}
    return {
        **of,
        "metric": plain["metric"],
        **judging,
        "budget": {"epochs": config.budget.epochs},
        "study": {"seed": config.study.seed},
        "confirm": {"top": top, "seeds": seeds},
    }


def reproducing(name: str, root: Path, tracked: bool, program: str = PROGRAM) -> str:
    """The shell command that trains the winner of a study again, to the same digits.

    Args:
        name: the study's name.
        root: where the study is kept; the command names it unless it is the default folder.
        tracked: whether the study is logged to MLflow.
        program: how the command begins.
    """
    return line(program, root, tracked, f"+best={_text(name)}")


def line(program: str, root: Path, tracked: bool, *given: str) -> str:
    """A shell command with the root and the tracking of a study.

    Args:
        program: how the command begins.
        root: where the study is kept.
        tracked: whether the study is logged to MLflow.
        given: the command's other settings, one or more.
    """
    said = [*given]
    said += [] if str(root) == ROOT else [f"root={_text(str(root))}"]
    said += [] if tracked else [UNTRACKED]
    return typed(program, *said)


def is_tracked(line: str) -> bool:
    """Whether a command made by `line` logs to MLflow."""
    return UNTRACKED not in line and '"tracking": "none"' not in line


def _text(text: str) -> str:
    """A text quoted for Hydra if needed."""
    if BARE.fullmatch(text) and text.lower() not in NO_TEXT:
        return text
    # Hydra reads backslashes literally except before a quote.
    escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), text)
    return f'"{escaped}"'
