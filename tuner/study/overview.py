"""Overviews: the state of studies, read from their folders while they may be running."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tuner.codec import from_json, to_json
from tuner.config import Config
from tuner.config.saved import unknown_study
from tuner.config.schema import Plain
from tuner.errors import UserError
from tuner.files import check_own
from tuner.search.trials import ENDED, Goal, TrialResult, best_of
from tuner.study.ending import ENDED_WITH, read_result
from tuner.study.journal import FILE
from tuner.study.places import CONFIG, elsewhere, names, place_of
from tuner.study.results import SavedResult
from tuner.yaml_files import load_file

FINISHED, INTERRUPTED, UNDER_WAY = "finished", "interrupted", "under way"
NO_RESULT, DAMAGED = "no result", "damaged"

RESULT = "result.json"


@dataclass(frozen=True)
class Overview:
    """The state of a study.

    Attributes:
        study: its name, which is also its folder's.
        state: one of the states above.
        said: more about the state: which process is running it, or what is damaged.
        trials: the number of trials that ended or failed; for a running study, of those recorded.
        asked: the number of trials that its config requests; None if that cannot be read.
        goal: what it minimises.
        best: the trial with the lowest value so far.
        saved: its result, if that covers all its trials.
        when: the time of its end, or of the last write, in seconds since 1970.
    """

    study: str
    state: str
    said: str
    trials: int
    asked: int | None
    goal: Goal
    best: TrialResult | None
    saved: SavedResult | None
    when: float

    @property
    def plain(self) -> Plain:
        """The overview as plain data for programs, in natural numbers."""
        best, result = self.best, self.saved.result if self.saved else None
        value = None if best is None or best.value is None else self.goal.turn(best.value)
        return {
            "study": self.study,
            "state": self.state,
            "said": self.said,
            "trials": self.trials,
            "asked": self.asked,
            "metric": self.goal.name,
            "best": None if best is None else {"number": best.number, "value": value},
            "winner": to_json(result.winner) if result and result.winner else None,
            "when": self.when,
        }


def folder_of(config: Config) -> Path:
    """The folder of an existing study; with a database, the folder itself may not exist.

    Raises:
        UserError: if there is no such study, or its database cannot be reached.
    """
    name, root = config.study.name, config.root
    if name not in (known := names(config)):
        raise unknown_study("study.name", name, root, known)
    return root / "studies" / name


def overviews(config: Config) -> list[Overview]:
    """The overviews of all studies that a command can find, the newest first; writes nothing.

    Raises:
        UserError: if the config's database cannot be reached.
    """
    found = [overview(config, name) for name in names(config)]
    return sorted(found, key=lambda own: (-own.when, own.study))


def overview(config: Config, name: str) -> Overview:
    """The overview of a study; writes nothing and does not wait for the study's owner.

    Raises:
        UserError: if its database cannot be reached.
    """
    folder, place = config.root / "studies" / name, place_of(config, name)
    owner, damage, away = place.owner(), "", ""
    results: Mapping[int, TrialResult] = {}
    attributes: Plain = {}
    saved = asked = None
    try:
        check_own(folder)
        with suppress(FileNotFoundError):
            results, attributes = place.glanced()
        saved = read_result(folder / RESULT)
        if saved is None and (folder / RESULT).exists():
            damage = f"{RESULT} is not of this version"
        asked = _asked(folder / CONFIG)
        if not folder.exists():
            away = f"it was begun under another root; its record is in {place.where}"
        elif saved is None and not attributes and (known := elsewhere(folder)):
            away = f"its record is in {known}: give study.storage=..."
    except UserError as error:
        damage = str(error)
    except (OSError, ValueError) as error:
        damage = f"{Path(place.where).name}: {error}"
    if saved and max(results, default=-1) > max((t.number for t in saved.result.all), default=-1):
        saved = None  # it is older than the study's newest trials
    # The result is under another root; newer trials mean that the study was extended since.
    ended_elsewhere = bool(away) and attributes.get(ENDED_WITH) == max(results, default=-1)
    trials = list(saved.result.all if saved else results.values())
    if owner:
        state = UNDER_WAY
    elif damage:
        state = DAMAGED
    elif not saved.result.interrupted if saved else ended_elsewhere:
        state = FINISHED
    else:
        state = INTERRUPTED if trials else NO_RESULT
    return Overview(
        study=folder.name,
        state=state,
        said=owner or damage or away,
        trials=sum(trial.state in (*ENDED, "FAILED") for trial in trials),
        asked=asked,
        goal=saved.result.goal if saved else _goal(attributes),
        best=best_of(trials),
        saved=saved,
        when=_when(folder, saved, attributes),
    )


def _asked(config: Path) -> int | None:
    """The number of trials that a study's config requests; None if it cannot be read."""
    plain = load_file(config) if config.exists() else None
    budget = plain.get("budget") if isinstance(plain, dict) else None
    asked = budget.get("trials") if isinstance(budget, dict) else None
    return asked if isinstance(asked, int) else None


def _goal(attributes: Plain) -> Goal:
    """The goal of a study, from its record."""
    try:
        return from_json(Goal, attributes["goal"])
    except (LookupError, ValueError):
        return Goal()


def _when(folder: Path, saved: SavedResult | None, attributes: Plain) -> float:
    if saved is not None:
        try:
            return datetime.fromisoformat(saved.run.finished).timestamp()
        except ValueError:
            pass
    files = [folder / name for name in (FILE, RESULT, CONFIG)]
    there = [os.lstat(file).st_mtime for file in files if os.path.lexists(file)]
    if not there and not folder.exists():
        begun = attributes.get("started_ms")
        return begun / 1000 if isinstance(begun, int) else 0.0
    return max(there, default=os.lstat(folder).st_mtime)


def written(when: float) -> str:
    """A time as local text."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
