"""The blocks of a page of docs/: what a reader runs, and what the page says is printed."""

import math
import re
from collections.abc import Iterator

# Blocks that a reader copies; ```console and ```text show what is printed, or what is not run here.
# A Python block with a title is a file of that name, which the blocks after it run.
BLOCK = re.compile(r'^```(bash|python)(?: title="([\w.]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Numbers on a page and in what is printed may differ by this share: sums of floating-point numbers
# do from processor to processor, and training carries that on.
ALIKE = 0.02
# A training that diverges multiplies those differences: any two losses above this are alike, and so
# are neighbouring epochs.
EXPLODED = 10


def script(page: str) -> str:
    """The blocks of a page as one script, which ends at the first command that fails."""
    parts = ["set -euo pipefail"]
    for i, (language, title, block) in enumerate(BLOCK.findall(page)):
        if language == "bash":
            parts.append(block)
            continue
        file = title or f"block_{i}.py"
        parts.append(f"cat > {file} <<'END OF BLOCK'\n{block}END OF BLOCK\n")
        if not title:
            parts.append(f"python {file}")
    return "\n".join(parts)


def not_printed(page: str, printed: str) -> Iterator[str]:
    """The lines of a page's ```text blocks that were not printed.

    A line that ends in `...` stands for all that begin so.
    """
    lines = [line.split() for line in printed.splitlines()]
    for block in PRINTED.findall(page):
        for told in block.splitlines():
            words = told.removesuffix("...").split()
            is_whole = not told.endswith("...")
            if not any(_alike(words, line if is_whole else line[: len(words)]) for line in lines):
                yield told


def _alike(told: list[str], line: list[str]) -> bool:
    if len(told) != len(line):
        return False
    if told[-4:-1] != ["diverged", "at", "epoch"] or told[-4:-1] != line[-4:-1]:
        return all(map(_is_same, told, line))
    *words, loss, _, _, _, epoch = told
    *own, its_loss, _, _, _, its_epoch = line
    exploded = _is_same(loss, its_loss) or min(float(loss), float(its_loss)) > EXPLODED
    return words == own and exploded and abs(int(epoch) - int(its_epoch)) <= 1


def _is_same(told: str, printed: str) -> bool:
    if told == printed:
        return True
    try:
        mine, own = (float(word.strip("(),;:")) for word in (told, printed))
    except ValueError:
        return False
    return math.isclose(mine, own, rel_tol=ALIKE)
