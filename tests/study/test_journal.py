"""Promises of the journal: what damage to it costs, and what it does not."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from tuner.study.journal import DAMAGED, FILE, JournalRecord, glanced
from tuner.study.record import Bounds


@pytest.mark.parametrize("line", [0, 1])
def test_a_study_whose_first_lines_are_damaged_is_still_the_same_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: int
) -> None:
    with JournalRecord(tmp_path, "own") as record:
        for key, value in [("data", "digest"), ("key", "abc"), ("started_ms", 17)]:
            record.put(key, value)
    whole = (tmp_path / FILE).read_bytes().splitlines(keepends=True)
    whole[line] = b"\xffgarbage\n"
    (tmp_path / FILE).write_bytes(b"".join(whole))
    for _ in range(2):
        with JournalRecord(tmp_path, "own") as record:
            assert (record.get("key", str), record.get("started_ms", int)) == ("abc", 17)
            assert "data" not in record
    assert (tmp_path / DAMAGED).read_bytes() == b"".join(whole)
    assert capsys.readouterr().err.count("lines are moved to ") == 1


def test_whichever_line_is_damaged_the_study_is_the_same_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {"key": "abc", "started_ms": 17, "cohorts": [[0, 2]]}
    with JournalRecord(tmp_path / "0", "own") as record:
        for key, value in kept.items():
            record.put(key, value)
    whole = (tmp_path / "0" / FILE).read_bytes().splitlines(keepends=True)
    for line in range(len(whole)):
        folder = tmp_path / f"damaged{line}"
        folder.mkdir()
        (folder / FILE).write_bytes(b"".join([*whole[:line], b"\xff\n", *whole[line + 1 :]]))
        for _ in range(2):
            with JournalRecord(folder, "own") as record:
                assert record.get("key", str) == "abc"
                assert record.get("started_ms", int) == 17
                assert record.get("cohorts", Bounds) == [(0, 2)]
    assert capsys.readouterr().err.count("lines are moved to ") == len(whole)


def test_what_is_written_together_survives_a_kill_at_once_and_waits_for_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with JournalRecord(tmp_path, "own") as record:
        before = len(synced)
        record.put("alone", 1)
        assert len(synced) == before + 1
        with suppress(KeyboardInterrupt), record.together():
            for number in range(3):
                record.put("together", number)
                assert glanced(tmp_path / FILE)[1]["together"] == number
            assert len(synced) == before + 1
            raise KeyboardInterrupt
        assert len(synced) == before + 2
        record.put("alone", 2)
        assert len(synced) == before + 3
