"""References within a config: checks their total size before any is resolved."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tuner.errors import UserError
from tuner.yaml_files import LEVELS, REFERENCE, only_references

# The most values and characters of a config, including those that references repeat.
LARGEST = 200_000

Path = tuple[str | int, ...]


class References:
    """Computes the size of a config with all references resolved.

    Args:
        plain: the config as plain data, with references as texts.
    """

    def __init__(self, plain: Mapping[Any, Any]) -> None:
        self.plain = plain
        # None while a size is being computed.
        self.known: dict[Path, int | None] = {}

    def check(self) -> None:
        """Refuses a config that is out of bounds.

        Raises:
            UserError: if a value is nested too deeply, refers to itself, to nothing or to a
                resolver, or if the whole is too large.
        """
        self.size((), 0)

    def size(self, path: Path, level: int) -> int:
        """The number of values and characters at a path, with references resolved.

        Raises:
            UserError: as in `check`.
        """
        name = ".".join(map(str, path))
        if level > LEVELS:
            raise UserError(f"{name}: is nested too deeply: at most {LEVELS} levels")
        if path in self.known:
            found = self.known[path]
            if found is None:
                raise UserError(f"{name}: refers to itself")
            return found
        self.known[path] = None
        value, size = self.at(path), 1
        if isinstance(value, str):
            size += len(value) + sum(self.size(own, level + 1) for own in self.targets(path, value))
        elif isinstance(value, Mapping):
            size += sum(self.size((*path, key), level + 1) for key in value)
        elif isinstance(value, list):
            size += sum(self.size((*path, i), level + 1) for i in range(len(value)))
        if size > LARGEST:
            raise UserError(
                f"{name}: is too large, with what it refers to: at most {LARGEST} values and "
                "characters"
            )
        self.known[path] = size
        return size

    def at(self, path: Path) -> Any:
        """The value at a path; raises LookupError if there is none."""
        value: Any = self.plain
        for part in path:
            value = value[part]
        return value

    def targets(self, path: Path, text: str) -> Iterator[Path]:
        """The paths that a text refers to.

        Raises:
            UserError: if it refers to nothing, or to a resolver.
        """
        name = ".".join(map(str, path))
        if not only_references(text):
            raise UserError(f"{name}: {text}: must refer by a plain ${{key.of.the.config}}")
        for match in REFERENCE.finditer(text.replace("\\${", "")):
            inner = match.group()[2:-1].strip()
            key = inner.lstrip(".")
            above = len(inner) - len(key)
            target: Path = path[: len(path) - above] if above else ()
            for part in filter(None, re.split(r"[.\[\]]", key)):
                target = (*self.followed(target), part)
                target = self.numbered(target)
            try:
                self.at(target)
            except (LookupError, TypeError):
                raise UserError(f"{name}: {match.group()}: there is no {key}") from None
            yield target

    def followed(self, path: Path) -> Path:
        """The path, or the target if the value there is a reference.

        Raises:
            UserError: if the reference leads back to itself.
        """
        for _ in range(LEVELS):
            try:
                value = self.at(path)
            except (LookupError, TypeError):
                return path
            if not (isinstance(value, str) and REFERENCE.fullmatch(value)):
                return path
            (path,) = self.targets(path, value)
        raise UserError(f"{'.'.join(map(str, path))}: refers to itself")

    def numbered(self, path: Path) -> Path:
        """The path, with the last part as a number if it is an index of a list."""
        *above, last = path
        try:
            listed = isinstance(self.at(tuple(above)), list)
        except (LookupError, TypeError):
            return path
        return (*above, int(last)) if listed and str(last).isdecimal() else path
