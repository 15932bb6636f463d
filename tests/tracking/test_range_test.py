"""A range test tells MLflow the same however often it is told."""

from dataclasses import replace
from pathlib import Path

from tuner.study.range_result import (
    Ends,
    Ramp,
    RangeTest,
    RangeTestRun,
    SavedRangeTest,
    Subject,
    TestedRates,
)
from tuner.tracking.range_test import records
from tuner.tracking.records import Artifact, Points, RunBegins, RunEnds

RUNS = TestedRates(
    rates=(0.1, 1.0),
    initial=(2.0, 4.0),
    losses=((1.0, None), (2.0, 5.0)),
    slope=(None, None),
    asked=Ends(0.1, 1.0),
    open=(False, False),
    ramp=Ramp((0.1,), ((1.0,),), {}),
    bracket=None,
)
TOLD = SavedRangeTest(
    RangeTest("mine", "key", 3, 10, {"batch_size": 32}, {"sgd": RUNS}),
    Subject("mlp", "digits", "cosine", 7, "f(x)"),
    RangeTestRun("made", 1000, 2.0, "here", 2, "0.1"),
)


def test_a_rate_is_a_run_with_the_mean_of_its_seeds(tmp_path: Path) -> None:
    told = list(records(TOLD, tmp_path))
    begun = {r.number: r for r in told if isinstance(r, RunBegins)}
    assert begun[None].params == {
        "data": "digits", "model": "mlp", "schedule": "cosine", "epochs": 3, "seed": 7,
        "batch_size": 32,
    }  # fmt: skip
    assert begun[1].params == {"optimizer": "sgd", "optimizer.sgd.lr": 1.0}
    points = [r.metrics for r in told if isinstance(r, Points)]
    assert points[0] == {"train_loss": [3.0, 1.5]}
    states = {r.number: r.state for r in told if isinstance(r, RunEnds)}
    assert states == {0: "COMPLETE", 1: "DIVERGED", None: "COMPLETE"}


def test_it_is_told_twice_alike_but_for_the_time_of_telling(tmp_path: Path) -> None:
    first, second = (
        [replace(r, ended_ms=0) if isinstance(r, RunEnds) else r for r in records(TOLD, tmp_path)]
        for _ in range(2)
    )
    assert repr(first) == repr(second)
    files = [Path(r.path).name for r in first if isinstance(r, Artifact)]
    assert files == ["sgd.png"]
