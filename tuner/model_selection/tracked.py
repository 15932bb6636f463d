"""A search in MLflow: one run for it, and one for each candidate."""

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

# MLflow's experiment that holds searches.
PROJECT = "tuner"


@contextmanager
def tracked(
    where: str | Path | None, spool: Path, name: str, about: Params, searched: Parameters
) -> Iterator[list[Listener]]:
    """What keeps the curves in MLflow, if anything does; what it has not taken is given up.

    Args:
        where: a folder or a server's URI; None keeps nothing.
        spool: a folder for what waits to be taken.
        name: of the search's run.
        about: parameters of that run.
        searched: gives the parameters of a candidate.
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
