"""Open MLflow's pages, lean: two processes instead of fifteen."""

import subprocess
from tempfile import TemporaryDirectory
from threading import Event

from tuner.config import Config
from tuner.errors import UserError
from tuner.tracking.store import Store


def run(config: Config, stop: Event) -> int:
    """Serves the pages until Ctrl-C.

    Raises:
        UserError: where there is nothing to show.
    """
    store = Store(config.root, config.tracking.uri)
    if config.tracking.uri is None and not (config.root / "mlflow.db").exists():
        raise UserError(f"root: {config.root}: holds no mlflow.db yet: run a study first")
    argv, environment = store.ui_command()
    # The server imports what lies in its current folder.
    with TemporaryDirectory() as empty:
        process = subprocess.Popen(argv, env=dict(environment), cwd=empty)
        try:
            while process.poll() is None and not stop.wait(0.2):
                pass
        finally:
            process.terminate()
            process.wait()
    return 0 if stop.is_set() else int(process.returncode != 0)
