"""The journal: a study's record in one Optuna file that survives a kill."""

import json
import os
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.storages.journal._file import BaseJournalFileLock

from tuner.codec import from_json
from tuner.config.schema import Plain
from tuner.data import memory
from tuner.errors import UserError
from tuner.files import write
from tuner.processes.lock import owned
from tuner.search.trials import Curves, TrialResult
from tuner.study.axes import inward, outward
from tuner.study.optuna_record import BROKEN, OptunaRecord, check_cohorts
from tuner.study.record import Bounds

FILE, DAMAGED = "optuna.journal", "optuna.journal.damaged"

# What survives damage: what distinguishes a study from others of its name, in MLflow too; the
# bounds of its cohorts, because results depend on which trials race together; and the states whose
# verdicts were told, because each has its own step in MLflow. Each is written twice, because the
# damaged line may be its own.
OUTLIVING = ("key", "started_ms", "cohorts", "verdicts")
AGAIN = " again"

# The attribute of a trial that keeps its result and its curves.
SUMMARY = "summary"


class JournalRecord(OptunaRecord):
    """The record in the folder of a study, which is made if needed.

    Optuna keeps in memory all that it reads from a journal. Results are removed before that, and
    curves are read only when requested, so memory hardly grows with the number of trials.

    Args:
        folder: the study's folder.
        name: the study's name.
    """

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(str(folder / FILE))
        self.folder, self.name = folder, name
        self.path = folder / FILE
        self._journal: _WithoutResults

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(owned(self.folder))
            try:
                self._check_size()
                cut_torn_tail(self.path)
                self._study = self._opened()
                check_cohorts(self.where, self.get("cohorts", Bounds))
            except OSError as error:
                raise UserError(f"{self.path}: cannot be read ({error.strerror})") from None
            self._lease = stack.pop_all()
        return self

    def _check_size(self) -> None:
        if self.path.exists():
            mend = "it may not be a study's: move it away, or give another study.name"
            memory.check(str(self.path), self.path.stat().st_size, mend)

    def _opened(self) -> optuna.Study:
        """Opens the study; everything after a damaged line is moved aside and trained again."""
        try:
            return self._open()
        except BROKEN as error:
            if not (lost := set_damage_aside(self.path)):
                said = " ".join(str(error).split())
                raise UserError(
                    f"{self.path}: is not a study's journal of this version ({said}): "
                    "move it away, or give another study.name"
                ) from None
        print(
            f"tuner: {self.path}: is damaged: its last {lost} lines are moved "
            f"to {DAMAGED}. The study continues from what is left, and trains the lost trials "
            "again",
            file=sys.stderr,
        )
        self._results.clear()
        study = self._open()
        for key, value in outliving(self.folder / DAMAGED).items():
            for name in (key, key + AGAIN):
                if study.user_attrs.get(name) != value:
                    study.set_user_attr(name, value)
        return study

    def _open(self) -> optuna.Study:
        """The Optuna study in the journal; it is made if there is none."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._journal = _WithoutResults(self.path, self._results)
        storage: Any = JournalStorage(self._journal)
        # Optuna's sampler is unused: tuner.search.samplers proposes.
        sampler = optuna.samplers.RandomSampler(seed=0)
        # Look first: `create_study` with load_if_exists writes a line even if the study exists.
        if self.name in optuna.get_all_study_names(storage):
            return optuna.load_study(study_name=self.name, storage=storage, sampler=sampler)
        return optuna.create_study(study_name=self.name, storage=storage, sampler=sampler)

    @contextmanager
    def together(self) -> Iterator[None]:
        self._journal.waits = True
        try:
            yield
        finally:
            self._journal.waits = False
            self._journal.sync()

    def keep(self, trial_id: int, result: Plain, curves: Curves) -> None:
        summary = result | {"curves": curves}
        optuna.trial.Trial(self._study, trial_id).set_user_attr(SUMMARY, summary)

    def curves(self) -> Iterator[tuple[int, Curves]]:
        """As in `Record`; a trial that was trained again after a kill may occur twice."""
        for log in _backend(self.path).read_logs(0):
            summary = log.get("user_attr", {}).get(SUMMARY)
            if summary is not None:
                yield summary["number"], summary["curves"]

    def put(self, key: str, value: Any) -> None:
        for name in (key, key + AGAIN) if key in OUTLIVING else (key,):
            super().put(name, value)


def glanced(path: Path) -> tuple[dict[int, TrialResult], Plain]:
    """Reads the results of ended trials, by number, and the study's attributes from a journal.

    Another process may be writing the journal: an incomplete last line is ignored.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if one of its lines is not an entry of a journal.
    """
    results: dict[int, TrialResult] = {}
    attributes: Plain = {}
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                log = json.loads(line)
                own = dict(log.get("user_attr", {}) if log["op_code"] >= 0 else {})
            except (TypeError, LookupError, AttributeError, RecursionError):
                raise ValueError("one of its lines is not an entry of a journal") from None
            if SUMMARY in own:
                result = from_json(TrialResult, own[SUMMARY])
                results[result.number] = result
            else:
                attributes |= own
    return results, attributes


def glanced_curves(path: Path) -> Iterator[tuple[int, Curves]]:
    """The curves in a journal, as in `Record.curves`; another process may be writing it."""
    with path.open("rb") as file:
        for line in file:
            whole = line.endswith(b"\n")
            summary = json.loads(line).get("user_attr", {}).get(SUMMARY) if whole else None
            if summary is not None:
                yield summary["number"], summary["curves"]


def cut_torn_tail(path: Path) -> None:
    """Truncates an incomplete last line of a killed process, because Optuna cannot read past it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        whole = sum(len(line) for line in file if line.endswith(b"\n"))
        if whole < os.fstat(file.fileno()).st_size:
            file.truncate(whole)
            os.fsync(file.fileno())


def set_damage_aside(path: Path) -> int:
    """Truncates a journal before its first invalid line, and keeps a copy of the whole file.

    Returns:
        How many lines were cut; 0 if all lines are valid.
    """
    whole = path.read_bytes().splitlines(keepends=True)
    good = next((i for i, line in enumerate(whole) if not _is_line(line)), len(whole))
    if good < len(whole):
        path.replace(path.with_name(DAMAGED))
        write(path, [b"".join(whole[:good]).decode("utf-8")])
    return len(whole) - good


def outliving(path: Path) -> dict[str, Any]:
    """The last values of the OUTLIVING attributes in the valid lines of a damaged journal."""
    lines = filter(_is_line, path.read_bytes().splitlines())
    attributes = [json.loads(line).get("user_attr", {}) for line in lines]
    return {
        key: own[name]
        for key in OUTLIVING
        for own in attributes
        for name in (key, key + AGAIN)
        if name in own
    }


def _is_line(line: bytes) -> bool:
    try:
        return "op_code" in json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return False


class _NoLock(BaseJournalFileLock):
    """No lock: the study's own lock admits one process and leaves nothing behind after a kill."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return None


class _WithoutResults(JournalFileBackend):
    """A journal that keeps results out of Optuna's memory, and repeated texts in memory once.

    Its lines hold settings in their own units (`tuner.study.axes`).
    """

    def __init__(self, path: Path, results: dict[int, TrialResult]) -> None:
        super().__init__(str(path), lock_obj=_NoLock())
        self.results = results
        self.waits = False  # whether `sync` is called later

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = [json.dumps(outward(log), separators=(",", ":")) for log in logs]
        with open(self._file_path, "ab") as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        if not self.waits:
            self.sync()

    def sync(self) -> None:
        """Waits until what was appended would survive a loss of power."""
        with open(self._file_path, "rb") as file:
            os.fsync(file.fileno())

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        for log in map(inward, super().read_logs(log_number_from)):
            attribute = log.get("user_attr", {})
            if SUMMARY in attribute:
                summary, attribute[SUMMARY] = attribute[SUMMARY], None
                del summary["curves"]
                result = from_json(TrialResult, _held_once(summary))
                self.results[result.number] = result
            yield log


def _held_once(plain: Any) -> Any:
    """The same plain data with interned texts."""
    if isinstance(plain, str):
        return sys.intern(plain)
    if isinstance(plain, list):
        return [_held_once(item) for item in plain]
    if isinstance(plain, dict):
        return {sys.intern(key): _held_once(value) for key, value in plain.items()}
    return plain


def _backend(path: Path) -> JournalFileBackend:
    return JournalFileBackend(str(path), lock_obj=_NoLock())
