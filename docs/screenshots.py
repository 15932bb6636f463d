"""Takes the pictures in docs/screenshots: a study's verdict, its report, and MLflow's pages of it.

From the folder of the checkout, with chromium and the packages of the tests installed:

    python -m docs.screenshots                  runs the study adam in a folder of its own first
    python -m docs.screenshots --root mlruns    takes that of a root where it was run
"""

import argparse
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote
from urllib.request import Request, urlopen

from PIL import Image
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.browser import Page, browser

FOLDER = Path(__file__).with_name("screenshots")
STUDY, COLOURS = "adam", 128

# The width of the verdict's terminal in characters, and the number of shown lines.
COLUMNS, SHOWN = 170, 24

# Seconds for what no text of a page announces: its charts and pictures.
SETTLES = 4

# MLflow's assistant opens itself on the first visit, and covers a quarter of the window.
NO_ASSISTANT = """
try { localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true') } catch {}
"""


@contextmanager
def pages(root: Path, study: str = STUDY) -> Iterator[str]:
    """The output of job=ui, while it serves the pages of a root."""
    command = [sys.executable, "-m", "tuner", "job=ui", f"root={root}", f"study.name={study}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = ""
            while "compareRunsMode" not in told:
                line = process.stdout.readline()
                assert line, "job=ui has ended"
                told += line
            yield told
        finally:
            process.terminate()


def below(told: str, words: str) -> str:
    """The link below the line that begins with `words`."""
    lines = told.splitlines()
    return next(lines[n + 1].strip() for n, line in enumerate(lines) if line.startswith(words))


def search(server: str, what: str, asked: Mapping[str, object]) -> list[dict[str, dict[str, str]]]:
    """The results of a search by MLflow's REST API."""
    body = json.dumps({"max_results": 1000, **asked}).encode()
    kind = {"Content-Type": "application/json"}
    with urlopen(Request(f"{server}api/2.0/mlflow/{what}/search", body, kind)) as answer:
        found: dict[str, list[dict[str, dict[str, str]]]] = json.load(answer)
    return found.get(what.replace("logged-", ""), [])


def addresses(told: str, root: Path) -> dict[str, tuple[str, Sequence[str]]]:
    """The pages by the names of their pictures: the URL, and words to wait for."""
    curves = below(told, f"{STUDY}:")
    match = re.match(r"(http://[^/]*/)#/experiments/(\d+)/runs.*%27(\w+)%27", curves)
    assert match is not None
    server, experiment, study = match.groups()
    confirmed = json.loads((root / "studies" / STUDY / "result.json").read_text())["result"]
    numbers = [confirmed["winner"]["number"], 0]  # beside the default settings
    runs = []
    for number in numbers:
        of = f"tags.mlflow.parentRunId = '{study}' AND tags.`tuner.trial` = '{number}'"
        (run,) = search(server, "runs", {"experiment_ids": [experiment], "filter": of})
        runs.append(run["info"])
    (model, *_) = search(server, "logged-models", {"experiment_ids": [experiment]})
    place, ml = f"{server}#/experiments/{experiment}", "?workflowType=machine_learning"
    winner = runs[0]["run_id"]
    both = f"runs={quote(json.dumps([run['run_id'] for run in runs]))}"
    compared = f"{server}#/compare-runs?{both}&experiments={quote(json.dumps([experiment]))}"
    name = runs[0]["run_name"]
    return {
        "list": (below(told, "All studies"), [STUDY, "matching run"]),
        "curves": (curves, [name, "train_loss"]),
        "parent": (f"{place}/runs/{study}{ml}", [STUDY, "Child runs", "Metrics ("]),
        "child": (f"{place}/runs/{winner}{ml}", [name, "Parent run", "Metrics ("]),
        "child_curves": (f"{place}/runs/{winner}/model-metrics{ml}", [name, "train_loss"]),
        "compare": (f"{compared}&{ml[1:]}", ["Comparing 2 Runs", name]),
        "model": (f"{place}/models/{model['info']['model_id']}{ml}", ["About this logged model"]),
    }


def small(picture: bytes) -> bytes:
    """A picture reduced to few colours, as PNG."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    out = io.BytesIO()
    image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


def verdict(root: Path, study: str = STUDY) -> str:
    """The output of job=show on a terminal with colours, as HTML."""
    command = [sys.executable, "-m", "tuner", "job=show", f"study.name={study}", f"root={root}"]
    size = {"COLUMNS": str(COLUMNS), "LINES": "60", "TERM": "xterm-256color"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, env=os.environ | size)
    os.close(theirs)
    printed = bytearray()
    with suppress(OSError):  # the other end was closed
        while part := os.read(ours, 65536):
            printed += part
    os.close(ours)
    assert process.wait() == 0
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    lines = printed.decode().replace("\r\n", "\n").replace(str(root), root.name).splitlines()
    console.print(Text.from_ansi("\n".join(lines[:SHOWN])))
    return console.export_html(theme=MONOKAI, inline_styles=True)


def keep(picture: bytes, file: Path) -> None:
    """Saves a small copy of a picture, and prints its path and size."""
    file.write_bytes(small(picture))
    print(f"{file}: {file.stat().st_size >> 10} KB")


def shoot(page: Page, file: Path, url: str, *words: str) -> None:
    """Takes a picture of a page once it shows these words and has settled."""
    page.open(url, *words)
    time.sleep(SETTLES)
    keep(page.picture(), file)


def of_study(page: Page, root: Path, study: str, folder: Path, prefix: str, height: int) -> None:
    """Takes pictures of a study's verdict, in a terminal of a height in pixels, and its report."""
    with TemporaryDirectory() as scratch:
        terminal = Path(scratch, "verdict.html")
        terminal.write_text(verdict(root, study), encoding="utf-8")
        page.size(1660, height)
        shoot(page, folder / f"{prefix}verdict.png", terminal.as_uri(), "the winner is")
    page.size(1400, 1000)
    report = root / "studies" / study / "report.html"
    shoot(page, folder / f"{prefix}report.png", report.as_uri(), study)


def take(page: Page, root: Path, folder: Path) -> None:
    """Takes all pictures of the study in a root."""
    page.before(NO_ASSISTANT)
    of_study(page, root, STUDY, folder, "", 560)
    page.size(1600, 1200)
    with pages(root) as told:
        for name, (url, words) in addresses(told, root).items():
            shoot(page, folder / f"{name}.png", url, *words)


def main() -> None:
    """Runs the study if necessary, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="of a study that was run; else it is run now")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the pictures")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch, browser(Path(scratch, "browser")) as page:
        root = given.root or Path(scratch, "mlruns")
        if given.root is None:
            command = [sys.executable, "-m", "tuner", f"+experiment={STUDY}", f"root={root}"]
            subprocess.run(command, check=True)
        take(page, root.resolve(), given.folder)


if __name__ == "__main__":
    main()
