"""Compiling: how numba is used throughout, and how compiled functions are cached on disk.

The cache (kernels.code_cache) is beside the source file or, if that folder is not writable, in the
user's. Numba notices a changed file, but not a changed function that it calls in another file. So
the name of a specialised function contains a digest of all its sources.
"""

import hashlib
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import binding
from numba import typeof
from numba.core import event, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher
from numba.core.typing.typeof import typeof_impl

from tuner.training.kernels.code_cache import cache_of

# Without nnan and ninf: a diverged row has such values, so the compiler must not exclude them.
FASTMATH = {"contract", "reassoc", "arcp", "nsz"}

# LLVM vectorizes a loop only if it may check that its arrays do not overlap; its default of 8
# comparisons is too few for a rule with three slots.
binding.set_option("tuner", "-runtime-memory-check-threshold=64")


class _Closed(JITCodeLibrary):
    """The code of a function that only runs its own copies of the functions it calls.

    Numba exports such copies: code that is loaded later is bound to the first copy of a function in
    memory. Copies are optimized differently and so differ in the last digits. Results would then
    depend on what else was compiled or loaded before.
    """

    entered: bool

    def _finalize_final_module(self) -> None:
        # Other code inlines this module as it is read back, as from the cache.
        shared = binding.parse_bitcode(self._final_module.as_bitcode())
        for function in shared.functions:
            if not function.is_declaration and function.linkage == binding.Linkage.external:
                function.linkage = binding.Linkage.linkonce_odr
        self._shared_module = shared
        for function in self._final_module.functions:
            if not self.entered and not function.is_declaration:
                # It is only for inlining, and needs no machine code.
                function.linkage = binding.Linkage.available_externally
            elif function.linkage == binding.Linkage.linkonce_odr:
                function.linkage = binding.Linkage.internal
        super()._finalize_final_module()


class _Compiler(Compiler):
    """Numba's compiler, with `_Closed` as the library of its code."""

    def compile_extra(self, function: Any) -> Any:
        library = _Closed(self.state.targetctx.codegen(), function.__qualname__)
        library.enable_object_caching()
        flags = self.state.flags
        library.entered = not (flags.no_cpython_wrapper and flags.no_cfunc_wrapper)
        self.state.library = library
        return super().compile_extra(function)


class _Dispatcher(CPUDispatcher):
    """Numba's dispatcher, with the compiler and the cache of this module."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any], way: str) -> None:
        super().__init__(function, targetoptions=options, pipeline_class=_Compiler)
        self._cache = cache_of(function, way)

    def compile(self, signature: Any) -> Any:
        with self._cache.turn:
            return super().compile(signature)


class Compiled(_Dispatcher):
    """A compiled function that other compiled functions inline.

    To be called from elsewhere it is compiled once more, with wrappers that unpack its arguments.
    They are a third of the compile time, and most functions never need them.
    """

    def __init__(self, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
        super().__init__(function, _target(options), "inner")
        self.options = options
        self.entered: Any = None

    @property
    def entry(self) -> Any:
        """The function with wrappers for calls from Python and by its address."""
        if self.entered is None:
            with _ENTERING:
                if self.entered is None:
                    target = _target(self.options, entered=True)
                    self.entered = _Dispatcher(self.py_func, target, "entry")
        return self.entered

    def __call__(self, *arguments: Any) -> Any:
        return self.entry(*arguments)

    def code_for(self, *arguments: Any) -> Callable[..., Any]:
        """What a call with arguments of these types runs, by itself.

        A call finds out the types of its arguments, which takes longer than to unpack them. This
        takes them as they are: give it others of the same types alone, for nothing checks them.
        """
        made: Callable[..., Any] = self.entry.compile(tuple(map(typeof, arguments)))
        return made


_ENTERING = Lock()


def _target(options: Mapping[str, Any], entered: bool = False) -> dict[str, Any]:
    return {
        "nopython": True,
        "boundscheck": None,  # numba then reads NUMBA_BOUNDSCHECK
        "nogil": True,
        "error_model": "numpy",
        "fastmath": FASTMATH,
        "no_cpython_wrapper": not entered,
        "no_cfunc_wrapper": not entered,
        **options,
    }


def compiled(function: Callable[..., Any], **options: Any) -> Compiled:
    """A decorator: compiles the function when it is first used, or reads it from the cache.

    Args:
        function: in the subset of Python that numba supports; functions it calls are compiled, too.
        options: options of numba.njit that replace the usual ones.
    """
    return Compiled(function, options)


def pointed(function: Callable[..., Any]) -> Compiled:
    """A decorator like `compiled`, for a function that is called by its address alone."""
    return compiled(function, no_cpython_wrapper=True)


def digest(*parts: str) -> str:
    """Twelve hexadecimal digits that identify these texts and the compiler's options."""
    return hashlib.sha256("\0".join([*parts, *sorted(FASTMATH)]).encode()).hexdigest()[:12]


@cache
def specialised(function: Callable[..., Any], **meanings: Any) -> Any:
    """A compiled copy of a function in which some global names are bound to other functions.

    Args:
        function: a plain function; the same meanings give the same copy.
        meanings: compiled functions, by the global names under which `function` calls them.
    """
    assert isinstance(function, FunctionType)
    copy = FunctionType(function.__code__, {**function.__globals__, **meanings})
    copy.__qualname__ = copy.__name__ = f"{function.__name__}_{digest(*ingredients(copy))}"
    return compiled(copy)


def ingredients(function: FunctionType) -> Iterator[str]:
    """Sources of a function and of all compiled functions it calls, and their global numbers."""
    seen: set[Any] = {function}
    waiting: list[Any] = [function]
    while waiting:
        function = waiting.pop()
        yield inspect.getsource(function)
        # The names include those of attributes: the result may contain too much, never too little.
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
    """A pointer to a compiled function without a return value, to pass it as an argument.

    The receiver is compiled once for all functions of the same types. If it called them by name, it
    would be compiled for each of them, in seconds.

    Args:
        function: the function, or None for the type only, which must not be called.
        arguments: examples of its arguments, for their types.
    """

    def __init__(self, function: Compiled | None, *arguments: Any) -> None:
        kinds = tuple(map(typeof, arguments))
        self.type = types.FunctionType(types.void(*kinds))
        self.address = NOWHERE
        if function is None:
            return
        made: Any = function.entry.get_compile_result(self.signature())
        name = made.fndesc.llvm_cfunc_wrapper_name
        self.address = made.library.get_pointer_to_function(name)

    def __wrapper_address__(self) -> int:
        return self.address

    def signature(self) -> Any:
        """Numba's signature: the types of the arguments, and no return value."""
        return self.type.signature


@typeof_impl.register(Pointer)
def _(pointer: Pointer, context: Any) -> Any:
    """The type of a pointer; numba would infer it anew in each call."""
    return pointer.type


@compiled
def call(pointer: Any, arguments: tuple[Any, ...]) -> None:
    """Calls a function by its address, with a tuple of arguments."""
    pointer(*arguments)


class Compiling(event.Listener):
    """Listens to numba's compilations and measures their time.

    Args:
        announce: called before the first compilation.
    """

    def __init__(self, announce: Callable[[], None]) -> None:
        self.announce: Callable[[], None] | None = announce
        # Seconds of finished compilations; the start of the current one, and its nesting depth.
        self.before, self.since, self.depth = 0.0, 0.0, 0

    def on_start(self, event: event.Event) -> None:
        """A compilation begins, perhaps within another."""
        if self.announce is not None:
            self.announce()
            self.announce = None
        if not self.depth:
            self.since = time.monotonic()
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        """A compilation ends."""
        self.depth -= 1
        if not self.depth:
            self.before += time.monotonic() - self.since

    def seconds(self) -> float:
        """Seconds spent compiling so far."""
        return self.before + (time.monotonic() - self.since if self.depth else 0.0)


@contextmanager
def announced(announce: Callable[[], None]) -> Iterator[Compiling]:
    """Calls `announce` before the first compilation within the block, if there is one."""
    listener = Compiling(announce)
    with event.install_listener("numba:compile", listener):
        yield listener
