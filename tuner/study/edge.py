"""The edge of stability: short runs of the winner at its learning rate and far above."""

from dataclasses import dataclass

from tuner.codec import to_json
from tuner.config import Config
from tuner.search.trials import Trial, TrialResult
from tuner.study.checkpoints import Checkpoints
from tuner.study.events import Listener, StageBegan, nobody
from tuner.study.populations import Populations
from tuner.study.record import Record
from tuner.study.results import Confirmation
from tuner.study.study import Study
from tuner.study.training import trained

# Multiples of the winner's rate. The run at 1 shows whether a short run behaves like the long one.
FACTORS = (1, 2, 5, 10)
# The runs last a tenth of the training, but at least FEWEST epochs.
SHARE, FEWEST = 10, 2
# The runs are skipped if they would take more than this share of the study's epochs.
DEAR = 0.1


@dataclass(frozen=True)
class EdgeRun:
    """A short run of the winner.

    Attributes:
        factor: its learning rate as a multiple of the winner's.
        diverged: how it diverged, in words; "" if it did not.
    """

    factor: int
    diverged: str


def rate_path(trial: TrialResult) -> str:
    """The path of a trial's learning rate."""
    assert trial.rate_path is not None
    return trial.rate_path


def key_of(winner: TrialResult) -> str:
    """The record's key of a winner's short runs."""
    return f"edge of stability of trial {winner.number}"


def known_runs(record: Record, winner: TrialResult | None) -> list[EdgeRun]:
    """The recorded short runs of a winner."""
    return [] if winner is None else record.get(key_of(winner), list[EdgeRun]) or []


def spent(study: Study, training: Populations, confirmed: Confirmation | None) -> int:
    """The epochs of all rows of a study, including the repeats on fresh seeds."""
    searched = sum(trial.member_epochs for trial in study.results())
    if confirmed is None:
        return searched
    lengths = {trial.number: trial.stops_at or training.epochs for trial in study.results()}
    chosen = () if confirmed.is_alone else confirmed.trials
    repeats = [*chosen, confirmed.judged, *confirmed.defaults]
    epochs = sum(lengths.get(own.trial, training.epochs) for own in repeats)
    return searched + epochs * confirmed.seeds * training.folds


def wanted(
    config: Config,
    training: Populations,
    study: Study,
    winner: TrialResult,
    confirmed: Confirmation | None,
) -> bool:
    """Whether to make the runs.

    They are not made if they are already recorded, if the rate was not searched, or if they would
    take more than a share DEAR of the study's epochs.

    Args:
        config: the study's config.
        training: the study's training.
        study: the study, with its record.
        winner: the study's winner.
        confirmed: the result of the confirmation.
    """
    cost = epochs_of(training) * training.folds
    return (
        key_of(winner) not in study.record
        and rate_path(winner) in config.space.searched
        and cost <= DEAR * spent(study, training, confirmed)
    )


def epochs_of(training: Populations) -> int:
    """The epochs of all runs together."""
    return len(FACTORS) * length(training)


def length(training: Populations) -> int:
    """The epochs of one run."""
    return min(training.epochs, max(FEWEST, training.epochs // SHARE))


def run_at_edge(
    config: Config,
    training: Populations,
    record: Record,
    winner: TrialResult,
    checkpoints: Checkpoints,
    tell: Listener = nobody,
) -> None:
    """Trains the winner at FACTORS times its rate, all together, and records the runs.

    It uses the study's own training and seed, with the schedule laid out for a tenth of the epochs.
    A run diverges by the same rules as a trial, and can be interrupted and continued like one.

    Args:
        config: the study's config.
        training: the study's training.
        record: the study's record.
        winner: a winner that has a learning rate.
        checkpoints: save what is running.
        tell: receives the events of the training.

    Raises:
        Interrupted: what is in no checkpoint is lost.
    """
    key, path = key_of(winner), rate_path(winner)
    budget = config.budget.model_copy(update={"epochs": length(training)})
    short = config.model_copy(update={"budget": budget})
    rate = winner.settings[path]
    trials = [
        Trial(i, {**winner.settings, path: factor * rate}, 0) for i, factor in enumerate(FACTORS)
    ]
    with Populations(short, training.data, training.threads, training.stop, training.pool) as own:
        tell(StageBegan("training the winner shortly at 2, 5 and 10 times its rate"))
        outcomes = trained(own, trials, {}, checkpoints, key, tell)
    reasons = [o.reason if o.state == "DIVERGED" else "" for o in outcomes]
    runs = [EdgeRun(factor, why) for factor, why in zip(FACTORS, reasons, strict=True)]
    record.put(key, [to_json(run) for run in runs])
    checkpoints.clear()
