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
from tuner.search.importance import Importance
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

# Of a result's file. In the first, which did not say it, scores were kept as their negatives.
FORMAT = 2

# Attribute of a record: the highest number of a trial when the study had its result.
ENDED_WITH = "ended_with"

# Commands of a result, which say where the study is: no seed determines that.
COMMANDS = ("reproduce", "next_round")


def result_of(
    config: Config,
    study: Study,
    training: StudyTraining,
    stopped: str,
    confirmed: Confirmation | None = None,
    importances: tuple[Importance, ...] = (),
) -> StudyResult:
    """What the seed determines of how a study ended.

    Args:
        config: of the study.
        study: with all its trials.
        training: of the study.
        stopped: why it ended, in words; one that was interrupted has no winner.
        confirmed: the best trials on fresh seeds.
        importances: of the searched settings.
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
        importances=importances,
        findings=found,
        next_round=command(*here, config.job, config.program)
        if planned(config, results, found)
        else "",
    )


def facts_of(started: float, threads: int, key: str, link: str | None) -> RunFacts:
    """What the seed does not determine of a command.

    Args:
        started: by time.monotonic.
        threads: that it trained with.
        key: of the study in MLflow.
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
    """Writes a result in natural numbers (`tuner.study.natural`).

    Its commands stand among the facts of the run.

    Raises:
        OSError: if the disk is full.
    """
    write_json(file, plain_result(saved))


def put_ended(record: Record, result: StudyResult) -> None:
    """Puts on record that a study has its result, for commands of another root."""
    if not result.interrupted:
        record.put(ENDED_WITH, max((trial.number for trial in result.all), default=-1))


def plain_result(saved: SavedResult) -> Plain:
    """The plain data of a result, in natural numbers, as its file holds them."""
    plain = to_json(replace(saved, result=natural(saved.result)))
    plain["run"] |= {name: plain["result"].pop(name) for name in COMMANDS}
    return {"format": FORMAT, **plain}


def read_result(file: Path, made_from: str | None = None) -> SavedResult | None:
    """The result in a file, as `write_result` writes it.

    Args:
        file: of the result, in the folder of its study.
        made_from: what it must have been made from (`builder.state`); None: whatever it was.

    Returns:
        None if there is none, or it is damaged, of an earlier version or made from something else.
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
    # Made anew: the study may have been moved, and its folder may be a stranger's.
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
