"""List the studies under root: the state of each, its best trial and its winner."""

from threading import Event

from tuner.config import Config
from tuner.report import terminal
from tuner.report.studies import notes, table
from tuner.study.overview import overviews

OUTPUTS = ("text", "json")


def run(config: Config, stop: Event) -> int:
    """Prints the studies, the newest first; writes nothing and does not wait for running studies.

    Returns:
        The exit code.
    """
    found = overviews(config)
    if found:
        said = f"{len(found)} {'study' if len(found) == 1 else 'studies'} in {config.root}:"
        told = terminal.Told([said], {"": table(found)}, list(notes(found)))
    else:
        root = "" if str(config.root) == "mlruns" else f" root={config.root}"
        given = "" if config.function else " +experiment=adam"
        begin = f"run   {config.program}{given}{root}"
        told = terminal.Told([f"No studies in {config.root} yet: {begin}"])
    terminal.show(config, lambda: {"studies": [own.plain for own in found]}, told)
    return 0
