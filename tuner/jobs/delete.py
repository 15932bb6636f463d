"""Delete a study: its folder, and its runs and models in MLflow; after a question, or yes=true."""

import os
import select
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import CrashError, UserError
from tuner.files import read_json
from tuner.study.journal import FILE, outliving
from tuner.study.overview import folder_of
from tuner.study.places import DatabasePlace, Place, check_place, place_of
from tuner.tracking.deleting import delete_runs
from tuner.tracking.recorded_study import KEY
from tuner.training.loop import Interrupted

# What this command says; all else is the study's own.
OWN = ("job", "root", "threads")

# What finds the study's runs goes last, for a deletion that was cut short begins again.
LAST = (FILE, "config.yaml", "lock")


def run(config: Config, stop: Event) -> int:
    """Deletes the study that is named; its folder goes last, and the same command goes on.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study, one that another process is at work on, and where nobody
            can be asked.
        CrashError: where MLflow cannot be reached; the folder is then left.
        Interrupted: when `stop` was set.
    """
    name, folder = config.study.name, folder_of(config)
    if config.tracking.name != "none" and (folder / "config.yaml").exists():
        yes, config = config.yes, of_study(config, OWN)
    else:
        yes = config.yes
    tracked = config.tracking.name != "none"
    question = f"Delete study {name}, {folder}" + " and its runs in MLflow" * tracked
    if not yes and not agreed(question, stop):
        print("Nothing was deleted.")
        return 0
    check_place(config)
    place = place_of(config)
    with place.owned() as forget:
        keys = keys_of(folder, place) if tracked else set()
        try:
            deleted = delete_runs(config, keys, stop) if keys else 0
        except UserError as error:
            raise CrashError(
                f"{error}; the folder of study {name} and what is left of its runs stay: the same "
                "command goes on, and tracking=none deletes the folder alone"
            ) from None
        empty(folder, LAST)
        forget()
        empty(folder)
    with suppress(OSError):  # a new study of the same name has begun
        folder.rmdir()
    runs = f" and {deleted} of its runs in MLflow" if deleted else ""
    print(f"Study {name}: {folder}{runs} deleted.")
    return 0


def agreed(question: str, stop: Event) -> bool:
    """Whether whoever sits at the terminal says yes.

    Raises:
        UserError: where there is no terminal.
        Interrupted: when `stop` was set.
    """
    if not sys.stdin.isatty():
        raise UserError("yes: False: there is no terminal to ask at: give yes=true to delete")
    print(f"{question}? [y/N] ", end="", flush=True)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        if stop.is_set():
            print()
            raise Interrupted
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def keys_of(folder: Path, place: Place) -> set[str]:
    """What tells the runs of a study and of its range test from all others in MLflow."""
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
    """Deletes what is in a folder that this process owns, all but some names."""

    def place(entry: os.DirEntry[str]) -> int:
        return LAST.index(entry.name) + 1 if entry.name in LAST else 0

    for entry in sorted(os.scandir(folder), key=place):
        if entry.name in but:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            Path(entry.path).unlink(missing_ok=True)
