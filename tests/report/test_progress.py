"""Progress: how far a study is, within a cohort too, as a bar or as plain lines, or not at all."""

import io
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.study.conftest import FunctionTraining, Heard, study_of
from tuner.report.displays import LONGEST, Bar, Cell, Shown, duration
from tuner.report.progress import Progress, Stage
from tuner.search.pruners.halving import Halving
from tuner.search.trials import Goal, TrialResult, ranked
from tuner.streams import Lenient
from tuner.study.confirmation import Repeating
from tuner.study.events import (
    Asked,
    Began,
    CohortEnded,
    EpochEnded,
    StageBegan,
    StageEpochEnded,
    tell_all,
)
from tuner.study.journal import JournalRecord
from tuner.study.loop import Loop
from tuner.study.stopping import Limits, Stopping

EPOCHS = 10


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that is a terminal, as far as it is asked."""

    def isatty(self) -> bool:
        return True


def ended(count: int, state: str = "COMPLETE", value: float | None = 0.5) -> list[TrialResult]:
    """Trials that ended so."""
    numbers: dict[str, Any] = dict.fromkeys(TrialResult.__dataclass_fields__)
    return [TrialResult(**{**numbers, "state": state, "value": value}) for _ in range(count)]


def epoch(number: int, running: int = 8, left: Sequence[int] = (0, 0), best: float | None = 0.3):
    return EpochEnded(number, EPOCHS, running, *left, best, dict)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pipe(clock: Clock) -> Iterator[tuple[Progress, io.StringIO]]:
    """Progress of a study of 32 trials in a pipe, and what it wrote."""
    stream = io.StringIO()
    with Progress(32, Goal(), stream, clock=clock) as progress:
        progress(Began([]))
        yield progress, stream


def test_the_first_line_comes_at_once_and_the_last_says_how_it_ended(clock: Clock) -> None:
    stream = io.StringIO()
    with Progress(8, Goal(), stream, clock=clock) as progress:
        for event in (Began([]), Asked([]), epoch(0)):
            progress(event)
        assert stream.getvalue().count("\n") == 1
        for number in range(1, EPOCHS + 1):
            clock.now += 0.1
            progress(epoch(number))
        progress(CohortEnded(ended(8)))
    first, last = stream.getvalue().splitlines()
    assert first == "0/8 trials, 8 at epoch 0/10, 0 pruned, 0 diverged, best loss 0.3"
    assert last == "8/8 trials, 0 pruned, 0 diverged, best loss 0.5, 0:01"


@pytest.mark.parametrize(("seconds", "most"), [(60, 13), (24 * 3600, 24 * 60 + 60)])
def test_plain_lines_come_at_a_bounded_rate_however_many_cohorts_end(
    seconds: int, most: int, pipe: tuple[Progress, io.StringIO], clock: Clock
) -> None:
    progress, stream = pipe
    for _ in range(5000):
        clock.now += seconds / 5000
        progress(epoch(1))
        progress(CohortEnded(ended(1)))
    assert most / 2 < stream.getvalue().count("\n") <= most
    assert seconds / most <= LONGEST


def test_the_running_cohort_counts_its_pruned_its_diverged_and_its_best(
    pipe: tuple[Progress, io.StringIO],
) -> None:
    progress, _ = pipe
    progress(CohortEnded([*ended(4), *ended(3, "PRUNED", 0.1), *ended(1, "DIVERGED", None)]))
    progress(epoch(5, running=4, left=(3, 1)))
    shown = progress.trials.now()
    said = "12/32 trials, 4 at epoch 5/10, 6 pruned, 2 diverged, best loss 0.3"
    assert shown.line == said
    assert shown.share == (12 + 4 * 0.5) / 32
    progress(epoch(6, running=4, left=(3, 1), best=0.7))
    assert progress.trials.now().line.endswith("best loss 0.5")


@pytest.mark.parametrize(
    ("goal", "best", "said"),
    [
        (Goal(), None, "best loss none"),
        (Goal("validation_accuracy", greater_is_better=True), -0.9, "best accuracy 0.9"),
        (Goal("validation_accuracy", greater_is_better=True), None, "best accuracy none"),
    ],
)
def test_the_best_is_a_number_as_people_read_it_or_none(
    goal: Goal, best: float | None, said: str
) -> None:
    with Progress(32, goal, io.StringIO()) as progress:
        progress(Began(ended(2, "DIVERGED", None)))
        progress(epoch(3, best=best))
        assert progress.trials.now().line.endswith(said)


def test_what_is_left_leaves_out_the_seconds_of_compiling(clock: Clock) -> None:
    """They come once: of the trials' time, and of a stage's, only what is behind them counts."""
    with Progress(16, Goal(), io.StringIO(), clock=clock) as progress:
        compiled = Clock()
        progress.compiling = compiled
        progress(Began([]))
        clock.now, compiled.now = 30, 28
        progress(epoch(1))  # a tenth of eight of sixteen trials in 2 s
        shown = progress.trials.now()
        assert (shown.elapsed, shown.left) == (30, pytest.approx(38))
        progress(StageBegan("confirming"))
        clock.now, compiled.now = 40, 33
        progress(StageEpochEnded(1, 10))
        assert isinstance(progress.work, Stage)
        assert progress.work.now().left == pytest.approx(45)


def test_what_is_left_is_told_by_what_this_command_has_trained(clock: Clock) -> None:
    """Eight trials of earlier commands, and half a cohort of eight from a checkpoint, are free."""
    with Progress(16, Goal(), io.StringIO(), clock=clock) as progress:
        progress(Began(ended(8)))
        progress(Asked([]))
        clock.now = 10
        progress(epoch(6))  # the first of this command: a tenth of the cohort in 10 s
        shown = progress.trials.now()
        assert (shown.share, shown.left) == (pytest.approx((8 + 4.8) / 16), pytest.approx(40))
        clock.now = 15
        shown = progress.trials.now()
        assert (shown.elapsed, shown.left) == (15, pytest.approx(35))
        assert shown.times == "0:15, 0:35 left"
        clock.now = 1000
        assert progress.trials.now().left == 0


def seen(stream: io.StringIO) -> str:
    """What was written to a terminal, without what steers it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def bar_of(progress: Progress) -> Bar:
    assert isinstance(progress.display, Bar)
    return progress.display


def test_a_bar_on_a_terminal_goes_on_while_an_epoch_takes_long(
    terminal: Terminal, clock: Clock
) -> None:
    with Progress(16, Goal(), terminal, clock=clock) as progress:
        progress(Began([]))
        progress.note("compiling [bold]once[/bold]")
        progress(epoch(0))
        clock.now = 30
        progress(epoch(5, running=6, left=(1, 1)))
        for now, times in ((30, "0:30, 1:06 left"), (90, "1:30, 0:06 left")):
            clock.now = now
            terminal.seek(0)
            terminal.truncate()
            bar_of(progress).live.refresh()
            text = seen(terminal)
            assert times in text
            assert " 31%" in text
            assert "2/16 trials, 6 at epoch 5/10, 1 pruned, 1 diverged, best loss 0.3" in text
        progress(CohortEnded(ended(16)))
        progress(StageBegan("training 2 trials again"))
        progress(StageEpochEnded(0, 8))
        clock.now += 10
        progress(StageEpochEnded(2, 8))
        bar_of(progress).live.refresh()
        assert "training 2 trials again: epoch 2/8" in seen(terminal)
        assert "0:10, 0:30 left" in seen(terminal)
    lines = [line.strip() for line in seen(terminal).splitlines()]
    assert "16/16 trials, 0 pruned, 0 diverged, best loss 0.5, 1:30" in lines


def test_a_note_on_a_terminal_is_taken_as_it_stands(terminal: Terminal) -> None:
    with Progress(1, Goal(), terminal) as progress:
        progress.note("compiling [bold]once[/bold]")
    assert "compiling [bold]once[/bold]" in terminal.getvalue()


def test_the_cursor_stays_on_the_terminal_of_a_process_that_is_killed(terminal: Terminal) -> None:
    with Progress(16, Goal(), terminal) as progress:
        progress(epoch(0))
        text = terminal.getvalue()
        assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")


def test_a_terminal_that_takes_no_steering_gets_plain_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with Progress(16, Goal(), terminal) as progress:
        progress(epoch(0))
    assert "\x1b" not in terminal.getvalue()
    assert terminal.getvalue().startswith("0/16 trials, 8 at epoch 0/10")


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_quiet_shows_nothing(stream: Callable[[], io.StringIO]) -> None:
    with Progress(16, Goal(), there := stream(), quiet=True) as progress:
        progress.note("compiling")
        for event in (Began([]), epoch(0), CohortEnded(ended(16)), StageBegan("again")):
            progress(event)
    assert there.getvalue() == ""


@pytest.mark.parametrize("kind", ["full", "gone"])
def test_a_stream_that_takes_nothing_stops_nothing(kind: str, clock: Clock) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    if kind == "full":
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), writer)
    with open(writer, "w", encoding="utf-8") as stream:
        lenient: Any = Lenient(stream)
        with Progress(16, Goal(), lenient, clock=clock) as progress:
            for number in range(3):
                clock.now += 100
                progress(epoch(number))
        assert lenient.stream is not stream
        lenient.stream.close()


def test_a_study_and_its_confirmation_tell_their_epochs(tmp_path: Path, clock: Clock) -> None:
    heard, stream, training = Heard(), io.StringIO(), FunctionTraining()

    def later(event: object) -> None:
        clock.now += 100

    with (
        JournalRecord(tmp_path / "study", "study") as record,
        Progress(24, training.goal, stream, clock=clock) as progress,
    ):
        tell = tell_all([heard, progress, later])
        study = study_of(record)
        tell(Began(study.results()))
        stopping = Stopping(Limits(24, when_noise=True), study, training, 0)
        Loop(study, training, Halving(), stopping, 8, tell).run()
        of_noise = heard.of(StageBegan)
        heard.clear()
        top = ranked(study.results())[:3]
        Repeating(study, training, 0).confirmation(top, 4, tell)
        chosen, judged = heard.of(StageBegan)
        epochs = [event.epoch for event in heard.of(StageEpochEnded)]
        heard.clear()
        Repeating(study, training, 0).confirmation(top, 4, tell)
    assert heard == []  # it is on record, and nothing is trained
    assert [event.what.partition(" to ")[2] for event in of_noise] == ["measure its noise"]
    assert chosen.what == "training 3 trials again on 4 fresh seeds"
    assert judged.what.endswith("again on 4 other fresh seeds")
    assert epochs == 2 * list(range(training.epochs + 1))
    lines = stream.getvalue().splitlines()
    last = f"{training.epochs}/{training.epochs}"
    for begun in (chosen, judged):
        own = [line for line in lines if line.startswith(begun.what)]
        assert own[0] == begun.what
        assert own[-1].startswith(f"{begun.what}: epoch {last}, ")
    assert "16/24 trials" in "\n".join(lines)


def test_times_are_written_as_people_read_them() -> None:
    assert [duration(s) for s in (0, 59.6, 3599, 86400)] == ["0:00", "1:00", "59:59", "24:00:00"]


class Output:
    """What a notebook's cell shows: one output, and each state that it had."""

    def __init__(self) -> None:
        self.shown: list[dict[str, str]] = []
        self.outputs = 0

    def __call__(self, output: Any) -> Callable[[Any], object]:
        self.outputs += 1
        self.shown.append(output)
        return self.shown.append


def test_in_a_notebook_one_output_is_shown_anew_and_its_last_state_is_how_it_ended() -> None:
    output = Output()
    cell = Cell(output)
    cell.begin(lambda: Shown("0/8 trials, best <none>", 0.25, 5.0, 15.0))
    assert "best &lt;none&gt;" in output.shown[0]["text/html"]
    assert 'value="0.2500"' in output.shown[0]["text/html"]
    assert "0:05, 0:15 left" in output.shown[0]["text/plain"]
    cell.note("compiling")
    assert output.shown[-1]["text/plain"].startswith("compiling\n[")
    cell.end(lambda: Shown("8/8 trials", 1.0, 20.0, None))
    cell.begin(lambda: Shown("training again", None, 1.0, None))
    assert "value" not in output.shown[-1]["text/html"]
    cell.close()
    last = output.shown[-1]
    assert last["text/plain"] == "compiling\n8/8 trials, 0:20"
    assert last["text/html"] == "<div>compiling</div><div>8/8 trials, 0:20</div>"
    assert output.outputs == 1


def test_in_a_notebook_the_bar_goes_on_by_itself_until_it_is_closed() -> None:
    output = Output()
    cell = Cell(output, pace=0.01)
    cell.begin(lambda: Shown("at work", 0.5, 0.0, None))
    until = time.monotonic() + 10
    while len(output.shown) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    cell.close()
    seen = len(output.shown)
    assert seen >= 5
    time.sleep(0.05)
    assert len(output.shown) == seen


def test_of_a_notebook_that_was_quiet_nothing_is_shown() -> None:
    output = Output()
    Cell(output).close()
    assert output.outputs == 0
