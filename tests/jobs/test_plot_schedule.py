"""Promises of job=plot_schedule: a picture of any schedule, from the config alone."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from tuner.composing import compose
from tuner.config import check
from tuner.jobs import plot_schedule
from tuner.training import schedules


def drawn(root: Path, *overrides: str) -> list[Path]:
    """The files under the root after the job."""
    config = check(compose(["job=plot_schedule", f"root={root}", *overrides], None))
    assert plot_schedule.run(config, Event()) == 0
    return [path for path in root.rglob("*") if path.is_file()]


def curve(*overrides: str) -> plot_schedule.Drawn:
    config = check(compose(["job=plot_schedule", *overrides], None))
    return plot_schedule.Drawn(config, config.space.branches["schedule"][0])


@pytest.mark.parametrize(
    "schedule",
    ["schedule=one_cycle", "schedule=[cosine,exponential,rex]", "schedule=reduce_on_plateau"],
)
@pytest.mark.slow
def test_it_draws_a_picture_and_says_where(
    schedule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = drawn(tmp_path, schedule)
    assert capsys.readouterr().out == f"{file}\n"
    assert file.parent == tmp_path / "plots"
    pixels = np.asarray(Image.open(file).convert("L"))
    assert pixels.shape[1] > 1000
    assert (pixels < 128).sum() > 1000


def test_it_needs_no_data(tmp_path: Path) -> None:
    assert drawn(tmp_path, "data=fashion_mnist", "data.folder=nowhere", "schedule=linear")


@pytest.mark.parametrize("name", schedules.names())
@pytest.mark.slow
def test_every_schedule_can_be_drawn_within_its_band(name: str) -> None:
    drawn = curve(f"schedule={name}").curve()
    assert len(drawn.shares) == len(drawn.rates) >= 1000
    assert np.isfinite(drawn.rates).all()
    slack = 0.05 * drawn.high.max()
    assert (drawn.low - slack <= drawn.rates).all()
    assert (drawn.rates <= drawn.high + slack).all()


def test_a_rate_is_drawn_as_a_multiple_of_the_optimizers() -> None:
    for lr in (1e-3, 0.1):
        rates = curve("schedule=cosine", f"optimizer.adam.lr={lr}").curve().rates
        assert rates[0] == pytest.approx(1.0)


@pytest.mark.slow
def test_momentum_is_drawn_for_optimizers_that_have_it() -> None:
    assert curve("schedule=cosine").curve().momenta is None
    assert curve("schedule=one_cycle", "optimizer=sgd").curve().momenta is None
    for optimizer, key in (("momentum", "momentum"), ("adam", "beta1")):
        drawn = curve("schedule=one_cycle", f"optimizer={optimizer}").curve()
        assert drawn.momentum == key
        assert drawn.momenta.min() == pytest.approx(0.85, abs=1e-4)


def test_parts_are_drawn_as_one_curve(tmp_path: Path) -> None:
    parts = "schedule.parts=[{name: constant, until: 0.5}, {name: linear, rate: 0.3}]"
    assert drawn(tmp_path, parts)
    rates = curve(parts).curve().rates
    assert rates[len(rates) // 2 - 1] == pytest.approx(1.0)
    assert rates[len(rates) // 2] == pytest.approx(0.3)
