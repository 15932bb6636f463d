"""A saved model on a run's page, as MLflow's `log_model` records it."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tuner.tracking.calls import again, one_line
from tuner.tracking.model import FORMAT
from tuner.tracking.records import Model, clip

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Seconds after which a server has handled a request whose answer was lost, if it ever does.
LATE = 2.0


def show(client: "MlflowClient", experiment_id: str, run_id: str, model: Model) -> str:
    """Logs a saved model, unless the run already has it.

    Returns:
        Why it can never be logged, or "".
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model as Description

    if not Path(model.folder).is_dir():
        return f"{model.folder}: the model is no longer there"
    tags = {key: str(value) for key, value in model.tags.items()}
    params = {key: clip(value) for key, value in model.params.items()}

    asked = 0

    def known_or_new() -> Any:
        nonlocal asked
        asked += 1
        return known(client, experiment_id, run_id, model) or client.create_logged_model(
            experiment_id, model.name, run_id, tags=tags, params=params
        )

    logged = again(known_or_new)
    if is_ready(logged):
        return ""

    def say_once() -> None:
        """Links the model to the run, which MLflow accepts only once."""
        outputs = client.get_run(run_id).outputs
        made = [] if outputs is None else [o.model_id for o in outputs.model_outputs or ()]
        if logged.model_id not in made:
            client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])

    again(say_once)
    with TemporaryDirectory() as scratch:
        target = Path(scratch, "model")
        try:
            shutil.copytree(Path(model.folder, FORMAT), target)
            description = Description.load(str(target))
        except Exception as error:  # the saved files are gone or broken: a retry cannot succeed
            again(client.finalize_logged_model, logged.model_id, LoggedModelStatus.FAILED)
            return f"{model.folder}: {one_line(error)}"
        description.run_id = run_id
        description.model_id = description.model_uuid = logged.model_id
        description.artifact_path = logged.artifact_location
        description.save(str(target / "MLmodel"))
        again(client.log_model_artifacts, logged.model_id, str(target))
    again(client.finalize_logged_model, logged.model_id, LoggedModelStatus.READY)
    if asked > 1:  # the server may still handle the first request
        time.sleep(LATE)
        again(drop_doubles, client, experiment_id, run_id)
    return ""


def drop_doubles(client: "MlflowClient", experiment_id: str, run_id: str) -> None:
    """Deletes duplicate models of a run, made when an answer was lost; keeps a complete one."""
    asked = f"source_run_id = '{run_id}'"
    found = client.search_logged_models([experiment_id], filter_string=asked)
    kept = set[object]()
    for own in sorted(found, key=lambda own: (not is_ready(own), own.creation_timestamp)):
        same = own.name, tuple(sorted(own.tags.items()))
        if same in kept:
            again(client.delete_logged_model, own.model_id)
        kept.add(same)


def known(client: "MlflowClient", experiment_id: str, run_id: str, model: Model) -> Any:
    """The model of the run in MLflow; None if there is none."""
    asked = f"source_run_id = '{run_id}' AND name = '{model.name}'"
    found = client.search_logged_models([experiment_id], filter_string=asked)
    tags = {key: str(value) for key, value in model.tags.items()}
    return next((own for own in found if tags.items() <= own.tags.items()), None)


def is_ready(logged: Any) -> bool:
    """Whether a model is there and complete."""
    return logged is not None and logged.status == "READY"
