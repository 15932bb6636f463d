"""Writes the reference in docs/reference from the code, conf/ and their comments.

From the folder of the checkout:

    python -m docs.reference            writes its pages
    python -m docs.reference --check    tells which of them are not up to date

A page is made by the file of its name in docs/site/reference.
"""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).with_name("reference")
MAKERS = sorted(Path(__file__).with_name("site").glob("reference/*.py"))

PAGES: Mapping[str, Callable[[], str]] = {
    path.stem: import_module(f"docs.site.reference.{path.stem}").page for path in MAKERS
}


def main() -> int:
    """Writes the pages, or tells which are not up to date."""
    stale = []
    FOLDER.mkdir(exist_ok=True)
    for name, made in PAGES.items():
        path, text = FOLDER / f"{name}.md", made()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
    for path in stale:
        print(path)
        if "--check" not in sys.argv[1:]:
            path.write_text(PAGES[path.stem](), encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
