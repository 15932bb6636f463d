"""Takes the pictures of docs/tutorial.md, by the commands of that page.

From the folder of the checkout, with chromium and the packages of the tests installed:

    python -m docs.walk                  runs the page's blocks in a folder of its own first
    python -m docs.walk --root mlruns    takes the pictures of a root where they were run
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from docs.course import printed
from docs.screenshots import FOLDER, NO_ASSISTANT, of_study, pages, shoot
from tests.browser import Page, browser

PAGE = Path(__file__).with_name("tutorial.md")
STUDY, MODEL, PREFIX = "first", "churn", "tutorial_"


def take(page: Page, root: Path) -> None:
    """Takes pictures of the verdict in a terminal, the report, and MLflow's registered model."""
    page.before(NO_ASSISTANT)
    of_study(page, root, STUDY, FOLDER, PREFIX, 470)
    page.size(1400, 700)
    with pages(root, STUDY) as told:
        server = told[told.index("http://") :].partition("#")[0]
        url = f"{server}#/models/{MODEL}?workflowType=machine_learning"
        shoot(page, FOLDER / f"{PREFIX}registry.png", url, "champion")


def main() -> None:
    """Runs the tutorial if necessary, and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="where the page was run; else it is run now")
    given = parser.parse_args()
    with TemporaryDirectory() as scratch, browser(Path(scratch, "browser")) as page:
        if given.root is None:
            print(printed(PAGE.read_text(encoding="utf-8"), Path(scratch)))
        take(page, (given.root or Path(scratch, "mlruns")).resolve())


if __name__ == "__main__":
    main()
