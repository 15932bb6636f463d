"""The first word: what a command is about, said before anything slow is imported."""

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuner.composing import compose
from tuner.report.first_word import TRAINING, first_word

JOBS = Path(__file__).parents[2] / "tuner" / "jobs"
Interpreter = Callable[..., subprocess.CompletedProcess[str]]

# Prints what the command says on the standard error, each with the slow packages that are loaded.
WATCHED = """
import json, sys

SLOW = {"numpy", "pydantic", "numba", "optuna", "scipy", "pandas", "sklearn", "mlflow", "rich"}

class Watched:
    def write(self, text):
        if text.strip():
            print(json.dumps([text.strip(), sorted(SLOW & sys.modules.keys())]))
    def flush(self):
        pass

sys.stderr = Watched()
from tuner.cli import main
main(sys.argv[1:])
"""


def test_it_is_said_before_anything_slow_is_imported(interpreter: Interpreter) -> None:
    refused = ("+experiment=adam", "root=results", "optimizer.adam.lr=-1")
    first, error = interpreter("-c", WATCHED, *refused).stdout.splitlines()
    where = "in results/studies/adam"
    assert first == (f'["tuner: study adam is new: 50 trials of 30 epochs on digits, {where}", []]')
    assert "optimizer.adam.lr" in error


@pytest.mark.parametrize("data", ["csv", "npz", "libsvm", "text", "idx", "[iris,csv]"])
def test_it_is_not_said_of_data_that_are_not_there(data: str, tmp_path: Path) -> None:
    job = "compare" if "[" in data else "tune"
    key, file = "data.folder" if data == "idx" else "data.path", tmp_path / "given"
    asked = [f"data={data}", f"job={job}", "study.name=mine"]
    for settings in (asked, [*asked, f"{key}={file}"]):
        assert first_word(compose(settings, None)) == ""
    file.touch()
    said = first_word(compose([*asked, f"{key}={file}"], None))
    assert said.startswith("tuner: study mine is new: ")


def test_the_error_of_a_missing_file_comes_alone(interpreter: Interpreter) -> None:
    ended = interpreter("-m", "tuner", "data=csv", "data.path=missing.csv", "data.target=y")
    assert ended.returncode == 2
    assert ended.stderr.startswith("tuner: data.path: missing.csv: is not there: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("setting", ["quiet=true", "job=plot_schedule", "job=ui"])
def test_it_is_not_said_where_quiet_is_asked_for_or_nothing_trains(setting: str) -> None:
    assert first_word(compose([setting], None)) == ""


def test_it_says_that_a_study_is_there(tmp_path: Path) -> None:
    plain = compose(["+experiment=quadratic", f"root={tmp_path}"], None)
    folder = tmp_path / "studies" / "quadratic"
    what = f"6 trials of 50 epochs on quadratic, in {folder}"
    assert first_word(plain) == f"tuner: study quadratic is new: {what}"
    folder.mkdir(parents=True)
    assert first_word(plain) == f"tuner: study quadratic continues: {what}"
    several = compose(["job=compare", "data=[iris,wine]", "optimizer=[sgd,adam]"], None)
    assert " of 30 epochs on each of iris, wine, in " in first_word(several)
    confirming = first_word({**plain, "job": "confirm"})
    assert confirming == f"tuner: job=confirm on study quadratic, in {folder}"


@pytest.mark.parametrize("key", ["study", "budget", "data", "model", "root"])
@pytest.mark.parametrize("value", [None, [1], "\x1b[2J\n", {"name": "\0" * 5000}])
def test_a_config_that_is_none_is_left_to_the_check(key: str, value: Any) -> None:
    said = first_word({**compose([], None), key: value})
    assert said == "" or said.isprintable()


def test_every_job_that_trains_a_study_says_it() -> None:
    """Those are the jobs that show progress of a session."""
    training = set()
    for path in JOBS.glob("[!_]*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        if names & {"tuner.session", "tuner.report.log.watching"}:
            training.add(path.stem)
    assert training == set(TRAINING)
