"""The files that people read of a study, all made from its result and its curves."""

from collections.abc import Mapping
from pathlib import Path

from tuner.report import pictures
from tuner.search.trials import Curves
from tuner.study.results import StudyResult


def write(result: StudyResult, curves: Mapping[int, Curves], folder: Path) -> None:
    """Writes them.

    Args:
        result: how the study ended.
        curves: of its trials, by number.
        folder: of the study.

    Raises:
        OSError: if the disk is full.
    """
    pictures.draw(result, curves, folder)
