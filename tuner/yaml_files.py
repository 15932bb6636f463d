"""YAML files by anyone: read as data, within limits; each mistake is one line with the file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuner.errors import UserError

# What a file may hold: bytes, values with those that its anchors repeat, and levels of nesting.
BYTES, VALUES, LEVELS = 100_000, 10_000, 32

# Digits of a number, which are more than any number of a config needs.
DIGITS = 400

# A reference to another value of the config, as ${budget.epochs}; it names no resolver.
REFERENCE = re.compile(r"\$\{\s*\.*[\w\-.\[\]]+\s*\}")


def check_file(path: Path, folder: Path) -> None:
    """Refuses a file that is no YAML, that lies outside its folder, or that is out of bounds.

    It is read event by event, so that anchors within anchors are counted and never made.

    Args:
        path: of the file.
        folder: that it must lie in, links followed.

    Raises:
        UserError: for the first mistake; it names the file and, where there is one, the line.
    """
    with reading(path):
        if not path.is_file():
            raise UserError(f"{path}: is not a file")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UserError(f"{path}: lies outside {folder}: move it into that folder")
        check_text(path, bounded_text(path))


def load_file(path: Path) -> Any:
    """The plain data of a file, which is checked by its own folder before.

    Raises:
        UserError: as `check_file`.
    """
    import yaml

    check_file(path, path.parent)
    with reading(path):
        return yaml.safe_load(path.read_text(encoding="utf-8"))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns what YAML, and what reads it, raises into one line that names the file.

    Raises:
        UserError: in its place.
    """
    import yaml

    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        said = " ".join(filter(None, [error.context, error.problem]))
        raise UserError(f"{path}: {line}is not YAML as tuner reads it ({said})") from None
    except RecursionError:
        raise UserError(f"{path}: is nested too deeply: at most {LEVELS} levels") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: is not valid YAML ({error})") from None


def bounded_text(path: Path) -> str:
    """The text of a file.

    Raises:
        UserError: if it is too large.
    """
    size = os.path.getsize(path)
    if size > BYTES:
        raise UserError(f"{path}: is {size} bytes: a config has at most {BYTES}")
    return path.read_text(encoding="utf-8")


def check_text(path: Path, text: str) -> None:
    """Refuses what is out of bounds in a file's text, and what refers by more than a plain key.

    Raises:
        UserError: for the first of that.
    """
    import yaml

    known: dict[str, int] = {}
    # How many values each collection that is open has so far, and the anchor that it bears.
    still_open: list[tuple[str | None, int]] = []

    def count(anchor: str | None, values: int) -> None:
        if anchor is not None:
            known[anchor] = values
        if still_open:
            own, so_far = still_open[-1]
            still_open[-1] = own, so_far + values
            values += so_far
        if values > VALUES:
            raise UserError(f"{path}: holds more than {VALUES} values, counting repeated anchors")

    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent):
            if not only_references(event.value):
                raise UserError(
                    f"{path}: line {line}: {event.value}: must refer by a plain "
                    "${key.of.the.config}"
                )
            plain_number = event.style is None and event.value.lstrip("+-")[:1].isdecimal()
            if plain_number and len(event.value) > DIGITS:
                raise UserError(f"{path}: line {line}: a number has over {DIGITS} digits")
            count(event.anchor, 1)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in known:
                raise UserError(f"{path}: line {line}: *{event.anchor} names no anchor above it")
            count(None, known[event.anchor])
        elif isinstance(event, yaml.CollectionStartEvent):
            still_open.append((event.anchor, 1))
            if len(still_open) > LEVELS:
                raise UserError(
                    f"{path}: line {line}: is nested too deeply: at most {LEVELS} levels"
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            count(*still_open.pop())


def only_references(text: str) -> bool:
    """Whether a text refers, where it does, by plain references to values of the config alone."""
    return "${" not in REFERENCE.sub("", text.replace("\\${", ""))
