"""Promises of job=plot_schedule: a picture of any schedule, from the config alone."""

from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from tuner.composing import compose
from tuner.config import check
from tuner.jobs import plot_schedule


def drawn(root: Path, *overrides: str) -> list[Path]:
    """The files under the root after the job."""
    config = check(compose(["job=plot_schedule", f"root={root}", *overrides], None))
    assert plot_schedule.run(config, Event()) == 0
    return [path for path in root.rglob("*") if path.is_file()]


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


def test_parts_are_drawn(tmp_path: Path) -> None:
    parts = "schedule.parts=[{name: constant, until: 0.5}, {name: linear, rate: 0.3}]"
    assert drawn(tmp_path, parts)
