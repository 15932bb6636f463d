"""What is printed: plain in a pipe, coloured on a terminal, never steered by a value."""

import io
import json
import re

import pytest

from tuner import streams
from tuner.composing import compose
from tuner.config import Config, check
from tuner.report.terminal import Told, is_coloured, show

LONG = "https://example.org/" + "x" * 300
HOSTILE = "[red]a[/red] \x1b[2J \n b"
TOLD = Told(
    ["The winner is trial 1.", HOSTILE],
    {"": (["trial", "settings"], [["1", HOSTILE], ["22", "lr [0.1]"]])},
    ["  evidence", LONG],
)


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def config(*settings: str) -> Config:
    return check(compose([*settings], None))


def printed(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, *settings: str, **environment: str
) -> str:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", streams.Lenient(stream, plain=True))
    show(config(*settings), lambda: {"winner": 1}, TOLD)
    return stream.getvalue()


def test_a_pipe_gets_plain_lines_that_nothing_wraps_or_cuts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = printed(monkeypatch, io.StringIO()).splitlines()
    assert lines[0] == "The winner is trial 1."
    assert LONG in lines
    assert "\x1b" not in "".join(lines)
    assert "  22     lr [0.1]" in lines


def test_a_terminal_gets_colours_and_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(monkeypatch, Screen(), TERM="xterm", COLUMNS="60")
    assert "\x1b[1;32mThe winner is trial 1.\x1b[0m" in text
    bare = re.sub(r"\x1b\[[\d;]*m", "", text)
    assert "\x1b" not in bare
    assert LONG in bare
    assert "lr [0.1]" in bare


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_on_which_colours_are_not_wanted_gets_none(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b" not in printed(monkeypatch, Screen(), **environment)
    assert is_coloured(Screen()) is False
    assert printed(monkeypatch, Screen(), TERM="xterm", NO_COLOR="").count("\x1b") > 0


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_no_value_steers_a_terminal_or_is_read_as_markup(
    stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = printed(monkeypatch, stream(), TERM="xterm")
    assert "[red]a[/red] \\x1b[2J \\n b" in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_quiet_is_the_headline_alone(
    stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(printed(monkeypatch, stream(), "quiet=true").splitlines()) == 2


def test_json_is_one_object_and_what_else_is_printed_goes_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with streams.aside():
        print("a note")
        show(config("output=json", "quiet=true"), lambda: {"winner": 1}, TOLD)
    told = capsys.readouterr()
    assert json.loads(told.out) == {"winner": 1}
    assert told.err == "a note\n"
