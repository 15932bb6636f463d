"""The runs of one study in MLflow: one parent, one child a trial, found again by their tags."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tuner.tracking.model import FORMAT
from tuner.tracking.provenance import provenance
from tuner.tracking.records import Artifact, Model, Points, Record, RunBegins, RunEnds, State
from tuner.tracking.store import Store

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.exceptions import MlflowException

STATUS: Mapping[State, str] = {
    "COMPLETE": "FINISHED",
    "PRUNED": "KILLED",
    "DIVERGED": "KILLED",
    "INTERRUPTED": "KILLED",
    "FAILED": "FAILED",
}
LONGEST = 6000  # characters MLflow keeps of a param; tags may have some more


@dataclass
class _Known:
    """What is known of a run in MLflow."""

    run_id: str
    started_ms: int
    running: bool
    params: set[str] = field(default_factory=set)


@dataclass
class _News:
    """What a bunch of records says about one run: the last word counts."""

    begins: RunBegins | None = None
    ends: RunEnds | None = None
    tags: dict[str, str] = field(default_factory=dict)
    points: list[Points] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)

    def add(self, record: Record) -> None:
        match record:
            case RunBegins():
                self.begins, self.ends = record, None
                self.tags |= {**record.tags, "tuner.state": "RUNNING"}
            case RunEnds():
                self.ends = record
                self.tags |= record.tags
                self.tags |= {"tuner.state": record.state, "tuner.reason": record.reason}
            case Points():
                self.points.append(record)
            case Artifact():
                self.artifacts.append(record)
            case Model():
                self.models.append(record)


class StudyRuns:
    """Writes records about one study in as few calls as possible.

    `key` tells the study from all others, of any user of the same server, under the same project.
    """

    def __init__(self, store: Store, *, project: str, study: str, key: str) -> None:
        self._client = store.open()
        self.experiment_id = store.experiment(self._client, project)
        self._tags = {**provenance(), "tuner.study": study, "tuner.key": key}
        self._study = study
        self._runs = {_number(run): _known(run) for run in self._search(key)}
        self.refused: list[str] = []

    @property
    def parent_id(self) -> str | None:
        """The id of the parent run, once there is one."""
        return self._runs[None].run_id if None in self._runs else None

    def write(self, records: Iterable[Record]) -> None:
        """Write records; what MLflow will never accept is noted in `refused` and left out.

        Raises whatever MLflow raises when it cannot be reached: then open the runs anew and write
        the same records again.
        """
        news: dict[int | None, _News] = {None: _News()}
        for record in records:
            news.setdefault(record.number, _News()).add(record)
        study = news.pop(None)
        self._open(None, study)
        for number, trial in news.items():
            self._open(number, trial)
            self._fill(number, trial)
            self._end(number, trial)
        self._fill(None, study)
        if study.ends is not None:
            self._end_the_rest(study.ends)
            self._end(None, study)

    def _open(self, number: int | None, news: _News) -> None:
        known = self._runs.get(number)
        if known is None:
            self._runs[number] = self._create(number, news)
            news.tags.clear()
        elif news.begins and not news.ends and not known.running:
            with self._noting_refusals():
                self._client.update_run(known.run_id, status="RUNNING")
            known.running = True

    def _create(self, number: int | None, news: _News) -> _Known:
        tags = self._tags | news.tags
        name = self._study
        if number is not None:
            tags |= {"mlflow.parentRunId": str(self.parent_id), "tuner.trial": str(number)}
            name = f"trial {number}"
        run = self._client.create_run(
            self.experiment_id,
            start_time=news.begins.started_ms if news.begins else None,
            tags={key: _clip(value) for key, value in tags.items()},
            run_name=news.begins.name if news.begins else name,
        )
        return _known(run)

    def _fill(self, number: int | None, news: _News) -> None:
        from mlflow.entities import Param, RunTag

        run = self._runs[number]
        params = news.begins.params if news.begins else {}
        fresh = {key: value for key, value in params.items() if key not in run.params}
        self._log(
            run.run_id,
            metrics=list(_metrics(news.points, run.started_ms)),
            params=[Param(key, _clip(value)) for key, value in fresh.items()],
            tags=[RunTag(key, _clip(value)) for key, value in news.tags.items()],
        )
        run.params |= fresh.keys()
        for artifact in news.artifacts:
            self._copy(run.run_id, artifact)
        for model in news.models:
            if Path(model.folder).is_dir():
                with self._noting_refusals():
                    self._show(run.run_id, model)
            else:
                self.refused.append(f"{model.folder}: the model is no longer there")

    def _end(self, number: int | None, news: _News) -> None:
        run = self._runs[number]
        if news.ends is not None:
            status = STATUS[news.ends.state]
            with self._noting_refusals():
                self._client.set_terminated(run.run_id, status, news.ends.ended_ms)
            run.running = False

    def _end_the_rest(self, study: RunEnds) -> None:
        """No trial is left RUNNING under a study that is over."""
        for number, run in self._runs.items():
            if number is not None and run.running:
                news = _News()
                news.add(RunEnds(number, "INTERRUPTED", "the study ended first", study.ended_ms))
                self._fill(number, news)
                self._end(number, news)

    def _log(self, run_id: str, **parts: Any) -> None:
        """Metrics, params and tags in one call; one by one if MLflow refuses the whole."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.log_batch(run_id, **parts)
        except MlflowException as error:
            if not _is_refusal(error):
                raise
            for kind, values in parts.items():
                with self._noting_refusals():
                    self._client.log_batch(run_id, **{kind: values})

    @contextmanager
    def _noting_refusals(self) -> Iterator[None]:
        """A refused call is noted and left out: tried again and again it would block the rest."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if not _is_refusal(error):
                raise
            self.refused.append(one_line(error))

    def _copy(self, run_id: str, artifact: Artifact) -> None:
        if Path(artifact.path).is_file():
            self._client.log_artifact(run_id, artifact.path, artifact.folder or None)
        else:
            self.refused.append(f"{artifact.path}: the file is no longer there")

    def _show(self, run_id: str, model: Model) -> None:
        """Log a saved model as MLflow's own `log_model` does, unless the run has it already."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus
        from mlflow.models import Model as Description

        tags = {key: str(value) for key, value in model.tags.items()}
        logged = self._logged_model(run_id, model.name, tags)
        if logged is None:
            params = {key: _clip(value) for key, value in model.params.items()}
            logged = self._client.create_logged_model(
                self.experiment_id, model.name, run_id, tags=tags, params=params
            )
        elif logged.status == LoggedModelStatus.READY:
            return
        if not self._is_output(run_id, logged.model_id):
            self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        with TemporaryDirectory() as scratch:
            target = Path(scratch, "model")
            try:
                shutil.copytree(Path(model.folder, FORMAT), target)
                description = Description.load(str(target))
            except Exception as error:  # what was saved is gone or broken: it will not heal
                self.refused.append(f"{model.folder}: {one_line(error)}")
                self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
                return
            description.run_id = run_id
            description.model_id = description.model_uuid = logged.model_id
            description.artifact_path = logged.artifact_location
            description.save(str(target / "MLmodel"))
            self._client.log_model_artifacts(logged.model_id, str(target))
        self._client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)

    def _is_output(self, run_id: str, model_id: str) -> bool:
        """Whether the run says already that it made the model; it may say so only once."""
        outputs = self._client.get_run(run_id).outputs
        return outputs is not None and any(
            o.model_id == model_id for o in outputs.model_outputs or ()
        )

    def _logged_model(self, run_id: str, name: str, tags: Mapping[str, str]) -> Any:
        found = self._client.search_logged_models(
            [self.experiment_id], filter_string=f"source_run_id = '{run_id}' AND name = '{name}'"
        )
        return next((model for model in found if tags.items() <= model.tags.items()), None)

    def _search(self, key: str) -> Iterable[Run]:
        page = None
        while page != "":
            found = self._client.search_runs(
                [self.experiment_id], f"tags.`tuner.key` = '{key}'", page_token=page
            )
            yield from found
            page = found.token or ""


def one_line(error: Exception) -> str:
    """What went wrong, in one line: the start and the end of a long message."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else f"{text[:120]} … {text[-120:]}"


def _is_refusal(error: MlflowException) -> bool:
    """Whether MLflow understood the call and will not have it, now or later."""
    return error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


def _number(run: Run) -> int | None:
    number = run.data.tags.get("tuner.trial")
    return None if number is None else int(number)


def _known(run: Run) -> _Known:
    running = run.info.status == "RUNNING"
    return _Known(run.info.run_id, run.info.start_time, running, set(run.data.params))


def _metrics(points: Iterable[Points], started_ms: int) -> Iterable[Metric]:
    """The finite points as MLflow's metrics.

    MLflow stores the same key, time, step and value once, so times counted from the run's start
    make a replay harmless. A stored inf (as 1.8e308) or nan would ruin the run's charts.
    """
    from mlflow.entities import Metric

    for piece in points:
        for name, values in piece.metrics.items():
            for step, value in zip(piece.steps, values, strict=True):
                if value is not None and math.isfinite(value):
                    yield Metric(name, value, started_ms + step, step)


def _clip(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
