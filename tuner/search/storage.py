"""The journal of a study: Optuna's record of trials, kept so that it survives a kill."""

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock

# Under which a trial keeps `tuner.search.trials.Outcome.summary`.
SUMMARY = "summary"


class _Held(BaseJournalFileLock):
    """No lock: the study's own lock admits one process, and leaves nothing behind after a kill."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


class _Lean(JournalFileBackend):
    """A journal that is read without curves, and with texts that return in every trial held once.

    So memory hardly grows with trials, for Optuna holds all that was read.
    """

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        for log in super().read_logs(log_number_from):
            attribute = log.get("user_attr", {})
            if SUMMARY in attribute:
                attribute[SUMMARY].pop("curves", None)
                log["user_attr"] = _once(attribute)
            yield log


def _once(plain: Any) -> Any:
    """The same plain data; a text that others hold too is theirs."""
    if isinstance(plain, str):
        return sys.intern(plain)
    if isinstance(plain, list):
        return [_once(item) for item in plain]
    if isinstance(plain, dict):
        return {sys.intern(key): _once(value) for key, value in plain.items()}
    return plain


def cut_torn_tail(path: Path) -> None:
    """Cuts what a killed process left of its last line, for Optuna cannot read past it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        whole = sum(len(line) for line in file if line.endswith(b"\n"))
        if whole < os.fstat(file.fileno()).st_size:
            file.truncate(whole)
            os.fsync(file.fileno())


def open_study(path: Path, name: str) -> optuna.Study:
    """The Optuna study in the journal at `path`, made if there is none; without curves.

    The caller must hold the study's lock.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cut_torn_tail(path)
    storage: Any = JournalStorage(_Lean(str(path), lock_obj=_Held()))
    # The sampler is never asked: tuner.search.samplers proposes.
    sampler = optuna.samplers.RandomSampler(seed=0)
    # Looking first: what is created if it is not there leaves a line even where it is.
    if name in optuna.get_all_study_names(storage):
        return optuna.load_study(study_name=name, storage=storage, sampler=sampler)
    return optuna.create_study(study_name=name, storage=storage, sampler=sampler)


def read_trials(path: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    """The trials in the journal of a study that may be another process's: it is only read.

    They are without curves.
    """
    backend = _Lean(str(path), lock_obj=_Held())
    storage: Any = JournalStorage(backend)
    study = optuna.load_study(study_name=name, storage=storage)
    return study.get_trials(deepcopy=False)


def read_curves(path: Path) -> Iterator[tuple[int, dict[str, list[float | None]]]]:
    """The curves in a study's journal, one trial after another, each with its number.

    A trial that was trained again after a kill may come twice, with the same curves.
    """
    for log in JournalFileBackend(str(path), lock_obj=_Held()).read_logs(0):
        summary = log.get("user_attr", {}).get(SUMMARY)
        if summary is not None:
            yield summary["number"], summary["curves"]
