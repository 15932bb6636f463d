"""Times: when a recorded trial began and ended, in milliseconds since 1970."""

from optuna.trial import FrozenTrial


def started_ms(trial: FrozenTrial) -> int:
    """When the trial was proposed."""
    assert trial.datetime_start is not None
    return int(trial.datetime_start.timestamp() * 1000)


def ended_ms(trial: FrozenTrial) -> int:
    """When the trial ended; if it has not ended, when it was proposed."""
    done = trial.datetime_complete
    return started_ms(trial) if done is None else int(done.timestamp() * 1000)


def cut_short(trial: FrozenTrial) -> str:
    """Why a trial has no result, in words."""
    if trial.state.is_finished():
        return "does not fit the new ranges"
    return "its training was cut short; the study's next command trains it again"
