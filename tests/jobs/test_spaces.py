"""Promises of the search space as a command sees it: branches, defaults, warm starts, edits."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.jobs.conftest import Command
from tuner.composing import compose
from tuner.config import check
from tuner.search.samplers.quasi_random import QuasiRandom
from tuner.study.journal import JournalRecord
from tuner.study.study import Study

pytestmark = pytest.mark.slow

SGD = ("optimizer=sgd", "sampler=quasi_random", "pruner=none")
WIDE = "optimizer.sgd.lr={low: 1e-3, high: 1, scale: log}"
NARROW = "optimizer.sgd.lr={low: 0.03, high: 2, scale: log}"


def files(root: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}


def rates(command: Command, study: str = "study") -> dict[int, float]:
    return {s["number"]: s["settings"]["optimizer.sgd.lr"] for s in command.result(study)["all"]}


def test_optimizers_schedules_and_models_are_branches_at_once(command: Command) -> None:
    told = command.call(
        "optimizer=[adam,sgd]", "schedule=[cosine,linear]", "model=[softmax,mlp]",
"sampler=quasi_random",
        "study.defaults=false", "budget.trials=12", "study.cohort=12", "budget.epochs=2",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert not any(s["origin"] for s in command.result()["all"])
    trials = [s["settings"] for s in command.result()["all"]]
    for group in ("optimizer", "schedule", "model"):
        assert set(Counter(s[group] for s in trials).values()) == {6}
    assert all("model.mlp.hidden.0" in s for s in trials if s["model"] == "mlp")
    assert not any(p.startswith("model.mlp") for s in trials for p in s if s["model"] == "softmax")


def test_the_verdict_says_how_far_tuning_beat_the_defaults(command: Command) -> None:
    told = command.call("optimizer=[adam,sgd]", "budget.epochs=8", "budget.trials=8")
    first, second = command.result()["all"][:2]
    assert [s["origin"]["default"] for s in (first, second)] == ["adam", "sgd"]
    assert (first["settings"]["optimizer.adam.lr"], second["settings"]["optimizer.sgd.lr"]) == (
        1e-3, 0.01,
    )  # fmt: skip
    # They are measured against the best, so they train to the end whoever beats them.
    assert {s["state"] for s in (first, second)} == {"COMPLETE"}
    assert "Trial 0, the defaults of adam" in told.out
    assert "Trial 1, the defaults of sgd" in told.out


def test_a_study_starts_with_the_best_of_another(command: Command) -> None:
    command.call(*SGD, WIDE, "study.name=old", "budget.trials=6")
    best = sorted(command.result("old")["all"], key=lambda s: s["value"])
    told = command.call(*SGD, WIDE, "study.warm_start=old", "budget.trials=8")
    assert told.code == 0, told.err
    assert "study.warm_start: old: 6 of its 6 trials" in told.out
    # The default was among the best already: it is tried once.
    queued = [
        0.01,
        *(r for r in (s["settings"]["optimizer.sgd.lr"] for s in best[:5]) if r != 0.01),
    ]
    assert list(rates(command).values())[: len(queued)] == queued
    origins = [s["origin"] for s in command.result()["all"]]
    assert {o["study"] for o in origins[1 : len(queued)]} == {"old"}
    assert not any(origins[len(queued) :])


def test_a_warm_start_that_cannot_be_is_one_line_and_writes_nothing(command: Command) -> None:
    command.call(*SGD, "study.name=old", "budget.trials=2")
    before = files(command.root)
    for settings, said in (
        (["study.warm_start=odl"], "study.warm_start: odl: no such study"),
        (["study.warm_start=old", "optimizer=adam"], "optimizer is sgd, here adam"),
        (["study.warm_start=study"], "must be another study"),
    ):
        told = command.call(*settings)
        assert told.code == 2
        (line,) = told.err.splitlines()
        assert said in line
        assert files(command.root) == before


def test_only_settings_that_the_conditions_allow_are_tried(command: Command) -> None:
    told = command.call("optimizer=momentum", 'where=["lr < 0.1 * (1 - momentum)"]')
    assert told.code == 0, told.err
    for s in command.result()["all"]:
        own = {p.rpartition(".")[2]: v for p, v in s["settings"].items() if "momentum." in p}
        assert own["lr"] < 0.1 * (1 - own["momentum"])


def test_a_range_edited_later_keeps_the_trials_that_fit(command: Command) -> None:
    command.call(*SGD, WIDE, "budget.trials=8")
    old = rates(command)
    fit = {number: rate for number, rate in old.items() if rate >= 0.03}
    assert 0 < len(fit) < 8
    told = command.call(*SGD, NARROW, "budget.trials=12")
    assert told.code == 0, told.err
    assert f"{len(fit)} of 8 earlier trials lie in the new ranges" in told.out
    now = rates(command)
    assert {n: r for n, r in now.items() if n < 8} == fit
    assert len(now) == 12
    assert all(0.03 <= r <= 2 for r in now.values())
    # Nothing is lost: with the ranges of before all count again.
    told = command.call(*SGD, WIDE, "budget.trials=12")
    assert "earlier trials lie in the new ranges" in told.out
    assert {n: r for n, r in rates(command).items() if n < 8} == old


def test_what_counts_no_more_is_not_the_best(command: Command) -> None:
    command.call(*SGD, WIDE, "budget.trials=8")
    best = command.result()["best"]
    rate = best["settings"]["optimizer.sgd.lr"]
    told = command.call(*SGD, WIDE, "budget.trials=4", f'where=["lr < {rate * 0.9}"]')
    assert told.code == 0, told.err
    assert command.result()["best"]["number"] != best["number"]
    assert best["number"] not in rates(command)
    again = json.loads((command.folder() / "result.json").read_text())
    assert again["result"] == command.result()


def test_a_number_is_no_range(command: Command) -> None:
    command.call(*SGD, WIDE, "budget.trials=2")
    told = command.call(*SGD, "optimizer.sgd.lr=0.1", "budget.trials=4")
    assert told.code == 2
    assert "optimizer.sgd.lr" in told.err


def test_a_grid_shorter_than_the_budget_ends_with_all_its_combinations(command: Command) -> None:
    grid = ("sampler=grid", "optimizer=sgd", "optimizer.sgd.lr={low: 0.1, high: 0.5, step: 0.1}")
    told = command.call(*grid, 'where="lr != 0.2"', "budget.trials=50")
    assert told.code == 0, told.err
    assert sorted(rates(command).values()) == [0.1, 0.3, 0.4, 0.5]
    assert not any(s["origin"] for s in command.result()["all"])


def test_a_trial_under_way_that_fits_no_more_is_given_up(command: Command) -> None:
    command.call(*SGD, WIDE, "budget.trials=2", "study.cohort=2")
    arguments = command.arguments((*SGD, WIDE, "budget.trials=6", "study.cohort=4"))
    space = check(compose(arguments, None)).space
    with JournalRecord(command.folder(), "study") as record:
        # Asked, and killed before they were trained.
        waiting = Study(record, space, QuasiRandom(), 0).cohort(4)
    unfit = [t.number for t in waiting if t.settings["optimizer.sgd.lr"] < 0.03]
    assert 0 < len(unfit) < 4
    told = command.call(*SGD, NARROW, "budget.trials=6", "study.cohort=2")
    assert told.code == 0, told.err
    assert not set(unfit) & set(rates(command))
    assert {t.number for t in waiting} - set(unfit) <= set(rates(command))
    assert len(rates(command)) == 6
