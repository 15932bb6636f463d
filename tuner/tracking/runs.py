"""The runs of a study in MLflow: a parent and one child for each trial, found by their tags."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.tracking import database, links, logged_models, tables
from tuner.tracking.calls import again, is_refusal, one_line
from tuner.tracking.lookup import DUPLICATE, Lookup, number_of
from tuner.tracking.provenance import SOURCE, provenance
from tuner.tracking.records import (
    VERDICT,
    WINNER,
    Artifact,
    Model,
    Points,
    Record,
    RunBegins,
    RunEnds,
    State,
    Tags,
    Verdict,
    clip,
)  # fmt: skip
from tuner.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Run

DIGEST = 36  # characters that MLflow keeps of a data set's digest

STATUS: Mapping[State, str] = {
    "COMPLETE": "FINISHED",
    # These trials ended as intended, and MLflow draws KILLED like FAILED.
    "PRUNED": "FINISHED",
    "DIVERGED": "FINISHED",
    "INTERRUPTED": "KILLED",
    "FAILED": "FAILED",
}


@dataclass
class _Known:
    """A run's state in MLflow."""

    run_id: str
    started_ms: int
    running: bool
    params: set[str] = field(default_factory=set)


@dataclass
class _News:
    """What a batch of records says about one run; the last record counts."""

    begins: RunBegins | None = None
    ends: RunEnds | None = None
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Points] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    verdict: Verdict | None = None
    count: int = 0

    def add(self, record: Record) -> None:
        self.count += 1
        match record:
            case RunBegins():
                self.begins, self.ends = record, None
                self.tags |= {"tuner.state": "RUNNING"}
            case RunEnds():
                self.ends = record
                self.tags |= record.tags
                self.tags |= {"tuner.state": record.state, "tuner.reason": record.reason}
            case Tags():
                self.tags |= record.tags
            case Verdict():
                self.verdict = record
            case Points():
                self.points.append(record)
            case Artifact():
                self.artifacts.append(record)
            case Model():
                self.models.append(record)


# News by trial, and of the study under None.
_ByNumber = Mapping[int | None, _News]


class StudyRuns:
    """Writes records about one study in as few calls as possible.

    `key` identifies the study among the studies of all users of the server in this project. A trial
    has several runs if an answer was lost or late; the run with the most data is used.
    """

    def __init__(self, store: Store, *, project: str, study: str, key: str) -> None:
        self.client = store.open()
        self.experiment_id = store.experiment(self.client, project)
        self._tags = {**provenance(), "tuner.study": study, "tuner.key": key}
        self.lookup = Lookup(self.client, self.experiment_id, key)
        self.headless = 0
        self._is_server, self._database = store.is_server, store.database
        self.refused: list[str] = []
        self.dropped = 0  # runs that were closed as duplicates
        self.found: dict[int | None, Run] = {}  # the runs that the last `take_stock` found
        self._runs: dict[int | None, _Known] = {}
        self.take_stock()

    @property
    def parent_id(self) -> str | None:
        """The id of the parent run; None while there is none."""
        return self._runs[None].run_id if None in self._runs else None

    def write(self, records: Iterable[Record]) -> None:
        """Writes records; those that MLflow refuses for good are skipped and noted in `refused`.

        Records of a missing run are skipped too if they do not begin it, and counted in
        `headless`: the run would get a wrong start time.

        Raises MLflow's exceptions when it cannot be reached: then create this object again and
        write the same records again.
        """
        news: dict[int | None, _News] = {None: _News()}
        for record in records:
            news.setdefault(record.number, _News()).add(record)
        study = news.pop(None)
        if study.begins is None and self.parent_id is None:
            self.headless += study.count + sum(trial.count for trial in news.values())
            return
        self._open({None: study})
        for number in [n for n, own in news.items() if not own.begins and n not in self._runs]:
            self.headless += news.pop(number).count
        self._open(news)
        self._fill(news)
        self._end(news)
        self._fill({None: study})
        if study.ends is not None:
            if self._is_server:  # duplicates come only from a server's late answers
                self.take_stock()
                drop_doubles = logged_models.drop_doubles
                again(drop_doubles, self.client, self.experiment_id, str(self.parent_id))
            self._end_the_rest(study.ends)
            self._end({None: study})

    def _open(self, news: _ByNumber) -> None:
        """Creates the missing runs, and sets those running that begin again."""
        study = news.get(None)
        if study is not None and study.begins is not None and SOURCE in study.begins.tags:
            # The trials of a user's function have its command as their source too.
            self._tags[SOURCE] = study.begins.tags[SOURCE]
        new = {
            number: self._new_run(number, own)
            for number, own in news.items()
            if number not in self._runs
        }
        ids: Sequence[str] = ()
        if new and self._database is not None:
            ids = again(tables.create, self._database, self.experiment_id, list(new.values()))
        for (number, run), run_id in zip(new.items(), ids, strict=False):
            self._runs[number] = _Known(run_id, run.started_ms, True)
        for number, own in news.items():
            if number in new:
                if number not in self._runs:
                    self._runs[number] = self._create(number, new[number])
                own.tags.clear()
            elif own.begins and not own.ends and not self._runs[number].running:
                known = self._runs[number]
                with self._noting_refusals():
                    again(self.client.update_run, known.run_id, status="RUNNING")
                known.running = True

    def _new_run(self, number: int | None, news: _News) -> tables.NewRun:
        begins = news.begins
        assert begins is not None
        tags = self._tags | dict(begins.tags) | news.tags
        tags[links.KIND] = links.STUDY if number is None else links.TRIAL
        if number is not None:
            tags |= {"mlflow.parentRunId": str(self.parent_id), "tuner.trial": str(number)}
        clipped = {key: clip(value) for key, value in tags.items()}
        return tables.NewRun(begins.name, begins.started_ms, clipped)

    def _create(self, number: int | None, run: tables.NewRun) -> _Known:
        def create() -> Run:
            return self.client.create_run(
                self.experiment_id,
                start_time=run.started_ms,
                tags=dict(run.tags),
                run_name=run.name,
            )

        return _known(self._done_once(create, number))

    def _done_once(self, create: Callable[[], Run], number: int | None) -> Run:
        """Creates a trial's run; after a lost answer, looks for the run before it tries again."""
        from mlflow.exceptions import MlflowException

        try:
            return create()
        except MlflowException as error:
            if is_refusal(error):
                raise
        return again(lambda: self.lookup.one(number) or create())

    def _fill(self, news: _ByNumber) -> None:
        """Adds the news to the runs; in MLflow's local database all runs are written in one go."""
        told = []
        for number, own in news.items():
            run = self._runs[number]
            params = own.begins.params if own.begins else {}
            fresh = {key: value for key, value in params.items() if key not in run.params}
            told.append(_told(run.run_id, _points(own.points, run.started_ms), fresh, own.tags))
            run.params |= fresh.keys()
        self._log(told)
        for number, own in news.items():
            run = self._runs[number]
            if own.begins and own.begins.data:
                self._show_data(run.run_id, own.begins.data)
            for artifact in own.artifacts:
                self._copy(run.run_id, artifact)
            if own.verdict is not None:
                self._judge(run, own.verdict)
            for model in own.models:
                with self._noting_refusals():
                    refusal = logged_models.show(self.client, self.experiment_id, run.run_id, model)
                    self.refused += [refusal] if refusal else []

    def _judge(self, run: _Known, verdict: Verdict) -> None:
        """Replaces what an earlier result said of the study.

        MLflow does not let a param change, except by SQL in a local database; on a server only
        the tags show the winner.
        """
        known = again(self.client.get_run, run.run_id).data
        tags, params = verdict.shown_tags(run.run_id), verdict.shown_params()
        for key in outdated(known.tags, tags, VERDICT):
            with self._noting_refusals():
                self.client.delete_tag(run.run_id, key)
        if self._database is None:
            params = {}
        elif old := outdated(known.params, params, (WINNER,)):
            database.forget_params(self._database, run.run_id, old)
        self._log([_told(run.run_id, (), params, tags)])

    def _show_data(self, run_id: str, data: Mapping[str, str]) -> None:
        """Logs the run's data set; MLflow stores data sets of the same name and digest once."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        shown = Dataset(data["name"], data["digest"][:DIGEST], "local", json.dumps(dict(data)))
        context = [InputTag("mlflow.data.context", "training")]
        with self._noting_refusals():
            again(self.client.log_inputs, run_id, [DatasetInput(shown, context)])

    def _end(self, news: _ByNumber) -> None:
        ends = [
            tables.End(self._runs[number].run_id, STATUS[own.ends.state], own.ends.ended_ms)
            for number, own in news.items()
            if own.ends is not None
        ]
        done = again(tables.terminate, self._database, ends) if self._database and ends else set()
        for end in ends:
            if end.run_id not in done:
                with self._noting_refusals():
                    how = end.run_id, end.status, end.ended_ms
                    again(self.client.set_terminated, *how)
        for number, own in news.items():
            if own.ends is not None:
                self._runs[number].running = False

    def _end_the_rest(self, study: RunEnds) -> None:
        """Ends trials that are still RUNNING after the end of the study."""
        rest: dict[int | None, _News] = {}
        for number, run in self._runs.items():
            if number is not None and run.running:
                rest[number] = _News()
                said = "the study ended first"
                rest[number].add(RunEnds(number, "INTERRUPTED", said, study.ended_ms))
        self._fill(rest)
        self._end(rest)

    def _log(self, told: Sequence[tables.News]) -> None:
        """Logs points, params and tags; separately if MLflow refuses them together."""
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException

        told = [own for own in told if own.points or own.params or own.tags]
        done = again(tables.add, self._database, told) if self._database and told else set()
        for own in told:
            if own.run_id in done:
                continue
            parts: dict[str, list[Any]] = {
                "metrics": [Metric(*point) for point in own.points],
                "params": [Param(*param) for param in own.params.items()],
                "tags": [RunTag(*tag) for tag in own.tags.items()],
            }
            try:
                again(self.client.log_batch, own.run_id, **parts)
            except MlflowException as error:
                if not is_refusal(error):
                    raise
                for kind, values in parts.items():
                    with self._noting_refusals():
                        again(self.client.log_batch, own.run_id, **{kind: values})

    @contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        """Notes a refused call and goes on: if it were repeated, it would block all later ones."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if not is_refusal(error):
                raise
            self.refused.append(one_line(error))

    def _copy(self, run_id: str, artifact: Artifact) -> None:
        if Path(artifact.path).is_file():
            again(self.client.log_artifact, run_id, artifact.path, artifact.folder or None)
        else:
            self.refused.append(f"{artifact.path}: the file is no longer there")

    def take_stock(self) -> None:
        """Reads the runs from MLflow again; of duplicates it keeps the one with the most data."""
        self.found = {}
        for number, (run, *others) in self.lookup.all().items():
            for other in others:
                self.retire(other, DUPLICATE, f"{run.info.run_id} is the run of the same trial")
                self.dropped += 1
            self.found[number], self._runs[number] = run, _known(run)
        for number, run in self.found.items():
            if number is None and links.KIND not in run.data.tags:
                again(self.client.set_tag, run.info.run_id, links.KIND, links.STUDY)
            parent = run.data.tags.get("mlflow.parentRunId")
            if number is not None and self.parent_id not in (None, parent):
                again(self.client.set_tag, run.info.run_id, "mlflow.parentRunId", self.parent_id)

    def retire(self, run: Run, state: str, reason: str) -> None:
        """Closes a run and tags it, so that it is never used for a trial again."""
        run_id = run.info.run_id
        if run.info.status == "RUNNING":
            again(self.client.set_terminated, run_id, "KILLED")
        again(self.client.set_tag, run_id, "tuner.reason", reason)
        again(self.client.set_tag, run_id, "tuner.state", state)
        known = self._runs.get(number_of(run))
        if known is not None and known.run_id == run_id:
            del self._runs[number_of(run)]


def outdated(known: Mapping[str, str], told: Mapping[str, str], own: tuple[str, ...]) -> list[str]:
    """The known keys with one of the prefixes `own` whose values differ from the given ones."""
    return [key for key in known if key.startswith(own) and known[key] != clip(told.get(key))]


def _known(run: Run) -> _Known:
    running = run.info.status == "RUNNING"
    return _Known(run.info.run_id, run.info.start_time, running, set(run.data.params))


def _told(
    run_id: str,
    points: Iterable[tables.Point],
    params: Mapping[str, object],
    tags: Mapping[str, object],
) -> tables.News:
    """News of a run, with values cut to the length that MLflow keeps."""
    clipped = [{key: clip(value) for key, value in own.items()} for own in (params, tags)]
    return tables.News(run_id, list(points), *clipped)


def _points(pieces: Iterable[Points], started_ms: int) -> Iterator[tables.Point]:
    """The finite points in MLflow's form.

    MLflow stores an identical key, time, step and value once, so with times that are counted from
    the run's start a replay adds nothing. A stored inf (as 1.8e308) or nan would spoil the charts.
    """
    for piece in pieces:
        for name, values in piece.metrics.items():
            for step, value in zip(piece.steps, values, strict=True):
                if value is not None and math.isfinite(value):
                    yield name, float(value), started_ms + step, step
