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


BOWL = ("model=quadratic", "model.quadratic.dimension=2", "schedule=constant", "optimizer=sgd")


def test_of_a_range_the_path_that_ends_lowest_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = "optimizer.sgd.lr={low: 0.1, high: 1.1}"
    made = config(tmp_path, *BOWL, rates, "budget.trials=5", "budget.epochs=3")
    assert plot_descent.run(made, Event()) == 0
    # Five rates in the middles of fifths: 0.2, 0.4, 0.6, 0.8 and 1.0. Best are those next to 0.5.
    assert told(capsys)[0].startswith(("sgd: lr 0.4; f = 0.0128 ", "sgd: lr 0.6; f = 0.0128 "))


def test_each_value_of_a_list_is_a_path_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = config(tmp_path, *BOWL, "lr={choices: [0.1, 0.5, 1.1]}", "budget.epochs=3")
    assert plot_descent.run(made, Event()) == 0
    lines = told(capsys)[:3]
    assert [line.partition("; ")[0] for line in lines] == [
        "sgd: lr 0.1",
        "sgd: lr 0.5",
        "sgd: lr 1.1",
    ]
    assert lines[1].endswith("f = 0 at (0, 0)")


def test_of_lists_with_many_values_the_path_that_ends_lowest_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = ", ".join(f"0.{n}" for n in range(11, 25))
    made = config(tmp_path, *BOWL, f"lr={{choices: [{rates}]}}", "budget.epochs=2")
    assert plot_descent.run(made, Event()) == 0
    (line, _, _) = told(capsys)
    assert line.startswith("sgd: lr 0.24; ")


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
