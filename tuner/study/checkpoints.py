"""Checkpoints: a running cohort is saved to disk, so that a kill costs seconds and not the cohort.

A checkpoint is a folder of plain arrays and JSON with a manifest of checksums. It is written under
a temporary name and then renamed, so it exists either whole or not at all. Training from a
checkpoint ends at exactly the same numbers as training without interruption.
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

# A checkpoint's manifest: the key of what it holds, and the checksums of its files.
MANIFEST = "manifest.json"

# The subfolder of a study that holds its checkpoints.
CHECKPOINTS = "checkpoints"


# What reading a damaged checkpoint, or one of another version, may raise.
DAMAGE = (OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError)


class Checkpoints:
    """Saves the newest state of the running race.

    Args:
        folder: holds all checkpoints of a study; made when the first one is written.
        seconds: time between two checkpoints; a shorter race writes none.
        clock: returns seconds.
        of: distinguishes the study from earlier ones that used this folder; "" if there were none.
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
        """Makes a race and restores its last checkpoint, if there is one.

        Args:
            make: makes a race before its first epoch; it is called again when a restore fails
                halfway, because that race is unusable.
            key: identifies what is trained; a checkpoint with another key is deleted.
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
        """Called after each epoch; writes a checkpoint at rungs and whenever `seconds` have passed.

        Nothing is written before a race has lasted `seconds`, nor while its state is in another
        process and has not yet arrived.
        """
        now = self.clock()
        rung = race.epoch in race.rungs and now - self.began >= self.seconds
        if not race.heats or race.epoch >= race.epochs or not race.at_rest:
            return
        if rung or now - self.saved >= self.seconds:
            self.write(race, key)
            self.saved = self.clock()

    def write(self, race: Race, key: str) -> None:
        """Writes the state of a race and replaces the previous checkpoint."""
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
        """Deletes all checkpoints: the race is recorded, or will not be continued."""
        for path in [*self.folder.glob("[0-9]*"), *self.folder.glob("new")]:
            shutil.rmtree(path)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's files match the checksums of its manifest."""
    try:
        manifest = read_json(path / MANIFEST)
        return bool(manifest["files"] == _checksums(path))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _whole(path: Path, key: str) -> bool:
    """Whether a checkpoint has this key. Raises ValueError if it is damaged."""
    if not is_whole(path):
        raise ValueError("its checksums differ")
    manifest = read_json(path / MANIFEST)
    return bool(manifest["key"] == key)


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of each file except the manifest, by its path in the folder."""
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
