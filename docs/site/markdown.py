"""Markdown: tables, code, links within the checkout, and a whole page of the reference."""

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docs.site.docstrings import cell

CHECKOUT = Path(__file__).resolve().parents[2]
MADE = "<!-- Made by python -m docs.reference; change the code or conf/, not this page. -->"

Rows = Iterable[tuple[str, ...]]


def table(head: tuple[str, ...], rows: Rows) -> list[str]:
    """A table in Markdown, or nothing if there are no rows."""
    made = [f"| {' | '.join(cell(own) for own in row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *made, ""] if made else []


def code(text: object) -> str:
    """Code within a line."""
    return f"`{text}`"


def link(path: str, text: str = "") -> str:
    """A link to a file of the checkout, which must exist."""
    assert (CHECKOUT / path).exists(), path
    near = path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"
    return f"[{text or path}](../{near})"


def told(name: str, text: str) -> str:
    """A link to the page with that name, wherever in docs/ it is."""
    near = (f"docs/{folder}{name}.md" for folder in ("", "howto/", "explanation/"))
    return link(next(path for path in near if (CHECKOUT / path).exists()), text)


def source(thing: Any) -> str:
    """A link to the file that defines a thing."""
    return link(str(Path(inspect.getfile(inspect.unwrap(thing))).relative_to(CHECKOUT)))


def page(title: str, *lines: str) -> str:
    """Makes a page from its title and its lines."""
    text = "\n".join([f"# {title}", "", *lines, "", MADE])
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
