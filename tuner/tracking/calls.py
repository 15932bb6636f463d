"""Calls to MLflow whose answers may be lost: repeated where that changes nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from tuner.errors import UserError

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

T = TypeVar("T")

RESTS = 0.1, 0.5  # seconds between a call and the next try
SLOW = 5.0  # seconds after which a call that failed is left to the writer's next round


def again(call: Callable[..., T], *arguments: Any, **more: Any) -> T:
    """What a call returns that may as well be made twice.

    MLflow's own tries are off (`tuner.tracking.store`): they repeat whatever was asked, and a run
    whose creation was done, but not answered, would be there twice.

    Raises:
        MlflowException: a refusal, or the failure of the last try.
        OSError: likewise.
    """
    from mlflow.exceptions import MlflowException

    for rest in RESTS:
        began = time.monotonic()
        try:
            return call(*arguments, **more)
        except (MlflowException, OSError) as error:
            if is_refusal(error) or time.monotonic() - began > SLOW:
                raise
        time.sleep(rest)
    return call(*arguments, **more)


@contextmanager
def reachable(uri: str) -> Iterator[None]:
    """What MLflow cannot do for a command that needs it is told in one line.

    Raises:
        UserError: in place of what MLflow raises.
    """
    try:
        yield
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException | OSError):
            raise
        raise UserError(f"tracking.uri: {uri}: {one_line(error)}") from error


def is_refusal(error: "MlflowException | OSError") -> bool:
    """Whether MLflow understood the call and will not have it, now or later."""
    return getattr(error, "error_code", None) in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


def one_line(error: Exception) -> str:
    """What went wrong, in one line: the start and the end of a long message."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else f"{text[:120]} … {text[-120:]}"
