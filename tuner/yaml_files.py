"""Untrusted YAML files: read as data, within limits; each mistake is one line with the file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tuner.errors import UserError

# Limits of a file: bytes, values (including those that anchors repeat), and levels of nesting.
BYTES, VALUES, LEVELS = 100_000, 10_000, 32

# The most digits of a number: more than any config needs.
DIGITS = 400

# A reference to another value of the config, such as ${budget.epochs}, without a resolver.
REFERENCE = re.compile(r"\$\{\s*\.*[\w\-.\[\]]+\s*\}")


def check_file(path: Path, folder: Path) -> None:
    """Refuses a file that is not YAML, lies outside its folder, or exceeds the limits.

    It is parsed event by event, so that nested anchors are counted but never expanded.

    Args:
        path: the file.
        folder: the folder that it must lie in after resolving links.

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
    """The plain data of a file, checked against its own folder.

    Raises:
        UserError: as in `check_file`.
    """
    import yaml

    check_file(path, path.parent)
    with reading(path):
        return yaml.safe_load(path.read_text(encoding="utf-8"))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns errors of reading YAML into one line that names the file.

    Raises:
        UserError: in place of each of them.
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
    """Refuses a text that exceeds the limits, or has references that are not plain.

    Raises:
        UserError: for the first such mistake.
    """
    import yaml

    known: dict[str, int] = {}
    # For each open collection, its anchor and the number of its values so far.
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
    """Whether all references in a text are plain references to values of the config."""
    return "${" not in REFERENCE.sub("", text.replace("\\${", ""))
