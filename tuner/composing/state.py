"""Hydra's global state: saved and restored, because the calling program may use Hydra as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

# Only one thread may compose at a time.
_COMPOSING = Lock()


@contextmanager
def aside() -> Iterator[None]:
    """Within the context Hydra is uninitialised; afterwards its former state is restored."""
    from hydra.core.global_hydra import GlobalHydra

    with _COMPOSING:
        own = GlobalHydra.instance()
        before, own.hydra = own.hydra, None
        try:
            yield
        finally:
            # Hydra has replaced the instance by a copy.
            GlobalHydra.set_instance(own)
            own.hydra = before
