"""Republishing: MLflow compared with a study's record, or brought to agree with it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

from tuner.config import Config
from tuner.errors import UserError
from tuner.study.ending import write_result
from tuner.study.places import check_place, place_of
from tuner.study.results import StudyResult
from tuner.tracking.calls import reachable
from tuner.tracking.consistency import count, differences
from tuner.tracking.lookup import DUPLICATE, UNKNOWN, Lookup
from tuner.tracking.model import describe_saved
from tuner.tracking.recorded_study import KEY, RecordedStudy
from tuner.tracking.records import Points, Record, Verdict
from tuner.tracking.runs import StudyRuns
from tuner.tracking.spool import lines, spooled
from tuner.tracking.store import Store
from tuner.tracking.uploader import deliver
from tuner.training.loop import Interrupted


@contextmanager
def republishing(
    config: Config, stop: Event, note: Callable[[StudyResult], str]
) -> Iterator["Republishing"]:
    """Opens the study of a config, which this process owns until the block ends.

    Args:
        config: the study's config.
        stop: set when the command is told to stop.
        note: makes the description of a result, in Markdown.

    Raises:
        UserError: if another process is working on the study, or its record is gone; within the
            block, if MLflow cannot be reached.
    """
    name, store = config.study.name, Store(config.root, config.tracking.uri)
    folder = config.root / "studies" / name
    check_place(config)
    place = place_of(config)
    if not place.exists():
        raise UserError(f"study.name: {name}: its record is gone: there is no {place.where}")
    with place.record() as record, reachable(store.uri):
        yield Republishing(RecordedStudy(config, record, folder, note), store, stop)


class Republishing:
    """Compares a study with its runs in MLflow, and repairs the runs.

    Args:
        recorded_study: the study, on which no other process may be working.
        store: the store of MLflow's data.
        stop: set when the command is told to stop.
    """

    def __init__(self, recorded_study: RecordedStudy, store: Store, stop: Event) -> None:
        self.recorded_study, self.store, self.stop = recorded_study, store, stop
        self.record, study = recorded_study.record, recorded_study.config.study
        self.names = {
            "project": study.project,
            "study": study.name,
            "key": str(self.record.get(KEY, str)),
        }
        self.spool = recorded_study.folder / "spool"

    def findings(self) -> Iterator[str]:
        """Lists the differences from the record, a line each; changes nothing.

        Raises:
            MlflowException: if MLflow cannot be reached.
            Interrupted: if `stop` was set.
        """
        if waiting := sum(map(lines, self.waiting())):
            yield f"spool: {count(waiting, 'record')} wait{'s' * (waiting == 1)} for MLflow"
        if wrong := self.store.damage():
            yield f"{self.store.database}: {wrong}"
            return
        client = self.store.open()
        experiment = client.get_experiment_by_name(self.names["project"])
        if experiment is None:
            yield f"study: MLflow has no experiment {self.names['project']}"
            return
        lookup = Lookup(client, experiment.experiment_id, self.names["key"])
        found = lookup.all()
        for number in sorted(found.keys() - self.numbers, key=str):
            yield f"{_name(number)}: has a run in MLflow, the record has no such trial"
        for number, expected in self.expected():
            runs = found.get(number, [])
            if len(runs) != 1:
                yield f"{_name(number)}: has {count(len(runs), 'run')} in MLflow"
            if runs:
                words = differences(lookup, runs[0], expected).words
                yield from (f"{_name(number)}: {word}" for word in words)

    def mend(self) -> str:
        """Writes what is missing, ends runs that are still open, and retires duplicates.

        A damaged database is set aside first.

        Returns:
            A summary, in words.

        Raises:
            MlflowException: if MLflow cannot be reached; a second call continues the work.
            Interrupted: if `stop` was set; a second call continues the work.
        """
        done, damaged = Counter[str](), self.store.set_aside_damaged()
        done["record"] = self.hand_over()
        runs = StudyRuns(self.store, **self.names)
        done["duplicate"] = runs.dropped
        found = dict(runs.found)
        for number in found.keys() - self.numbers:
            runs.retire(found.pop(number), UNKNOWN, "the record has no such trial")
            done["unknown"] += 1
        if None not in found:
            runs.write([self.recorded_study.begins()])
            done["run"] += 1
        for number, expected in self.expected(runs):
            run = found.get(number)
            own = None if run is None else differences(runs.lookup, run, expected)
            if run is not None and own is not None and own.contradicted:
                runs.retire(run, DUPLICATE, "the record contradicts it, and another has its place")
                done["contradicted"] += 1
                own = None
            if own is None:
                runs.write(expected)
                done["run"] += number is not None
                done["point"] += sum(_points(record) for record in expected)
                continue
            done["closed"] += run is not None and run.info.status == "RUNNING"
            done["point"] += own.points
            done["other"] += len(own.words) > 0 and own.points == 0
            if own.missing:
                runs.write(own.missing)
        return _told(damaged, done, runs.refused)

    @property
    def numbers(self) -> set[int | None]:
        """The numbers that must have a run: of all recorded trials, and None for the study."""
        return {None, *(trial.number for trial in self.record.trials())}

    def waiting(self) -> list[Path]:
        """The files of the spool, in order."""
        return spooled(self.spool)

    def hand_over(self) -> int:
        """Writes the records of the spool to MLflow; returns their number."""
        files, handed = self.waiting(), 0
        study = {"root": str(self.store.root), "uri": self.store.uri, **self.names}
        study["spool"] = str(self.spool)
        for file, answer in zip(files, deliver(study, map(str, files)), strict=False):
            if answer["error"] is not None:
                raise OSError(answer["error"])
            handed += lines(file)
            file.unlink()
        return handed

    def expected(self, runs: StudyRuns | None = None) -> Iterator[tuple[int | None, list[Record]]]:
        """All records that MLflow should hold, run by run, the study's run last.

        Args:
            runs: the runs under repair; if given, their page is stored in the result.
        """
        more: dict[int | None, list[Record]] = {}
        for piece in self.recorded_study.curves():
            more.setdefault(piece.number, []).append(piece)
        for number, records in self.recorded_study.trials(range(len(self.record.trials()))):
            if self.stop.is_set():
                raise Interrupted
            yield number, [*records, *more.get(number, [])]
        if runs is not None:
            describe_saved(self.recorded_study.folder / "model")
            self.say_where(runs)
            self.recorded_study.count_verdict()
        rest = [
            # Params on a server cannot be changed later, so none are sent there that may change.
            replace(record, params={})
            if isinstance(record, Verdict) and self.store.database is None
            else record
            for record in self.recorded_study.rest()
        ]
        yield None, [self.recorded_study.begins(), *more.get(None, []), *rest]

    def say_where(self, runs: StudyRuns) -> None:
        """Stores the current page of the curves in the result."""
        saved, goal = self.recorded_study.saved(), self.recorded_study.goal()
        if saved is None or runs.parent_id is None:
            return
        page = runs.experiment_id, runs.parent_id
        link = self.store.curves_link(*page, goal.curve, goal.greater_is_better)
        if saved.run.curves != link:
            expected = replace(saved, run=replace(saved.run, curves=link))
            write_result(self.recorded_study.result_file, expected)


def _name(number: int | None) -> str:
    return "study" if number is None else f"trial {number}"


def _points(record: Record) -> int:
    if not isinstance(record, Points):
        return 0
    return sum(value is not None for values in record.metrics.values() for value in values)


def _told(damaged: str, done: Counter[str], refused: list[str]) -> str:
    words = {
        "record": "waiting {} sent",
        "run": "{} made",
        "point": "{} written",
        "closed": "{} closed",
        "duplicate": "{} closed",
        "unknown": "{} of no trial closed",
        "contradicted": "{} made anew",
        "other": "{} brought up to date",
    }
    nouns = {"closed": "open run", "unknown": "run", "contradicted": "run", "other": "run"}
    own = {key: count(done[key], nouns.get(key, key)) for key in words if done[key]}
    said = [words[key].format(many) for key, many in own.items()]
    said = [damaged, *said] if damaged else said
    said += [f"MLflow refused: {refusal}" for refusal in refused]
    return ", ".join(said) or "nothing was missing"
