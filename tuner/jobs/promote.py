"""Make a study's winner the champion in MLflow's registry if it beats the current champion."""

from threading import Event

from tuner import session
from tuner.codec import to_json
from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.promoting import promote
from tuner.report import log, promotion, terminal

OUTPUTS = ("text", "json")

# The keys taken from this command; all others come from the study.
OWN = ("job", "root", "threads")


def run(config: Config, stop: Event) -> int:
    """Promotes the winner of the named study, and prints the outcome.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study, one without a winner or a model, and if MLflow cannot be
            reached.
        Interrupted: when `stop` was set; the same command continues.
    """
    asked, config = config.promote, of_study(config, OWN)
    if asked.model is not None:
        config = config.model_copy(update={"promote": asked})
    name = config.study.name
    if config.tracking.name == "none":
        raise UserError(
            f"tracking: none: study {name} has no MLflow, whose registry holds the champion: run "
            "it with tracking=mlflow"
        )
    with session.opened(config, stop) as opened:
        saved = opened.saved()
        if saved is None or saved.result.interrupted:
            raise UserError(f"study.name: {name}: is not finished: run its command again first")
        found = promote(opened, saved)
        log.tell(config, "promoted", to_json(found))
    terminal.show(config, lambda: to_json(found), promotion.told(found))
    return 0
