"""Places: locate the record of a study, in its folder or in a database."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from tuner.config import Config
from tuner.config.schema import Plain
from tuner.errors import UserError, masked
from tuner.processes.lock import at_work, owned
from tuner.search.trials import Curves, TrialResult
from tuner.study import database, journal
from tuner.study.record import Record
from tuner.yaml_files import load_file

# The file in a study's folder with the config of the last command.
CONFIG = "config.yaml"


class Place(Protocol):
    """Where the record of one study is or will be; another process may be writing it.

    Attributes:
        where: the location, as shown in messages.
    """

    @property
    def where(self) -> str:
        """The location, as shown in messages, without a password."""

    def exists(self) -> bool:
        """Whether the record exists.

        Raises:
            UserError: if its database cannot be reached.
        """

    def record(self) -> Record:
        """The record; entering it takes the ownership, and makes it if it does not exist."""

    def glanced(self) -> tuple[Mapping[int, TrialResult], Plain]:
        """Reads the results of ended trials, by number, and the study's attributes.

        Raises:
            OSError: if the record cannot be read, or does not exist.
            ValueError: if it is damaged.
            UserError: if its database cannot be reached.
        """

    def curves(self) -> Iterator[tuple[int, Curves]]:
        """The curves of the trials that `glanced` finds, one after another."""

    def owner(self) -> str:
        """The process that owns the study, in words; "" if none does."""

    def owned(self) -> AbstractContextManager[Callable[[], None]]:
        """Owns the study, whatever its record holds; yields a function that deletes the record.

        Raises:
            BusyError: if another process owns it.
        """


class JournalPlace(Place):
    """A journal in the folder of the study.

    Args:
        folder: the study's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / journal.FILE

    @property
    def where(self) -> str:
        return str(self.file)

    def exists(self) -> bool:
        return self.file.exists()

    def record(self) -> Record:
        return journal.JournalRecord(self.folder, self.folder.name)

    def glanced(self) -> tuple[Mapping[int, TrialResult], Plain]:
        return journal.glanced(self.file)

    def curves(self) -> Iterator[tuple[int, Curves]]:
        return journal.glanced_curves(self.file)

    def owner(self) -> str:
        return at_work(self.folder)

    @contextmanager
    def owned(self) -> Iterator[Callable[[], None]]:
        with owned(self.folder):
            yield lambda: None  # the journal is deleted with its folder


class DatabasePlace(Place):
    """A database, which identifies studies by their names.

    Args:
        folder: the study's folder, for everything except its record.
        uri: the address of the database.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder, self.name, self.uri = folder, folder.name, uri

    @property
    def where(self) -> str:
        return masked(self.uri)

    def exists(self) -> bool:
        with database.reading(self.uri) as found:
            return found.study_id(self.name) is not None

    def record(self) -> Record:
        from tuner.study.database_record import DatabaseRecord

        return DatabaseRecord(self.folder, self.name, self.uri)

    def glanced(self) -> tuple[Mapping[int, TrialResult], Plain]:
        with database.reading(self.uri) as found:
            study_id = found.known(self.name)
            return found.results(study_id), found.attributes(study_id)

    def curves(self) -> Iterator[tuple[int, Curves]]:
        with database.reading(self.uri) as found:
            yield from found.curves(found.known(self.name))

    def owner(self) -> str:
        return at_work(self.folder) or database.at_work(self.uri, self.name)

    @contextmanager
    def owned(self) -> Iterator[Callable[[], None]]:
        from tuner.study.database_record import delete

        with (
            closing(database.connected(self.uri, database.session_name())) as connection,
            owned(self.folder),
            database.in_one_line(self.uri),
        ):
            found = database.Database(self.uri, connection)
            found.take(self.name)
            yield lambda: delete(found, self.name)


def place_of(config: Config, name: str | None = None) -> Place:
    """The place of a study's record: the journal in its folder, else study.storage.

    Args:
        config: the command's config.
        name: the name of a study other than the config's.
    """
    folder = config.root / "studies" / (name or config.study.name)
    in_folder = JournalPlace(folder)
    if config.study.storage is None or in_folder.exists():
        return in_folder
    return DatabasePlace(folder, config.study.storage)


def names(config: Config) -> set[str]:
    """The studies that a command can find: those under its root, and those in its database.

    Raises:
        UserError: if the database cannot be reached.
    """
    folders = (config.root / "studies").glob("*")
    found = {path.name for path in folders if path.is_dir()}
    if config.study.storage is not None:
        with database.reading(config.study.storage) as known:
            found.update(known.names())
    return found


def elsewhere(folder: Path) -> str:
    """The database of a study's record, according to its folder; "" if the folder has it."""
    plain = load_file(folder / CONFIG) if (folder / CONFIG).exists() else None
    study = plain.get("study") if isinstance(plain, dict) else None
    storage = study.get("storage") if isinstance(study, dict) else None
    return masked(storage) if isinstance(storage, str) else ""


def check_place(config: Config) -> None:
    """Refuses a study whose record is not where the command would look.

    Raises:
        UserError: with the setting to give.
    """
    folder = config.root / "studies" / config.study.name
    in_folder, storage = JournalPlace(folder), config.study.storage
    if storage is not None and in_folder.exists():
        raise UserError(
            f"study.storage: {masked(storage)}: study {folder.name} keeps its record in "
            f"{in_folder.where}: leave study.storage out, or give another study.name"
        )
    check_named(config, folder)


def check_named(config: Config, folder: Path) -> None:
    """Refuses a study whose folder says that its record is in a database, if none is given.

    Args:
        config: the command's config.
        folder: the study's folder.

    Raises:
        UserError: with the setting to give.
    """
    if config.study.storage is not None or JournalPlace(folder).exists():
        return
    if known := elsewhere(folder):
        raise UserError(
            f"study.storage: study {folder.name} keeps its record in {known}: give "
            "study.storage=... again, or another study.name"
        )
