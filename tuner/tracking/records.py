"""Records: what a study tells MLflow, as plain data that is one line of JSON each.

A record may be written more than once: a killed process replays its spool, and a resumed study
trains an interrupted trial again. The second time must change nothing in MLflow.
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

# An integer that a database can hold.
Whole = Annotated[int, Field(ge=0, lt=2**53)]

State = Literal["COMPLETE", "PRUNED", "DIVERGED", "FAILED", "INTERRUPTED"]
NOTE = "mlflow.note.content"  # the tag that MLflow shows as a run's description
LONGEST = 6000  # characters that MLflow keeps of a param; a tag may be a little longer
# Prefixes of the tags that the newest result sets, and of the params with its winner's settings.
VERDICT, WINNER = ("tuner.winner", "tuner.trials.", "tuner.importance."), "winner."


@dataclass(frozen=True)
class Record:
    """A piece of data to write to one run."""

    number: Whole | None


@dataclass(frozen=True)
class RunBegins(Record):
    """Begins a run, or continues it after an interruption.

    `started_ms` (milliseconds since 1970) must be the same when the run is continued: the times of
    its points are counted from it. Params are write-once: the first value of a name stays. `data`
    holds the name and the digest of the training data.
    """

    name: str
    started_ms: Whole
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Points(Record):
    """Pieces of curves: `metrics[name][i]` was measured at `steps[i]`.

    Values that are None or not finite are never sent to MLflow.

    Raises:
        ValueError: if a metric does not have one value per step.
    """

    steps: Sequence[Whole]
    metrics: Mapping[str, Sequence[float | None]]

    def __post_init__(self) -> None:
        for name, values in self.metrics.items():
            if len(values) != len(self.steps):
                raise ValueError(f"{name}: {len(values)} values for {len(self.steps)} steps")


@dataclass(frozen=True)
class RunEnds(Record):
    """Ends a run, with its state and a reason in words."""

    state: State
    reason: str
    ended_ms: Whole
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tags(Record):
    """Tags that a run gets after its end."""

    tags: Mapping[str, str]


@dataclass(frozen=True)
class Verdict(Record):
    """What the newest result says of a study; it replaces what earlier results said.

    Attributes:
        note: the run's description, in Markdown.
        pictures: names of the run's artifacts that the note shows.
        tags: tags with the prefixes of `VERDICT`.
        params: the winner's settings by path, which get the prefix `WINNER`.
    """

    note: str
    pictures: Sequence[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)

    def shown_tags(self, run_id: str) -> dict[str, str]:
        """The tags of the run, including its description."""
        # MLflow's pages come after a #, so this address is relative to where they are served.
        images = [
            f"![{name}](get-artifact?path={quote(name)}&run_uuid={run_id})"
            for name in self.pictures
        ]
        room = LONGEST - sum(len(image) + 2 for image in images)
        note = self.note if len(self.note) <= room else f"{self.note[: room - 1]}…"
        return {**self.tags, NOTE: "\n\n".join([note, *images])}

    def shown_params(self) -> dict[str, str]:
        """The params of the run, with their prefix."""
        return {WINNER + path: clip(value) for path, value in self.params.items()}


@dataclass(frozen=True)
class Artifact(Record):
    """A file (an absolute path) to copy to a folder of the run's artifacts; "" is the top one."""

    path: str
    folder: str = ""


@dataclass(frozen=True)
class Model(Record):
    """A model that `tuner.tracking.model.describe` wrote to `folder`, to be logged on the run.

    It is logged once per name and tags, so the tags should identify the model.
    """

    folder: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def to_line(record: Record) -> str:
    """Encodes a record as one line of JSON; it may hold NumPy scalars and arrays."""
    fields = {"type": type(record).__name__, **vars(record)}
    return json.dumps(fields, default=lambda value: value.tolist()) + "\n"


def from_line(line: str) -> Record:
    """Decodes the record of a line.

    Raises:
        ValueError: if the line is torn or written by another version.
    """
    kinds = {kind.__name__: kind for kind in Record.__subclasses__()}
    try:
        fields = json.loads(line)
        if "\\u" in line:  # only an escape can hold an unpaired surrogate, which is not valid text
            json.dumps(fields, ensure_ascii=False).encode()
        record: Record = from_json(kinds[fields.pop("type")], fields)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a record: {error}") from error
    return record


def now_ms() -> int:
    """The current time in milliseconds since 1970, as records store it."""
    return time.time_ns() // 1_000_000


def clip(value: Any) -> str:
    """A value as text, cut to the length that MLflow keeps."""
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
