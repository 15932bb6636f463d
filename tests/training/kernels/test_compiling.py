"""Promises of compiling: the same code runs whatever the cache holds; numba is as we use it."""

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import pytest
from filelock import FileLock
from numba.core import config, types
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.errors import TypingError
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.options import DefaultOptions
from numba.core.registry import CPUDispatcher

from tests.training.conftest import QUICK, TASKS
from tuner.training import activations, optimizers
from tuner.training.kernels import code_cache
from tuner.training.kernels.compiling import compiled

ROOT = Path(__file__).parents[3]

# Trains in a process of its own and says what it compiled and what it got.
TRAINING = """
import json, sys
from hashlib import sha256
from numba.core import event
from tests.training.conftest import member, supervised, trained

digest, compiled = sha256(), event.RecordingListener()
with event.install_listener("numba:compile", compiled):
    for activation, task, optimizers in json.loads(sys.argv[1]):
        problem = supervised(task, (6,), activation, "float32")
        members = [member(name, trial=i, lr=0.05) for i, name in enumerate(optimizers)]
        population, epochs = trained(problem, members, epochs=2)
        digest.update(population.theta.tobytes())
        for epoch in epochs:
            for name in sorted(epoch.metrics):
                digest.update(epoch.metrics[name].tobytes())
print(len(compiled.buffer) // 2, digest.hexdigest())
"""
# What one training is of: an activation, a task and the rules of the population.
Deal = tuple[str, str, list[str]]
ONE: Deal = (*min(QUICK), ["adam"])


def started(cache: Path | None, *deals: Deal, **environment: str) -> subprocess.Popen[str]:
    """A process that trains, with a cache in a folder or with that of this run of the tests."""
    own = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", TRAINING, json.dumps(deals)],
        env=os.environ | own | environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def trained_with(cache: Path | None, *deals: Deal, **environment: str) -> tuple[int, str]:
    """How many functions were compiled, and a digest of all numbers of the trainings."""
    process = started(cache, *deals, **environment)
    out, _ = process.communicate()
    assert process.returncode == 0
    count, digest = out.split()
    return int(count), digest


def remove_half(cache: Path, random: Random) -> None:
    files = sorted(cache.rglob("*.nbc"))
    assert len(files) > 10
    for file in random.sample(files, len(files) // 2):
        file.unlink()


def check_caches(cache: Path, *deals: Deal) -> None:
    """An empty, a half-filled and a full cache give the same bits; a full one, nothing to do."""
    cold = trained_with(cache, *deals)
    remove_half(cache, Random(0))
    half, warm = trained_with(cache, *deals), trained_with(cache, *deals)
    assert cold[0] > half[0] > warm[0] == 0
    assert cold[1] == half[1] == warm[1]


def test_an_empty_a_half_filled_and_a_full_cache_give_the_same_bits(tmp_path: Path):
    check_caches(tmp_path, ONE)


# A model and a rule enter each other's passes by address alone, so no product of all is needed:
# every activation, task and rule is in one of these trainings.
DEALT: list[Deal] = [
    (activation, task, optimizers.names()[i :: len(activations.names())])
    for i, (activation, task) in enumerate(zip(activations.names(), cycle(TASKS), strict=False))
]


@pytest.mark.slow
def test_what_is_cached_changes_no_bit_of_any_model_or_rule(tmp_path: Path):
    check_caches(tmp_path, *DEALT)


@pytest.mark.slow
def test_two_processes_that_compile_at_once_or_a_kill_change_no_bit(tmp_path: Path):
    _, expected = trained_with(None, ONE)
    process = started(tmp_path, ONE)
    while process.poll() is None and len(list(tmp_path.rglob("*.nbc"))) < 12:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    both = [started(tmp_path, ONE) for _ in range(2)]
    assert [p.communicate()[0].split()[1] for p in both] == [expected] * 2


@pytest.mark.slow
def test_two_processes_that_compile_at_once_share_the_work(tmp_path: Path):
    alone, _ = trained_with(tmp_path / "one", ONE)
    both = [started(tmp_path / "two", ONE) for _ in range(2)]
    # Numba's own small functions are compiled in each process.
    assert sum(int(p.communicate()[0].split()[0]) for p in both) < 1.5 * alone
    assert not [*tmp_path.rglob("*.lock")]


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_changes_no_bit(tmp_path: Path):
    file = tmp_path / "file"
    file.touch()
    # Numba would look for another folder.
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    count, digest = trained_with(file, ONE, **nowhere)
    assert count > 0
    assert digest == trained_with(None, ONE)[1]


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Makes a compiled function anew each time, as another process would."""
    source = tmp_path / "doubling.py"
    source.write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.setattr(config, "CACHE_DIR", "")

    def make() -> Any:
        namespace: dict[str, Any] = {"__name__": "doubling"}
        exec(compile(source.read_text(), source, "exec"), namespace)
        return compiled(namespace["double"])

    return make


def hits(function: Any) -> int:
    return sum(function.entry.stats.cache_hits.values())


def test_code_is_read_back_by_its_types(double: Callable[[], Any]):
    first = double()
    assert (first(2), first(2.5), hits(first)) == (4, 5.0, 0)
    again = double()
    assert (again(2.5), again(2), hits(again)) == (5.0, 4, 2)


def test_what_another_process_compiles_is_waited_for_and_read(
    double: Callable[[], Any], tmp_path: Path
):
    double()(2)
    (file,) = tmp_path.rglob("*.nbc")
    code, waiting = file.read_bytes(), double()
    file.unlink()
    with ThreadPoolExecutor(1) as pool:
        with FileLock(f"{file}.lock"):
            answer = pool.submit(waiting, 2)
            time.sleep(0.2)
            assert not answer.done()
            file.write_bytes(code)
        assert (answer.result(), hits(waiting)) == (4, 1)


def test_a_process_that_never_ends_compiling_is_not_waited_for(
    double: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    double()(2)
    (file,) = tmp_path.rglob("*.nbc")
    file.unlink()
    monkeypatch.setattr(code_cache, "PATIENCE", 0.05)
    with FileLock(f"{file}.lock"):
        impatient = double()
        assert (impatient(2), hits(impatient)) == (4, 0)
    assert file.exists()


def test_code_that_cannot_be_compiled_keeps_nobody_waiting(
    double: Callable[[], Any], tmp_path: Path
):
    for _ in range(2):  # of which the second would wait for the first
        with pytest.raises(TypingError):
            double()(None)
    assert not [*tmp_path.rglob("*.lock")]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_damaged_code_is_compiled_again(damage: str, double: Callable[[], Any], tmp_path: Path):
    assert double()(2) == 4
    (file,) = tmp_path.rglob("*.nbc")
    whole = file.read_bytes()
    file.write_bytes(
        {"cut": whole[:-100], "flipped": whole[:-100] + bytes(100), "empty": b""}[damage]
    )
    mended = double()
    assert (mended(2), hits(mended)) == (4, 0)
    again = double()
    assert (again(2), hits(again)) == (4, 1)


def test_code_of_another_source_is_compiled_again(double: Callable[[], Any], tmp_path: Path):
    assert double()(2) == 4
    source = tmp_path / "doubling.py"
    source.write_text(source.read_text() + "# changed\n")
    changed = double()
    assert (changed(2), hits(changed)) == (4, 0)
    assert len(list(tmp_path.rglob("*.nbc"))) == 1


def test_a_full_disk_costs_only_the_cache(
    double: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert double()(2) == 4
    assert not list((tmp_path / "__pycache__").iterdir())


def test_where_no_folder_can_be_written_code_is_compiled_and_not_kept(
    double: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    assert double()(2) == 4
    assert not (tmp_path / "__pycache__").exists()


def test_the_internals_of_numba_that_we_use_are_there(monkeypatch: pytest.MonkeyPatch):
    """Each message says what breaks without it; numba's upper bound is in pyproject.toml."""
    needs = {
        (types, "WrapperAddressProtocol"): "Pointer: passes cannot be arguments of `advance`",
        (PythonFunctionDescriptor, "llvm_cfunc_wrapper_name"): "Pointer finds no C entry",
        (JITCodeLibrary, "get_pointer_to_function"): "Pointer finds no address of it",
        (CPUDispatcher, "get_compile_result"): "Pointer finds no compiled code",
        (JITCodeLibrary, "_finalize_final_module"): "cold and warm runs differ in last digits",
        (JITCodeLibrary, "enable_object_caching"): "nothing can be cached",
        (Compiler, "compile_extra"): "functions get numba's own library: cold and warm differ",
        (FunctionCache, "load_overload"): "processes that compile at once do the same work",
        (FunctionCache, "_index_key"): "processes that compile at once do the same work",
        (FunctionCache, "save_overload"): "code is kept by numba's index, which kills corrupt",
        (DefaultOptions, "no_cpython_wrapper"): "every function is made to be called from Python",
        (DefaultOptions, "no_cfunc_wrapper"): "every function is made to be called by address",
    }
    gone = [why for (owner, name), why in needs.items() if not hasattr(owner, name)]
    assert not gone
    # What is set rather than called would be set in vain. What is loaded tells less than what is
    # made here.
    monkeypatch.setattr(FunctionCache, "load_overload", lambda *arguments: None)
    function = compiled(lambda x: x)
    function.compile((types.float64,))
    (made,) = function.overloads.values()
    assert isinstance(function._cache, FunctionCache), "code is not kept by kernels.code_cache"
    assert made.library._final_module is not None, "copies cannot be closed off"
    names = {f.name for f in made.library._shared_module.functions if not f.is_declaration}
    assert made.fndesc.llvm_func_name in names, "others inline what the cache would not give"
    wrappers = {made.fndesc.llvm_cpython_wrapper_name, made.fndesc.llvm_cfunc_wrapper_name}
    assert not wrappers & names, "all that is compiled unpacks arguments: a third more"
