"""Promises of output=json and quiet=true: one object, or one headline, and nothing beside it."""

import json
from pathlib import Path

import pytest

from tests.jobs.conftest import SMALL, Command
from tuner.codec import from_json
from tuner.study.results import Confirmation, SavedResult


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A small study, told as JSON, with what that printed beside it."""
    command = Command(tmp_path_factory.mktemp("output") / "mlruns")
    command.root.parent.mkdir(exist_ok=True)
    told = command.call("output=json")
    assert told.code == 0, told.err
    (command.root.parent / "told").write_text(told.out)
    assert "trials" in told.err
    return command


def test_a_tune_prints_the_object_of_its_result_file_and_no_word_beside_it(small: Command) -> None:
    told = (small.root.parent / "told").read_text()
    assert json.loads(told) == json.loads((small.folder() / "result.json").read_text())
    assert from_json(SavedResult, json.loads(told)).result.winner is not None


def test_a_finished_study_is_told_again_in_the_other_way(small: Command) -> None:
    again = small.call("output=json")
    assert json.loads(again.out) == json.loads((small.folder() / "result.json").read_text())
    assert "is finished" in again.err
    quiet = small.call("quiet=true")
    assert quiet.code == 0, quiet.err
    assert quiet.out.startswith("Study study: the winner is trial ")
    assert len(quiet.out.splitlines()) <= 6
    assert quiet.out in small.call().out


def test_other_jobs_print_their_results_as_objects(small: Command) -> None:
    plain = {key: value for key, value in SMALL.items() if key == "tracking"}
    later = Command(small.root, plain)
    told = later.call("job=confirm", "output=json", "confirm.seeds=3", "confirm.trials=[0]")
    assert told.code == 0, told.err
    assert from_json(Confirmation, json.loads(told.out)).winner == 0
    assert json.loads(later.call("job=doctor", "output=json").out)["findings"] == []
    assert "whole" in later.call("job=doctor").out


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["optimizer.adam.lr=-1"], "optimizer.adam.lr"),
        (["job=ui"], "output: json: must be text with job=ui"),
        (["job=plot_schedule"], "output: json: must be text with job=plot_schedule"),
    ],
)
def test_what_is_refused_prints_nothing_on_the_standard_output(
    settings: list[str], said: str, tmp_path: Path
) -> None:
    told = Command(tmp_path / "mlruns").call(*settings, "output=json")
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert not (tmp_path / "mlruns").exists()
