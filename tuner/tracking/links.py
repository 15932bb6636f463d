"""Links: the pages of MLflow that show the studies of a project, or the trials of one study.

A link is the part of the URL after the server's address: another command may serve the pages at
another port.
"""

import json
from collections.abc import Mapping
from urllib.parse import quote

# MLflow cannot search for runs without a tag, so a study's own run has one too.
KIND, STUDY, TRIAL = "tuner.kind", "study", "trial"
STUDIES = f"tags.`{KIND}` = '{STUDY}'"

# Without this MLflow opens the pages for language models.
WORKFLOW = "workflowType=machine_learning"

# The page that lists all projects.
START = f"#/experiments?{WORKFLOW}"

# A view in the menu of MLflow's button "Views": a tag of the experiment, in its pages' format.
VIEW = "tuner-studies"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
COLUMNS = (
    *("attributes.`Dataset`", "params.`model`", "params.`optimizer`", "tags.`tuner.winner`"),
    *("metrics.`test_loss`", "metrics.`test_accuracy`", "metrics.`test_r2`"),
)


def studies(experiment_id: str, tags: Mapping[str, str]) -> str:
    """The page with a project's studies, without their trials.

    Args:
        experiment_id: the project's experiment.
        tags: the experiment's tags, which may contain the view.
    """
    how = f"viewStateShareKey={VIEW}" if VIEW_TAG in tags else f"searchFilter={quote(STUDIES)}"
    return f"#/experiments/{experiment_id}/runs?{how}&{WORKFLOW}"


def trials(
    experiment_id: str, run_id: str, metric: str | None = None, greater_is_better: bool = False
) -> str:
    """The page with the curves of all trials of a study.

    Args:
        experiment_id: the project's experiment.
        run_id: the study's run.
        metric: sorts the trials, the best first; None: the newest first.
        greater_is_better: whether the greatest value is the best.
    """
    children = quote(f"tags.mlflow.parentRunId = '{run_id}'")
    order = ""
    if metric is not None:
        ascending = "false" if greater_is_better else "true"
        order = f"&orderByKey={quote(f'metrics.`{metric}`')}&orderByAsc={ascending}"
    page = f"#/experiments/{experiment_id}/runs?searchFilter={children}{order}"
    return f"{page}&compareRunsMode=CHART&{WORKFLOW}"


def view() -> str:
    """The value of the tag that stores the view of a project's studies."""
    state = json.dumps({"searchFilter": STUDIES, "selectedColumns": COLUMNS})
    return json.dumps({"name": "Studies", "createdAt": 0, "updatedAt": 0, "state": state})
