"""Promises of job=plot_descent: pictures of paths, still and moving, and what was taken."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from tuner.composing import compose
from tuner.config import Config, check
from tuner.errors import UserError
from tuner.jobs import plot_descent
from tuner.training import functions


def config(root: Path, *overrides: str) -> Config:
    return check(compose(["job=plot_descent", f"root={root}", *overrides], None))


def rivals(*overrides: str) -> plot_descent.Rivals:
    made = config(Path("nowhere"), "model=beale", *overrides)
    branches = made.space.branches
    return plot_descent.Rivals(made, branches["optimizer"][0], branches["schedule"][0])


def paths(*overrides: str) -> list[plot_descent.Path]:
    made = config(Path("nowhere"), "budget.trials=4", *overrides)
    _, function = plot_descent.drawn_function(made)
    members = [
        m
        for name in made.space.branches["optimizer"]
        for m in plot_descent.Rivals(made, name, made.space.branches["schedule"][0]).members
    ]
    return plot_descent.descend(made, function, members, Event())


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


@pytest.mark.slow
def test_it_draws_a_picture_and_a_moving_one_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = config(tmp_path, "model=rosenbrock", "optimizer=[sgd,momentum,adam]", "budget.epochs=5")
    assert plot_descent.run(made, Event()) == 0
    *said, still, moving = told(capsys)
    assert [line.partition(":")[0] for line in said] == ["sgd", "momentum", "adam"]
    assert {Path(still), Path(moving)} == {p for p in tmp_path.rglob("*") if p.is_file()}
    assert Path(still) == tmp_path / "plots" / "descent-rosenbrock-sgd-momentum-adam.png"
    assert np.asarray(Image.open(still)).std() > 10
    with Image.open(moving) as gif:
        assert gif.format == "GIF"
        assert getattr(gif, "n_frames", 1) == 6  # the start and five steps
        first = np.asarray(gif.convert("RGB"), dtype=int)
        gif.seek(5)
        assert (np.asarray(gif.convert("RGB"), dtype=int) != first).any()


@pytest.mark.parametrize("name", [n for n in functions.names() if n != "quadratic"])
@pytest.mark.slow
def test_every_function_of_two_numbers_can_be_drawn_with_paths_that_leave(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("optimizer=sgd", "optimizer.sgd.lr=3", "schedule=constant", "budget.epochs=2")
    assert plot_descent.run(config(tmp_path, f"model={name}", *settings), Event()) == 0
    line = told(capsys)[0]
    assert "lr 3; " in line
    assert "outside the picture from step" in line or "diverged at step" in line


def test_numbers_are_used_as_they_are() -> None:
    made = rivals(
        "optimizer=momentum", "optimizer.momentum.lr=0.01", "optimizer.momentum.momentum=0.5"
    )
    (only,) = made.members
    assert only.settings["lr"] == 0.01
    assert only.settings["momentum"] == 0.5
    assert made.told(only).startswith("lr 0.01")


def test_ranges_are_spread_over_evenly() -> None:
    """One setting lies in each of as many equal parts of the range as there are settings."""
    low, high = 1e-4, 1e-1
    given = f"optimizer.sgd.lr={{low: {low}, high: {high}, scale: log}}"
    made = rivals("optimizer=sgd", given, "budget.trials=20", "schedule=constant")
    rates = np.sort([m.settings["lr"] for m in made.members])
    shares = np.log(rates / low) / np.log(high / low)
    assert (shares * 20).astype(int).tolist() == list(range(20))


def test_of_a_range_the_path_that_ends_lowest_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = "optimizer.sgd.lr={choices: [0.9, 0.001, 0.5, 1.1]}"
    bowl = ("model=quadratic", "model.quadratic.dimension=2", "schedule=constant")
    made = config(tmp_path, *bowl, "optimizer=sgd", rates, "budget.trials=8", "budget.epochs=3")
    assert plot_descent.run(made, Event()) == 0
    assert told(capsys)[0] == "sgd: lr 0.5; f = 0 at (0, 0)"


def test_a_path_is_the_iterates_of_the_optimizer() -> None:
    bowl = ("model=quadratic", "model.quadratic.dimension=2", "schedule=constant", "dtype=float64")
    (path,) = paths(*bowl, "optimizer=sgd", "optimizer.sgd.lr=0.1", "budget.epochs=3")
    np.testing.assert_allclose(path.points, [[10, 10], [8, 8], [6.4, 6.4], [5.12, 5.12]])
    assert path.value == pytest.approx(2 * 5.12**2)
    assert path.left == 0


def test_a_path_does_not_depend_on_who_else_descends() -> None:
    shared = ("model=himmelblau", "budget.epochs=4")
    alone = paths(*shared, "optimizer=adam")
    among = paths(*shared, "optimizer=[sgd,adam]")[-len(alone) :]
    for one, other in zip(alone, among, strict=True):
        assert one.member.settings == other.member.settings
        np.testing.assert_array_equal(one.points, other.points)


def test_a_path_that_diverges_ends_at_its_last_finite_point() -> None:
    settings = ("optimizer=sgd", "optimizer.sgd.lr=1", "schedule=constant", "budget.epochs=20")
    (path,) = paths("model=goldstein_price", *settings)
    assert 0 < path.left < 20
    assert len(path.points) == path.left
    assert np.isfinite(path.points).all()
    assert np.isfinite(path.value)


def test_paths_that_diverged_rank_behind_all_others() -> None:
    (member,) = rivals("optimizer=sgd", "optimizer.sgd.lr=1").members
    ends = {"soon": (0.0, 2), "later": (0.0, 9), "high": (1e9, 0), "low": (1.0, 0)}
    made = {k: plot_descent.Path(member, np.zeros((1, 2)), *end) for k, end in ends.items()}
    ranked = sorted(made, key=lambda k: made[k].rank())
    assert ranked == ["low", "high", "later", "soon"]


def test_a_start_outside_the_window_is_in_the_picture() -> None:
    made = functions.create("rosenbrock", {"start": [30.0, -7.0]})
    surface = plot_descent.surface_of(made)
    assert surface.leaves_at(made.origin[None]) == 0
    assert surface.x[-1] > 30
    assert surface.y[0] < -7
    assert surface.heights.min() >= 0


@pytest.mark.slow
def test_several_schedules_are_paths_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("optimizer=sgd", "optimizer.sgd.lr=1e-3", "budget.epochs=2")
    made = config(tmp_path, "model=beale", "schedule=[cosine,constant]", *settings)
    assert plot_descent.run(made, Event()) == 0
    names = [line.partition(":")[0] for line in told(capsys)[:2]]
    assert names == ["sgd, cosine", "sgd, constant"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=mlp"], ["model: mlp: ", "rosenbrock"]),
        (["model=[beale,rosenbrock]"], ["model: beale, rosenbrock: ", "one"]),
        (["model=quadratic"], ["model.quadratic.dimension: 1: ", "2"]),
        (
            ["model=quadratic", "model.quadratic.dimension=3"],
            ["model.quadratic.dimension: 3: ", "2"],
        ),
        (
            ["model=beale", "model.beale.start={low: 0, high: 1}"],
            ["model.beale.start: ", "number"],
        ),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(
    overrides: list[str], words: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        plot_descent.run(config(tmp_path, *overrides), Event())
    (line,) = str(error.value).splitlines()
    assert line.startswith(words[0])
    assert all(word in line for word in words)
    assert not list(tmp_path.iterdir())
