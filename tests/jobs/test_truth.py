"""Promises of the record: a result counts for what it was made from, on its data and numerics."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.jobs.conftest import Command
from tuner.study import builder
from tuner.study.confirmation import Repeating
from tuner.study.journal import JournalRecord
from tuner.study.numerics import Numerics, numerics
from tuner.study.winner import compared


def test_an_extension_that_is_killed_is_not_finished_with_the_old_result(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert command.call("budget.trials=6").code == 0
    before = command.result()

    class Killed(BaseException):
        """In place of a kill."""

    def killed(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Repeating, "confirmation", killed)
        with pytest.raises(Killed):
            command.call("budget.trials=12")
    assert command.result() == before
    again = command.call("budget.trials=12")
    assert again.code == 0
    assert "finished" not in again.out
    whole = Command(tmp_path / "whole")
    whole.call("budget.trials=6")
    whole.call("budget.trials=12")
    assert command.result() == whole.result()
    assert sum(command.result()["trials"].values()) == 12
    assert "finished" in command.call("budget.trials=12").out


@pytest.mark.parametrize("damage", ["cut", "empty", "not JSON", "another version"])
def test_a_damaged_result_is_made_again_from_the_record(command: Command, damage: str) -> None:
    command.call()
    path = command.folder() / "result.json"
    text = path.read_text()
    before = json.loads(text)
    path.write_text(
        {
            "cut": text[: len(text) // 2],
            "empty": "",
            "not JSON": "garbage",
            "another version": json.dumps({"result": before["result"], "run": before["run"]}),
        }[damage]
    )
    again = command.call()
    assert again.code == 0
    assert not again.err.startswith("tuner:")
    assert command.result() == before["result"]


def test_other_confirmation_seeds_are_not_finished_with_the_old_ones(command: Command) -> None:
    command.call("confirm.seeds=3")
    command.call("confirm.seeds=4")
    assert command.result()["confirmation"]["seeds"] == 4


def table(path: Path, seed: int, columns: str = "ab") -> None:
    numbers = np.random.default_rng(seed).normal(size=(60, 3)).round(3)
    lines = [f"{columns[0]},{columns[1]},price", *(",".join(map(str, row)) for row in numbers)]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("change", ["values", "names", "rows", "split"])
def test_other_data_under_the_same_name_are_refused_with_both_digests(
    change: str, command: Command, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    table(path, 0)
    settings = ["data=csv", f"data.path={path}", "data.target=price", "model=linear"]
    assert command.call(*settings).code == 0
    before = {p: p.read_bytes() for p in (command.root / "studies").rglob("*") if p.is_file()}
    match change:
        case "values":
            table(path, 1)
        case "names":
            table(path, 0, "ac")
        case "rows":
            path.write_text(path.read_text() + "1.0,2.0,3.0\n")
        case "split":
            lines = path.read_text().splitlines()
            path.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    refused = command.call(*settings)
    assert refused.code == 2
    (line,) = refused.err.splitlines()
    assert "is not what study study was begun with (digest" in line
    assert "give the old data back, or another study.name" in line
    assert {p: p.read_bytes() for p in before} == before
    table(path, 0)
    assert "finished" in command.call(*settings).out


def test_other_numerics_are_noted_and_never_a_traceback(command: Command) -> None:
    command.call("budget.trials=6", "refit=false")
    with JournalRecord(command.folder(), "study") as record:
        (mine,) = record.get(builder.NUMERICS, list)
        record.put(builder.NUMERICS, [{**mine, "cpu": "i486", "blas": "none"}, mine])
    more = command.call("budget.trials=8", "refit=false")
    assert more.code == 0
    assert "Note: the study was trained with other versions or hardware (cpu i486, then" in more.out
    notes = command.result()["notes"]
    assert any("within 1% of the" in note for note in notes)


def test_a_study_on_one_machine_has_no_notes(command: Command) -> None:
    command.call("refit=false")
    assert command.result()["notes"] == []


def test_numerics_name_all_that_the_last_digits_depend_on() -> None:
    own = numerics()
    assert own == numerics()
    assert own.cpu
    assert own.features
    assert "openblas" in own.blas
    other = Numerics(own.cpu, own.features, own.blas, "1.0", own.numba, own.scipy, own.tuner)
    assert own.differences(other) == f"numpy {own.numpy}, then 1.0"


def test_a_loss_that_is_far_from_that_of_the_search_is_told_as_such(command: Command) -> None:
    command.call()
    with JournalRecord(command.folder(), "study") as record:
        trial = next(r for r in record.results().values() if r.state == "COMPLETE")
    assert trial.validation_loss is not None
    assert "within 1% of" in compared(trial, trial.validation_loss * 1.001)
    assert "more than 1% from" in compared(trial, trial.validation_loss * 1.1)
