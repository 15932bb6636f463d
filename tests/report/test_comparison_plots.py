"""The pictures of a comparison are drawn, whatever was measured."""

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tuner.report.plots.comparison import BestOfK, draw_best_of_k, draw_profiles


def curve(name: str, count: int, default: float = 0.5) -> BestOfK:
    mean = 1 / np.arange(1, count + 1)
    return BestOfK(name, mean, mean * 0.9, mean * 1.2, default)


@pytest.mark.parametrize("defaults", [(0.5, 0.7), (0.5, 0.5), (math.nan, math.nan)])
@pytest.mark.slow
def test_curves_of_any_length_are_drawn(defaults: tuple[float, float], tmp_path: Path):
    file = tmp_path / "best.png"
    curves = [curve("a", 9, defaults[0]), curve("b", 1, defaults[1]), curve("none", 0, math.nan)]
    draw_best_of_k(curves, file, "title", "loss")
    assert imread(file)[..., :3].std() > 0.05


def test_profiles_are_drawn_though_nobody_solves_anything(tmp_path: Path):
    for i, ratios in enumerate([{"a": [1.0, 3.0], "b": [2.0, math.inf]}, {"a": [math.inf]}]):
        file = tmp_path / f"{i}.png"
        draw_profiles(ratios, file, "title")
        assert imread(file)[..., :3].std() > 0.02
