"""Compiling: how numba is used throughout, and how compiled functions are kept on disk.

The cache (kernels.code_cache) lies beside the source file; where that folder cannot be written, in
the user's. Numba notices that a file changed, but not that a function it calls in another file did;
so a specialised function bears a digest of all it is made of in its name.
"""

import hashlib
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import FunctionType
from typing import Any, Literal

import numpy as np
from llvmlite import binding
from numba import typeof
from numba.core import event, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.typing.typeof import typeof_impl

from tuner.training.kernels.code_cache import cache_of

# Without nnan and ninf: the compiler must not assume away the values that a diverged row has.
FASTMATH = {"contract", "reassoc", "arcp", "nsz"}

# LLVM vectorizes a loop only if it may check that its arrays do not overlap; its default of 8
# comparisons is too few for a rule with three slots.
binding.set_option("tuner", "-runtime-memory-check-threshold=64")


class _Closed(JITCodeLibrary):
    """The code of a function that runs its own copies of all it calls, and no others.

    Numba leaves such copies for anybody: code that is loaded later is bound to the first copy of a
    function that is in memory. So results hung on what else was compiled or loaded before, for
    copies differ in how they were optimized, and with it in the last digits.
    """

    entered: bool

    def _finalize_final_module(self) -> None:
        # What others inline is read back, as it is when it comes from the cache.
        shared = binding.parse_bitcode(self._final_module.as_bitcode())
        for function in shared.functions:
            if not function.is_declaration and function.linkage == binding.Linkage.external:
                function.linkage = binding.Linkage.linkonce_odr
        self._shared_module = shared
        for function in self._final_module.functions:
            if not self.entered and not function.is_declaration:
                # It is there for others to take, and needs no machine code.
                function.linkage = binding.Linkage.available_externally
            elif function.linkage == binding.Linkage.linkonce_odr:
                function.linkage = binding.Linkage.internal
        super()._finalize_final_module()


class _Compiler(Compiler):
    """Numba's compiler, which puts what it makes into closed code."""

    def compile_extra(self, function: Any) -> Any:
        library = _Closed(self.state.targetctx.codegen(), function.__qualname__)
        library.enable_object_caching()
        flags = self.state.flags
        library.entered = not (flags.no_cpython_wrapper and flags.no_cfunc_wrapper)
        self.state.library = library
        return super().compile_extra(function)


class Compiled(CPUDispatcher):
    """A compiled function: other compiled ones take its code into theirs.

    To be entered from elsewhere it is compiled once more, with what unpacks its arguments: that is
    a third of what there is to compile, and most functions are never entered so.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        super().__init__(function, targetoptions=_target(options), pipeline_class=_Compiler)
        self._cache = cache_of(function, "inner")
        self.options = options
        self.entries: dict[str, Any] = {}

    def entry(self, way: Literal["python", "pointer"]) -> Any:
        """The function as it is entered from Python, or by its address."""
        if way not in self.entries:
            with _ENTERING:
                if way not in self.entries:
                    self.entries[way] = self._entry(way)
        return self.entries[way]

    def _entry(self, way: str) -> Any:
        target = _target(self.options, way)
        made: Any = CPUDispatcher(self.py_func, targetoptions=target, pipeline_class=_Compiler)
        made._cache = cache_of(self.py_func, way)
        return made

    def __call__(self, *arguments: Any) -> Any:
        return self.entry("python")(*arguments)


_ENTERING = Lock()


def _target(options: Mapping[str, Any], way: str = "") -> dict[str, Any]:
    return {
        "nopython": True,
        "boundscheck": None,  # as NUMBA_BOUNDSCHECK says
        "nogil": True,
        "error_model": "numpy",
        "fastmath": FASTMATH,
        "no_cpython_wrapper": way != "python",
        "no_cfunc_wrapper": way != "pointer",
        **options,
    }


def compiled(function: Callable[..., Any], **options: Any) -> Compiled:
    """A decorator: compiles the function when it is first used, or reads it from the cache.

    Args:
        function: in the Python that numba knows; what it calls is compiled, too.
        options: of numba.njit, in place of what is used throughout.
    """
    return Compiled(function, options)


def digest(*parts: str) -> str:
    """Twelve hexadecimal digits of these texts and of the way they are compiled."""
    return hashlib.sha256("\0".join([*parts, *sorted(FASTMATH)]).encode()).hexdigest()[:12]


@cache
def specialised(function: Callable[..., Any], **meanings: Any) -> Any:
    """A compiled copy of a function, in which some global names mean other functions.

    Args:
        function: a plain one, of which there is one copy for the same meanings.
        meanings: compiled functions, by the names that `function` calls them by.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, {**function.__globals__, **meanings})
    copy.__qualname__ = copy.__name__ = f"{function.__name__}_{digest(*ingredients(copy))}"
    return compiled(copy)


def ingredients(function: FunctionType) -> Iterator[str]:
    """Sources of a function and of all compiled ones that it calls, and the numbers they know."""
    seen: set[Any] = {function}
    waiting: list[Any] = [function]
    while waiting:
        function = waiting.pop()
        yield inspect.getsource(function)
        # Among these names are those of attributes, too: too much is told, never too little.
        for name in function.__code__.co_names:
            meaning = function.__globals__.get(name)
            if isinstance(meaning, int | float | np.generic):
                yield f"{name} = {meaning}"
            elif isinstance(meaning, Compiled) and meaning.py_func not in seen:
                seen.add(meaning.py_func)
                waiting.append(meaning.py_func)


# Numba refuses an address of 0.
NOWHERE = 1


class Pointer(types.WrapperAddressProtocol):
    """A compiled function that returns nothing, for arguments like these, to be an argument itself.

    What takes it is compiled once for all functions of the same types; it would be compiled for
    each of them, in seconds, if it called them by their names.

    Args:
        function: the function, or None for a type alone, which must not be called.
        arguments: examples of what it is called with.
    """

    def __init__(self, function: Compiled | None, *arguments: Any) -> None:
        kinds = tuple(map(typeof, arguments))
        self.type = types.FunctionType(types.void(*kinds))
        self.address = NOWHERE
        if function is None:
            return
        made: Any = function.entry("pointer").get_compile_result(self.signature())
        name = made.fndesc.llvm_cfunc_wrapper_name
        self.address = made.library.get_pointer_to_function(name)

    def __wrapper_address__(self) -> int:
        return self.address

    def signature(self) -> Any:
        """Numba's signature: the types of the arguments, and nothing returned."""
        return self.type.signature


@typeof_impl.register(Pointer)
def _(pointer: Pointer, context: Any) -> Any:
    """What numba finds out by itself, but anew in each call."""
    return pointer.type


class Compiling(event.Listener):
    """Hears of compilations.

    Args:
        announce: called before the first of them.
    """

    def __init__(self, announce: Callable[[], None]) -> None:
        self.announce: Callable[[], None] | None = announce
        # Seconds of those that are over; of the one under way, when it began, and how many others
        # it is within, itself among them.
        self.before, self.since, self.depth = 0.0, 0.0, 0

    def on_start(self, event: event.Event) -> None:
        """One begins, perhaps within another."""
        if self.announce is not None:
            self.announce()
            self.announce = None
        if not self.depth:
            self.since = time.monotonic()
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        """One is over."""
        self.depth -= 1
        if not self.depth:
            self.before += time.monotonic() - self.since

    def seconds(self) -> float:
        """Seconds that were spent compiling so far."""
        return self.before + (time.monotonic() - self.since if self.depth else 0.0)


@contextmanager
def announced(announce: Callable[[], None]) -> Iterator[Compiling]:
    """Calls `announce` if something must be compiled in the block, before the first time."""
    listener = Compiling(announce)
    with event.install_listener("numba:compile", listener):
        yield listener
