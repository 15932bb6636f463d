"""Promises of a study: what was asked is on record, and a kill at any instant costs nothing."""

import gc
import json
import math
import shutil
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from tests.search.conftest import outcome, trial
from tuner.codec import from_json, to_json
from tuner.errors import BusyError
from tuner.search.samplers import Sampler
from tuner.search.samplers.grid import Grid
from tuner.search.samplers.random import Random
from tuner.search.samplers.tpe import TPE
from tuner.search.space import Choices, Range, Space
from tuner.search.trials import Outcome, Trial, TrialResult
from tuner.study.journal import SUMMARY, JournalRecord, cut_torn_tail
from tuner.study.study import Study, penalty

SPACE = Space(
    fixed={"optimizer.adam.eps": 1e-8},
    searched={
        "optimizer": Choices(("adam", "sgd")),
        "optimizer.adam.lr": Range(1e-5, 1e-1, "log"),
        "optimizer.adam.beta1": Range(0.1, 0.99, "reverse_log"),
        "optimizer.sgd.lr": Range(1e-3, 1.0, "log"),
    },
    branches={"optimizer": ("adam", "sgd")},
)
COHORT, BUDGET = 4, 7
# Epochs of long curves, and the bytes that a trial may leave in memory; its curves took 140,000.
EPOCHS, LEFT = 1000, 6000


def opened(folder: Path, sampler: Sampler | None = None, space: Space = SPACE) -> Study:
    """The study in a folder, whose lease is given back so that a test may open it again."""
    with JournalRecord(folder, "study") as record:
        return Study(record, space, sampler or TPE(3), seed=5)


def fate(t: Trial) -> Outcome:
    """What becomes of a trial: its settings and number decide."""
    rate = t.settings.get("optimizer.adam.lr", t.settings.get("optimizer.sgd.lr"))
    loss = 0.1 + (math.log10(rate) + 2) ** 2
    match t.number % 4:
        case 1:
            return outcome(t, "PRUNED", [3.0, loss], rungs={1: 3.0, 2: loss})
        case 2:
            return outcome(t, "DIVERGED", [3.0], rungs={1: 3.0}, diverged_at=0.25)
        case _:
            return outcome(t, "COMPLETE", [3.0, 2.0, loss], rungs={1: 3.0, 2: 2.0})


def work(study: Study, budget: int = BUDGET, ends: Callable[[Trial], Outcome] = fate) -> None:
    """Cohort after cohort until the budget is spent, as the job does."""
    while (todo := budget - study.finished) > 0:
        trials = study.cohort(min(COHORT, todo))
        if not trials:
            return
        for t in trials:
            study.tell(ends(t))


def kept_of(trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
    """All that Optuna keeps of the trials but for times, and for results, which go elsewhere."""
    return [
        {
            "number": t.number,
            "state": t.state,
            "values": t.values,
            "params": t.params,
            "reports": t.intermediate_values,
            "user": {key: value for key, value in t.user_attrs.items() if key != SUMMARY},
            "system": t.system_attrs,
        }
        for t in trials
    ]


def recorded(study: Study) -> list[dict[str, Any]]:
    return kept_of(study.record.trials())


def remembered(study: Study) -> list[dict[str, Any]]:
    return kept_of(study.memory.get_trials(deepcopy=False))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that was never killed."""
    folder = tmp_path_factory.mktemp("whole")
    work(opened(folder))
    return folder


def test_a_trial_is_on_record_whole_as_soon_as_it_is_asked(tmp_path: Path):
    asked = opened(tmp_path).cohort(COHORT)
    kept = opened(tmp_path).record.trials()
    assert [t.number for t in kept] == [t.number for t in asked] == list(range(COHORT))
    assert [SPACE.settings_of(t) for t in kept] == [t.settings for t in asked]
    assert {t.state for t in kept} == {TrialState.RUNNING}


def test_memory_and_journal_keep_the_same_but_for_what_no_sampler_needs(whole: Path):
    study = opened(whole)
    kept = recorded(study)
    assert remembered(study) == kept
    assert study.finished == BUDGET
    assert study.cohorts == [[0, 4], [4, 7]]


def test_the_numbers_of_a_study_have_no_gaps(whole: Path):
    assert [r.number for r in opened(whole).results()] == list(range(BUDGET))


def test_what_was_told_comes_back_whole_its_curves_from_the_journal(tmp_path: Path):
    study, told = opened(tmp_path), {}
    for t in study.cohort(COHORT):
        study.tell(fate(t))
        told[t.number] = fate(t)
    for again in (study, opened(tmp_path)):
        assert again.results() == [told[number].result() for number in sorted(told)]
        assert dict(again.curves()) == {n: o.kept_curves() for n, o in told.items()}


def test_a_trial_leaves_few_bytes_in_memory_however_long_its_curves(tmp_path: Path):
    def traced(study: Study, trials: int) -> int:
        """Bytes that these trials more leave in memory."""
        before = tracemalloc.get_traced_memory()[0]
        work(study, study.finished + trials, ends=long)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before

    def long(t: Trial) -> Outcome:
        return outcome(t, "COMPLETE", [t.number + epoch / 7 for epoch in range(EPOCHS)])

    tracemalloc.start()
    try:
        study, few, many = opened(tmp_path, Random()), 8, 64
        traced(study, few)
        assert traced(study, many) < many * LEFT
        del study
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        again = opened(tmp_path, Random())
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < (few + many) * LEFT
        assert len(again.results()) == few + many
    finally:
        tracemalloc.stop()


def pieces(journal: bytes) -> list[bytes]:
    """The journal cut after each of its lines, and within each: halfway or before its very end."""
    cuts, at = {0}, 0
    for number, line in enumerate(journal.splitlines(keepends=True)):
        within = len(line) // 2 if number % 2 else len(line) - 1
        cuts |= {at + within, at + len(line)}
        at += len(line)
    return [journal[:cut] for cut in sorted(cuts)]


def test_a_study_killed_at_any_instant_goes_on_as_if_it_had_not_been(whole: Path, tmp_path: Path):
    """The heart of it: the journal cut at every line and within every line."""
    journal = (whole / "optuna.journal").read_bytes()
    expected, bounds = recorded(opened(whole)), opened(whole).cohorts
    in_memory, curves = remembered(opened(whole)), dict(opened(whole).curves())
    cuts = pieces(journal)
    assert len(cuts) > 70
    for piece in cuts:
        folder = tmp_path / str(len(piece))
        folder.mkdir()
        (folder / "optuna.journal").write_bytes(piece)
        study = opened(folder)
        work(study)
        assert recorded(study) == expected, f"cut after {len(piece)} bytes"
        assert remembered(study) == in_memory, f"cut after {len(piece)} bytes"
        assert dict(study.curves()) == curves
        assert study.cohorts == bounds
        shutil.rmtree(folder)


def test_a_damaged_line_leaves_an_extended_study_its_trials_and_who_raced_whom(tmp_path: Path):
    extended = tmp_path / "extended"
    extended.mkdir()
    for budget in (5, 9, 12):
        work(opened(extended), budget)
    expected, bounds = recorded(opened(extended)), opened(extended).cohorts
    assert bounds == [[0, 4], [4, 5], [5, 9], [9, 12]]
    lines = (extended / "optuna.journal").read_bytes().splitlines(keepends=True)
    for line in range(len(lines)):
        folder = tmp_path / str(line)
        folder.mkdir()
        damaged = [*lines[:line], b"\xffgarbage\n", *lines[line + 1 :]]
        (folder / "optuna.journal").write_bytes(b"".join(damaged))
        study = opened(folder)
        work(study, 12)
        assert recorded(study) == expected, f"line {line} was damaged"
        assert study.cohorts == bounds


def test_what_is_trained_after_a_kill_is_what_was_asked_before(whole: Path, tmp_path: Path):
    lines = (whole / "optuna.journal").read_bytes().splitlines(keepends=True)
    asked = opened(whole)
    settings = {n: SPACE.settings_of(t) for n, t in enumerate(asked.record.trials())}
    for count in range(2, len(lines), 3):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / "optuna.journal").write_bytes(b"".join(lines[:count]))
        study = opened(folder)
        for t in study.cohort(min(COHORT, BUDGET - study.finished) or 1):
            assert t.settings == settings.get(t.number, t.settings)


def test_a_cohort_cut_short_comes_back_whole_for_all_its_members_race(tmp_path: Path):
    study = opened(tmp_path)
    first = study.cohort(COHORT)
    for t in first[:2]:
        study.tell(fate(t))
    again = opened(tmp_path).cohort(1)
    assert again == first


def test_a_second_kill_while_a_cohort_is_taken_up_changes_nothing(whole: Path, tmp_path: Path):
    expected = recorded(opened(whole))
    journal = tmp_path / "optuna.journal"
    told = 0
    while True:
        study = opened(tmp_path)
        if (todo := BUDGET - study.finished) <= 0:
            break
        for t in study.cohort(min(COHORT, todo))[: told % COHORT + 1]:
            study.tell(fate(t))
        with journal.open("ab") as file:
            file.write(b'{"op_code": 4, "wor')
        told += 1
    assert told > 4
    assert recorded(opened(tmp_path)) == expected


@pytest.mark.parametrize("state", ["COMPLETE", "PRUNED", "DIVERGED", "INTERRUPTED", "FAILED"])
def test_telling_twice_is_harmless(tmp_path: Path, state: str):
    study = opened(tmp_path)
    first, second = study.cohort(2)
    at = 0.5 if state == "DIVERGED" else None
    study.tell(outcome(first, state, [3.0, 2.0], rungs={1: 3.0}, diverged_at=at))
    before, curves = recorded(study), dict(study.curves())
    study.tell(outcome(first, "COMPLETE", [9.0, 8.0], rungs={1: 9.0}))
    opened(tmp_path).tell(outcome(first, "PRUNED", [9.0], rungs={1: 9.0}))
    assert recorded(study) == before
    assert recorded(opened(tmp_path)) == before
    assert dict(opened(tmp_path).curves()) == curves
    assert study.memory.trials[second.number].state is TrialState.RUNNING


def test_trials_that_failed_count_and_are_not_tried_again(tmp_path: Path):
    study, failed = opened(tmp_path), {2, 5, 6}

    def ends(t: Trial) -> Outcome:
        return outcome(t, "FAILED", []) if t.number in failed else fate(t)

    work(study, ends=ends)
    assert study.finished == BUDGET == len(study.record.trials())
    assert {r.number for r in study.results() if r.state == "FAILED"} == failed
    assert opened(tmp_path).finished == BUDGET
    settings = [repr(sorted(r.settings.items())) for r in study.results()]
    assert len(set(settings)) == BUDGET


def test_trials_that_were_interrupted_are_replaced_by_new_ones(tmp_path: Path):
    study, failed = opened(tmp_path), {2, 5, 6}

    def ends(t: Trial) -> Outcome:
        return outcome(t, "INTERRUPTED", []) if t.number in failed else fate(t)

    work(study, ends=ends)
    assert study.finished == BUDGET
    kept = study.record.trials()
    assert len(kept) == BUDGET + len(failed)
    assert {t.number for t in kept if t.state is TrialState.FAIL} == failed
    assert study.cohorts == [[0, 4], [4, 8], [8, 10]]


def test_a_cohort_interrupted_and_told_is_not_trained_again(tmp_path: Path):
    study = opened(tmp_path)
    for t in study.cohort(COHORT):
        study.tell(outcome(t, "INTERRUPTED", [3.0]))
    assert [t.number for t in opened(tmp_path).cohort(COHORT)] == [4, 5, 6, 7]


@pytest.mark.parametrize("start", [4.0, 0.0, -2.0, math.inf, math.nan])
def test_a_diverged_trial_is_told_as_pruned_with_a_finite_value(tmp_path: Path, start: float):
    study = opened(tmp_path)
    (t,) = study.cohort(1)
    diverged = outcome(t, "DIVERGED", [], diverged_at=0.25)
    diverged.initial["validation_loss"] = start
    study.tell(diverged)
    kept = study.record.trials()[0]
    assert kept.state is TrialState.PRUNED
    assert math.isfinite(kept.value)
    assert kept.value == penalty(diverged) == kept.intermediate_values[1]
    if math.isfinite(start):
        assert kept.value >= start


def test_the_constraint_is_positive_and_the_larger_the_earlier_a_trial_diverged(tmp_path: Path):
    study = opened(tmp_path)
    shares = (0.001, 0.1, 0.5, 1.0)
    for t, share in zip(study.cohort(4), shares, strict=True):
        study.tell(outcome(t, "DIVERGED", [3.0], diverged_at=share))
    (good,) = study.cohort(1)
    study.tell(outcome(good, "COMPLETE", [1.0]))
    for kept in (study.record.trials(), study.memory.get_trials()):
        values = [t.constraints["divergence"] for t in kept[:4]]
        assert all(v > 0 for v in values)
        assert values == sorted(values, reverse=True)
        assert len(set(values)) == 4
        assert not kept[4].constraints


def test_a_pruned_trial_keeps_the_loss_of_its_last_rung(tmp_path: Path):
    study = opened(tmp_path)
    (t,) = study.cohort(1)
    study.tell(outcome(t, "PRUNED", [3.0, 2.5], rungs={1: 3.0, 2: 2.5}))
    kept = study.record.trials()[0]
    assert (kept.state, kept.value) == (TrialState.PRUNED, 2.5)


def test_a_trial_pruned_before_its_first_rung_is_told_too(tmp_path: Path):
    study = opened(tmp_path)
    (t,) = study.cohort(1)
    study.tell(outcome(t, "PRUNED", []))
    assert opened(tmp_path).finished == 1


def test_a_grid_that_ends_within_a_cohort_gives_what_there_is(tmp_path: Path):
    space = Space({}, {"x": Choices((1, 2, 3, 4, 5, 6))}, {})

    def done(t: Trial) -> Outcome:
        return outcome(t, "COMPLETE", [float(t.settings["x"])])

    study = opened(tmp_path, Grid(), space)
    work(study, budget=50, ends=done)
    assert [r.settings["x"] for r in study.results()] == [1, 2, 3, 4, 5, 6]
    assert opened(tmp_path, Grid(), space).cohort(COHORT) == []


def test_a_grid_interrupted_loses_no_combination(tmp_path: Path):
    space = Space({}, {"x": Choices((1, 2, 3, 4, 5, 6))}, {})
    for t in opened(tmp_path, Grid(), space).cohort(COHORT):
        state = "COMPLETE" if t.number == 1 else "INTERRUPTED"
        opened(tmp_path, Grid(), space).tell(outcome(t, state, [3.0]))
    study = opened(tmp_path, Grid(), space)
    work(study, budget=50, ends=lambda t: outcome(t, "COMPLETE", [1.0]))
    done = [r.settings["x"] for r in study.results() if r.state == "COMPLETE"]
    assert done == [2, 1, 3, 4, 5, 6]
    assert study.finished == 6


def test_attributes_stay(tmp_path: Path):
    record = opened(tmp_path).record
    assert "config" not in record
    record.put("config", {"a": 1})
    assert opened(tmp_path).record.get("config", dict) == {"a": 1}
    assert "config" in opened(tmp_path).record


def test_a_study_has_one_owner(tmp_path: Path):
    owner = JournalRecord(tmp_path, "study")
    with owner, pytest.raises(BusyError, match="is at work: process"):
        opened(tmp_path)
    assert opened(tmp_path).results() == []


@pytest.mark.parametrize("tail", [b"", b'{"op', b'{"op_code": 1}', b"\0\0\0"])
def test_a_torn_last_line_is_cut_and_whole_lines_stay(tmp_path: Path, tail: bytes):
    path = tmp_path / "journal"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n' + tail)
    cut_torn_tail(path)
    assert path.read_bytes() == b'{"a": 1}\n{"b": 2}\n'


def test_a_journal_of_nothing_but_a_torn_line_becomes_a_new_study(tmp_path: Path):
    (tmp_path / "optuna.journal").write_bytes(b'{"op_code": 0, "wor')
    assert len(opened(tmp_path).cohort(COHORT)) == COHORT


def test_no_lock_is_left_beside_the_journal(whole: Path):
    assert {p.name for p in whole.iterdir()} <= {"optuna.journal", "lock"}


def test_a_result_holds_only_numbers_that_json_has():
    sad = outcome(trial(3, lr=math.inf), "DIVERGED", [math.nan, 1e300], diverged_at=0.5)
    plain = to_json(sad.result())
    assert plain["settings"] == {"lr": None}
    assert sad.kept_curves()["validation_loss"] == [4.0, None, 1e300]
    assert plain["scores"] == {"validation_accuracy": 0.5}
    assert from_json(TrialResult, json.loads(json.dumps(plain, allow_nan=False))) == sad.result()
