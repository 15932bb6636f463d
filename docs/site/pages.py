"""The hook of the site: its pages are those of the checkout, and so is all that they link to.

MkDocs expects all pages in one folder. tuner's pages are where a forge shows them, with README.md
beside the code. The hook gives MkDocs each page under its path in the checkout, so that a link
leads to the same file on the site, on a forge and in an editor. Another file, such as source code,
becomes a page that shows it; a folder becomes a page that lists it.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]

# Pages of the checkout that are or may be in the navigation.
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/*.md", "docs/**/*.md")

# Code, which contains no links, or a link with its target.
CODE_OR_LINK = re.compile(
    r"^(?P<fence>```+|~~~+).*?^(?P=fence)\s*?$"
    r"|(?P<tick>`+)[^`].*?(?P=tick)(?!`)"
    r"|\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)
HEADING = re.compile(r"^#{1,6} +(.*?)(?: +#+)?$", re.MULTILINE)
FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*?$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("http://", "https://", "mailto:")
# The header of pages that show code, which keeps them out of the site's search.
UNSEARCHED = "---\nsearch: {exclude: true}\n---\n"
PICTURES = (".png", ".svg", ".gif", ".jpg")


def pages() -> list[str]:
    """The paths of all pages in the checkout, in order."""
    return sorted(
        {str(p.relative_to(CHECKOUT)) for own in PAGES for p in CHECKOUT.glob(own)}, key=place
    )


def place(path: str) -> tuple[object, ...]:
    """A sort key for pages: a README before its folder, 2 before 10."""
    folder, _, name = path.rpartition("/")
    parts = re.split(r"(\d+)", name)
    return folder, name != "README.md", [(p.isdigit(), int(p) if p.isdigit() else p) for p in parts]


def links(text: str) -> Iterator[str]:
    """The targets of a page's links and pictures, except in code."""
    for found in CODE_OR_LINK.finditer(text):
        if found["target"]:
            yield found["target"]


def anchors(text: str) -> list[str]:
    """The anchors of a page's headings, in the form of GitHub and of this site."""
    plain = (
        re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", h) for h in HEADING.findall(FENCE.sub("", text))
    )
    return [re.sub(r"[^\w -]", "", words.strip().lower()).replace(" ", "-") for words in plain]


def target(page: str, link: str) -> str:
    """The path in the checkout to which a page's link leads, without its anchor."""
    path = link.partition("#")[0]
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page


def shown(path: str) -> str:
    """The site's page for a path of the checkout; a picture's page is the picture itself."""
    file = CHECKOUT / path
    if file.is_dir():
        own = "README.md" if (file / "README.md").exists() else "index.md"
        return posixpath.normpath(posixpath.join(path, own))
    return path if file.suffix in (".md", *PICTURES) or not file.exists() else f"{path}.md"


def linked(text: str, page: str) -> str:
    """The text of a page with its links changed to pages of the site."""

    def led(found: re.Match[str]) -> str:
        link = found["target"]
        if found["tick"]:
            # In a table, a forge needs a pipe in code escaped; MkDocs needs it unescaped.
            return found[0].replace("\\|", "|")
        if not link or link.startswith((*ELSEWHERE, "#")):
            return found[0]
        path, sign, anchor = link.partition("#")
        old = target(page, path)
        new = shown(old)
        if new == old:
            return found[0]
        start = posixpath.dirname(page) or "."
        return f"]({posixpath.relpath(new, start)}{sign}{anchor})"

    return CODE_OR_LINK.sub(led, text)


def text_of(path: str) -> str:
    """The text of the page that shows a path of the checkout."""
    file = CHECKOUT / path
    if file.is_dir():
        inside = sorted(
            p for p in file.iterdir() if p.name[0] not in "._" or p.name == "__init__.py"
        )
        rows = [f"- [{p.name}]({p.name})" for p in inside if p.suffix != ".pyc"]
        return "\n".join([f"# {path}", "", *rows, ""])
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return text
    language = {"py": "python", "yaml": "yaml"}.get(file.suffix[1:], "text")
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"# {path}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def reached() -> Iterator[tuple[str, str | None]]:
    """The contents of the site: each path in the checkout with its text, None for a picture.

    These are the pages and, recursively, what they link to; for a linked folder, all its files.
    """
    known, waiting = set[str](), pages()
    while waiting:
        path = waiting.pop()
        if path in known or path.startswith("..") or not (CHECKOUT / path).exists():
            continue
        known.add(path)
        if path.endswith(PICTURES):
            yield path, None
            continue
        text = text_of(path)
        yield path, text
        if path.endswith(".md") or (CHECKOUT / path).is_dir():
            own = shown(path)
            near = (target(own, link) for link in links(text) if not link.startswith(ELSEWHERE))
            waiting += [p for p in near if p != own]


def on_files(files: Any, config: Any) -> Any:
    """Gives MkDocs the pages and the files that they link to."""
    from mkdocs.structure.files import File, InclusionLevel

    own = set(pages())
    for path, text in reached():
        if text is None:
            files.append(File.generated(config, path, abs_src_path=str(CHECKOUT / path)))
            continue
        page = shown(path)
        level = InclusionLevel.UNDEFINED if path in own else InclusionLevel.NOT_IN_NAV
        head = "" if path.endswith(".md") else UNSEARCHED
        content = head + linked(text, page)
        files.append(File.generated(config, page, content=content, inclusion=level))
    return files


def on_config(config: Any) -> Any:
    """Replaces the patterns in the navigation by the pages."""
    left = dict.fromkeys(pages())
    config.nav = list(expanded(config.nav, left))
    return config


def expanded(nav: Iterable[Any], left: dict[str, None]) -> Iterator[Any]:
    """Replaces the patterns of a navigation by pages; named pages are removed from `left`.

    Args:
        nav: patterns, or mappings of a title to a page or to more of these.
        left: the pages that have no place yet.
    """
    for entry in nav:
        if isinstance(entry, Mapping):
            for title, below in entry.items():
                if isinstance(below, str):
                    left.pop(below, None)
                    yield {title: below}
                else:
                    yield {title: list(expanded(below, left))}
            continue
        for path in [path for path in left if PurePosixPath("/", path).match(f"/{entry}")]:
            del left[path]
            yield path
