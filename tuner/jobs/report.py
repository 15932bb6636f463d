"""Rebuild a study's report, pictures and tables from its record."""

from threading import Event

from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.report import files, note, pictures
from tuner.report.page import REPORT
from tuner.study.builder import open_study
from tuner.tracking.republishing import republishing

# The keys taken from this command; all others come from the study.
OWN = ("job", "root", "threads")


def run(config: Config, stop: Event) -> int:
    """Writes the files anew and, if the study is tracked, updates its page in MLflow.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study, one without a result, one that another process owns, and if
            MLflow cannot be reached; in the last case the files are written all the same.
        Interrupted: when `stop` was set; the same command continues.
    """
    config = of_study(config, OWN)
    name, folder = config.study.name, config.root / "studies" / config.study.name
    with republishing(config, stop, note.text) as told:
        saved = told.recorded_study.saved()
        if saved is None:
            raise UserError(f"study.name: {name}: has no result yet: finish the study first")
        study = open_study(config, told.record)
        drawn = study.drawn_curves(saved.result.goal.curve)
        pictures.draw(saved.result, drawn, folder)
        files.write(saved.result, drawn, folder, study.space, study.times())
        print(f"Study {name}: written: {folder / REPORT}, and what is beside it.", flush=True)
        if config.tracking.name != "none":
            print(f"In MLflow: {told.mend()}.")
    return 0
