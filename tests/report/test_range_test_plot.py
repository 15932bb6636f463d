"""The picture of a range test shows every kind of result, and odd ones do not stop it."""

from dataclasses import replace

import numpy as np
import pytest

from tuner.report.plots.range_test import RangePicture, draw_range

RATES = np.geomspace(1e-5, 10, 25)
NAN = float("nan")
LOSSES = 2.0 / (1 + RATES / 0.01) + RATES**2 + np.array([[0.0], [0.05]])
USUAL = RangePicture(
    title="Range test of adam: which learning rates adam bears",
    loss="cross-entropy (nats)",
    epochs=3,
    rates=RATES,
    losses=LOSSES,
    start=2.0,
    slope=np.gradient(LOSSES.mean(axis=0), np.log10(RATES)),
    ramp_rates=RATES,
    ramp=[LOSSES[0], LOSSES[1, :9]],
    low=0.01,
    high=0.5,
    suggested=0.1,
    stable=1.0,
    confirmed=(np.array([0.03, 0.1, 0.3]), np.array([0.3, 0.2, NAN]), "validation loss"),
)
NONE = (np.empty(0), np.empty(0), "")
PICTURES = {
    "usual": USUAL,
    "one seed": replace(USUAL, losses=LOSSES[:1]),
    "some diverged": replace(USUAL, losses=np.where(RATES > 1, NAN, LOSSES)),
    "all diverged": replace(
        USUAL,
        losses=np.full_like(LOSSES, NAN),
        slope=np.full_like(RATES, NAN),
        ramp=[np.array([2.0, NAN])],
        low=NAN,
        high=NAN,
        suggested=NAN,
        stable=NAN,
        confirmed=NONE,
    ),
    "losses that exploded": replace(USUAL, losses=LOSSES * np.where(RATES > 1, 1e200, 1)),
    "no ramp": replace(USUAL, ramp=[], confirmed=NONE),
    "losses down to zero": replace(USUAL, losses=LOSSES - LOSSES.min()),
    "nothing moved": replace(USUAL, losses=np.full_like(LOSSES, 2.0), slope=np.zeros_like(RATES)),
}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@pytest.mark.slow
def test_every_range_test_can_be_drawn(picture, tmp_path):
    draw_range(picture, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
