"""The pictures show every kind of trial, and data that is odd does not stop them."""

import math
import subprocess
import sys

import numpy as np
import pytest

from tuner.tracking import plots
from tuner.tracking.plots import COLOURS, RED, TrialCurve, learning_rates, loss_curves


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
    "more groups than colours": [curve(n, group=f"rule {n}") for n in range(len(COLOURS) + 2)],
}


@pytest.mark.parametrize("draw", [learning_rates, loss_curves])
@pytest.mark.parametrize("trials", STUDIES.values(), ids=STUDIES)
@pytest.mark.slow
def test_every_study_can_be_drawn(draw, trials, tmp_path):
    draw(trials, tmp_path / "picture.png", "Study adam")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_lines_that_share_an_artist_look_as_if_each_had_its_own():
    lines = [(np.arange(n), np.linspace(n, 1, n) ** 1.5) for n in (0, 1, 2, 9, 300)]
    style = {"color": "k", "alpha": 0.6, "linewidth": 0.7}
    pictures = []
    for draw in (plots._lines, lambda axes, own, **style: [axes.plot(*a, **style) for a in own]):
        figure, axes = plots._canvas("title")
        draw(axes, lines, **style)
        figure.canvas.draw()
        pictures.append(np.array(figure.canvas.buffer_rgba()))
    assert (pictures[0] == pictures[1]).all()
    assert pictures[0].std() > 1


def test_divergence_has_a_colour_of_its_own():
    assert RED not in COLOURS


def test_drawing_needs_no_screen_and_no_state_of_pyplot():
    code = "import sys, tuner.tracking.plots; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
