"""The Markdown note on a study, shown on its page in MLflow."""

import html
import re
from collections.abc import Sequence

from tuner.errors import printable
from tuner.report import verdict
from tuner.study.results import StudyResult

# Characters with a meaning in Markdown, including GitHub's.
SPECIAL = re.compile(r"[*`\[\]|~@\\#]|:(?=\w+:)|(?<!\w)_|_(?!\w)")


def text(result: StudyResult) -> str:
    """The headline, the best trials as a table, and the command that trains the winner again.

    Args:
        result: the study's result.
    """
    parts = ["\n".join(f"- {escaped(line)}" for line in verdict.sentences(result))]
    columns, rows = verdict.table(result)
    if rows:
        parts.append("\n".join([_row(columns), _row(["---"] * len(columns)), *map(_row, rows)]))
    if result.reproduce:
        parts.append(f"```bash\n{printable(result.reproduce)}\n```")
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """A text on one line, escaped for Markdown."""
    plain = html.escape(printable(" ".join(text.split())), quote=False)
    return SPECIAL.sub(lambda found: f"&#{ord(found[0])};", plain)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text if text == "---" else escaped(text)
