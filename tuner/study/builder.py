"""The builder: makes the parts of a study from its config."""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuner.codec import to_json
from tuner.config import Config
from tuner.config.saved import unknown_study
from tuner.config.schema import LATEST
from tuner.errors import UserError
from tuner.files import check_own
from tuner.search import initial_trials
from tuner.search.initial_trials import InitialTrial
from tuner.search.trials import TrialResult
from tuner.study.numerics import Numerics, numerics
from tuner.study.patterns import newest
from tuner.study.places import check_named, names, place_of
from tuner.study.record import Record
from tuner.study.stopping import Limits
from tuner.study.study import Study

if TYPE_CHECKING:
    from tuner.data import DataSet

# The record's key of the initial trials.
INITIAL = "queue"
# The record's keys of the data's digest and of the numeric environment.
DATA, NUMERICS = "data", "numerics"


def initial(config: Config) -> tuple[list[InitialTrial], str]:
    """The trials that a new study runs before its sampler proposes any, and a line about them.

    Raises:
        UserError: if the study to start from does not exist, or none of its trials fits.
    """
    if config.sampler.no_initial_trials:
        return [], ""
    asked, space = config.study, config.space
    trials, line = initial_trials.textbook(space) if asked.defaults else [], ""
    if asked.warm_start is not None:
        best, line = warm(config, asked.warm_start)
        trials += best
    return initial_trials.kept(trials, space), line


def warm(config: Config, name: str) -> tuple[list[InitialTrial], str]:
    """The best settings of another study, and a line about them; with LATEST there may be none.

    Raises:
        UserError: if a named study does not exist, or none of its trials fits.
    """
    if name != LATEST:
        return initial_trials.warm(config.space, results_of(config, name), name)
    last = newest(config)
    if last is None:
        pattern = config.study.pattern
        return [], f"study.warm_start: {LATEST}: no study of {pattern} has a winner yet."
    earlier = last.result.study
    try:
        return initial_trials.warm(config.space, results_of(config, earlier), earlier)
    except UserError as error:
        return [], str(error)


def results_of(config: Config, name: str) -> list[TrialResult]:
    """The trials of another study that trained to the end.

    Raises:
        UserError: if there is no such study.
    """
    place, folder = place_of(config, name), config.root / "studies" / name
    check_own(folder)
    check_named(config, folder)
    try:
        results, _ = place.glanced()
    except FileNotFoundError:
        known = names(config)
        raise unknown_study("study.warm_start", name, config.root, known) from None
    except (OSError, ValueError) as error:
        raise UserError(f"{place.where}: is not the record of a study ({error})") from None
    return [results[n] for n in sorted(results) if results[n].state == "COMPLETE"]


def open_study(config: Config, record: Record) -> Study:
    """Opens the study of a config from its record."""
    first = record.get(INITIAL, list[InitialTrial]) or []
    return Study(record, config.space, config.sampler, config.study.seed, first)


def check_data(config: Config, record: Record, data: "DataSet | None") -> None:
    """Checks that the data are those the study began with; a new study records their digest.

    Raises:
        UserError: if the data differ.
    """
    if data is None:
        return
    if DATA not in record:
        record.put(DATA, data.digest)
    begun, now = record.get(DATA, str) or "", data.digest
    if begun != now:
        raise UserError(
            f"data: {data.name}: is not what study {config.study.name} was begun with (digest "
            f"{begun[:12]} then, {now[:12]} now): give the old data back, or another study.name"
        )


def other_numerics(record: Record, workers: Sequence[Numerics] = ()) -> str:
    """Records the numeric environment of this process and of its workers.

    Returns:
        How it differs from that of earlier commands on the study, in words; "" if it does not.
    """
    before = record.get(NUMERICS, list[Numerics]) or []
    seen = list(dict.fromkeys((*before, numerics(), *workers)))
    if len(seen) > len(before):
        record.put(NUMERICS, [to_json(own) for own in seen])
    return "; ".join(seen[0].differences(other) for other in seen[1:])


def state(config: Config, study: Study) -> str:
    """A digest of all that determines a study's result: its trials, and how they are judged."""
    trials = [(t.number, t.state, t.value) for t in study.results()]
    asked = [config.confirm.top, config.confirm.seeds, study.record.get(DATA, str), config.refit]
    plain = json.dumps([trials, asked, list(config.space.searched)])
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def limits(config: Config) -> Limits:
    """The limits that end the study of a config."""
    budget = config.budget
    return Limits(
        trials=budget.trials,
        epochs_total=budget.epochs_total,
        seconds=budget.seconds,
        target=config.target,
        when_noise=config.stop.when_noise,
    )
