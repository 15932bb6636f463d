"""The terminal: prints a verdict in colours, as plain text in a pipe, or as one JSON object."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from tuner import streams
from tuner.config import Config
from tuner.errors import escaped

# Rich's styles of a headline: all is well, or worth a second look.
SURE, DOUBTFUL = "bold green", "bold yellow"

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Told:
    """The result of a command, in words.

    Attributes:
        headline: the most important lines.
        tables: column names and rows, by caption; "" for no caption.
        evidence: the evidence for the headline, and where to find more.
        style: the style of the first line.
    """

    headline: Sequence[str]
    tables: Mapping[str, Table] = field(default_factory=dict)
    evidence: Sequence[str] = ()
    style: str = SURE


def show(config: Config, found: Callable[[], object], told: Told) -> None:
    """Prints the result of a command: as JSON, or in words.

    Args:
        config: says which (`output`), and whether to print only the headline (`quiet`).
        found: returns the result as plain data, in natural numbers.
        told: the result in words.
    """
    if config.output == "json":
        text = json.dumps(found(), indent=2, allow_nan=False)
        print(text, file=streams.output(), flush=True)
        return
    if config.quiet:
        told = Told(told.headline, style=told.style)
    if is_coloured(sys.stdout):
        _painted(told, sys.stdout)
    else:
        for line in plain(told):
            print(line)


def is_coloured(stream: TextIO) -> bool:
    """Whether a stream is a terminal and colours are wanted."""
    dull = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown")
    return stream.isatty() and not dull


def plain(told: Told) -> Iterator[str]:
    """The lines of a result, neither cut nor wrapped."""
    yield from map(escaped, told.headline)
    for words, table in told.tables.items():
        yield ""
        yield from map(escaped, [words] if words else [])
        yield from _aligned(table)
    if told.evidence:
        yield ""
    yield from map(escaped, told.evidence)


def _aligned(table: Table) -> Iterator[str]:
    """A table in columns of equal width, two spaces apart."""
    head, body = table
    rows = [[escaped(cell) for cell in row] for row in (head, *body)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _painted(told: Told, stream: TextIO) -> None:
    """Prints in colours; rich interprets no markup in the texts, which may be untrusted."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Painted
    from rich.text import Text

    console = Console(
        file=streams.steering(stream), force_terminal=True, highlight=False, markup=False
    )
    for place, line in enumerate(told.headline):
        console.print(Text(escaped(line), told.style if place == 0 else "bold"), soft_wrap=True)
    for words, (head, rows) in told.tables.items():
        own = Painted(box=box.SIMPLE_HEAD, pad_edge=False, header_style="cyan")
        for name in head:
            own.add_column(Text(escaped(name)))
        for place, row in enumerate(rows):
            own.add_row(*(Text(escaped(c)) for c in row), style="bold" if place == 0 else "")
        if words:
            console.print()
            console.print(Text(escaped(words), "cyan"), soft_wrap=True)
        console.print(own)
    for line in told.evidence:
        console.print(Text(escaped(line)), soft_wrap=True)
