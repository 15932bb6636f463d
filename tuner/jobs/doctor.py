"""Check that a study's record is intact and that MLflow agrees with it; fix=true repairs MLflow."""

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event

from tuner.codec import to_json
from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.report import note, terminal
from tuner.study.builder import DATA, check_data
from tuner.study.checkpoints import CHECKPOINTS, is_whole
from tuner.study.data import load_data
from tuner.study.record import Bounds, Record
from tuner.study.study import COUNTED, STATES
from tuner.tracking.consistency import count, numbering
from tuner.tracking.republishing import republishing

OUTPUTS = ("text", "json")

NOT_WHOLE = 1

# The keys taken from this command; all others come from the study.
OWN = ("job", "root", "threads", "fix")


@dataclass(frozen=True)
class Examined:
    """The result of examining a study.

    Attributes:
        study: its name.
        trials: the number of its trials.
        tracked: whether MLflow was examined.
        repaired: what was repaired, in words.
        findings: what is still wrong, one sentence each.
    """

    study: str
    trials: int
    tracked: bool
    repaired: str | None
    findings: tuple[str, ...]


def run(config: Config, stop: Event) -> int:
    """Prints a line for each finding, and what was repaired.

    Returns:
        The exit code: 1 if something is wrong and was not repaired.

    Raises:
        UserError: for an unknown study, one that another process owns (its open state is then
            normal), and if MLflow cannot be reached.
        Interrupted: when `stop` was set.
    """
    config = of_study(config, OWN)
    tracked = config.tracking.name != "none"
    with republishing(config, stop, note.text) as study:

        def look() -> Iterator[str]:
            yield from on_record(study.record)
            yield from on_disk(config, study.record)
            if tracked:
                yield from study.findings()

        found, repaired = printed(look()), None
        if found and tracked and config.fix:
            repaired = study.mend()
            print(f"Repaired: {repaired}.")
            found = printed(look())
        trials = len(study.record.trials())
    said = count(len(found), "finding") if found else "whole"
    beside = "" if tracked else "; tracking=none: MLflow was not checked"
    lines = [f"Study {config.study.name}, {count(trials, 'trial')}: {said}{beside}."]
    if found and tracked and not config.fix:
        lines.append("The same command with fix=true repairs MLflow from the record.")
    examined = Examined(config.study.name, trials, tracked, repaired, tuple(found))
    style = terminal.DOUBTFUL if found else terminal.SURE
    terminal.show(config, lambda: to_json(examined), terminal.Told(lines, style=style))
    return NOT_WHOLE if found else 0


def on_record(record: Record) -> Iterator[str]:
    """What is wrong with the record itself, in words."""
    trials, results = record.trials(), record.results()
    yield from numbering(record.get("cohorts", Bounds) or [], len(trials))
    for trial in trials:
        result = results.get(trial.number)
        if result is not None and trial.state.is_finished() and STATES[result.state] != trial.state:
            said = f"its state is {trial.state.name}, but its result says {result.state}"
            yield f"trial {trial.number}: {said}"
        if result is None and trial.state in COUNTED:
            yield f"trial {trial.number}: it has ended, but its result is not on record"


def on_disk(config: Config, record: Record) -> Iterator[str]:
    """What is wrong with the checkpoints and the data of a study, in words."""
    folder = config.root / "studies" / config.study.name / CHECKPOINTS
    for path in sorted(folder.glob("[0-9]*")):
        if not is_whole(path):
            yield f"checkpoint {path.name}: is damaged: the next command moves it away"
    try:
        data = load_data(config)
        if DATA in record:  # early versions did not record it
            check_data(config, record, data)
    except UserError as error:
        yield str(error)


def printed(findings: Iterator[str]) -> list[str]:
    """Prints findings as they are found, and returns them."""
    found = []
    for finding in findings:
        print(finding)
        found.append(finding)
    return found
