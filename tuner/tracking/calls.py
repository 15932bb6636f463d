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
SLOW = 5.0  # seconds; after a failure that took longer, the writer's next round tries again


def again(call: Callable[..., T], *arguments: Any, **more: Any) -> T:
    """Makes a call that is safe to repeat, and repeats it if it fails.

    MLflow's own retries are off (`tuner.tracking.store`): they repeat every call, so a run would be
    created twice if the answer to the first call was lost.

    Raises:
        MlflowException: if MLflow refuses the call, or the last try fails.
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
    """Turns a failure of MLflow into a one-line error, for a command that needs MLflow.

    Raises:
        UserError: in place of MLflow's exception.
    """
    try:
        yield
    except Exception as error:
        from mlflow.exceptions import MlflowException

        if not isinstance(error, MlflowException | OSError):
            raise
        raise UserError(f"tracking.uri: {uri}: {one_line(error)}") from error


def is_refusal(error: "MlflowException | OSError") -> bool:
    """Whether MLflow refused the call for good: a repeated call would fail as well."""
    return getattr(error, "error_code", None) in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


def one_line(error: Exception) -> str:
    """The error's message in one line; of a long message only the start and the end."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 240 else f"{text[:120]} … {text[-120:]}"
