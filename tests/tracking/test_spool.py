"""The spool keeps records in order on disk until they are removed, whatever kills the process."""

import pytest

from tuner.tracking import Points, spool
from tuner.tracking.spool import Spool, records


def point(step):
    return Points(0, [step], {"loss": [0.5]})


def drain(waiting):
    found = []
    while (file := waiting.oldest()) is not None:
        found += records(file)[0]
        waiting.remove(file)
    return found


def test_a_new_process_finds_what_an_old_one_left_and_reads_it_first(tmp_path):
    old = Spool(tmp_path)
    old.append(point(0))
    old.append(point(1))
    new = Spool(tmp_path)  # the old one was killed: nothing closed it
    new.append(point(2))
    assert len(new) == 3
    assert drain(new) == [point(0), point(1), point(2)]
    assert len(new) == 0
    old.close()


def test_a_line_torn_by_a_kill_costs_that_line_only(tmp_path):
    old = Spool(tmp_path)
    old.append(point(0))
    old.append(point(1))
    old.close()
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-5])
    new = Spool(tmp_path)
    new.append(point(2))
    assert new.oldest() == file
    assert records(file) == ([point(0)], 1)
    assert drain(new) == [point(0), point(2)]


def test_records_appended_while_a_file_is_read_go_to_the_next_one(tmp_path):
    waiting = Spool(tmp_path)
    waiting.append(point(0))
    first = waiting.oldest()
    waiting.append(point(1))
    assert records(first) == ([point(0)], 0)
    waiting.remove(first)
    assert drain(waiting) == [point(1)]


def test_what_is_written_leaves_the_disk(tmp_path):
    waiting = Spool(tmp_path)
    for step in range(5):
        waiting.append(point(step))
    waiting.sync()
    drain(waiting)
    assert list(tmp_path.iterdir()) == []


def test_a_long_silence_of_the_server_leaves_files_of_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "LARGEST", 4)
    waiting = Spool(tmp_path)
    for step in range(10):
        waiting.append(point(step))
    waiting.close()
    assert [len(records(file)[0]) for file in sorted(tmp_path.glob("*.jsonl"))] == [4, 4, 2]
    assert drain(Spool(tmp_path)) == [point(step) for step in range(10)]


def test_what_a_full_disk_has_refused_is_not_refused_again_as_the_spool_closes(tmp_path):
    full = Spool(tmp_path)
    (tmp_path / "00000001.jsonl").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        full.append(point(0))
    full.close()
