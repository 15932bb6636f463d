"""A search in MLflow: one run for the search, and one per candidate."""

import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.model_selection.candidates import CandidateTraining
from tuner.model_selection.results import Params
from tuner.model_selection.space import Parameters
from tuner.processes.deadline import Deadline
from tuner.study.events import Listener
from tuner.tracking.records import RunBegins, now_ms
from tuner.tracking.store import Store
from tuner.tracking.tracker import Tracker
from tuner.tracking.writer import Writer

# The MLflow experiment of searches.
PROJECT = "tuner"


@contextmanager
def tracked(
    where: str | Path | None, spool: Path, name: str, about: Params, searched: Parameters
) -> Iterator[list[Listener]]:
    """Listeners that write the curves to MLflow; at the end, unwritten data is dropped with a
    warning.

    Args:
        where: a folder or a server's URI; None writes nothing.
        spool: a folder for data that wait to be written.
        name: the name of the search's run.
        about: parameters of that run.
        searched: converts settings to the parameters of a candidate.
    """
    if where is None:
        yield []
        return
    server = "://" in str(where)
    store = Store(spool if server else Path(where), str(where) if server else None)
    store.root.mkdir(parents=True, exist_ok=True)
    tracker = Tracker(
        Writer(store, spool, project=PROJECT, study=name, key=uuid.uuid4().hex),
        Deadline(),
        RunBegins(None, name, now_ms(), about),
        CandidateTraining.goal,
        shown=searched.of,
    )
    try:
        yield [tracker]
        tracker.over()
    except BaseException as error:
        tracker.fail(error)
        raise
    finally:
        waiting, refused = tracker.close()
        for complaint in [*([waiting] if waiting else []), *refused]:
            warnings.warn(f"tracking: {complaint}", stacklevel=2)
