"""Tracking of one command: it records, sends lost records again, and closes."""

import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from tuner.codec import to_json
from tuner.config import Config
from tuner.errors import masked, printable
from tuner.function import typed
from tuner.processes.deadline import Deadline
from tuner.search.trials import Goal
from tuner.study.ending import write_result
from tuner.study.events import Confirmed
from tuner.study.record import Record
from tuner.study.results import SavedResult, StudyResult
from tuner.tracking.recorded_study import (
    CONFIRMATIONS,
    GOAL,
    KEY,
    STARTED,
    RecordedStudy,
    modified_ms,
)  # fmt: skip
from tuner.tracking.records import Record as Told
from tuner.tracking.records import now_ms
from tuner.tracking.store import Store
from tuner.tracking.tracker import Tracker
from tuner.tracking.writer import Writer

LATER = "the next command on this study sends them to MLflow"

# The record's key for the time at which the result was written that MLflow has.
OVER = "over"


class Tracking:
    """Sends to MLflow what one command does on a study.

    Args:
        config: the study's config.
        record: the study's record, which this process owns.
        goal: what the study minimises.
        folder: the study's folder.
        deadline: how long the command waits for MLflow at its end.
        note: makes the description of a result, in Markdown.
    """

    def __init__(
        self,
        config: Config,
        record: Record,
        goal: Goal,
        folder: Path,
        deadline: Deadline,
        note: Callable[[StudyResult], str],
    ) -> None:
        self.config, self.record, self.goal, self.folder = config, record, goal, folder
        self.deadline, self.note = deadline, note
        # Whether MLflow has not taken everything.
        self.undelivered = False
        self.key: str = _remembered(record, KEY, uuid.uuid4().hex)
        _remembered(record, STARTED, now_ms())
        _remembered(record, GOAL, to_json(goal))

    @cached_property
    def store(self) -> Store:
        """The store of MLflow's data."""
        return Store(self.config.root, self.config.tracking.uri)

    def shows(self, page: str) -> str:
        """How to open a page with the curves: its URL, or the command that serves it."""
        return shows(self.config, page)

    @property
    def recorded_study(self) -> RecordedStudy:
        """The study as recorded on disk."""
        return RecordedStudy(self.config, self.record, self.folder, self.note)

    @contextmanager
    def opened(self, artifacts: Sequence[Path] = ()) -> Iterator[Tracker | None]:
        """A tracker, which is closed when the block ends; None with tracking=none.

        An error marks the study's run as failed.
        """
        if self.config.tracking.name == "none":
            yield None
            return
        if line := self.store.set_aside_damaged():
            print(f"tuner: {line}", file=sys.stderr)
        tracker = self.tracker(artifacts)
        self.tell_again(tracker)
        try:
            yield tracker
            if tracker.writer.error is None and tracker.writer.flush(self.deadline) == 0:
                # Records that MLflow or the spool has lost meanwhile.
                self.tell_again(tracker, rest=True)
        except BaseException as error:
            tracker.fail(error)
            raise
        finally:
            waiting, refused = tracker.close()
            self.undelivered = bool(waiting or refused)
            if waiting:
                print(printable(f"tuner: {waiting}; {LATER}"), file=sys.stderr)
            for refusal in refused:
                print(printable(f"tuner: MLflow refused: {refusal}"), file=sys.stderr)
            if torn := tracker.writer.torn:
                said = "is damaged" if torn == 1 else "are damaged"
                print(
                    f"tuner: {self.folder / 'spool'}: {torn} line{'s' * (torn > 1)} {said}: "
                    "left out; what they said is sent to MLflow from the study's own record",
                    file=sys.stderr,
                )

    def tracker(self, artifacts: Sequence[Path]) -> Tracker:
        """Makes the tracker of this study."""
        names = {"project": self.config.study.project, "study": self.config.study.name}
        return Tracker(
            Writer(self.store, self.folder, key=self.key, **names),
            self.deadline,
            self.recorded_study.begins(),
            self.goal,
            artifacts=artifacts,
            folder=self.folder,
            shown=self.recorded_study.shown,
            verdict=self.verdict,
            has_function=self.recorded_study.has_function,
        )

    def verdict(self, result: StudyResult) -> Iterator[Told]:
        """The records of a result, which is then counted as sent."""
        study = self.recorded_study
        if not result.interrupted:
            study.count_verdict()
        yield from study.verdict(result)

    def confirm_too(self, event: Confirmed) -> None:
        """Records a confirmation that another command made, not the study itself."""
        known = self.record.get(CONFIRMATIONS, list[Confirmed]) or []
        if event not in known:
            self.record.put(CONFIRMATIONS, [to_json(own) for own in (*known, event)])

    def tell_again(self, tracker: Tracker, rest: bool = False) -> None:
        """Sends the trials that MLflow has lost again; with `rest`, the end of the study too."""
        results, writer = self.record.results(), tracker.writer
        everything = writer.renewed or writer.torn
        lost = set(results) if everything else self.store.lacks(self.key, results)
        if not lost:
            return
        tracker.put([self.recorded_study.begins()])
        for _, records in self.recorded_study.trials(lost):
            tracker.put(records)
        tracker.put(self.recorded_study.curves())
        if rest:
            tracker.put(self.recorded_study.rest())

    def over(self, tracker: Tracker, interrupted: bool) -> None:
        """Ends the study's run, and records that this was done."""
        file = self.recorded_study.result_file
        tracker.over(file, interrupted)
        self.record.put(OVER, modified_ms(file))

    def catch_up(self, saved: SavedResult) -> SavedResult:
        """Sends what MLflow lacks because of a kill, a dead server or a lost database.

        Args:
            saved: the result of the finished study.

        Returns:
            The result, with the current page of the curves.
        """
        spool, file = self.folder / "spool", self.recorded_study.result_file
        if not spool.exists() or self.config.tracking.name == "none":
            return saved
        results = self.record.results()
        lost = set(results) if self.store.damage() else self.store.lacks(self.key, results)
        told = self.record.get(OVER, int) == modified_ms(file)
        if told and not lost and not any(spool.glob("*.jsonl")):
            return saved
        with self.opened() as tracker:
            assert tracker is not None
            if lost:
                if tracker.writer.flush(self.deadline) == 0:
                    saved = replace(saved, run=replace(saved.run, curves=tracker.link()))
                    write_result(file, saved)
                study = self.recorded_study
                study.count_verdict()
                tracker.put(study.rest())
                self.record.put(OVER, modified_ms(file))
            elif not told:
                self.over(tracker, interrupted=False)
        return saved


def shows(config: Config, page: str) -> str:
    """How to open a page with a study's curves: its URL, or the command that serves it."""
    store = Store(config.root, config.tracking.uri)
    if store.is_server:
        return page
    words = ["job=ui", f"study.name={config.study.name}"]
    words += [] if str(config.root) == "mlruns" else [f"root={config.root}"]
    words += [] if store.is_own else [f"tracking.uri={masked(store.uri)}"]
    return typed(config.program, *words)


def _remembered(record: Record, key: str, value: Any) -> Any:
    """The record's value of a key; where there is none, `value` is stored first."""
    if key not in record:
        record.put(key, value)
    return record.get(key, type(value)) or value
