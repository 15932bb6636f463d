"""The uploader: a process that writes the spool's files to MLflow, as the writer tells it to.

It is a process, not a thread, because importing MLflow (2 s) and calling it hold Python's global
lock: a training loop beside it ran at a tenth to a third of its speed. It reads lines from
standard input, first the study as JSON and then paths of files, and answers each file with a line
of JSON. It ends with its input, so a killed study leaves no process behind.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from tuner.processes.children import stand_back
from tuner.tracking.runs import StudyRuns, one_line
from tuner.tracking.spool import records
from tuner.tracking.store import Store


def deliver(study: dict[str, Any], files: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Write each file; yields what became of it: an error, refusals, and the parent run's page."""
    store = Store(Path(study["root"]), study["uri"])
    names = {name: study[name] for name in ("project", "study", "key")}
    runs: StudyRuns | None = None
    for file in files:
        try:
            if runs is None:
                runs = StudyRuns(store, **names)
            runs.write(records(Path(file.rstrip("\n"))))
            page = (runs.experiment_id, runs.parent_id)
            yield {"error": None, "refused": runs.refused, "page": page}
            runs.refused = []
        except Exception as error:
            # A call whose answer was lost may have been done: look afresh at what MLflow has.
            runs = None
            yield {"error": one_line(error)}


def main() -> None:
    """Serve one study until standard input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # MLflow likes to print
    stand_back()
    study = json.loads(sys.stdin.readline())
    # The uploader of a study that was killed may still be at its last file.
    with FileLock(Path(study["spool"]) / "lock"):
        for answer in deliver(study, sys.stdin):
            print(json.dumps(answer), file=answers, flush=True)
    # All is written: to take MLflow down in good order would be a second that the study waits.
    os._exit(0)


if __name__ == "__main__":
    main()
