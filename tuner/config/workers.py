"""Checks of the workers of a config: that they can be had, and can have the function."""

from importlib.util import find_spec

from tuner.errors import UserError
from tuner.function import Function


def check_workers(workers: int, function: Function) -> None:
    """Checks that a function can be trained in other processes.

    Args:
        workers: how many.
        function: the user's; where its code is not here, nothing is trained.

    Raises:
        UserError: if Dask is not installed, or the function cannot be sent.
    """
    if workers == 1:
        return
    if find_spec("distributed") is None:
        raise UserError(
            f"workers: {workers}: needs tuner[dask]: pip install distributed, or give workers=1"
        )
    import cloudpickle

    try:
        cloudpickle.dumps(function)
    except Exception as error:  # whatever an object of the user's raises when it is pickled
        said = " ".join(str(error).split())
        raise UserError(
            f"workers: {workers}: {function.name}() cannot be sent to other processes ({said}): "
            "make within it what it takes from its file, or give workers=1"
        ) from None
