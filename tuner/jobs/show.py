"""Show the verdict on a study again, or how it stands if it has none yet."""

from threading import Event

from tuner.config import Config
from tuner.report import terminal
from tuner.report.outcome import FEW, outcome
from tuner.report.studies import so_far
from tuner.study.ending import plain_result
from tuner.study.journal import FILE, glanced_curves
from tuner.study.overview import folder_of, overview
from tuner.study.study import drawn
from tuner.tracking.command import shows

OUTPUTS = ("text", "json")


def run(config: Config, stop: Event) -> int:
    """Tells it from the study's folder; nothing is written, and nothing waits for its owner.

    Returns:
        The exit code.

    Raises:
        UserError: for an unknown study.
    """
    folder = folder_of(config.root, config.study.name)
    own = overview(folder)
    saved = own.saved
    if saved is None:
        lines = list(so_far(own))
        told = terminal.Told(lines[:1], evidence=lines[1:], style=terminal.DOUBTFUL)
        terminal.show(config, lambda: own.plain, told)
        return 0
    few = len(saved.result.all) <= FEW and (folder / FILE).exists()
    curves = drawn(glanced_curves(folder / FILE)) if few else {}
    page = saved.run.curves
    told = outcome(saved.result, curves, folder, shows(config, page) if page else "")
    terminal.show(config, lambda: plain_result(saved), told)
    return 0
