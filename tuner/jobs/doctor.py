"""Check that a study's record is whole and that MLflow agrees with it; fix=true repairs."""

from collections.abc import Iterator
from threading import Event

from tuner.config import Config
from tuner.config.saved import of_study
from tuner.errors import UserError
from tuner.study.builder import DATA, check_data
from tuner.study.checkpoints import CHECKPOINTS, is_whole
from tuner.study.data import load_data
from tuner.study.record import Bounds, Record
from tuner.study.study import COUNTED, STATES
from tuner.tracking.consistency import count, numbering
from tuner.tracking.republishing import republishing

NOT_WHOLE = 1

# What this command says; all else is the study's own.
OWN = ("job", "root", "threads", "fix")


def run(config: Config, stop: Event) -> int:
    """Prints a line for each finding, and what was repaired.

    Returns:
        The exit code: 1 where something is wrong and was not repaired.

    Raises:
        UserError: for an unknown study, one that another process is at work on (what is open then
            has its owner), and where MLflow cannot be reached.
        Interrupted: when `stop` was set.
    """
    config = of_study(config, OWN)
    tracked = config.tracking.name != "none"
    with republishing(config, stop) as study:

        def look() -> Iterator[str]:
            yield from on_record(study.record)
            yield from on_disk(config, study.record)
            if tracked:
                yield from study.findings()

        found = printed(look())
        if found and tracked and config.fix:
            print(f"Repaired: {study.mend()}.")
            found = printed(look())
        trials = count(len(study.record.trials()), "trial")
    said = count(found, "finding") if found else "whole"
    beside = "" if tracked else "; tracking=none: MLflow was not looked at"
    print(f"Study {config.study.name}, {trials}: {said}{beside}.")
    if found and tracked and not config.fix:
        print("The same command with fix=true repairs in MLflow what the record can tell.")
    return NOT_WHOLE if found else 0


def on_record(record: Record) -> Iterator[str]:
    """What is wrong with the record itself, in words."""
    trials, results = record.trials(), record.results()
    yield from numbering(record.get("cohorts", Bounds) or [], len(trials))
    for trial in trials:
        result = results.get(trial.number)
        if result is not None and trial.state.is_finished() and STATES[result.state] != trial.state:
            said = f"its state is {trial.state.name}, its result's {result.state}"
            yield f"trial {trial.number}: {said}"
        if result is None and trial.state in COUNTED:
            yield f"trial {trial.number}: it was told, but its result is not on record"


def on_disk(config: Config, record: Record) -> Iterator[str]:
    """What is wrong with the checkpoints and the data of a study, in words."""
    folder = config.root / "studies" / config.study.name / CHECKPOINTS
    for path in sorted(folder.glob("[0-9]*")):
        if not is_whole(path):
            yield f"checkpoint {path.name}: is damaged: the next command sets it aside"
    try:
        data = load_data(config)
        if DATA in record:  # which is younger than the first studies
            check_data(config, record, data)
    except UserError as error:
        yield str(error)


def printed(findings: Iterator[str]) -> int:
    """Prints them, each as it is found; returns how many there are."""
    number = 0
    for number, finding in enumerate(findings, 1):  # noqa: B007
        print(finding)
    return number
