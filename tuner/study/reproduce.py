"""How to train a winner again: its setup and the command."""

import re
from pathlib import Path

from tuner.config import Config
from tuner.config.schema import Plain
from tuner.function import PROGRAM, typed
from tuner.study.results import Confirmation

# Where studies are kept if nothing is said.
ROOT = "mlruns"

UNTRACKED = "tracking=none"

# By what a trial of tuner's models is measured, and what its model learns from.
JUDGING = ("metrics", "best_epoch", "refit")

# What Hydra reads as a text, though it is in no quotes.
BARE = re.compile(r"[A-Za-z_./][\w./-]*")
NO_TEXT = ("null", "true", "false", "inf", "nan")


def setup(config: Config, confirmed: Confirmation | None = None) -> Plain:
    """What beside a trial's settings its curve depends on, and how the winner was judged.

    Together with the settings of the winner it is what `best.yaml` holds and `+best=` takes.

    Args:
        config: of the study.
        confirmed: its confirmation, if there was one.
    """
    plain, top, seeds = config.plain, 0, config.confirm.seeds
    if confirmed is not None:
        top, seeds = len(confirmed.trials), confirmed.seeds
    # A user's function knows nothing of these.
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
    """The shell's line that trains the winner of a study again, to the same digits.

    Args:
        name: of the study.
        root: where it is kept; the line says so unless it is the usual folder.
        tracked: whether MLflow is told of it.
        program: how the line begins.
    """
    return line(program, root, tracked, f"+best={_text(name)}")


def line(program: str, root: Path, tracked: bool, *given: str) -> str:
    """The shell's line of a command that finds a study where it is, and is tracked as it is.

    Args:
        program: how it begins.
        root: where it is kept.
        tracked: whether MLflow is told of it.
        given: what else the command is given, one setting or more.
    """
    said = [*given]
    said += [] if str(root) == ROOT else [f"root={_text(str(root))}"]
    said += [] if tracked else [UNTRACKED]
    return typed(program, *said)


def is_tracked(line: str) -> bool:
    """Whether a line that `line` made says that MLflow is told."""
    return UNTRACKED not in line and '"tracking": "none"' not in line


def _text(text: str) -> str:
    """A text as Hydra must be given it."""
    if BARE.fullmatch(text) and text.lower() not in NO_TEXT:
        return text
    # A backslash counts for itself but before a quote.
    escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), text)
    return f'"{escaped}"'
