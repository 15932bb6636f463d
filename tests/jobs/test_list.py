"""Studies are listed and shown as they stand, whoever is at work on them; nothing is written."""

import json
import shutil
from pathlib import Path

import pytest

from tests.jobs.conftest import Command
from tuner.processes.lock import owned
from tuner.study.journal import FILE


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A finished study, which is read only."""
    command = Command(tmp_path_factory.mktemp("listed") / "mlruns")
    assert command.call("metric=accuracy", "study.name=one").code == 0
    return command


@pytest.fixture
def copied(whole: Command, tmp_path: Path) -> Command:
    shutil.copytree(whole.root, tmp_path / "mlruns")
    return Command(tmp_path / "mlruns")


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def listed(command: Command) -> dict[str, str]:
    """The line of each study."""
    before = files(command.root)
    told = command.call("list")
    assert told.code == 0, told
    assert files(command.root) == before
    lines = [line.strip() for line in told.out.splitlines()[3:] if line.startswith("  ")]
    return {line.split()[0]: line for line in lines}


def test_a_root_without_studies_says_what_to_run(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns")
    told = command.call("list")
    assert told.code == 0
    assert f"+experiment=adam root={command.root}" in told.out
    assert not command.root.exists()


def test_a_finished_study_is_listed_with_its_winner(whole: Command) -> None:
    winner = whole.result("one")["winner"]
    line = listed(whole)["one"]
    assert "finished" in line
    assert "6 of 6" in line
    assert "accuracy" in line
    assert f"{winner['number']}: {winner['value']:.4g} ({winner['low']:.4g} to" in line
    (one,) = json.loads(whole.call("list", "output=json").out)["studies"]
    assert one["winner"] == winner


def test_every_state_has_its_word_and_the_newest_is_first(copied: Command) -> None:
    place = copied.root / "studies"
    for name in ("torn", "damaged", "spoilt", "fresh", "linked"):
        shutil.copytree(place / "one", place / name)
    for name in ("torn", "damaged", "fresh"):
        (place / name / "result.json").unlink()
    lines = (place / "torn" / FILE).read_bytes().splitlines(keepends=True)
    (place / "torn" / FILE).write_bytes(b"".join(lines[:-4]) + lines[-4][:9])
    (place / "damaged" / FILE).write_bytes(b"\xff\n" + b"".join(lines))
    (place / "spoilt" / "result.json").write_text("[")
    (place / "fresh" / FILE).unlink()
    (place / "linked" / "link").symlink_to("/etc/passwd")
    with owned(place / "one"):
        own = listed(copied)
    states = {name: line.split("  ")[1:] for name, line in own.items()}
    words = {name: " ".join(cells) for name, cells in states.items()}
    for name, word in {
        "one": "under way",
        "torn": "interrupted",
        "damaged": "damaged",
        "spoilt": "damaged",
        "fresh": "no result",
        "linked": "damaged",
    }.items():
        assert word in words[name], own
    assert list(own)[-1] == "fresh"  # of which only the config is left, which was written first
    assert "finished" in listed(copied)["one"]


def test_the_verdict_is_shown_again_as_it_was_told(whole: Command) -> None:
    before = files(whole.root)
    again, shown = whole.call("study.name=one", "metric=accuracy"), whole.call("show", "one")
    assert shown.code == 0
    assert shown.out.splitlines() == again.out.splitlines()[-len(shown.out.splitlines()) :]
    assert len(shown.out.splitlines()) > 10
    assert files(whole.root).keys() == before.keys()


def test_a_study_under_way_shows_how_it_stands_and_waits_for_nobody(copied: Command) -> None:
    (copied.folder("one") / "result.json").unlink()
    with owned(copied.folder("one")):
        told = copied.call("show", "one")
    assert told.code == 0
    assert "under way (process" in told.out
    assert "The best so far is trial" in told.out
    assert "accuracy" in told.out


def test_an_unknown_study_is_told_the_names_there_are(whole: Command) -> None:
    told = whole.call("show", "onne")
    assert told.code == 2
    assert "did you mean one?" in told.err
