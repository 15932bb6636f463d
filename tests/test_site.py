"""The site of the documents: it builds without a warning, holds every page and fetches nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs.site import pages

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG = REPOSITORY / "docs" / "mkdocs.yml"

# What a browser fetches by itself, as it shows a page.
FETCHED = re.compile(r'<(?:script|img|iframe|source)\b[^>]*?\bsrc="([^"]*)"|url\(["\']?([^)"\']+)')
STYLES = re.compile(r'<link\b[^>]*?rel="(?:stylesheet|icon|preload)"[^>]*>')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    told = subprocess.run(
        [*command, "--config-file", str(CONFIG), "--site-dir", str(folder)],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    return folder


@pytest.mark.slow
def test_every_page_is_on_the_site_and_in_its_navigation(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    led = set(re.findall(r'<a href="([^"#]*)"[^>]*class="md-nav__link', home))
    for page in pages.pages():
        file = re.sub(r"(^|/)README\.md$", r"\1index.md", page).removesuffix(".md") + ".html"
        assert (site / file).exists(), page
        assert page == "README.md" or file in led, page


@pytest.mark.slow
def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    for file in filter(Path.is_file, [*site.rglob("*.html"), *site.rglob("*.css")]):
        text = file.read_text(encoding="utf-8")
        text = re.sub(r"<(code|pre)\b.*?</\1>", "", text, flags=re.DOTALL)
        found = [a or b for a, b in FETCHED.findall(text)] + STYLES.findall(text)
        assert not [own for own in found if re.search(r"(?:^|[\"'])(?:https?:)?//", own)], file


def test_a_pattern_of_the_navigation_is_the_pages_that_no_entry_before_it_names() -> None:
    left = dict.fromkeys(
        ["README.md", "docs/a.md", "docs/how/b.md", "docs/how/c.md", "x/README.md"]
    )
    nav = [{"Start": ["README.md", "docs/how/c.md"]}, {"How": ["docs/how/*.md", "docs/none.md"]}]
    assert list(pages.expanded(nav, left)) == [
        {"Start": ["README.md", "docs/how/c.md"]},
        {"How": ["docs/how/b.md"]},
    ]
    assert list(left) == ["docs/a.md", "x/README.md"]


def test_pages_are_in_the_order_of_their_numbers_behind_their_readme() -> None:
    inside = ["c/README.md", "c/2-a.md", "c/10-b.md", "c/x.md"]
    assert sorted(["c/10-b.md", "c/x.md", "c/2-a.md", "c/README.md"], key=pages.place) == inside


def test_each_entry_of_the_navigation_names_pages_that_there_are() -> None:
    lines = CONFIG.read_text(encoding="utf-8").partition("\nnav:\n")[2].splitlines()
    entries = [m[1] for line in lines if (m := re.search(r"([\w./*-]+\.md)$", line))]
    assert "README.md" in entries
    for entry in entries:
        assert list(REPOSITORY.glob(entry)), entry


def test_a_link_to_code_or_a_folder_leads_to_the_page_that_shows_it() -> None:
    text = "[a](../tuner/cli.py#x) [b](../conf/data) `[c](../tuner/cli.py)` [d](ranges.md#y)\n"
    fenced = "```text\n[e](../tuner/cli.py)\n```\n"
    assert pages.linked(text + fenced, "docs/data.md") == (
        "[a](../tuner/cli.py.md#x) [b](../conf/data/index.md) `[c](../tuner/cli.py)` "
        "[d](ranges.md#y)\n" + fenced
    )


def test_a_pipe_in_the_code_of_a_table_is_shown_without_its_backslash() -> None:
    assert pages.linked("| `\\|w\\|` | a \\| b |", "docs/a.md") == "| `|w|` | a \\| b |"


def test_code_is_shown_whole_in_a_fence_that_it_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "CHECKOUT", tmp_path)
    (tmp_path / "a.py").write_text('"""```text"""\n')
    assert pages.text_of("a.py") == '# a.py\n\n````python\n"""```text"""\n````\n'


def test_anchors_are_those_of_a_forge() -> None:
    text = "# One, two\n\n```bash\n# none\n```\n\n## `lr` and [more](x.md): 1.5 times\n"
    assert pages.anchors(text) == ["one-two", "lr-and-more-15-times"]


def test_the_hook_gives_the_navigation_in_place_of_its_patterns() -> None:
    config = SimpleNamespace(nav=[{"All": ["README.md", "docs/*.md"]}])
    pages.on_config(config)
    assert "docs/data.md" in config.nav[0]["All"]
