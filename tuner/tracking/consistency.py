"""A study's record compared with its runs in MLflow: what is missing or differs there."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from tuner.tracking import logged_models
from tuner.tracking.calls import again
from tuner.tracking.lookup import Lookup
from tuner.tracking.records import (
    VERDICT,
    WINNER,
    Artifact,
    Model,
    Points,
    Record,
    RunBegins,
    RunEnds,
    Tags,
    Verdict,
    clip,
)  # fmt: skip
from tuner.tracking.runs import STATUS, outdated

if TYPE_CHECKING:
    from mlflow.entities import Run

# Relative difference up to which points are equal: the record keeps nine digits, while points that
# MLflow got from an earlier version have all.
ALIKE = 1e-8


@dataclass
class Differences:
    """The differences between a run and the record.

    Attributes:
        missing: the records to write; where there are any, the end of the run is the last.
        points: the number of missing points.
        words: the findings, in words.
        contradicted: whether MLflow holds a value that contradicts the record and cannot change.
    """

    missing: list[Record] = field(default_factory=list)
    points: int = 0
    words: list[str] = field(default_factory=list)
    contradicted: bool = False


def differences(lookup: Lookup, run: "Run", expected: Sequence[Record]) -> Differences:
    """Compares a run of a trial or a study with the record.

    A param of a study's run keeps its first value, and its curves may come from earlier ranges and
    seeds, so only what is missing counts there. A trial's run may have more points than the record:
    a training that a kill interrupted may end sooner after it is resumed.

    Args:
        lookup: finds the study's runs.
        run: the run in MLflow.
        expected: all records that MLflow should hold of the run.
    """
    found = Differences()
    ends: RunEnds | None = None
    artifacts = [record for record in expected if isinstance(record, Artifact)]
    for record in expected:
        match record:
            case RunBegins():
                _compare_params(run, record, found)
            case Points():
                _compare_points(lookup, run, record, found)
            case Model():
                place = lookup.client, lookup.experiment_id, run.info.run_id
                if not logged_models.is_ready(again(logged_models.known, *place, record)):
                    found.words.append("the model is missing")
                    found.missing.append(record)
            case Tags():
                if lacking := _lacking_tags(run, record):
                    found.words.append(_missing_tags(lacking))
                    found.missing.append(record)
            case Verdict():
                _compare_verdict(run, record, found)
            case RunEnds():
                ends = record
    if artifacts:
        _compare_files(lookup, run, artifacts, found)
    if ends is not None:
        _compare_end(run, ends, found)
    return found


def _compare_params(run: "Run", record: RunBegins, found: Differences) -> None:
    lacking = [key for key in record.params if key not in run.data.params]
    if lacking:
        found.words.append(f"{count(len(lacking), 'param')} missing: {', '.join(lacking)}")
        found.missing.append(record)
    for key in record.params.keys() - set(lacking) if record.number is not None else ():
        expected, known = clip(record.params[key]), run.data.params[key]
        if expected != known:
            found.words.append(f"{key} is {known}, on record {expected}")
            found.contradicted = True


def _compare_points(lookup: Lookup, run: "Run", record: Points, found: Differences) -> None:
    strict, last = record.number is not None, max(record.steps, default=0)
    for name, values in record.metrics.items():
        expected = {
            step: value
            for step, value in zip(record.steps, values, strict=True)
            if value is not None and math.isfinite(value)
        }
        known = lookup.points(run, name) if name in run.data.metrics else {}
        if lacking := {step: value for step, value in expected.items() if step not in known}:
            found.points += len(lacking)
            found.words.append(f"{name} lacks {count(len(lacking), 'point')}")
            found.missing.append(
                Points(record.number, list(lacking), {name: list(lacking.values())})
            )
        if strict and not _agree(expected, {s: v for s, v in known.items() if s <= last}):
            found.words.append(f"{name} differs from the curve on record")
            found.contradicted = True


def _agree(expected: Mapping[int, float], known: Mapping[int, float]) -> bool:
    """Whether the record has all known points, with the same values."""
    return all(
        step in expected and math.isclose(value, expected[step], rel_tol=ALIKE, abs_tol=1e-300)
        for step, value in known.items()
    )


def _compare_verdict(run: "Run", verdict: Verdict, found: Differences) -> None:
    tags, params = verdict.shown_tags(run.info.run_id), verdict.shown_params()
    wrong = [key for key, value in tags.items() if run.data.tags.get(key) != clip(value)]
    wrong += [key for key in outdated(run.data.tags, tags, VERDICT) if key not in tags]
    for path, value in params.items():
        if run.data.params.get(path) != value:
            wrong.append(path)
    wrong += [key for key in outdated(run.data.params, params, (WINNER,)) if key not in params]
    if wrong:
        found.words.append(f"different from the result: {', '.join(sorted(wrong))}")
        found.missing.append(verdict)


def _compare_files(
    lookup: Lookup, run: "Run", artifacts: Collection[Artifact], found: Differences
) -> None:
    sizes: dict[str, int | None] = {}
    for folder in {artifact.folder for artifact in artifacts}:
        listed = again(lookup.client.list_artifacts, run.info.run_id, folder or None)
        sizes |= {file.path: file.file_size for file in listed}
    lacking = [
        artifact
        for artifact in artifacts
        if sizes.get(PurePosixPath(artifact.folder, Path(artifact.path).name).as_posix())
        != Path(artifact.path).stat().st_size
    ]
    if lacking:
        names = ", ".join(Path(artifact.path).name for artifact in lacking)
        found.words.append(f"{count(len(lacking), 'file')} missing or old: {names}")
        found.missing += lacking


def _compare_end(run: "Run", ends: RunEnds, found: Differences) -> None:
    status, state = run.info.status, run.data.tags.get("tuner.state")
    # The study's run shows an error until a command ends without one.
    failed = ends.number is None and ends.state == "INTERRUPTED" and state == "FAILED"
    if status == "RUNNING":
        found.words.append("it is RUNNING, and no process is at work on it")
    elif not failed and (status, state) != (STATUS[ends.state], ends.state):
        found.words.append(f"its state is {state} ({status}), on record {ends.state}")
    elif not failed and (lacking := _lacking_tags(run, ends)):
        found.words.append(_missing_tags(lacking))
    elif not found.missing:
        return
    found.missing.append(ends)


def _lacking_tags(run: "Run", record: RunEnds | Tags) -> list[str]:
    return [key for key, value in record.tags.items() if run.data.tags.get(key) != clip(value)]


def _missing_tags(names: Sequence[str]) -> str:
    return f"{count(len(names), 'tag')} missing: {', '.join(names)}"


def count(number: int, what: str) -> str:
    """A number with its noun, in the plural unless it is 1."""
    return f"{number} {what}{'s' * (number != 1)}"


def numbering(cohorts: Sequence[Sequence[int]], trials: int) -> Iterator[str]:
    """Finds errors in the numbering of a record's trials.

    Args:
        cohorts: the bounds of each cohort: the first number, and one past the last.
        trials: the number of trials.
    """
    reached = 0
    for start, stop in cohorts:
        if start != reached or stop < start:
            yield f"a cohort begins at trial {start}, the one before ended at {reached}"
        reached = stop
    if trials > reached:
        yield f"the record has {trials} trials, and its cohorts {reached}"
