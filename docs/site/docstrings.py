"""Docstrings as Markdown: the summary, what is said of each argument, and the examples."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
ENTRY = re.compile(r"([*\w.]+(?:, [*\w.]+)*): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Docstring:
    """A docstring, split into its parts.

    Attributes:
        text: the paragraphs, each on one line; indented blocks stay as they are.
        parts: the sections; `Args`, `Attributes` and `Raises` as text by name, others under "".
        examples: the examples, each as a sentence and the code below it.
    """

    text: list[str]
    parts: Mapping[str, Mapping[str, str]]
    examples: list[tuple[str, str]]

    def of(self, name: str) -> str:
        """The description of an argument or an attribute, or ""."""
        known = (self.parts.get(part, {}) for part in ("Args", "Attributes"))
        return next((own[name] for own in known if name in own), "")


def read(thing: Any) -> Docstring:
    """Reads the docstring of an object; returns an empty one if it has none of its own."""
    given = inspect.cleandoc(thing.__doc__ or "")
    text, parts, examples = list[str](), dict[str, dict[str, str]](), list[tuple[str, str]]()
    for block in re.split(r"\n\s*\n", given):
        head, _, body = block.partition("\n")
        if head.endswith(":") and head[:-1] in SECTIONS:
            parts.setdefault(head[:-1], {}).update(_entries(head[:-1], body))
        elif block.startswith(">>>"):
            sentence = text.pop() if text and text[-1].endswith(":") else ""
            examples.append((sentence, block))
        elif block.startswith("    "):
            text.append(block)
        elif block:
            text.append(" ".join(block.split()))
    return Docstring(text, parts, examples)


def _entries(section: str, body: str) -> dict[str, str]:
    """The entries of a section by name; a section without names is one entry."""
    lines = inspect.cleandoc(f"\n{body}").splitlines()
    whole = "\n".join(lines)
    entries = [" ".join(e.split()) for e in re.split(r"\n(?=\S)", whole)]
    if section in ("Returns", "Yields"):
        return {"": " ".join(entries)}
    found = [match for entry in entries if (match := ENTRY.fullmatch(entry))]
    return {name: match[2] for match in found for name in match[1].split(", ")}


def plain(text: str) -> str:
    """Converts prose of a docstring or a comment to Markdown, where only code is marked up."""
    pieces = re.split(r"(`[^`]*`)", text)
    marked = [
        piece if i % 2 else re.sub(r"([*<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", piece)
        for i, piece in enumerate(pieces)
    ]
    return "".join(marked)


def cell(text: str) -> str:
    """Escapes Markdown for the cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def sentence(text: str) -> str:
    """The words with a capital letter at the start and a full stop at the end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", ":", "?")) else f"{text}."


def paragraphs(own: Docstring) -> list[str]:
    """The text of a docstring as lines of Markdown."""
    lines = list[str]()
    for paragraph in own.text:
        code = paragraph.startswith("    ")
        body = inspect.cleandoc(f"\n{paragraph}") if code else plain(paragraph)
        lines += [f"```text\n{body}\n```" if code else body, ""]
    return lines


def examples(own: Docstring) -> list[str]:
    """The examples of a docstring as lines of Markdown."""
    lines = list[str]()
    for said, code in own.examples:
        lines += [*([plain(said), ""] if said else []), f"```pycon\n{code}\n```", ""]
    return lines


def listed(own: Docstring, *sections: str) -> list[str]:
    """Sections of a docstring as lists of Markdown; the first ones are without a heading."""
    lines = list[str]()
    for section in sections:
        if entries := own.parts.get(section):
            words = {"Args": "Arguments"}.get(section, section)
            rows = [f"- `{n}`: {plain(text)}" if n else plain(text) for n, text in entries.items()]
            lines += [f"**{words}**", "", *rows, ""]
    return lines


def signature(name: str, call: Callable[..., Any]) -> str:
    """The signature of a function or a class, with an argument per line if it is long."""
    try:
        own = inspect.signature(call)
    except (TypeError, ValueError):
        return f"{name}(...)"
    parameters = list(own.parameters.values())
    if parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    given = [
        p.replace(annotation=inspect.Parameter.empty, default=_short(p.default)) for p in parameters
    ]
    whole = f"{name}{inspect.Signature(given)}"
    if len(whole) <= 88:
        return whole
    rows = str(inspect.Signature(given))[1:-1].split(", ")
    return "\n".join([f"{name}(", *(f"    {row}," for row in rows), ")"])


class _Bare:
    """A default that is shown by its words."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __repr__(self) -> str:
        return self.words


def _short(default: Any) -> Any:
    """A default in the form to show: without memory addresses."""
    if default is inspect.Parameter.empty or isinstance(default, int | float | str | None):
        return default
    words = getattr(default, "__name__", None) or repr(default)
    return _Bare("..." if " at 0x" in words else words)
