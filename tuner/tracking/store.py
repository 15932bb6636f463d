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

# Read by MLflow when it is imported or called; whoever set one of them meant it.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # the terminal is ours; failures reach Writer.error
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # tuner.tracking.calls and the writer try again
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


def prepare_mlflow() -> None:
    """Make MLflow quiet, private and quick to give up; call it before `import mlflow` (2 s)."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def import_mlflow() -> None:
    """Imports MLflow with what it needs for a database (3 s)."""
    prepare_mlflow()
    import_module("mlflow.store.tracking.sqlalchemy_store")


class Store:
    """An MLflow store.

    Args:
        root: the folder of `mlflow.db` and `artifacts`.
        uri: of another store, a database or a server.

    Raises:
        UserError: for a root that MLflow cannot name.
    """

    def __init__(self, root: Path, uri: str | None = None) -> None:
        self.root = root.resolve()
        if uri is None:
            check_place(self.root)
        self.uri = uri or f"sqlite:///{self.root / database.NAME}"
        self.is_own = uri is None

    @property
    def is_server(self) -> bool:
        """Whether a tracking server keeps the data (and serves its own pages)."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The file that holds the data; None where a server keeps them."""
        return database.path_of(self.uri)

    def identity(self) -> tuple[int, int] | None:
        """What tells the database from another of its name; None for a server, or without one."""
        try:
            own = self.database and self.database.stat()
        except OSError:
            return None
        return (own.st_dev, own.st_ino) if own else None

    def damage(self) -> str:
        """What is wrong with the database, in words, or ""; of a server nobody knows."""
        if self.database is None:
            return ""
        return database.damage(self.database) if self.database.exists() else "it is not there"

    def set_aside_damaged(self) -> str:
        """Makes way for a new database where the file is none; a line about it, or ""."""
        return database.set_aside_damaged(self.database) if self.database else ""

    def lacks(self, key: str, trials: Iterable[int]) -> set[int]:
        """Which of these trials of a study its database has never seen; of a server nobody knows.

        What was deleted in MLflow's pages was seen.
        """
        return set(trials) - database.seen(self.database, key) if self.database else set()

    def open(self) -> MlflowClient:
        """A client of the store, which is created first if need be. Slow: 3 s to import MLflow."""
        prepare_mlflow()
        if self.database is not None:
            database.create(self.database, client_of)
        return client_of(self.uri)

    def experiment(self, client: MlflowClient, project: str) -> str:
        """The id of the project's experiment, created if need be."""
        from mlflow.exceptions import MlflowException

        # Without a location artifacts would follow the current folder; a server has its own.
        place = str(self.root / "artifacts")
        artifacts = None if self.is_server else place
        if self.is_own and self.database is not None:
            database.keep_within(self.database, project, place)
        found = client.get_experiment_by_name(project)
        if found is None:
            try:
                tags = {links.VIEW_TAG: links.view()}
                return str(client.create_experiment(project, artifacts, tags))
            except MlflowException:  # another process was quicker
                found = client.get_experiment_by_name(project)
                if found is None:
                    raise
        if links.VIEW_TAG not in found.tags:
            with suppress(MlflowException):  # of somebody who may not change it
                client.set_experiment_tag(found.experiment_id, links.VIEW_TAG, links.view())
        return str(found.experiment_id)

    def ui_command(
        self, port: int, host: str = "127.0.0.1", header: str = ""
    ) -> tuple[Sequence[str], Mapping[str, str]]:
        """The arguments and environment that serve the pages (2 processes instead of 15).

        Args:
            port, host: where they listen.
            header: `name:value` of every answer.

        Raises:
            UserError: if the store is a server, which has pages of its own.
        """
        if self.is_server:
            raise UserError(f"tracking.uri: {self.uri} is a server: open it in a browser")
        argv = [sys.executable, "-P", "-m", "mlflow", "ui", "--workers", "1"]
        argv += ["--host", host, "--port", str(port)]
        argv += ["--uvicorn-opts", f"--header {header}"] if header else []
        return argv, {
            **children.environment(),
            # Not as an argument, which others on this machine may see.
            "MLFLOW_BACKEND_STORE_URI": self.uri,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def curves_link(
        self, experiment_id: str, parent_run_id: str, metric: str, greater_is_better: bool = False
    ) -> str:
        """The page that draws the curves of all trials of a study, the best by `metric` first.

        Where no server keeps the data it begins at `#`: job=ui serves it, at a port of its own.
        """
        page = links.trials(experiment_id, parent_run_id, metric, greater_is_better)
        return f"{masked(self.uri).rstrip('/')}/{page}" if self.is_server else page


def client_of(uri: str) -> MlflowClient:
    """A client of the store at a URI. Slow at first: 3 s to import MLflow."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)
