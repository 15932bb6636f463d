"""The pictures of a study: files made from its result and its curves."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tuner.search.trials import Curves, TrialResult
from tuner.study.results import StudyResult

RATES, LOSSES = "learning_rates.png", "loss_curves.png"


def draw(result: StudyResult, curves: Mapping[int, Curves], folder: Path) -> None:
    """Draws what can be drawn of a study: rates only where its trials have learning rates.

    Args:
        result: how it ended.
        curves: of its trials, by number.
        folder: where the files go.
    """
    from tuner.report.plots.trials import TrialCurve, learning_rates, loss_curves

    def drawn(trial: TrialResult) -> TrialCurve:
        own, rate = curves[trial.number], trial.learning_rate
        return TrialCurve(
            number=trial.number,
            group=trial.optimizer or "trials",
            learning_rate=np.nan if rate is None else rate,
            state=trial.state,
            epochs=range(trial.epochs + 1),
            train_loss=_finite(own.get("train_loss", [None] * (trial.epochs + 1))),
            validation_loss=_finite(own.get("validation_loss", [None] * (trial.epochs + 1))),
        )

    trials, title = [drawn(trial) for trial in result.all], f"Study {result.study}"
    if any(trial.learning_rate is not None for trial in result.all) or not result.all:
        learning_rates(trials, folder / RATES, title, result.unit)
    loss_curves(trials, folder / LOSSES, title, result.unit)


def _finite(curve: Sequence[float | None]) -> np.ndarray:
    """A curve from its record, in which JSON has no number for what is not finite."""
    return np.array([np.nan if value is None else value for value in curve])
