"""Deleting a study in MLflow: its runs, their files, and their models."""

import shutil
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tuner.config import Config
from tuner.tracking.calls import again, reachable
from tuner.tracking.recorded_study import KEY
from tuner.tracking.store import Store
from tuner.training.loop import Interrupted

# A champion's alias in the registry, and the tag with the key of the study that a version is from.
CHAMPION, TAG_KEY = "champion", f"tuner.{KEY}"

if TYPE_CHECKING:
    from mlflow.entities import Run


def delete_runs(config: Config, keys: set[str], stop: Event) -> int:
    """Deletes the runs of a study, the parents last, so that an interrupted deletion can continue.

    MLflow hides deleted runs until `mlflow gc` removes them. Files are removed only from the store
    under the root: a server manages its own files.

    Args:
        config: the study's config.
        keys: the study's keys; a copy of a study has the same keys, but another name.
        stop: set when the command is told to stop.

    Returns:
        The number of deleted runs.

    Raises:
        UserError: if MLflow cannot be reached.
        Interrupted: if `stop` was set.
    """
    store, name, deleted = Store(config.root, config.tracking.uri), config.study.name, 0
    if store.database is not None and not store.database.exists():
        return 0
    with reachable(store.uri):
        client = store.open()
        found = again(client.get_experiment_by_name, config.study.project)
        places = [] if found is None else [found.experiment_id]
        for key in sorted(keys) if places else ():
            asked = f"tags.`tuner.key` = '{key}' AND tags.`tuner.study` = '{name}'"
            runs: list[Run] = []
            page = None
            while page != "":
                some = again(client.search_runs, places, asked, page_token=page)
                runs, page = [*runs, *some], some.token or ""
            for run in sorted(runs, key=lambda run: "tuner.trial" not in run.data.tags):
                if stop.is_set():
                    raise Interrupted
                own = f"source_run_id = '{run.info.run_id}'"
                for model in again(client.search_logged_models, places, filter_string=own):
                    again(client.delete_logged_model, model.model_id)
                    remove(store, model.artifact_location)
                remove(store, run.info.artifact_uri)
                again(client.delete_run, run.info.run_id)
                deleted += 1
    return deleted


def champions(config: Config) -> set[str]:
    """The keys of the studies whose winners are champions in MLflow's registry.

    Args:
        config: the config of any study.

    Raises:
        UserError: if MLflow cannot be reached.
    """
    store, keys, page = Store(config.root, config.tracking.uri), set[str](), None
    if store.database is not None and not store.database.exists():
        return keys
    with reachable(store.uri):
        client = store.open()
        while page != "":
            some = again(client.search_registered_models, page_token=page)
            for model in some:
                number = model.aliases.get(CHAMPION)
                if number is not None:
                    version = again(client.get_model_version, model.name, number)
                    keys.add(version.tags.get(TAG_KEY, ""))
            page = some.token or ""
    return keys


def remove(store: Store, uri: str | None) -> None:
    """Removes the files of a run or a model, if they are in tuner's own store.

    Each run or model has a folder for its files; the folder is removed too.
    """
    parts = urlsplit(uri or "")
    place, kept = Path(unquote(parts.path)).resolve(), store.root / "artifacts"
    whole = place.name == "artifacts" and kept in place.parent.parents
    if store.is_own and parts.scheme in ("", "file") and whole:
        shutil.rmtree(place.parent, ignore_errors=True)
