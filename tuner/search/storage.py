"""The journal of a study: Optuna's record of trials, kept so that it survives a kill."""

import os
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock


class _Held(BaseJournalFileLock):
    """No lock: the study's own lock admits one process, and leaves nothing behind after a kill."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


def cut_torn_tail(path: Path) -> None:
    """Cuts what a killed process left of its last line, for Optuna cannot read past it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)
            os.fsync(file.fileno())


def open_study(path: Path, name: str) -> optuna.Study:
    """The Optuna study in the journal at `path`, made if there is none.

    The caller must hold the study's lock.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cut_torn_tail(path)
    storage: Any = JournalStorage(JournalFileBackend(str(path), lock_obj=_Held()))
    # The sampler is never asked: tuner.search.samplers proposes.
    sampler = optuna.samplers.RandomSampler(seed=0)
    # Looking first: what is created if it is not there leaves a line even where it is.
    if name in optuna.get_all_study_names(storage):
        return optuna.load_study(study_name=name, storage=storage, sampler=sampler)
    return optuna.create_study(study_name=name, storage=storage, sampler=sampler)


def read_trials(path: Path, name: str) -> list[optuna.trial.FrozenTrial]:
    """The trials in the journal of a study that may be another process's: it is only read."""
    backend = JournalFileBackend(str(path), lock_obj=_Held())
    storage: Any = JournalStorage(backend)
    study = optuna.load_study(study_name=name, storage=storage)
    return study.get_trials(deepcopy=False)
