"""The words and the picture of a range test tell every kind of result."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tuner.codec import from_json, to_json
from tuner.report.plots.range_test import draw
from tuner.report.range_test import describe
from tuner.study.range_result import (
    Ends,
    FoundRange,
    LongerRuns,
    Ramp,
    RangeTest,
    RangeTestRun,
    SavedRangeTest,
    Spread,
    Subject,
    TestedRates,
)
from tuner.study.range_test import plain, plain_rows
from tuner.training.ranges import Bracket

RATES = np.geomspace(1e-5, 10, 25)
NAN = float("nan")
LOSSES = 2.0 / (1 + RATES / 0.01) + RATES**2 + np.array([[0.0], [0.05]])
USUAL = FoundRange(
    rates=plain(RATES),
    initial=(2.0, 2.0),
    losses=plain_rows(LOSSES),
    slope=plain(np.gradient(LOSSES.mean(axis=0), np.log10(RATES))),
    asked=Ends(float(plain(RATES)[0]), float(plain(RATES)[-1])),
    open=(False, False),
    ramp=Ramp(plain(RATES), (plain(LOSSES[0]), plain(LOSSES[1, :9])), {"valley": (0.1, None)}),
    bracket=Bracket(0.01, 0.5, 0.1, 0.02, 1.0, 0.1),
    spread=Spread((0.01, 0.02), (0.5, 0.5), (0.1, 0.2), (1.0, 1.0)),
    confirmation=LongerRuns(
        (0.03, 0.1, 0.3), "validation_loss", ((0.3, 0.2, None),), (0.3, 0.2, None)
    ),
    suggested=0.1,
    range=Ends(0.01, 0.5),
)
NOTHING = TestedRates(
    rates=USUAL.rates,
    initial=USUAL.initial,
    losses=((None,) * 25,) * 2,
    slope=(None,) * 25,
    asked=USUAL.asked,
    open=(True, False),
    ramp=Ramp(plain(RATES), ((2.0, None),), {"valley": (None,)}),
    bracket=None,
)
DIVERGED = LongerRuns((0.03, 0.1, 0.3), "train_loss", ((None,) * 3,), (None,) * 3)
KINDS = {
    "usual": USUAL,
    "one seed": replace(USUAL, losses=USUAL.losses[:1], initial=(2.0,)),
    "some diverged": replace(USUAL, losses=plain_rows(np.where(RATES > 1, NAN, LOSSES))),
    "all diverged": NOTHING,
    "longer runs diverged": replace(USUAL, confirmation=DIVERGED),
    "losses that exploded": replace(
        USUAL, losses=plain_rows(LOSSES * np.where(RATES > 1, 1e200, 1))
    ),
    "losses down to zero": replace(USUAL, losses=plain_rows(LOSSES - LOSSES.min())),
    "nothing moved": replace(
        NOTHING, losses=plain_rows(np.full_like(LOSSES, 2.0)), slope=(0.0,) * 25, open=(False, True)
    ),
}


def told(own: FoundRange | TestedRates) -> SavedRangeTest:
    held = {"optimizer.adam.beta1": 0.9}
    result = RangeTest("mine", "key", 3, 10, held, {"adam": own})
    subject = Subject("mlp", "digits", "cosine", 0, "cross-entropy (nats)")
    return SavedRangeTest(result, subject, RangeTestRun("made", 1, 2.0, "here", 2, "0.1"))


@pytest.mark.parametrize("own", KINDS.values(), ids=KINDS)
@pytest.mark.slow
def test_every_range_test_can_be_drawn(own: FoundRange | TestedRates, tmp_path: Path) -> None:
    test = told(own)
    draw(test.result, "adam", test.subject.unit, tmp_path / "picture.png")
    assert imread(tmp_path / "picture.png")[..., :3].std() > 0.02
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.parametrize("own", KINDS.values(), ids=KINDS)
def test_every_range_test_is_told_and_comes_back_from_its_file(
    own: FoundRange | TestedRates,
) -> None:
    test = told(own)
    assert from_json(SavedRangeTest, to_json(test)) == test
    lines = describe(test, Path("mlruns/studies/mine/range")).splitlines()
    assert lines[0] == "Range test of study mine: mlp on digits, schedule cosine."
    found = isinstance(own, FoundRange)
    assert (lines[-1].startswith("To tune within what was found, add +range=mine")) == found
    assert ("worth searching" in "\n".join(lines)) == found


def test_an_optimizer_that_never_gained_has_no_key_for_a_range() -> None:
    plain = to_json(told(NOTHING))["result"]["optimizers"]["adam"]
    assert list(plain) == [
        "rates",
        "initial",
        "losses",
        "slope",
        "asked",
        "open",
        "ramp",
        "bracket",
    ]


def test_another_root_is_in_the_command_that_goes_on() -> None:
    assert "root=" not in describe(told(USUAL), Path("mlruns/studies/mine/range"))
    assert "with root=there." in describe(told(USUAL), Path("there/studies/mine/range"))
