"""Checks of workers: whether they are available, and can train what the config asks for."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from tuner.errors import UserError
from tuner.function import Function

if TYPE_CHECKING:
    from tuner.config.schema import Config

# Jobs that train nothing, or only in this process.
HERE = ("range_test", "card", "plot_descent", "plot_schedule")


def check_executor(config: "Config") -> None:
    """Checks the workers of a config.

    Raises:
        UserError: if workers cannot train this, or do not suit the job; if Dask is not installed;
            or if a function cannot be sent to them.
    """
    own, function = config.executor, config.function
    if not own.dask:
        if own.dashboard is not None:
            raise UserError(
                f"executor.dashboard: {own.dashboard}: is of Dask's workers: give executor=dask"
            )
        if config.workers == 1:
            return
        if function is None:
            raise UserError(
                f"workers: {config.workers}: are threads of this process: give executor=dask, or "
                "threads=... in their place"
            )
    name = f"executor: {own.name}" if own.dask else f"workers: {config.workers}"
    mend = "executor=threads" if own.dask else "workers=1"
    if function is not None and own.address is not None:
        raise UserError(
            f"executor.address: {own.address}: is for tuner's own models: {function.name}() is "
            "trained by workers of this machine: give workers=... alone"
        )
    if function is None and config.job in HERE:
        raise UserError(f"{name}: job={config.job} trains in this process: leave it out")
    if find_spec("distributed") is None:
        raise UserError(f"{name}: needs tuner[dask]: pip install distributed, or give {mend}")
    if own.dashboard is not None:
        check_dashboard(own.dashboard, own.address)
    if function is not None:
        check_sent(function, name, mend)


def check_dashboard(port: int, address: str | None) -> None:
    """Checks that Dask's dashboard can be served.

    Raises:
        UserError: if bokeh is not installed, or the scheduler is an existing one.
    """
    if address is not None:
        raise UserError(
            f"executor.dashboard: {port}: the scheduler at executor.address has pages of its own: "
            "leave it out"
        )
    if find_spec("bokeh") is None:
        raise UserError(
            f"executor.dashboard: {port}: Dask draws its pages with bokeh: pip install bokeh, or "
            "leave it out"
        )


def check_sent(function: Function, name: str, mend: str) -> None:
    """Checks that a function can be sent to other processes.

    Args:
        function: the user function; without its code, nothing is trained.
        name: the setting that sends it to other processes.
        mend: the setting that would keep it in this process.

    Raises:
        UserError: if it cannot be pickled.
    """
    import cloudpickle

    try:
        cloudpickle.dumps(function)
    except Exception as error:  # pickling a user's object may raise anything
        said = " ".join(str(error).split())
        raise UserError(
            f"{name}: {function.name}() cannot be sent to other processes ({said}): "
            f"make within it what it takes from its file, or give {mend}"
        ) from None
