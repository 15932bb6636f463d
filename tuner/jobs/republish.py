"""Rebuild a study's runs in MLflow from its record: what is missing, unfinished or duplicated."""

from threading import Event

from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.report import note
from tuner.tracking.republishing import republishing

# The keys taken from this command; all others come from the study.
OWN = ("job", "root", "threads")


def run(config: Config, stop: Event) -> int:
    """Writes to MLflow what the record of the named study has and MLflow lacks.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study, one that another process owns, and if MLflow cannot be
            reached.
        Interrupted: when `stop` was set; the same command continues.
    """
    config = of_study(config, OWN)
    if config.tracking.name == "none":
        raise UserError(
            "tracking: none: there is no MLflow to publish to: leave it out, or give "
            "tracking=mlflow"
        )
    with republishing(config, stop, note.text) as study:
        done = study.mend()
    print(f"Study {config.study.name} in MLflow: {done}.")
    return 0
