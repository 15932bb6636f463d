"""Promotion: a winner becomes the champion in MLflow's registry if it beats the current one."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from tuner.errors import UserError
from tuner.estimators.saving import load
from tuner.report import promotion as words
from tuner.study.builder import DATA
from tuner.study.contest import Judge
from tuner.study.held_out import Unfit, first_line, held_out
from tuner.study.populations import Populations
from tuner.study.promotion import Promotion
from tuner.study.results import SavedResult
from tuner.tracking.calls import reachable
from tuner.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    SEEN,
    TAG_DATA,
    TAG_KEY,
    TAG_MODEL,
    TAG_STUDY,
    TAG_TRIAL,
    Registry,
    Version,
    digest_of,
    model_name,
)
from tuner.tracking.serving import FILE
from tuner.training.loop import Interrupted

if TYPE_CHECKING:
    from tuner.session import Session

# Seconds between checks of `stop` while waiting for a lock.
GLANCE = 0.2


def promote(opened: "Session", saved: SavedResult) -> Promotion:
    """Registers the winner, and makes it the champion or the challenger.

    It is idempotent: a repeated promotion changes nothing, and an interrupted one continues.

    Args:
        opened: the session of the study, which owns the record.
        saved: the study's result, with a winner.

    Raises:
        UserError: if the winner cannot be judged, or MLflow cannot be reached.
        Interrupted: when the command was stopped.
    """
    config, training, result = opened.config, opened.training, saved.result
    name, winner = config.study.name, result.winner
    if not isinstance(training, Populations) or training.data is None:
        raise UserError(
            f"study.name: {name}: is a study of a function, which has no model to judge on "
            "test rows"
        )
    if winner is None:
        raise UserError(f"study.name: {name}: has no winner: no trial trained to the end")
    folder = opened.folder / "model"
    if not (folder / FILE).is_file():
        raise UserError(
            f"study.name: {name}: its model is gone: there is no {folder / FILE}; remove "
            f"{opened.result_file} and give the study's own command again"
        )
    data = training.data_for(training.loss(winner.settings))
    judging = Judge(training, winner.settings, held_out(data))
    store = opened.tracking.store
    with reachable(store.uri):
        registry = Registry(store, config.study.project, model_name(config))
        with waited(registry.lock(), training.stop):
            return _Promoting(opened, registry, judging, folder, winner.number).done()


class _Promoting:
    """One promotion; a lock keeps other commands of the same root waiting."""

    def __init__(
        self, opened: "Session", registry: Registry, judge: Judge, folder: Path, trial: int
    ) -> None:
        self.opened, self.registry, self.judge = opened, registry, judge
        self.folder, self.trial = folder, trial
        self.pipeline = load(folder / FILE)
        self.key: str = opened.tracking.key
        # Tags that are the same whenever the same model is promoted.
        self.tags = {
            TAG_KEY: self.key,
            TAG_TRIAL: str(trial),
            TAG_MODEL: digest_of(folder),
            TAG_DATA: str(opened.record.get(DATA, str)),
            TAG_STUDY: opened.config.study.name,
        }

    def done(self) -> Promotion:
        """Compares, registers and sets the alias; repeats if the champion changed meanwhile."""
        champion = self.registry.champion()
        while True:
            found = self.compared(champion)
            if self.judge.training.stop.is_set():
                raise Interrupted
            if found.already:
                return found
            note = words.note(found)
            version = self.registry.register(self.folder, self.seen(), self.tags, self.key, note)
            found = replace(found, version=version.number)
            now = self.registry.champion()
            if (now and now.number) == (champion and champion.number):
                self.registry.point(found.alias, version, words.verdict(found), words.note(found))
                return found
            champion = now

    def compared(self, champion: Version | None) -> Promotion:
        """Compares the winner with the present champion, or with a constant prediction."""
        own = self.opened.config.study.name
        found = Promotion(self.registry.name, 0, CHALLENGER, own, self.trial)
        if champion is None:
            ours = self.judge.judge(self.pipeline)
            contest = self.judge.contest(ours, self.judge.constant(), self.seed)
            return replace(found, contest=contest, alias=CHAMPION if contest.won else CHALLENGER)
        if self.tags.items() <= champion.tags.items():
            return replace(found, version=champion.number, alias=CHAMPION, already=True)
        found = replace(found, champion=champion.number, of=champion.study)
        try:
            with TemporaryDirectory() as scratch:
                return self.against(champion, Path(scratch), found)
        except Unfit as unfit:
            return replace(found, said=str(unfit))

    def against(self, champion: Version, scratch: Path, found: Promotion) -> Promotion:
        """Compares the winner with the champion.

        Raises:
            Unfit: if the champion cannot be judged.
        """
        try:
            folder = self.registry.fetched(champion, scratch)
            theirs = load(folder / FILE)
        except FileNotFoundError:
            raise Unfit(f"it has no {FILE}, and only that file would be loaded") from None
        except UserError as error:
            raise Unfit(f"it is not loaded: {error}".replace(f"{scratch}/", "")) from None
        except Exception as error:
            from mlflow.exceptions import MlflowException

            if isinstance(error, MlflowException | OSError):
                raise
            raise Unfit(f"it cannot be loaded: {first_line(error)}") from error
        rows = self.judge.rows
        rows = rows.only(rows.unseen(seen_by(folder / SEEN)))
        if len(rows) < 2:
            raise Unfit("it was trained on all of today's test rows except " + str(len(rows)))
        left_out = len(self.judge.rows) - len(rows)
        judge = Judge(self.judge.training, self.judge.settings, rows)
        contest = judge.contest(judge.judge(self.pipeline), judge.judge(theirs), self.seed)
        alias = CHAMPION if contest.won else CHALLENGER
        return replace(found, contest=contest, left_out=left_out, alias=alias)

    @property
    def seed(self) -> int:
        """The seed of the bootstrap: the study's."""
        return self.opened.config.study.seed

    def seen(self) -> bytes:
        """The file of the keys of rows that the winner was chosen and trained on, as bytes."""
        file, rows = io.BytesIO(), self.judge.rows
        np.save(file, rows.trained_on(), allow_pickle=False)
        return file.getvalue()


def seen_by(file: Path) -> np.ndarray:
    """The keys of the rows that a champion was trained on; empty if unknown."""
    try:
        keys = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return np.empty(0, np.uint64)
    known: np.ndarray = keys if keys.dtype == np.uint64 and keys.ndim == 1 else keys[:0]
    return known.astype(np.uint64)


@contextmanager
def waited(lock: FileLock, stop: Event) -> Iterator[None]:
    """Holds a lock until the block ends; a stop ends the wait for it.

    Raises:
        Interrupted: when `stop` was set before the lock was free.
    """
    while not lock.is_locked:
        try:
            lock.acquire(timeout=GLANCE)
        except Timeout:
            if stop.is_set():
                raise Interrupted from None
    try:
        yield
    finally:
        lock.release()
