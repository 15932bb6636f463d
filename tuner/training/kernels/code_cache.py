"""The cache of compiled code: one file per function and types, either complete or absent.

Numba's own cache numbers the files of a function in an index. If a process is killed before it
writes a file, or if two write at once, an index entry can point to other code.

A function that one process compiles is not compiled by others meanwhile: they wait for its file.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from hashlib import sha256
from pickle import loads
from typing import Any

import numba
from filelock import FileLock, Timeout
from numba.core.caching import FunctionCache, NullCache
from numba.core.serialize import dumps

HEAD = sha256().digest_size

# Seconds to wait for a process that compiles the same; it may be suspended. Seconds between looks.
PATIENCE, GLANCE = 60.0, 0.01

CONFIG: Any = numba.config  # its names are made as it is imported


class _Files:
    """Files named by their key; a header verifies their content and its source.

    start: the path up to the key; stamp: identifies the version of the source.
    """

    def __init__(self, start: str, stamp: Any) -> None:
        self.start, self.made_of = start, (numba.__version__, stamp)

    def path(self, key: Any) -> str:
        return f"{self.start}.{sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

    def head(self, key: Any, code: bytes) -> bytes:
        return sha256(repr((self.made_of, key)).encode() + code).digest()

    def load(self, key: Any) -> Any:
        """The object stored under this key, or None if the file is missing, damaged or outdated."""
        try:
            with open(self.path(key), "rb") as file:
                head, code = file.read(HEAD), file.read()
        except OSError:
            return None
        return loads(code) if head == self.head(key, code) else None

    def save(self, key: Any, data: Any) -> None:
        code = dumps(data)
        written = f"{self.path(key)}.{os.getpid()}.tmp"
        try:
            with open(written, "wb") as file:
                file.write(self.head(key, code) + code)
            os.replace(written, self.path(key))
        except OSError:
            with suppress(OSError):
                os.unlink(written)
            raise


class _CodeCache(FunctionCache):
    """The cache on disk of one function. If its folder is not writable, nothing is stored.

    Attributes:
        turn: what is held while this process compiles the function; whoever compiles closes it.
    """

    def __init__(self, function: Callable[..., Any], way: str) -> None:
        super().__init__(function)
        # NUMBA_BOUNDSCHECK changes the code of the same source.
        checked = ".checked" if CONFIG.BOUNDSCHECK else ""
        start = os.path.join(self._cache_path, f"{self._impl.filename_base}.{way}{checked}")
        files: Any = _Files(start, self._impl.locator.get_source_stamp())
        self.files = self._cache_file = files
        self.turn = ExitStack()

    def load_overload(self, signature: Any, target: Any) -> Any:
        found = super().load_overload(signature, target)
        if found is None:
            self.take_turn(self.files.path(self._index_key(signature, target.codegen())))
            found = super().load_overload(signature, target)
        return found

    def take_turn(self, path: str) -> None:
        """Waits until no other process compiles for this file; no longer than PATIENCE."""
        lock = f"{path}.lock"
        with suppress(OSError, Timeout):
            self.turn.enter_context(FileLock(lock, PATIENCE, poll_interval=GLANCE))
            # The file is there by then, so that nobody needs the lock any more.
            self.turn.callback(_remove, lock)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        with suppress(OSError):
            super().save_overload(signature, compiled)


class _NoCache(NullCache):
    """Stores nothing."""

    turn = ExitStack()


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def cache_of(function: Callable[..., Any], way: str) -> Any:
    """The cache of a function for one way of calling it.

    Numba chooses its folder: beside the source file, or the user's. If neither is writable, the
    cache stores nothing.
    """
    try:
        return _CodeCache(function, way)
    except RuntimeError:
        return _NoCache()
