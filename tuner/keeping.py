"""Keeping: deletes old studies of a pattern; the newest and the champion's stay."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from tuner.config import Config
from tuner.config.saved import of_study
from tuner.dated import matches
from tuner.errors import BusyError, CrashError, UserError, printable
from tuner.files import read_json
from tuner.processes.deadline import command_began
from tuner.report.notes import note
from tuner.study.journal import FILE, outliving
from tuner.study.overview import FINISHED, overviews
from tuner.study.places import DatabasePlace, Place, check_place, place_of
from tuner.tracking.deleting import champions, delete_runs
from tuner.tracking.recorded_study import KEY

# The keys taken from a command that removes a study; all others come from the study.
OWN = ("job", "root", "threads")

# Files that are needed to find the study's runs go last, so an interrupted deletion can resume.
LAST = (FILE, "config.yaml", "lock")


def remove(config: Config, stop: Event) -> int:
    """Removes a study: its runs and models in MLflow, its record in a database, then its folder.

    Args:
        config: the study's config.
        stop: set to stop the command.

    Returns:
        How many runs were deleted.

    Raises:
        BusyError: if another process owns it.
        CrashError: if MLflow cannot be reached; the folder then stays.
        Interrupted: when `stop` was set.
    """
    name, folder = config.study.name, config.root / "studies" / config.study.name
    check_place(config)
    place = place_of(config)
    with place.owned() as forget:
        keys = keys_of(folder, place) if config.tracking.name != "none" else set()
        try:
            deleted = delete_runs(config, keys, stop) if keys else 0
        except UserError as error:
            raise CrashError(
                f"{error}; the folder of study {name} and the rest of its runs remain: the same "
                "command continues, and tracking=none deletes the folder alone"
            ) from None
        empty(folder, LAST)
        forget()
        empty(folder)
    with suppress(OSError):  # a new study of the same name has begun
        folder.rmdir()
    return deleted


def tidy(config: Config, stop: Event) -> None:
    """Removes the oldest studies of a pattern beyond the number to keep.

    Unfinished studies stay, because they may be continued; so do studies that another process owns,
    and the study whose winner is the champion in MLflow's registry. If some cannot be removed, a
    line says so, and the next night tries again.

    Args:
        config: the config of the ended command.
        stop: set to stop the command.

    Raises:
        Interrupted: when `stop` was set.
    """
    keep, pattern, deadline = config.keep, config.study.pattern, config.budget.deadline
    if keep is None or pattern is None or stop.is_set():
        return
    named = [own for own in overviews(config) if matches(pattern, own.study)]
    old = [own for own in named if own.state == FINISHED][keep:]
    removed = list[str]()
    try:
        kept = champions(config) if old and config.tracking.name != "none" else set()
        for own in reversed(old):
            if deadline is not None and time.monotonic() > command_began() + deadline:
                break
            asked = config.study.model_copy(update={"name": own.study, "pattern": None})
            study = of_study(config.model_copy(update={"study": asked, "keep": None}), OWN)
            folder = config.root / "studies" / own.study
            if kept & keys_of(folder, place_of(study)):
                continue
            with suppress(BusyError):
                remove(study, stop)
                removed.append(own.study)
    except (UserError, OSError) as error:
        said = str(error).partition("; the folder of study")[0]
        print(printable(f"tuner: keep: {keep}: some could not be removed: {said}"), file=sys.stderr)
    if removed:
        note(config, f"keep={keep}: removed {', '.join(removed)}.")


def keys_of(folder: Path, place: Place) -> set[str]:
    """The keys that identify the runs of a study, and of its range test, in MLflow."""
    keys: set[object] = set()
    if isinstance(place, DatabasePlace):
        with suppress(OSError, ValueError):
            keys.add(place.glanced()[1].get(KEY))
    elif (folder / FILE).exists():
        keys.add(outliving(folder / FILE).get(KEY))
    with suppress(OSError, ValueError, LookupError, TypeError):
        keys.add(read_json(folder / "range" / "result.json")["run"]["key"])
    return {key for key in keys if isinstance(key, str) and key.isalnum()}


def empty(folder: Path, but: Sequence[str] = ()) -> None:
    """Deletes the contents of a folder that this process owns, except some names."""

    def place(entry: os.DirEntry[str]) -> int:
        return LAST.index(entry.name) + 1 if entry.name in LAST else 0

    for entry in sorted(os.scandir(folder), key=place):
        if entry.name in but:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink(missing_ok=True)
