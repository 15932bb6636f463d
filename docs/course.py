"""Takes the pictures of docs/course: runs the commands of each page and keeps what they draw.

From the folder of the checkout, with the packages of the tests installed:

    python -m docs.course                 all pages, some minutes
    python -m docs.course 1-steps 6-decay   these pages

It also tells which lines a page shows that its commands did not print.
"""

import argparse
import io
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from docs.screenshots import keep
from tests.blocks import not_printed, script

COURSE = Path(__file__).with_name("course")
PICTURES = COURSE / "pictures"
CHECKOUT = COURSE.parents[1]
WIDTH = 900  # pixels, of a picture on a page

DESCENT, SCHEDULE, STUDY = "plots/descent-", "plots/schedule-", "studies/"
# The pictures of each page: their names, and the files below mlruns that the page's commands write.
TAKEN = {
    "1-steps": {"steps": f"{DESCENT}quadratic-sgd.png"},
    "2-too-high-too-low": {
        "digits": f"{STUDY}digits/loss_curves.png",
        "bowl": f"{DESCENT}quadratic-sgd.png",
    },
    "3-labels": {"labels": f"{STUDY}labels/loss_curves.png"},
    "4-speed-and-accuracy": {"speed": f"{STUDY}rates/loss_curves.png"},
    "5-adaptive": {
        "adaptive": f"{DESCENT}quadratic-sgd-momentum-adagrad-adadelta-rmsprop-adam.png",
        "textbook": f"{STUDY}textbook/loss_curves.png",
    },
    "6-decay": {
        "decays": f"{SCHEDULE}constant-step-exponential-inverse_time-cosine-linear.png",
        "decay": f"{STUDY}decay/loss_curves.png",
    },
    "7-warmup": {
        "warmup": f"{SCHEDULE}cosine.png",
        "warm": f"{STUDY}warm/loss_curves.png",
    },
    "8-cycles": {
        "cycles": f"{SCHEDULE}triangular-triangular2-cosine_restarts-one_cycle.png",
        "short": f"{STUDY}short/loss_curves.png",
    },
    "9-range-test": {"range": f"{STUDY}sgd/range/sgd.png"},
    "10-choosing": {"choosing": f"{STUDY}choosing/learning_rates.png"},
}


def printed(page: str, folder: Path) -> str:
    """The output of a page's blocks, run in a folder."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (programs / "python").chmod(0o755)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT)}
    command = ["bash", "-c", script(page)]
    run = subprocess.run(command, cwd=folder, env=os.environ | own, stdout=subprocess.PIPE)
    text = run.stdout.decode()
    if run.returncode:
        raise SystemExit(text)
    return text


def take(source: Path, file: Path) -> None:
    """Saves a picture, no wider than a page and with few colours."""
    image = Image.open(source).convert("RGB")
    image.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "PNG")
    keep(out.getvalue(), file)


def main() -> None:
    """Runs the pages and takes their pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", default=[*TAKEN], help="their names, without .md")
    parser.add_argument("--show", action="store_true", help="what the commands print")
    given = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    for name in given.pages:
        page = (COURSE / f"{name}.md").read_text(encoding="utf-8")
        with TemporaryDirectory() as scratch:
            told = printed(page, Path(scratch))
            for picture, source in TAKEN[name].items():
                take(Path(scratch, "mlruns", source), PICTURES / f"{picture}.png")
        if given.show:
            print(told)
        for line in not_printed(page, told):
            print(f"{name}: not printed: {line}")


if __name__ == "__main__":
    main()
