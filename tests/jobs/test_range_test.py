"""Promises of job=range_test: what it finds, tells and writes, and the command that goes on."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.image import imread
from mlflow import MlflowClient

from tests.jobs.conftest import Command, Ended, ended, until
from tuner.composing import compose
from tuner.config import check
from tuner.processes.lock import owned

pytestmark = pytest.mark.slow

# Few short runs of a small model: the numbers do not matter.
QUICK = ("range.seeds=2", "range.per_decade=2", "range.epochs=2", "range.ramp_steps=40")
CHEAP = ("job=range_test", "data=none", "model=quadratic", "schedule=constant", *QUICK)
TWO = ("job=range_test", "optimizer=[adam,sgd]", *QUICK)


def told(command: Command, study: str = "study") -> dict[str, Any]:
    """The result.json of a range test."""
    path = command.folder(study) / "range" / "result.json"
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def files(command: Command) -> dict[str, bytes]:
    """What lies in the folder of the range test."""
    folder = command.folder() / "range"
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, Ended]:
    """A range test of two optimizers, tracked; read it, do not change it."""
    command = Command(tmp_path_factory.mktemp("range") / "mlruns")
    return command, command.call(*TWO, "tracking=mlflow", "threads=2")


def test_on_the_quadratic_it_finds_the_limits_of_theory(command: Command) -> None:
    end = command.call(*CHEAP, "optimizer=sgd", "range.per_decade=10", "dtype=float64")
    assert end.code == 0, end.err
    found = told(command)["result"]["optimizers"]["sgd"]
    rates = np.array(found["rates"])
    assert found["bracket"]["stable"] == pytest.approx(rates[rates < 1.0][-1])
    assert found["range"]["low"] < 0.5 < found["range"]["high"] < 1.0
    assert found["suggested"] == pytest.approx(0.5, rel=0.5)
    assert "quadratic, schedule constant" in end.out


def test_it_tells_each_optimizer_and_how_to_go_on(tested: tuple[Command, Ended]) -> None:
    command, end = tested
    assert end.code == 0, end.err
    result = told(command)["result"]["optimizers"]
    for name, own in result.items():
        assert f"{name}: {len(own['rates'])} rates" in end.out
        assert f"suggested rate {own['suggested']:.3g}" in end.out
        assert f"{own['range']['low']:.3g} to {own['range']['high']:.3g}" in end.out
    assert "optimizer.adam.beta1 = 0.9 (textbook)" in end.out
    assert "add +range=study" in end.out
    assert set(result) == {"adam", "sgd"}


def test_what_it_suggests_lies_in_its_range_and_among_its_rates(
    tested: tuple[Command, Ended],
) -> None:
    for own in told(tested[0])["result"]["optimizers"].values():
        low, high = own["range"]["low"], own["range"]["high"]
        assert own["rates"][0] * 0.99 <= low <= own["suggested"] <= high
        third, middle, threefold = own["confirmation"]["rates"]
        assert threefold / middle == pytest.approx(3)
        assert middle / third == pytest.approx(3)
        assert np.shape(own["confirmation"]["losses"]) == (2, 3)
        assert np.shape(own["losses"]) == (2, len(own["rates"]))


def test_it_draws_a_picture_of_each_optimizer(tested: tuple[Command, Ended]) -> None:
    for name in ("adam", "sgd"):
        picture = imread(tested[0].folder() / "range" / f"{name}.png")
        assert picture.shape[0] > 500
        assert picture[..., :3].std() > 0.05


def test_mlflow_gets_a_finished_run_with_a_child_a_rate(tested: tuple[Command, Ended]) -> None:
    command, _ = tested
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    runs = list(client.search_runs([experiment.experiment_id]))
    (parent,) = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    result = told(command)["result"]["optimizers"]
    assert len(runs) == 1 + sum(len(own["rates"]) for own in result.values())
    assert "RUNNING" not in {r.info.status for r in runs}
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["adam.suggested"] == result["adam"]["suggested"]
    assert parent.data.params["optimizer.adam.beta1"] == "0.9"
    artifacts = {a.path for a in client.list_artifacts(parent.info.run_id)}
    assert artifacts == {"adam.png", "sgd.png", "config.yaml", "range.yaml", "result.json"}


def test_the_next_command_searches_the_range_it_found(tested: tuple[Command, Ended]) -> None:
    command, _ = tested
    asked = ["optimizer=[adam,sgd]", "+range=study", f"root={command.root}"]
    space = check(compose(asked, None)).space
    for name, own in told(command)["result"]["optimizers"].items():
        rates = space.searched[f"optimizer.{name}.lr"]
        assert (rates.low, rates.high, rates.scale) == (*own["range"].values(), "log")
    fixed = check(compose([*asked, "optimizer.adam.lr=0.5"], None)).space
    assert fixed.fixed["optimizer.adam.lr"] == 0.5
    one = check(compose(["optimizer=[adam,rmsprop]", *asked[1:]], None)).space
    assert one.searched["optimizer.adam.lr"] == space.searched["optimizer.adam.lr"]
    end = command.call(*asked[:2], "study.name=tuned", "budget.trials=2")
    assert end.code == 0, end.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["+range=stduy"], ["+range", "did you mean study?"]),
        (["+range=nothing"], ["nothing", "study", "job=range_test study.name=nothing"]),
        (["range=study"], ["give +range=study"]),
        (["+range=study", "optimizer=rmsprop"], ["adam,sgd", "rmsprop"]),
        (["+range=study", "root=elsewhere"], ["there is none in elsewhere"]),
        (["job=range_test", "model=[softmax,mlp]"], ["model: [softmax, mlp]", "model=softmax"]),
        (["job=range_test", "schedule=[cosine,rex]"], ["schedule: [cosine, rex]"]),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], words: list[str], tested: tuple[Command, Ended]
) -> None:
    end = tested[0].call(*arguments)
    assert end.code == 2
    assert end.err.count("\n") == 1
    for word in words:
        assert word.removeprefix("+") in end.err


@pytest.mark.parametrize("text", ["", "[1]", "optimizer: {adam: 3}", "{", "optimizer: [adam]"])
def test_a_range_that_was_spoilt_by_hand_is_one_line(text: str, command: Command) -> None:
    path = command.folder("mine") / "range" / "range.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    end = command.call("+range=mine")
    assert (end.code, end.err.count("\n")) == (2, 1)
    assert "range.yaml" in end.err


def test_threads_change_nothing_and_a_made_test_is_told_again(
    tested: tuple[Command, Ended], tmp_path: Path
) -> None:
    other = Command(tmp_path / "mlruns")
    first = other.call(*TWO, "threads=1")
    assert told(other)["result"] == told(tested[0])["result"]
    before = files(other)
    again = other.call(*TWO, "threads=2")
    assert (again.code, again.out) == (0, first.out)
    assert files(other) == before
    assert "this test was made before" in again.err
    assert "runs of" not in again.err


def test_another_config_is_tested_anew(command: Command) -> None:
    assert command.call(*CHEAP, "optimizer=adam").code == 0
    adam = told(command)
    assert command.call(*CHEAP, "optimizer=sgd").code == 0
    assert told(command)["result"]["optimizers"].keys() == {"sgd"}
    assert told(command)["run"]["key"] != adam["run"]["key"]
    found = yaml.safe_load((command.folder() / "range" / "range.yaml").read_text())
    assert found["optimizer"].keys() == {"sgd"}


def test_where_every_rate_diverges_it_says_what_to_try(command: Command) -> None:
    end = command.call(*CHEAP, "optimizer=sgd", "optimizer.sgd.lr=1e20")
    assert end.code == 3
    assert "Traceback" not in end.err
    assert "no run ended below its initial loss" in end.out
    assert "lower rates: 'optimizer.sgd.lr={low: 1e+06, high: 1e+10, scale: log}'" in end.out
    assert not (command.folder() / "range" / "range.yaml").exists()
    assert "+range" not in end.out


def test_where_no_rate_moves_anything_it_says_to_go_higher(command: Command) -> None:
    end = command.call(*CHEAP, "optimizer=sgd", "optimizer.sgd.lr=1e-300")
    assert end.code == 3
    assert "Try higher rates: " in end.out


@pytest.mark.parametrize("rate", ["1e-5", "1e4", "{low: 1e-9, high: 1e-8, scale: log}"])
def test_rates_are_widened_until_losses_turn_up_on_both_sides(rate: str, command: Command) -> None:
    end = command.call(*CHEAP, "optimizer=sgd", f"optimizer.sgd.lr={rate}", "dtype=float64")
    assert end.code == 0, end.err
    own = told(command)["result"]["optimizers"]["sgd"]
    assert own["open"] == [False, False]
    assert own["suggested"] == pytest.approx(0.5, rel=0.7)
    assert f", at first from {own['asked']['low']:.3g} to {own['asked']['high']:.3g}" in end.out
    assert "does not rise" not in end.out
    assert "more runs: the loss of sgd does not yet rise on both sides" in end.err


def test_losses_that_never_turn_up_are_told(command: Command) -> None:
    end = command.call(*CHEAP, "optimizer=sgd", "optimizer.sgd.lr=1e-14", "dtype=float64")
    assert end.code == 0, end.err
    assert "The loss does not rise above this range: 0.0001 is the highest" in end.out
    assert "give a higher optimizer.sgd.lr.high, or a larger range.widen" in end.out


def test_a_study_at_work_is_left_alone(command: Command) -> None:
    with owned(command.folder()):
        end = command.call(*TWO)
    assert end.code == 75
    assert not (command.folder() / "range").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_in_its_midst_it_leaves_what_was_there_and_starts_again(
    number: signal.Signals, command: Command, processes: list["subprocess.Popen[str]"]
) -> None:
    assert command.call(*TWO).code == 0
    before = files(command)
    long = ("job=range_test", "data=digits", "model.mlp.hidden=[256,256]", "range.epochs=30")
    process = command.start(*long, "budget.epochs=30", stderr=subprocess.STDOUT)
    processes.append(process)
    assert process.stdout is not None
    until(lambda: "runs of" in process.stdout.readline(), process)
    os.kill(process.pid, number)
    end = ended(process)
    assert end.code == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(number, -9)
    assert files(command) == before
    again = command.call(*TWO)
    assert again.code == 0, again.err
