"""Checkpoints: a cohort under way is kept on disk, so that a kill costs seconds and not the cohort.

A checkpoint is a folder of plain arrays and JSON with a list of checksums, written beside and then
renamed, so it is there whole or not at all. What is trained from one ends at the very numbers that
an undisturbed training ends at.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tuner.files import read_json
from tuner.search.racing import Race

# Of a checkpoint: what it is of, and the checksums of its files.
MANIFEST = "manifest.json"

# The folder of a study that holds them.
CHECKPOINTS = "checkpoints"


# What a checkpoint raises that is damaged, or is not as this version writes it.
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError)


class Checkpoints:
    """Keeps the newest state of the race that is under way.

    Args:
        folder: of all checkpoints of a study, made when one is written.
        seconds: between two of them; a race that is shorter writes none.
        clock: tells seconds.
        of: tells the study from others that may have been in this folder; "" where none were.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        of: str = "",
    ) -> None:
        self.folder, self.seconds, self.clock, self.of = folder, seconds, clock, of
        self.began = self.saved = clock()

    def begin(self, make: Callable[[], Race], key: str) -> Race:
        """A race where its last checkpoint left it, if there is one; else before its first epoch.

        Args:
            make: makes one, before its first epoch: one that a checkpoint was put into in part is
                of no use.
            key: tells what is trained; a checkpoint with another key is of no use any more.
        """
        race = make()
        self.began = self.saved = self.clock()
        for path in sorted(self.folder.glob("[0-9]*"), reverse=True):
            try:
                if not _whole(path, self.of + key):
                    shutil.rmtree(path)
                    continue
                race.restore(path)
            except DAMAGE as error:
                race = make()
                aside = self.folder / f"damaged-{path.name}"
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)
                said = " ".join(str(error).split())
                print(f"tuner: {path}: is damaged ({said}); it is set aside", file=sys.stderr)
            else:
                break
        return race

    def after(self, race: Race, key: str) -> None:
        """Hears of each epoch; writes a checkpoint at rungs and where seconds have gone by.

        Where a race has not lasted so many seconds yet, nothing is written; nor where its state is
        elsewhere, until it comes.
        """
        now = self.clock()
        rung = race.epoch in race.rungs and now - self.began >= self.seconds
        if not race.heats or race.epoch >= race.epochs or not race.at_rest:
            return
        if rung or now - self.saved >= self.seconds:
            self.write(race, key)
            self.saved = self.clock()

    def write(self, race: Race, key: str) -> None:
        """Writes the state of a race in place of what was kept before."""
        draft = self.folder / "new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        race.save(draft)
        manifest = {"key": self.of + key, "files": _checksums(draft)}
        (draft / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
        for path in [*draft.rglob("*"), draft]:
            _sync(path)
        path = self.folder / f"{race.epoch:08d}"
        shutil.rmtree(path, ignore_errors=True)
        draft.rename(path)
        _sync(self.folder)
        for older in self.folder.glob("[0-9]*"):
            if older != path:
                shutil.rmtree(older)

    def clear(self) -> None:
        """Forgets what is kept: it is on record, or will not be trained on."""
        for path in [*self.folder.glob("[0-9]*"), *self.folder.glob("new")]:
            shutil.rmtree(path)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def is_whole(path: Path) -> bool:
    """Whether a checkpoint holds the files that its list names, as they were written."""
    try:
        manifest = read_json(path / MANIFEST)
        return bool(manifest["files"] == _checksums(path))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _whole(path: Path, key: str) -> bool:
    """Whether a checkpoint is of this key. Raises ValueError if it is damaged."""
    if not is_whole(path):
        raise ValueError("its checksums differ")
    manifest = read_json(path / MANIFEST)
    return bool(manifest["key"] == key)


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file but the list itself, by its path in the folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST)
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
