"""Promises of the compiled passes: made from the formula, cached on disk, quick to find again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tuner
from tuner.training import optimizers
from tuner.training.kernels import rule_compiler
from tuner.training.kernels.compiling import Pointer, call

PACKAGE = Path(tuner.__file__).parent
USE = """
import json, sys
import numpy as np
from tests.training.conftest import member, supervised, trained
from tuner.training.kernels import rule_compiler
from tuner.training.kernels import step
from tuner.training.kernels import model_passes
from tuner.training.kernels import dense
problem = supervised(dtype=np.float32)
trained(problem, [member("sgd"), member("adam", trial=1)], epochs=1)
step_pass, evaluation = model_passes.build_passes(problem.model, problem.loss, dense)
passes = [rule_compiler.fused_pass("sgd"), rule_compiler.fused_pass("adam"), step_pass]
functions = [f.entry for f in (*passes, evaluation, step.advance)]
print(json.dumps([[sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values())]
                  for f in functions]))
"""


def compilations(folder: Path, **environment: str) -> list[list[int]]:
    """How often each pass came from the cache, and how often it was compiled, in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded: list[list[int]] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize("name", optimizers.names())
def test_the_source_of_a_pass_is_the_same_each_time_and_bears_its_digest(name: str):
    function, text = rule_compiler.source(optimizers.load(name))
    assert (function, text) == rule_compiler.source(optimizers.load(name))
    assert f"def {function}(" in text
    assert function.startswith(f"{name}_")


def test_passes_of_different_rules_have_different_names():
    names = [rule_compiler.source(optimizers.load(name))[0] for name in optimizers.names()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("scale", [0.0, 1e-25, 1e-3, 1e25])
def test_the_norm_of_a_gradient_is_exact_beyond_the_range_of_its_squares(scale: float):
    g = np.random.default_rng(0).normal(size=(1, 1000)).astype(np.float32) * np.float32(scale)
    settings = [[h.default for k, h in optimizers.load("sgd").hyperparameters.items() if k != "lr"]]
    norms, left_at = np.zeros(1), np.zeros(1)
    unused = rule_compiler.slot_arguments(optimizers.load("sgd"), (), g.copy(), np.zeros(1))
    arguments = (
        np.zeros_like(g), g, *unused, np.zeros(1), np.full((1, 1), 1e-6), 0, 1.0,
        np.array([[0, g.size, 1, g.size, 0]]), np.array(settings), np.ones(1), norms, left_at,
    )  # fmt: skip
    call(Pointer(rule_compiler.fused_pass("sgd"), *arguments), arguments)
    np.testing.assert_allclose(norms[0], np.linalg.norm(g.astype(np.float64)), rtol=1e-6)
    assert left_at[0] == 0


@pytest.mark.slow
def test_where_the_package_cannot_be_written_the_users_cache_is_used(tmp_path: Path):
    copy = tmp_path / "site"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, copy / "tuner", ignore=ignored)
    tests = Path(__file__).parents[2]
    (copy / "tests").mkdir()
    shutil.copytree(tests / "training", copy / "tests" / "training", ignore=ignored)
    # A file in place of the cache's folder keeps everyone out, even a superuser.
    for folder in [copy / "tuner", *(p for p in copy.rglob("*") if p.is_dir())]:
        (folder / "__pycache__").touch()
    home = {
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "home" / "cache"),
        "NUMBA_CACHE_DIR": "",  # whatever this run of the tests has set
    }
    first = compilations(copy, **home)
    assert all(misses >= 1 for _, misses in first)
    assert compilations(copy, **home) == [[misses, 0] for _, misses in first]
    assert list((tmp_path / "home").rglob("*.nbc"))
