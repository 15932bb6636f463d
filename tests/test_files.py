"""Promises of files that are written whole: nothing half-written is left, whatever stops it."""

import resource
from pathlib import Path

import pytest

from tuner.errors import UserError
from tuner.files import write


def test_what_finds_no_room_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    write(file, ["old"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write(file, ["new" * 1000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert file.read_text() == "old"


def test_a_folder_in_its_place_is_told_and_no_draft_is_left(tmp_path: Path) -> None:
    (tmp_path / "crash.log" / "full").mkdir(parents=True)
    with pytest.raises(UserError, match=r"crash\.log: is a folder: move it away"):
        write(tmp_path / "crash.log", ["text"])
    assert [path.name for path in tmp_path.iterdir()] == ["crash.log"]
