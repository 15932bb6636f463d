"""The pictures show every kind of trial, and data that is odd does not stop them."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest

from tuner.report.plots.style import COLOURS, RED
from tuner.report.plots.trials import TrialCurve, learning_rates, loss_curves


def curve(number, state="COMPLETE", group="adam", losses=(2.0, 1.0, 0.5)):
    epochs = range(len(losses))
    return TrialCurve(number, group, 10.0 ** -(number % 6), state, epochs, losses, losses)


STUDIES = {
    "no trials": [],
    "one trial": [curve(0)],
    "all kinds": [
        curve(0),
        curve(1, group="sgd"),
        curve(2, "PRUNED", losses=(2.0,)),
        curve(3, "DIVERGED", losses=(2.0, 1e6, math.inf)),
        curve(4, "FAILED", losses=()),
        curve(5),
    ],
    "all diverged": [curve(number, "DIVERGED", losses=(2.0, math.nan)) for number in range(9)],
    "diverged at once": [curve(0), curve(1, "DIVERGED", losses=(math.nan,))],
    "losses below zero": [curve(0, losses=(1.0, -0.5)), curve(1, losses=(1.0, 0.0))],
    "all alike": [curve(0, losses=(1.0, 1.0)), curve(1, losses=(1.0, 1.0))],
    "no learning rates": [replace(curve(n), learning_rate=math.nan) for n in range(3)],
    "more groups than colours": [curve(n, group=f"rule {n}") for n in range(len(COLOURS) + 2)],
}


@pytest.mark.parametrize("draw", [learning_rates, loss_curves])
@pytest.mark.parametrize("trials", STUDIES.values(), ids=STUDIES)
@pytest.mark.slow
def test_every_study_can_be_drawn(draw, trials, tmp_path):
    draw(trials, tmp_path / "picture.png", "Study adam")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_divergence_has_a_colour_of_its_own():
    assert RED not in COLOURS


def test_drawing_needs_no_screen_and_no_state_of_pyplot():
    code = "import sys, tuner.report.plots.trials; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
