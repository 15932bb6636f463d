"""Recorded curves raced again: the race that trains trials, with its guard and its pruners.

The curves of real runs lie beside the project, not in it; without them, curves with a known best
stand for them.
"""

from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tuner.search.pruners.halving import Halving
from tuner.search.pruners.none import NoPruning
from tuner.study.runners.recorded import Run, replay

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "replay.py"
EPOCHS = 50


def made(count: int, seed: int = 0) -> list[Run]:
    """Curves that fall at rates of their own to levels of their own, slower the lower the level."""
    rng = np.random.default_rng(seed)
    runs = []
    for level in rng.uniform(0.1, 1.0, count):
        epochs = np.arange(EPOCHS + 1)
        losses = level + (2 - level) * np.exp(-epochs * (0.1 + level * rng.uniform(0.5, 1)))
        runs.append(Run(losses, losses))
    return runs


def test_a_replayed_run_has_the_curve_of_its_record():
    runs = made(5)
    for run, outcome in zip(runs, replay(runs, NoPruning()), strict=True):
        assert outcome.state == "COMPLETE"
        assert outcome.curves["validation_loss"] == list(run.validation[1:])
        assert outcome.initial["train_loss"] == run.train[0]


def test_halving_finds_a_good_run_for_a_fraction_of_the_epochs():
    runs = made(64)
    outcomes = replay(runs, Halving())
    assert sum(o.epochs for o in outcomes) < 0.3 * 64 * EPOCHS
    (chosen,) = [o for o in outcomes if o.state == "COMPLETE" and o.value == min(
        o.value for o in outcomes if o.state == "COMPLETE")]  # fmt: skip
    assert chosen.value - min(run.validation[-1] for run in runs) < 0.05


def test_the_guard_acts_on_a_record_as_on_training():
    climbing = Run(np.linspace(1, 2, EPOCHS + 1), np.ones(EPOCHS + 1))
    broken = Run(np.array([1.0, 0.9, *[np.nan] * (EPOCHS - 1)]), np.ones(EPOCHS + 1))
    outcomes = replay([climbing, broken, *made(2)], NoPruning())
    assert [(o.state, o.epochs) for o in outcomes[:2]] == [("DIVERGED", 5), ("DIVERGED", 1)]
    assert [o.state for o in outcomes[2:]] == ["COMPLETE"] * 2


def test_runs_of_different_lengths_of_an_epoch_race_each_other():
    runs = [
        Run(r.train, r.validation, 0.9, steps)
        for r, steps in zip(made(4), [1, 7, 1, 7], strict=True)
    ]
    assert [o.trial.number for o in replay(runs, Halving(), first=3)] == [3, 4, 5, 6]


def test_a_run_that_ends_far_above_its_start_has_diverged_though_its_loss_falls():
    """Gradient descent on separable classes at a rate of 1e30."""
    falling = np.array([2.3, *(5e28 * 0.96**epoch for epoch in range(EPOCHS))])
    back = np.array([2.3, *np.geomspace(1e4, 3.0, EPOCHS)])
    far, thrown = replay([Run(falling, falling), Run(back, back)], NoPruning())
    assert (far.state, far.label) == ("DIVERGED", "diverged")
    assert f"at the end, epoch {EPOCHS}" in far.reason
    assert (thrown.state, thrown.label) == ("COMPLETE", "oscillating")


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The script that replays the published curves; without them its tests are skipped."""
    spec = util.spec_from_file_location("replay_benchmark", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.CURVES.exists():
        pytest.skip("the curves of real runs are not beside the project")
    return module


@pytest.fixture(scope="module")
def runs(benchmark: Any) -> dict[str, np.ndarray]:
    return benchmark.load(benchmark.CURVES)


def mean(benchmark: Any, runs: dict[str, np.ndarray], pruner: Halving) -> tuple[float, float]:
    """Cost and regret over cohorts of every problem."""
    ended = [benchmark.race(cohort, pruner) for cohort in benchmark.cohorts(runs, draws=20)]
    cost, regret = np.mean(ended, axis=0)
    return float(cost), float(regret)


@pytest.mark.slow
def test_halving_on_real_curves_costs_little_and_loses_next_to_nothing(
    benchmark: ModuleType, runs: dict[str, np.ndarray]
):
    cost, regret = mean(benchmark, runs, Halving())
    assert cost <= 0.28
    assert regret <= 0.002


@pytest.mark.slow
def test_an_earlier_first_rung_and_a_smaller_share_are_cheaper_and_lose_more(
    benchmark: ModuleType, runs: dict[str, np.ndarray]
):
    rules = [Halving(1 / 2, 0.1), Halving(1 / 3, 0.1), Halving(1 / 3, 0.04)]
    half, third, early = (mean(benchmark, runs, rule) for rule in rules)
    assert half[0] > third[0] > early[0]
    assert half[1] < third[1] < early[1]


@pytest.mark.slow
def test_the_guard_gives_up_the_diverging_runs_and_next_to_none_that_are_good(
    benchmark: ModuleType, runs: dict[str, np.ndarray]
):
    told = benchmark.guard(runs)
    assert (told["end above their start"], told["good runs"]) == (336, 430)
    assert told["of these found"] >= 0.95
    assert told["right of those found"] >= 0.9
    assert told["good runs given up"] <= 1
    assert told["share of a run saved"] >= 0.3
