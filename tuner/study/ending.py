"""The ending of a study: its result and the file that holds it."""

import platform
import socket
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import tuner
from tuner.codec import from_json, to_json
from tuner.config import Config
from tuner.config.schema import Plain
from tuner.files import read_json, write_json
from tuner.function import program_of
from tuner.search.advice import advised
from tuner.search.trials import best_of
from tuner.study.audit import findings
from tuner.study.audited import audited
from tuner.study.natural import natural
from tuner.study.next_round import COMPARE, TUNE, command, planned
from tuner.study.record import Record
from tuner.study.reproduce import is_tracked, reproducing, setup
from tuner.study.results import (
    INTERRUPTED,
    Confirmation,
    Finding,
    RunFacts,
    SavedResult,
    StudyResult,
    counts,
    divergences,
    winner_of,
)  # fmt: skip
from tuner.study.study import Study
from tuner.study.training import StudyTraining

# Format of a result's file. The first format, without this number, stored scores as negatives.
FORMAT = 2

# A record's attribute: the highest number of a trial when the study got its result.
ENDED_WITH = "ended_with"

# A result's commands. They name the study's place, which the seed does not determine.
COMMANDS = ("reproduce", "next_round")


def result_of(
    config: Config,
    study: Study,
    training: StudyTraining,
    stopped: str,
    confirmed: Confirmation | None = None,
) -> StudyResult:
    """Makes the result of a study: everything that the seed determines, but the importances.

    Args:
        config: the study's config.
        study: the study with all its trials.
        training: the study's training.
        stopped: why it ended, in words; an interrupted study has no winner.
        confirmed: the confirmation of the best trials on fresh seeds.
    """
    results, goal = advised(study.results()), training.goal
    here = config.study.name, config.root, config.tracking.name != "none"
    best = best_of(results)
    decided = None if stopped == INTERRUPTED else winner_of(goal, best, confirmed, results)
    found: tuple[Finding, ...] = ()
    if stopped != INTERRUPTED:
        found = findings(audited(config, study, goal, results, decided, confirmed))
    return StudyResult(
        study=config.study.name,
        stopped=stopped,
        goal=goal,
        trials=counts(results),
        winner=decided,
        best=best,
        confirmation=confirmed,
        test=None,
        divergence=divergences(results),
        all=results,
        searched=tuple(config.space.searched),
        unit=training.unit,
        reproduce="" if decided is None else reproducing(*here, config.program),
        setup=setup(config, confirmed),
        findings=found,
        next_round=command(*here, config.job, config.program)
        if planned(config, results, found)
        else "",
    )


def facts_of(started: float, threads: int, key: str, link: str | None) -> RunFacts:
    """The facts of a command that the seed does not determine.

    Args:
        started: when the command began, by time.monotonic.
        threads: the number of threads that it trained with.
        key: the study's key in MLflow.
        link: the page with the curves of all trials.
    """
    return RunFacts(
        seconds=round(time.monotonic() - started, 3),
        finished=datetime.now().astimezone().isoformat(timespec="milliseconds"),
        host=socket.gethostname(),
        threads=threads,
        python=platform.python_version(),
        tuner=tuner.__version__,
        key=key,
        curves=link,
    )


def write_result(file: Path, saved: SavedResult) -> None:
    """Writes a result with scores as people read them (`tuner.study.natural`).

    Its commands are stored among the facts of the run.

    Raises:
        OSError: if the disk is full.
    """
    write_json(file, plain_result(saved))


def put_ended(record: Record, result: StudyResult) -> None:
    """Records that a study has its result, for commands of another root."""
    if not result.interrupted:
        record.put(ENDED_WITH, max((trial.number for trial in result.all), default=-1))


def plain_result(saved: SavedResult) -> Plain:
    """A result as plain data for its file, with scores as people read them."""
    plain = to_json(replace(saved, result=natural(saved.result)))
    plain["run"] |= {name: plain["result"].pop(name) for name in COMMANDS}
    return {"format": FORMAT, **plain}


def read_result(file: Path, made_from: str | None = None) -> SavedResult | None:
    """Reads a result that `write_result` wrote.

    Args:
        file: the result's file, in the folder of its study.
        made_from: the digest that the result must have (`builder.state`); None: any.

    Returns:
        None if there is no result, or it is damaged, of an earlier version or of another digest.
    """
    try:
        plain = read_json(file)
        if not isinstance(plain, dict) or plain.get("format") != FORMAT:
            return None
        saved = from_json(SavedResult, plain)
        reproduce, next_round = (str(plain["run"][name]) for name in COMMANDS)
    except (OSError, ValueError, LookupError):
        return None
    if made_from not in (None, saved.made_from):
        return None
    # The commands are made again: the study may have been moved, or be a stranger's.
    here = file.parent.name, file.parents[2]
    program = program_of(reproduce or next_round)
    if reproduce:
        reproduce = reproducing(*here, is_tracked(reproduce), program)
    if next_round:
        job = COMPARE if f"job={COMPARE}" in next_round else TUNE
        next_round = command(*here, is_tracked(next_round), job, program)
    return replace(
        saved, result=replace(natural(saved.result), reproduce=reproduce, next_round=next_round)
    )
