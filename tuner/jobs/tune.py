"""Search for the best settings: propose and train trials, keep every curve, confirm the winner."""

from threading import Event

from tuner import session
from tuner.config import Config
from tuner.keeping import tidy

OUTPUTS = ("text", "json")


def run(config: Config, stop: Event) -> int:
    """Runs or continues the study that the config names; returns the exit code.

    Raises:
        UserError: for a setting or data that do not fit; before anything is written.
        Interrupted: if `stop` was set; after everything is closed.
    """
    code = session.tune(config, stop)
    tidy(config, stop)
    return code
