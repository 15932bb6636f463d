"""The files of a study for people, made from its result and its curves."""

from collections.abc import Mapping
from pathlib import Path

from tuner import files
from tuner.report import best, page, pictures, trials_csv
from tuner.search.space import Space
from tuner.search.trials import Curves
from tuner.study.results import StudyResult


def write(
    result: StudyResult,
    curves: Mapping[int, Curves],
    folder: Path,
    space: Space,
    times: Mapping[int, tuple[int, int]] | None = None,
    drawn: bool = True,
) -> None:
    """Writes the files; a study without a winner gets no `best.yaml`.

    Args:
        result: the study's result.
        curves: the curves of its trials, by number.
        folder: the study's folder.
        space: the searched space.
        times: when each trial began and ended, in milliseconds since 1970, by number.
        drawn: whether to make the report; otherwise it is deleted, and the pictures as well, which
            `pictures.draw` makes.

    Raises:
        OSError: if the disk is full.
    """
    if drawn:
        page.write(result, curves, folder / page.REPORT, space, times)
    else:
        for name in (pictures.RATES, pictures.LOSSES, page.REPORT):
            (folder / name).unlink(missing_ok=True)
    files.write(folder / trials_csv.TRIALS, [trials_csv.text(result)])
    if result.winner is None:
        (folder / best.BEST).unlink(missing_ok=True)
    else:
        files.write(folder / best.BEST, [best.text(result)])
