"""Takes the pictures of docs/tutorial.md, by the commands of that page.

From the folder of the checkout, with chromium and the packages of the tests installed:

    python -m docs.walk                  runs the page's blocks in a folder of its own first
    python -m docs.walk --root mlruns    takes the pictures of a root where they were run
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.screenshots import FOLDER, NO_ASSISTANT, SETTLES, pages, small, verdict
from tests.blocks import script
from tests.browser import Page, browser

PAGE = Path(__file__).with_name("tutorial.md")
STUDY, MODEL = "first", "churn"


def walk(folder: Path) -> Path:
    """Runs the blocks of the tutorial in a folder, and gives the root that they made."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    own = {"PATH": path, "PYTHONPATH": str(PAGE.parents[1])}
    blocks = script(PAGE.read_text(encoding="utf-8"))
    subprocess.run(["bash", "-c", blocks], cwd=folder, env=os.environ | own, check=True)
    return folder / "mlruns"


def take(page: Page, root: Path, scratch: Path) -> None:
    """Takes the verdict in a terminal, the report, and the model in MLflow's registry."""

    def shoot(name: str, url: str, *words: str) -> None:
        page.open(url, *words)
        time.sleep(SETTLES)
        file = FOLDER / f"tutorial_{name}.png"
        file.write_bytes(small(page.picture()))
        print(f"{file}: {file.stat().st_size >> 10} KB")

    page.before(NO_ASSISTANT)
    terminal = scratch / "verdict.html"
    terminal.write_text(verdict(root, STUDY), encoding="utf-8")
    page.size(1660, 470)
    shoot("verdict", terminal.as_uri(), "the winner is")
    page.size(1400, 1000)
    shoot("report", (root / "studies" / STUDY / "report.html").as_uri(), STUDY)
    page.size(1400, 700)
    with pages(root, STUDY) as told:
        server = told[told.index("http://") :].partition("#")[0]
        shoot("registry", f"{server}#/models/{MODEL}?workflowType=machine_learning", "champion")


def main() -> None:
    """Runs the tutorial if need be, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="where the page was run; else it is run now")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch, browser(Path(scratch, "browser")) as page:
        root = given.root or walk(Path(scratch))
        take(page, root.resolve(), Path(scratch))


if __name__ == "__main__":
    main()
