"""Trainings: makes the training of a config, for tuner's models or a user function."""

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
    """The training of a config's trials.

    Args:
        config: the study's config.
        data: the study's data; None if tuner reads none.
        threads: the number of threads that may train.
        stop: set to interrupt the training.
        folder: the study's folder.

    Raises:
        UserError: if the study is of a function whose code this command does not have.
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
