"""A study of a plain function, of which nobody says that it has an optimizer or a rate."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from tests.study.conftest import ACCURACY, SPACE, FunctionTraining, Heard, loop_of, study_of
from tuner.processes.deadline import Deadline
from tuner.report import pictures, verdict
from tuner.report.progress import Progress
from tuner.report.terminal import Told as Terminal
from tuner.report.terminal import plain
from tuner.search.trials import Goal, best_of, ranked
from tuner.study.confirmation import Repeating
from tuner.study.events import Began, Ended, tell_all
from tuner.study.journal import JournalRecord
from tuner.study.results import StudyResult, counts, divergences, winner_of
from tuner.tracking.records import Record, RunBegins, to_line
from tuner.tracking.spool import Spool, records
from tuner.tracking.tracker import Tracker

TRIALS, SEEDS = 24, 3
# What a function that is tuned has not.
FOREIGN = re.compile(r"(?i:optimi[sz]er|schedule|learning|\blr\b|\brates?\b)|\bNone\b")


class ToSpool:
    """Takes records as a writer does, and leaves them on disk."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder)
        self.put, self.sync = self.spool.append, self.spool.sync
        self.refused: list[str] = []
        self.error = "nobody fetches them"

    def flush(self, deadline: Deadline) -> int:
        return len(self.spool)

    def close(self, deadline: Deadline) -> int:
        self.spool.close()
        return len(self.spool)

    def curves_link(self, metric: str, greater_is_better: bool) -> None:
        return None


@dataclass
class Told:
    """A study with all that was said of it."""

    result: StudyResult
    verdict: str
    progress: str
    records: list[Record]
    drawn: list[str]
    pictures: set[str]


@pytest.fixture(scope="module", params=[{}, ACCURACY], ids=["losses", "accuracy"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder, training = tmp_path_factory.mktemp("function"), FunctionTraining(**request.param)
    drawn = list[str]()
    savefig = Figure.savefig

    def saved(figure: Figure, *arguments: Any, **named: Any) -> None:
        drawn.extend(text.get_text() for text in figure.findobj(Text))
        savefig(figure, *arguments, **named)

    with JournalRecord(folder, "function") as record, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", saved)
        study = study_of(record)
        writer: Any = ToSpool(folder / "spool")
        tracker = Tracker(writer, Deadline(), RunBegins(None, "function", 0), training.goal)
        with Progress(TRIALS, training.goal, lines := io.StringIO()) as progress:
            tell = tell_all([progress, tracker, Heard()])
            tell(Began([]))
            stopped = loop_of(study, training, tell, TRIALS).run()
            confirmed = Repeating(study, training, 0).confirmation(
                ranked(study.results())[:3], SEEDS, tell
            )
            tell(confirmed)
            said = lines.getvalue()
        results = study.results()
        result = StudyResult(
            study="function",
            stopped=stopped,
            goal=training.goal,
            trials=counts(results),
            best=best_of(results),
            confirmation=confirmed.confirmation,
            winner=winner_of(training.goal, best_of(results), confirmed.confirmation, results),
            test=None,
            divergence=divergences(results),
            all=tuple(results),
            searched=tuple(SPACE.searched),
            unit="error",
        )
        curves = dict(study.curves())
        pictures.draw(result, curves, folder)
        tell(Ended(result))
        tracker.over()
        tracker.close()
    return Told(
        result,
        "\n".join(
            plain(
                Terminal(
                    verdict.headline(result),
                    {"": verdict.table(result)},
                    verdict.evidence(result, curves),
                )
            )
        ),
        said,
        [r for file in sorted((folder / "spool").glob("*.jsonl")) for r in records(file)[0]],
        drawn,
        {path.name for path in folder.glob("*.png")},
    )


def test_trials_complete_are_pruned_and_diverge(told: Told) -> None:
    assert told.result.trials.keys() == {"complete", "pruned", "diverged"}
    assert sum(told.result.trials.values()) == TRIALS
    assert all(t.settings["x"] > 0.85 for t in told.result.all if t.state == "DIVERGED")
    assert {(t.optimizer, t.schedule, t.learning_rate) for t in told.result.all} == {
        (None, None, None)
    }


def test_the_winner_is_confirmed_and_near_the_best_that_there_is(told: Told) -> None:
    result, winner = told.result, told.result.winner
    assert winner is not None
    assert abs(winner.settings["x"] - 0.3) < 0.15
    assert winner.value is not None
    assert winner.low is not None
    assert winner.high is not None
    assert winner.low <= winner.value <= winner.high
    assert (winner.value > 0.9) == (result.goal != Goal())
    assert result.confirmation is not None
    assert result.confirmation.winner == winner.number


def test_the_verdict_says_what_was_found(told: Told) -> None:
    goal, winner = told.result.goal, told.result.winner
    assert winner is not None
    assert f"Study function: the winner is trial {winner.number} (x " in told.verdict
    assert f"\n{TRIALS} trials: " in told.verdict
    assert f"    x = {winner.settings['x']:.4g}" in told.verdict
    assert f"validation {goal.name} " in told.verdict
    assert re.search(r"^\d+ of 24 trials diverged\.$", told.verdict, re.MULTILINE)


def test_every_trial_is_a_run_with_its_settings(told: Told) -> None:
    begun = {r.number: r for r in told.records if isinstance(r, RunBegins)}
    assert begun.keys() == {None, *range(TRIALS)}
    for trial in told.result.all:
        assert begun[trial.number].params == dict(trial.settings)


def test_only_what_can_be_drawn_is_drawn(told: Told) -> None:
    assert told.pictures == {pictures.LOSSES}
    winner = told.result.winner
    assert winner is not None
    went = "loss fell" if told.result.goal == Goal() else "accuracy went"
    assert f"Study function: how the {went} (winner: trial {winner.number})" in told.drawn
    assert f"winner: trial {winner.number}" in told.drawn


def test_nothing_speaks_of_an_optimizer_or_a_rate(told: Told) -> None:
    assert told.progress.count("\n") >= 4
    for said in (told.verdict, told.progress, *told.drawn, *map(to_line, told.records)):
        assert not FOREIGN.search(said), said
