"""The training of a config: populations of tuner's models, or a user's function."""

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from tuner.config import Config
from tuner.study.functions import WORKERS, Functions
from tuner.study.populations import Populations
from tuner.study.training import StudyTraining

if TYPE_CHECKING:
    from tuner.data import DataSet


def training_of(
    config: Config, data: "DataSet | None", threads: int, stop: Event, folder: Path
) -> StudyTraining:
    """What trains the trials of a config.

    Args:
        config: of the study.
        data: of the study, None where tuner reads none.
        threads: that may train.
        stop: interrupts the training.
        folder: of the study.

    Raises:
        UserError: if it is a function's whose code this command has not.
    """
    if config.function is not None:
        return Functions(config, threads, stop, folder)
    if not config.executor.dask:
        return Populations(config, data, threads, stop)
    from tuner.study.workers.pool import Pool

    asked, of = config.executor, config.workers
    place = folder / WORKERS
    pool = Pool(of, config.threads, stop, place, asked.address, asked.dashboard, asked.patience)
    training = Populations(config, data, threads, stop, pool)
    training.stack.callback(pool.close)
    return training


def check_cluster(config: Config) -> None:
    """Checks that there is a scheduler at the address of a config, if it has one.

    Raises:
        UserError: if not.
    """
    if config.executor.address is not None:
        from tuner.study.workers.pool import check_address

        check_address(config.executor.address)
