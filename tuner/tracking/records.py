"""Records: what a study tells MLflow, as plain data that is one line of JSON each.

A record may be written more than once (a killed process replays its spool, a resumed study trains
an interrupted trial again): whoever writes it twice leaves MLflow as after the first time.
`number` is the trial's number, or None for the study itself (the parent run).
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from tuner.codec import from_json

# A number that a database takes.
Whole = Annotated[int, Field(ge=0, lt=2**53)]

State = Literal["COMPLETE", "PRUNED", "DIVERGED", "FAILED", "INTERRUPTED"]
NOTE = "mlflow.note.content"  # the tag that MLflow shows as a run's description
LONGEST = 6000  # characters MLflow keeps of a param; tags may have some more
# What the tags begin with that the newest result decides, and the params of its winner.
VERDICT, WINNER = ("tuner.winner", "tuner.trials.", "tuner.importance."), "winner."


@dataclass(frozen=True)
class Record:
    """One thing to be written about one run."""

    number: Whole | None


@dataclass(frozen=True)
class RunBegins(Record):
    """A run is there, or goes on after an interruption.

    `started_ms` (milliseconds since 1970) must be the same when the run is begun again: the times
    of its points are counted from it. Params are write-once: the first value of a name stays.
    `data` are the name and the digest of what it trains on.
    """

    name: str
    started_ms: Whole
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Points(Record):
    """Pieces of curves: `metrics[name][i]` was measured at `steps[i]`.

    Values that are not finite, or None, never reach MLflow.

    Raises:
        ValueError: if a metric has not one value a step.
    """

    steps: Sequence[Whole]
    metrics: Mapping[str, Sequence[float | None]]

    def __post_init__(self) -> None:
        for name, values in self.metrics.items():
            if len(values) != len(self.steps):
                raise ValueError(f"{name}: {len(values)} values for {len(self.steps)} steps")


@dataclass(frozen=True)
class RunEnds(Record):
    """A run is over: how, and why in words."""

    state: State
    reason: str
    ended_ms: Whole
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tags(Record):
    """What is said of a run after its end."""

    tags: Mapping[str, str]


@dataclass(frozen=True)
class Verdict(Record):
    """What the newest result says of a study, in place of all that earlier ones said.

    Attributes:
        note: Markdown, which MLflow shows as the run's description.
        pictures: names of artifacts of the run that the note shows.
        tags: under the prefixes of `VERDICT`.
        params: the winner's settings by path, shown under `WINNER`.
    """

    note: str
    pictures: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def shown_tags(self, run_id: str) -> dict[str, str]:
        """The tags as a run has them, its description among them."""
        # MLflow's pages live behind a #, so this address is relative to where they are served.
        images = [
            f"![{name}](get-artifact?path={quote(name)}&run_uuid={run_id})"
            for name in self.pictures
        ]
        room = LONGEST - sum(len(image) + 2 for image in images)
        note = self.note if len(self.note) <= room else f"{self.note[: room - 1]}…"
        return {**self.tags, NOTE: "\n\n".join([note, *images])}

    def shown_params(self) -> dict[str, str]:
        """The params as a run has them."""
        return {WINNER + path: clip(value) for path, value in self.params.items()}


@dataclass(frozen=True)
class Artifact(Record):
    """A file (its absolute path) to be copied into a folder of the run's artifacts, "" the top."""

    path: str
    folder: str = ""


@dataclass(frozen=True)
class Model(Record):
    """A model that `tuner.tracking.model.describe` wrote to `folder`, to be shown on the run.

    It is logged once for each name and tags, so the tags should tell which model it is.
    """

    folder: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def to_line(record: Record) -> str:
    """The record as one line of JSON; NumPy scalars and arrays are welcome."""
    fields = {"type": type(record).__name__, **vars(record)}
    return json.dumps(fields, default=lambda value: value.tolist()) + "\n"


def from_line(line: str) -> Record:
    """The record of a line.

    Raises:
        ValueError: for a torn line, or one of another version.
    """
    kinds = {kind.__name__: kind for kind in Record.__subclasses__()}
    try:
        fields = json.loads(line)
        if "\\u" in line:  # half a pair of surrogates, which only an escape can hold, is no text
            json.dumps(fields, ensure_ascii=False).encode()
        record: Record = from_json(kinds[fields.pop("type")], fields)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a record: {error}") from error
    return record


def now_ms() -> int:
    """The time as records have it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def clip(value: Any) -> str:
    """A value as a param or a tag, as long as MLflow keeps it."""
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
