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

# Times the winner's rate. The first run tells whether a short one bears what the long one did.
FACTORS = (1, 2, 5, 10)
# The runs last a tenth of the training, but not less than so many epochs.
SHARE, FEWEST = 10, 2
# They are left out where they would take more than this share of what the study took.
DEAR = 0.1


@dataclass(frozen=True)
class EdgeRun:
    """A short run of the winner.

    Attributes:
        factor: its rate is so many times the winner's.
        diverged: how it diverged, in words; "" if it did not.
    """

    factor: int
    diverged: str


def rate_path(trial: TrialResult) -> str:
    """The path of a trial's learning rate."""
    assert trial.rate_path is not None
    return trial.rate_path


def key_of(winner: TrialResult) -> str:
    """Under which a record keeps the runs of a winner."""
    return f"edge of stability of trial {winner.number}"


def known_runs(record: Record, winner: TrialResult | None) -> list[EdgeRun]:
    """What is on record of a winner's short runs."""
    return [] if winner is None else record.get(key_of(winner), list[EdgeRun]) or []


def spent(study: Study, training: Populations, confirmed: Confirmation | None) -> int:
    """Epochs that all rows of a study were trained, the repeats on fresh seeds among them."""
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
    """Whether the runs are to be made: not where they are on record, where the rate was not
    searched, or where they would take more than a share DEAR of what the study took.

    Args:
        config: of the study.
        training: of the study.
        study: with its record.
        winner: of the study.
        confirmed: what was trained on fresh seeds.
    """
    cost = epochs_of(training) * training.folds
    return (
        key_of(winner) not in study.record
        and rate_path(winner) in config.space.searched
        and cost <= DEAR * spent(study, training, confirmed)
    )


def epochs_of(training: Populations) -> int:
    """Epochs of all runs together."""
    return len(FACTORS) * length(training)


def length(training: Populations) -> int:
    """Epochs of a run."""
    return min(training.epochs, max(FEWEST, training.epochs // SHARE))


def run_at_edge(
    config: Config,
    training: Populations,
    record: Record,
    winner: TrialResult,
    checkpoints: Checkpoints,
    tell: Listener = nobody,
) -> None:
    """Trains the winner at FACTORS times its rate, all together, and puts it on record.

    It is the study's own training under the study's seed, its schedule laid out for a tenth of the
    epochs; a run diverges here by the same rules as a trial. What is under way is interrupted and
    goes on like all training.

    Args:
        config: of the study.
        training: of the study.
        record: of the study.
        winner: that has a learning rate.
        checkpoints: keep what is under way.
        tell: hears of what is trained.

    Raises:
        Interrupted: which loses what is in no checkpoint.
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
