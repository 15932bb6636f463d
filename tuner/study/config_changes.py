"""Which settings may change between two commands on a study: its limits and its ranges."""

from collections.abc import Mapping
from typing import Any

from tuner.config import Config
from tuner.config.schema import Plain
from tuner.errors import UserError
from tuner.function import program_of, typed
from tuner.study.record import Record

# Settings that change how a command runs, never its results.
WITHOUT_EFFECT = (
    *("job", "root", "threads", "executor", "tracking", "checkpoint", "fix"),
    *(
        "yes",
        "quiet",
        "output",
        "format",
        "log",
        "ui",
        "trial",
        "wait",
        "keep",
        "workers",
        "promote",
        "function.command",
        "study.storage",
    ),
)

# Settings that may change from one command on a study to the next.
FREE = (
    *WITHOUT_EFFECT,
    *("budget.trials", "budget.seconds", "budget.epochs_total", "budget.failures"),
    "budget.deadline",
    *("study.project", "study.pattern"),
    *("target", "stop", "confirm", "compare", "range", "refit"),
)

# Values of settings that the records of earlier versions do not have.
EARLIER = {"best_epoch": False, "metrics": []}

KEY = "config"
# The path in the recorded config that names the user function of the study.
OWNER = "function.name"


def kept(config: Config) -> Plain:
    """The config in the form that the record keeps."""
    return _flat(config.plain) | {group: list(b) for group, b in config.space.branches.items()}


def edited(record: Record, config: Config) -> bool:
    """Whether ranges or conditions changed since the study began or was last edited.

    A new study records the config.

    Raises:
        UserError: if anything else differs that must stay the same within a study.
    """
    now = kept(config)
    if KEY not in record:
        record.put(KEY, now)
    begun, found = record.get(KEY, Plain) or {}, False
    if begun.get(OWNER) != now.get(OWNER):
        raise UserError(owned_by(config, begun))
    for path, value in EARLIER.items():
        # User functions do not have these settings.
        begun.setdefault(path, value if config.function is None else now.get(path))
    # Paths of groups come first: the chosen option explains more than the settings below it.
    for path in sorted(begun.keys() | now.keys(), key=lambda path: (path.count("."), path)):
        if path.startswith(FREE) or begun.get(path) == now.get(path):
            continue
        both = _is_searched(begun.get(path)) and _is_searched(now.get(path))
        # In data.ordinal, a column may be named low.
        if path == "where" or (both and not path.startswith("data.")):
            found = True
            continue
        raise UserError(
            f"{path}: {now.get(path)}: study {config.study.name} was begun with "
            f"{begun.get(path)}: give it back, or another study.name"
        )
    return found


def owned_by(config: Config, begun: Plain) -> str:
    """The error message for a study of another function than the config's, or of no function."""
    own, name = begun.get(OWNER), config.study.name
    if own is None:
        return (
            f"study.name: {name}: is a study of models, not of a function: give another study.name"
        )
    program = program_of(str(begun.get("function.command")))
    return (
        f"study.name: {name}: is a study of the function {own}: continue it with "
        f"{typed(program, f'study.name={name}')}; or give another study.name"
    )


def _is_searched(value: Any) -> bool:
    """Whether a value of the config is a range or choices."""
    return isinstance(value, Mapping) and bool(value.keys() & {"low", "choices"})


def _flat(plain: Mapping[str, Any], prefix: str = "") -> Plain:
    """Flattens a nested mapping to paths; a range or choices count as one value."""
    out: Plain = {}
    for key, value in plain.items():
        path = f"{prefix}{key}"
        nested = isinstance(value, Mapping) and not _is_searched(value)
        out |= _flat(value, f"{path}.") if nested else {path: value}
    return out
