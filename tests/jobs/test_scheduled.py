"""Jobs that run at night: names by the day, the last night's settings, a study that is at work."""

import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.jobs.conftest import Command, until
from tuner.composing import compose
from tuner.config import check
from tuner.dated import dated, matches
from tuner.errors import UserError

NIGHT = "study.name=nightly-@date"
SMALL = ("data=iris", "budget.trials=4", "budget.epochs=3", "study.cohort=4", "confirm.top=0")


def test_a_name_holds_the_day_and_the_time_in_utc() -> None:
    now = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert dated("a-@date-@time", now) == "a-2026-02-03-040506"
    assert dated("plain", now) == "plain"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("n-@date", "n-2026-02-03", True),
        ("n-@date", "n-2026-02-03-b", False),
        ("n.@time", "n.040506", True),
        ("n.@time", "nx040506", False),
        ("n-@data", "n-0123456789ab", True),
        ("n-@data", "n-0123", False),
        ("@date-@data", "2026-02-03-0123456789ab", True),
    ],
)
def test_a_pattern_knows_the_names_that_it_has_given(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


def test_the_config_has_the_name_of_today_and_keeps_its_pattern() -> None:
    plain = compose([NIGHT], None)
    assert matches("nightly-@date", plain["study"]["name"])
    assert check(plain).study.pattern == "nightly-@date"
    assert check(compose([], None)).study.pattern is None


def test_the_latest_study_needs_a_pattern() -> None:
    with pytest.raises(UserError, match=r"study\.warm_start: latest: .* study\.name=nightly-@date"):
        check(compose(["study.warm_start=latest"], None))


def test_the_first_night_starts_from_nothing_and_the_second_from_the_first(
    command: Command,
) -> None:
    first = command.call(NIGHT.replace("@date", "2020-01-01"), *SMALL)
    assert first.code == 0, first.err
    diverged = command.call(
        NIGHT.replace("@date", "2020-01-02"), *SMALL, "optimizer=sgd", "lr=1e12", "defaults=false"
    )
    assert diverged.code == 3
    other = command.call("study.name=nightly-of-others", *SMALL)
    assert other.code == 0
    second = command.call(NIGHT, *SMALL, "study.warm_start=latest")
    assert second.code == 0, second.err
    name = dated("nightly-@date")
    origins = [t["origin"] for t in command.result(name)["all"] if t["origin"]]
    assert {o["study"] for o in origins if "study" in o} == {"nightly-2020-01-01"}


def test_a_first_night_says_that_there_is_no_earlier_one(command: Command) -> None:
    done = command.call(NIGHT, *SMALL, "study.warm_start=latest")
    assert done.code == 0, done.err
    assert "study.warm_start: latest: no study of nightly-@date has a winner yet." in done.out


def test_a_study_is_called_after_its_data(command: Command) -> None:
    done = command.call("study.name=iris-@data", *SMALL)
    assert done.code == 0, done.err
    (folder,) = (command.root / "studies").iterdir()
    assert matches("iris-@data", folder.name)
    again = command.call("study.name=iris-@data", *SMALL)
    assert f"Study {folder.name} is finished" in again.out
    plain = Command(command.root, {})
    none = plain.call("study.name=a-@data", "+experiment=quadratic")
    assert none.code == 2
    assert "study.name: a-@data: @data is the digest of the data" in none.err


@pytest.mark.parametrize("wait", ["0", "1"])
def test_a_study_at_work_is_waited_for_no_longer_than_asked(
    command: Command, wait: str, processes: list["subprocess.Popen[str]"]
) -> None:
    holder = held(command.folder(), 30)
    processes.append(holder)
    until((command.folder() / "owner.json").exists, holder)
    began = time.monotonic()
    done = command.call(f"wait={wait}", *SMALL)
    assert done.code == 75
    assert time.monotonic() - began >= float(wait)
    assert ("waiting up to 1 s for it" in done.err) == (wait == "1")


def test_a_study_that_is_free_in_time_is_tuned(
    command: Command, processes: list["subprocess.Popen[str]"]
) -> None:
    holder = held(command.folder(), 1.5)
    processes.append(holder)
    until((command.folder() / "owner.json").exists, holder)
    done = command.call("wait=60", *SMALL)
    assert done.code == 0, done.err
    assert "is at work: process" in done.err


def held(folder: Path, seconds: float) -> "subprocess.Popen[str]":
    """A process that owns a study for some seconds."""
    code = f"""
import time
from pathlib import Path
from tuner.processes.lock import owned
with owned(Path({str(folder)!r})):
    time.sleep({seconds})
"""
    return subprocess.Popen([sys.executable, "-c", code], text=True)


LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \w+: .+")


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_json_log_is_an_object_a_line_and_the_result_stands_alone(
    command: Command, output: str
) -> None:
    done = command.call(*SMALL, "log=json", f"output={output}")
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.err.splitlines()]
    assert all({"time", "event"} <= event.keys() for event in events)
    told = [event["event"] for event in events]
    assert told.count("trial") == 4
    assert told[-1] == "ended"
    if output == "json":
        assert json.loads(done.out)["result"] == command.result()


def test_a_plain_log_has_the_time_in_every_line(command: Command) -> None:
    done = command.call(*SMALL, "log=plain")
    assert done.code == 0, done.err
    assert all(LINE.fullmatch(line) for line in done.err.splitlines()), done.err


def test_mistakes_and_waiting_are_lines_of_the_log(command: Command) -> None:
    wrong = command.call(*SMALL, "log=json", "budget.trials=-1")
    assert wrong.code == 2
    (event,) = [e for e in map(json.loads, wrong.err.splitlines()) if "budget" in e["said"]]
    assert event["event"] == "said"
    no_form = command.call(*SMALL, "log=loud")
    assert no_form.code == 2
    assert no_form.err.startswith("tuner: log: 'loud': must be 'plain' or 'json'")


def test_a_quiet_command_logs_nothing(command: Command) -> None:
    assert command.call(*SMALL, "log=json", "quiet=true").err == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_night_with_the_old_data_and_settings_has_nothing_to_do(
    command: Command, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    night(monkeypatch, 1)
    assert command.call(NIGHT, *SMALL).code == 0
    night(monkeypatch, 2)
    again = command.call(NIGHT, *SMALL, f"output={form}")
    assert again.code == 0, again.err
    assert {p.name for p in (command.root / "studies").iterdir()} == {"nightly-2026-02-01"}
    if form == "text":
        said = "Nothing new: study nightly-2026-02-01 had these data"
        assert again.out.splitlines()[0].startswith(said)
    else:
        assert json.loads(again.out)["result"] == command.result("nightly-2026-02-01")


@pytest.mark.parametrize("other", ["budget.trials=5", "data=wine", "study.seed=1", "lr=0.01"])
def test_a_night_that_asks_for_something_else_is_a_study(
    command: Command, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    night(monkeypatch, 1)
    assert command.call(NIGHT, *SMALL).code == 0
    night(monkeypatch, 2)
    given = {setting.partition("=")[0] for setting in [other]}
    settings = [s for s in SMALL if s.partition("=")[0] not in given]
    assert command.call(NIGHT, *settings, other).code == 0
    assert len([*(command.root / "studies").iterdir()]) == 2


def test_a_night_after_one_in_which_all_diverged_is_a_study(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = ("optimizer=sgd", "lr=1e12", "defaults=false")
    for day in (1, 2):
        night(monkeypatch, day)
        assert command.call(NIGHT, *SMALL, *lost).code == 3
    assert len([*(command.root / "studies").iterdir()]) == 2


def night(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    """Sets the clock of names to a day of February 2026."""
    real = datetime

    class Clock(real):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return real(2026, 2, day, 3, tzinfo=UTC)

    monkeypatch.setattr("tuner.dated.datetime", Clock)
