"""The builder: from a config to the parts of its study."""

from tuner.codec import from_json
from tuner.config import Config
from tuner.errors import UserError, did_you_mean
from tuner.search import initial_trials
from tuner.search.initial_trials import InitialTrial
from tuner.search.trials import TrialResult
from tuner.study.journal import FILE, read_results
from tuner.study.record import Record
from tuner.study.stopping import Limits
from tuner.study.study import Study

# Under which the record keeps the trials that are tried first.
INITIAL = "queue"

# So many studies are named where one is not found.
FEW = 5


def initial(config: Config) -> tuple[list[InitialTrial], str]:
    """What a new study tries before its sampler proposes, and a line about it.

    Raises:
        UserError: if the study to start from is not there, or none of its trials fits.
    """
    if config.sampler.no_initial_trials:
        return [], ""
    asked, space = config.study, config.space
    trials, line = initial_trials.textbook(space) if asked.defaults else [], ""
    if asked.warm_start is not None:
        others = results_of(config, asked.warm_start)
        best, line = initial_trials.warm(space, others, asked.warm_start)
        trials += best
    return initial_trials.kept(trials, space), line


def results_of(config: Config, name: str) -> list[TrialResult]:
    """The trials of another study that trained to the end.

    Raises:
        UserError: if there is no such study.
    """
    studies = config.root / "studies"
    try:
        results = read_results(studies / name, name)
    except FileNotFoundError:
        known = sorted(path.parent.name for path in studies.glob(f"*/{FILE}"))
        hint = did_you_mean(name, known, 3) or (
            f"there are {', '.join(known[:FEW])}" if known else "there is none yet"
        )
        raise UserError(
            f"study.warm_start: {name}: no such study in {config.root}: {hint.strip()}"
        ) from None
    return [result for result in results if result.state == "COMPLETE"]


def open_study(config: Config, record: Record) -> Study:
    """The study of a config, as its record has it."""
    first = [from_json(InitialTrial, plain) for plain in record.get(INITIAL) or ()]
    return Study(record, config.space, config.sampler, config.study.seed, first)


def limits(config: Config) -> Limits:
    """What ends the study of a config."""
    budget = config.budget
    return Limits(
        trials=budget.trials,
        epochs_total=budget.epochs_total,
        seconds=budget.seconds,
        target=config.target,
        when_noise=config.stop.when_noise,
    )
