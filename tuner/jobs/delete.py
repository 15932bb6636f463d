"""Delete a study: its folder, and its runs and models in MLflow. Asks first; yes=true does not."""

import select
import sys
from threading import Event

from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.keeping import OWN, remove
from tuner.study.overview import folder_of
from tuner.training.loop import Interrupted


def run(config: Config, stop: Event) -> int:
    """Deletes the named study; its folder goes last, so the same command can continue.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study, one that another process owns, and if there is no terminal
            to ask.
        CrashError: if MLflow cannot be reached; the folder then stays.
        Interrupted: when `stop` was set.
    """
    name, folder = config.study.name, folder_of(config)
    if config.tracking.name != "none" and (folder / "config.yaml").exists():
        yes, config = config.yes, of_study(config, OWN)
    else:
        yes = config.yes
    tracked = config.tracking.name != "none"
    question = f"Delete study {name}, {folder}" + " and its runs in MLflow" * tracked
    if not yes and not agreed(question, stop):
        print("Nothing was deleted.")
        return 0
    deleted = remove(config, stop)
    runs = f" and {deleted} of its runs in MLflow" if deleted else ""
    print(f"Study {name}: {folder}{runs} deleted.")
    return 0


def agreed(question: str, stop: Event) -> bool:
    """Asks the user at the terminal; returns whether the answer is yes.

    Raises:
        UserError: if there is no terminal.
        Interrupted: when `stop` was set.
    """
    if not sys.stdin.isatty():
        raise UserError("yes: False: there is no terminal to ask at: give yes=true to delete")
    print(f"{question}? [y/N] ", end="", flush=True)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        if stop.is_set():
            print()
            raise Interrupted
    return sys.stdin.readline().strip().lower() in ("y", "yes")
