"""Hydra's global state: saved and restored, because the calling program may use Hydra itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# One thread after another composes.
_COMPOSING = Lock()


@contextmanager
def aside() -> Iterator[None]:
    """Meanwhile Hydra is as if nobody had begun with it; then it is as it was before."""
    from hydra.core.global_hydra import GlobalHydra

    with _COMPOSING:
        own = GlobalHydra.instance()
        before, own.hydra = own.hydra, None
        try:
            yield
        finally:
            # Hydra has put a copy in its place.
            GlobalHydra.set_instance(own)
            own.hydra = before
