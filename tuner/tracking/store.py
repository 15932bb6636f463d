"""The store: where MLflow's data are, how it is created and opened, and the link to its pages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tuner.errors import UserError, masked
from tuner.files import check_place
from tuner.processes import children
from tuner.tracking import database, links

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow reads these when it is imported or called; a user's own values are kept.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # tuner alone prints; Writer.error has failures
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # tuner.tracking.calls and the writer retry
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def prepare_mlflow() -> None:
    """Makes MLflow quiet, private and quick to fail; call it before `import mlflow` (2 s)."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def import_mlflow() -> None:
    """Imports MLflow and what it needs for a database (3 s)."""
    prepare_mlflow()
    import_module("mlflow.store.tracking.sqlalchemy_store")


def is_server(uri: str) -> bool:
    """Whether a URI is that of a tracking server."""
    return uri.startswith(("http://", "https://"))


class Store:
    """An MLflow store.

    Args:
        root: the folder with `mlflow.db` and `artifacts`.
        uri: the URI of another store, a database or a server.

    Raises:
        UserError: if MLflow cannot handle the root's path.
    """

    def __init__(self, root: Path, uri: str | None = None) -> None:
        self.root = root.resolve()
        if uri is None:
            check_place(self.root)
        self.uri = uri or f"sqlite:///{self.root / database.NAME}"
        self.is_own = uri is None

    @property
    def is_server(self) -> bool:
        """Whether a tracking server keeps the data; it serves its own pages."""
        return is_server(self.uri)

    @property
    def database(self) -> Path | None:
        """The database file; None if a server keeps the data."""
        return database.path_of(self.uri)

    def identity(self) -> tuple[int, int] | None:
        """Identifies the database file, even after a replacement; None for a server or no file."""
        try:
            own = self.database and self.database.stat()
        except OSError:
            return None
        return (own.st_dev, own.st_ino) if own else None

    def damage(self) -> str:
        """What is wrong with the database, in words; "" if nothing, or for a server."""
        if self.database is None:
            return ""
        return database.damage(self.database) if self.database.exists() else "it is not there"

    def set_aside_damaged(self) -> str:
        """Renames a damaged database; returns a message about it, or ""."""
        return database.set_aside_damaged(self.database) if self.database else ""

    def lacks(self, key: str, trials: Iterable[int]) -> set[int]:
        """The trials of a study that the database has never seen; none for a server.

        Trials that a user deleted in MLflow's pages count as seen.
        """
        return set(trials) - database.seen(self.database, key) if self.database else set()

    def open(self) -> MlflowClient:
        """A client of the store; creates the store if it does not exist. Imports MLflow (3 s)."""
        prepare_mlflow()
        if self.database is not None:
            database.create(self.database, client_of)
        return client_of(self.uri)

    def experiment(self, client: MlflowClient, project: str) -> str:
        """The id of the project's experiment, which is created if it does not exist."""
        from mlflow.exceptions import MlflowException

        # Without a location artifacts would go to the current folder; a server sets its own.
        place = str(self.root / "artifacts")
        artifacts = None if self.is_server else place
        if self.is_own and self.database is not None:
            database.keep_within(self.database, project, place)
        found = client.get_experiment_by_name(project)
        if found is None:
            try:
                tags = {links.VIEW_TAG: links.view()}
                return str(client.create_experiment(project, artifacts, tags))
            except MlflowException:  # another process was faster
                found = client.get_experiment_by_name(project)
                if found is None:
                    raise
        if links.VIEW_TAG not in found.tags:
            with suppress(MlflowException):  # the user may have no permission to change it
                client.set_experiment_tag(found.experiment_id, links.VIEW_TAG, links.view())
        return str(found.experiment_id)

    def ui_command(
        self, port: int, host: str = "127.0.0.1", header: str = ""
    ) -> tuple[Sequence[str], Mapping[str, str]]:
        """The command and environment that serve the pages (with 2 processes instead of 15).

        Args:
            port, host: the address to listen on.
            header: a header for every answer, as `name:value`.

        Raises:
            UserError: if the store is a server, which has its own pages.
        """
        if self.is_server:
            raise UserError(f"tracking.uri: {self.uri} is a server: open it in a browser")
        argv = [sys.executable, "-P", "-m", "mlflow", "ui", "--workers", "1"]
        argv += ["--host", host, "--port", str(port)]
        argv += ["--uvicorn-opts", f"--header {header}"] if header else []
        return argv, {
            **children.environment(),
            # Not an argument: other users of this machine can see arguments.
            "MLFLOW_BACKEND_STORE_URI": self.uri,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def curves_link(
        self, experiment_id: str, parent_run_id: str, metric: str, greater_is_better: bool = False
    ) -> str:
        """The page with the curves of all trials of a study, the best by `metric` first.

        For a database it begins at `#`: job=ui serves it at its own port.
        """
        page = links.trials(experiment_id, parent_run_id, metric, greater_is_better)
        return f"{masked(self.uri).rstrip('/')}/{page}" if self.is_server else page


def client_of(uri: str) -> MlflowClient:
    """A client of the store at a URI. The first call imports MLflow (3 s)."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
