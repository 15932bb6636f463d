"""Pictures of descents: odd paths do not stop them, and paths are cut where they leave."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tuner.report.plots.descent import FAR, Descent, draw_descents, shown
from tuner.study.descent import Surface

X = np.linspace(-2, 2, 21)
Y = np.linspace(-1, 1, 11)
SURFACE = Surface(
    X, Y, X[None] ** 2 + Y[:, None] ** 2, np.array([[0.0, 0.0]]), np.array([1.0, 0.5])
)


def path(*points: tuple[float, float]) -> np.ndarray:
    return np.array([(1.0, 0.5), *points])


PATHS = {
    "one that did not move": path(),
    "one that ends inside": path((0.5, 0.2), (0.0, 0.0)),
    "one that leaves": path((0.0, 0.0), (0.0, 3.0)),
    "one that returns from far away": path((1e30, -1e200), (0.0, 0.0)),
    "one that leaves at once": path((1e300, 1e300)),
}


@pytest.mark.slow
def test_every_kind_of_path_can_be_drawn_at_once(tmp_path: Path) -> None:
    descents = [Descent(name, "a note\nof two lines", points) for name, points in PATHS.items()]
    still = tmp_path / "paths.png"
    draw_descents(SURFACE, descents * 4, "many", "a caption", still)
    assert np.asarray(Image.open(still)).std() > 10
    with Image.open(tmp_path / "paths.gif") as gif:
        assert getattr(gif, "n_frames", 1) == 3


@pytest.mark.parametrize("name", PATHS)
def test_what_is_drawn_are_small_numbers(name: str) -> None:
    points = shown(SURFACE, PATHS[name])
    assert (np.abs(points) <= FAR * np.array([2, 1]) * (1 + 1e-9)).all()


def test_a_path_that_leaves_for_good_is_cut_at_the_edge() -> None:
    points = shown(SURFACE, path((0.0, 0.0), (1.0, 2.0), (5.0, 5.0)))
    np.testing.assert_allclose(points, [(1.0, 0.5), (0.0, 0.0), (0.5, 1.0)])
    assert SURFACE.leaves_at(path((0.0, 0.0), (1.0, 2.0), (5.0, 5.0))) == 2


def test_a_path_that_ends_inside_is_drawn_whole() -> None:
    points = path((1.5, 1.5), (0.0, 0.0))
    np.testing.assert_array_equal(shown(SURFACE, points), points)
    assert SURFACE.leaves_at(points) == 0


@pytest.mark.slow
def test_paths_along_a_curve_are_drawn_with_those_that_leave(tmp_path: Path) -> None:
    x = np.linspace(-2, 2, 41)
    curve = Surface(x, np.array([-0.2, 4.0]), x**2, np.zeros((1, 2)), np.array([1.0, 1.0]))
    points = {"ends": [0.5, 0.1], "climbs": [-1.5, 3.0]}
    descents = [
        Descent(name, "a note", np.array([(own, own**2) for own in (1.0, *path)]))
        for name, path in points.items()
    ]
    still = tmp_path / "curve.png"
    draw_descents(curve, descents, "one number", "", still)
    drawn = np.asarray(Image.open(still).convert("RGB"))
    assert drawn.std() > 10
    colours = {tuple(pixel) for pixel in drawn.reshape(-1, 3).tolist()}
    assert {(0, 114, 178), (230, 159, 0)} <= colours
