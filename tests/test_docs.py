"""The documents tell what is: their commands, code, links and tables are tried."""

import re
import shlex
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from docs.site import pages
from tests.blocks import BLOCK
from tuner.cli import help_page
from tuner.composing import compose
from tuner.config import check
from tuner.jobs import names as jobs

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = {
    str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "*/README.md", "benchmarks/*.md", "tests/*/README.md", "docs/**/*.md")
    for path in sorted(REPOSITORY.glob(pattern))
    if not path.parent.name.startswith(".")
}
README = DOCUMENTS["README.md"]
FLAG = re.compile(r"--?[a-z][a-z-]*")


def commands(text: str) -> list[str]:
    """What follows `python -m tuner` in each place, up to the end of the line or of the code."""
    whole = text.replace("\\\n", " ")
    return [m.group(1).strip() for m in re.finditer(r"python -m tuner(?![\w.])([^\n`]*)", whole)]


def settings(command: str) -> list[str]:
    """The arguments of a command that are settings; its remarks are cut off."""
    words = shlex.split(re.split(r"\s{3,}", command)[0], comments=True)
    ended = takewhile(lambda word: "=" in word or FLAG.fullmatch(word), words)
    return [word for word in ended if not FLAG.fullmatch(word)]


def lines_of_settings(text: str) -> list[str]:
    """Lines that begin with a setting, as the help page has them."""
    return [line.strip() for line in text.splitlines() if re.match(r"\s+'?[\w.]+=\S", line)]


# What tests/test_pages.py runs is not tried here.
NOT_RUN = [BLOCK.sub("", t) if d.startswith("docs/") else t for d, t in DOCUMENTS.items()]
COMMANDS = sorted(
    {c for text in (*NOT_RUN, help_page()) for c in commands(text)}
    | set(lines_of_settings(help_page()))
)


def test_the_documents_show_commands() -> None:
    assert [c for c in COMMANDS if "+experiment=adam" in c]
    assert [c for c in COMMANDS if "low:" in c]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.slow
def test_a_command_in_the_documents_would_start(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for study in re.findall(r"\+range=(\w+)", command):
        # What the command before it has found.
        found = Path("mlruns", "studies", study, "range", "range.yaml")
        found.parent.mkdir(parents=True)
        found.write_text("optimizer: {adam: {lr: {low: 1e-3, high: 1e-1, scale: log}}}")
    for study in re.findall(r"\+best=(\w+)", command):
        best = Path("mlruns", "studies", study, "best.yaml")
        best.parent.mkdir(parents=True)
        best.write_text("optimizer: {adam: {lr: 0.01}}")
    for study in re.findall(r"\+next=(\w+)", command):
        following = Path("mlruns", "studies", study, "round2.yaml")
        following.parent.mkdir(parents=True)
        following.write_text("optimizer: {sgd: {lr: 0.01}}")
    config = check(compose(settings(command), None))
    assert config.job in jobs()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_flag_in_the_documents_is_on_the_help_page(document: str) -> None:
    told = set(FLAG.findall(help_page()))
    for command in commands(DOCUMENTS[document]):
        assert {word for word in shlex.split(command) if FLAG.fullmatch(word)} <= told


HTML = re.compile(r'<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)="([^"]+)"')


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_link_leads_somewhere(document: str) -> None:
    text = DOCUMENTS[document]
    for link in [*pages.links(text), *HTML.findall(text)]:
        if ":" in link.partition("/")[0]:
            parts = urlsplit(link)
            assert parts.scheme in ("http", "https", "mailto"), f"{document}: {link}"
            assert parts.scheme == "mailto" or re.fullmatch(r"[\w.-]+(:\d+)?", parts.netloc), link
            continue
        assert not link.startswith("/"), f"{document}: {link}: is not relative"
        target = REPOSITORY / pages.target(document, link)
        assert target.exists(), f"{document}: {link}"
        if anchor := link.partition("#")[2]:
            found = pages.anchors(target.read_text(encoding="utf-8"))
            assert found.count(anchor) == 1, f"{document}: {link}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_looks_like_a_link_is_one(document: str) -> None:
    text = pages.FENCE.sub("", DOCUMENTS[document])
    assert not re.findall(r"^\[[^]]+\]: \S+|\]\[[\w-]+\]|\]\(\s|\]\([^)]*\s\)", text, re.MULTILINE)


# Programs and configs name pages by their paths in the checkout, where people read them.
NAMED = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.md)\b(?:#([\w-]+))?")


def test_a_page_that_a_program_or_a_config_names_is_there() -> None:
    files = [
        path
        for folder in ("tuner", "conf", "benchmarks", "examples", "deploy", ".ci")
        for path in sorted((REPOSITORY / folder).rglob("*"))
        if path.is_file() and path.suffix in ("", ".py", ".yaml", ".service", ".timer")
    ]
    named = [(file, *found) for file in files for found in NAMED.findall(file.read_text("utf-8"))]
    assert [page for _, page, _ in named if page == "docs/data.md"]
    for file, page, anchor in named:
        target = REPOSITORY / page
        # A card is written for docs/optimizers.
        there = (target, file.parent / page, REPOSITORY / "docs" / "optimizers" / page)
        assert any(path.exists() for path in there), f"{file}: {page}"
        if anchor:
            target = next(path for path in there if path.exists())
            assert anchor in pages.anchors(target.read_text("utf-8")), f"{file}: {page}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_path_in_the_documents_exists(document: str) -> None:
    for path in re.findall(
        r"`((?:tuner|conf|tests|benchmarks|examples|deploy)/[\w./-]*)`", DOCUMENTS[document]
    ):
        written = f"cat > {path} " in DOCUMENTS[document]
        assert written or (REPOSITORY / path).exists(), f"{document}: {path}"


def test_the_code_in_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pieces = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert pieces
    for piece in pieces:
        exec(compile(piece, "README.md", "exec"), {})


def test_the_readme_opens_with_its_two_commands() -> None:
    lines = [line for line in README.splitlines() if line.startswith("python")]
    assert [line.split(" && ")[-1] for line in lines[:2]] == [
        ".venv/bin/python -m tuner +experiment=adam",
        ".venv/bin/python -m pytest -n auto --dist loadfile -m 'not slow'",
    ]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_the_changelog_has_a_place_for_what_comes() -> None:
    assert re.search(r"^## \[Unreleased\]$", DOCUMENTS["CHANGELOG.md"], re.MULTILINE)
