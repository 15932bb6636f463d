"""Promises of an honest winner: fresh seeds choose it, others judge it, test data once."""

import json
import math
import re
import shutil
import signal
import subprocess
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient

from tests.jobs.conftest import Command, Ended, ended, until
from tuner.composing import compose
from tuner.config import check
from tuner.search.trials import Trial
from tuner.study.confirmation import CHOOSING, JUDGING, fresh
from tuner.study.data import load_data
from tuner.study.populations import Populations
from tuner.study.training import trained
from tuner.tracking.command import LATER

pytestmark = pytest.mark.slow

# Enough seeds for some seconds of work after the search.
LONG = ("data=digits", "model.mlp.hidden=[128]", "budget.epochs=6", "confirm.seeds=30")


def confirmation(command: Command, study: str = "study") -> Any:
    return command.result(study)["confirmation"]


def alone(command: Command, trial: int, seed: int, study: str) -> float:
    """The loss of a trial of a study at its epoch, trained alone under another seed."""
    config = check(yaml.safe_load((command.folder(study) / "config.yaml").read_text()))
    found = next(s for s in command.result(study)["all"] if s["number"] == trial)
    settings = found["settings"]
    settings = {path: math.inf if value is None else value for path, value in settings.items()}
    with Populations(config, load_data(config), 1, Event()) as training:
        (outcome,) = trained(training, [Trial(trial, settings, 0)], {trial: [seed]})
    return float(f"{outcome.at(outcome.goal.curve, found['best_epoch']):.9g}")


def test_the_top_trials_are_trained_on_seeds_that_are_shared_and_fresh(
    finished: tuple[Command, Ended],
) -> None:
    command, _ = finished
    told, trials = confirmation(command, "adam"), command.result("adam")["all"]
    complete = [s for s in trials if s["state"] == "COMPLETE"]
    top = sorted(complete, key=lambda s: (s["value"], s["number"]))[:5]
    assert {t["trial"] for t in told["trials"]} == {s["number"] for s in top}
    assert all(len(t["values"]) == 3 for t in told["trials"])
    means = [t["mean"]["mean"] for t in told["trials"]]
    assert means == sorted(means)
    for place, seed in enumerate(fresh(0, CHOOSING, 3)):
        for t in told["trials"][:2]:
            # Alone or among others a row trains alike.
            assert t["values"][place] == alone(command, t["trial"], seed, "adam")


def test_the_winner_is_judged_on_seeds_that_did_not_choose_it(
    finished: tuple[Command, Ended],
) -> None:
    command, end = finished
    told = confirmation(command, "adam")
    judged, winner = told["judged"], told["winner"]
    found = command.result("adam")["winner"]
    assert [found["value"], found["low"], found["high"]] == [
        judged["mean"][key] for key in ("mean", "low", "high")
    ]
    assert (judged["trial"], winner) == (winner, command.result("adam")["winner"]["number"])
    last = fresh(0, JUDGING, 3)[-1]
    assert judged["values"][-1] == alone(command, winner, last, "adam")
    chosen = next(t for t in told["trials"] if t["trial"] == winner)
    assert not set(judged["values"]) & set(chosen["values"])
    searched = next(s for s in command.result("adam")["all"] if s["number"] == winner)
    assert judged["believed"] == searched["value"]
    assert f"the winner is trial {winner} (" in end.out
    assert f"the search had {judged['believed']:.4g}" in end.out


def test_what_was_chosen_is_what_is_saved_and_tested(finished: tuple[Command, Ended]) -> None:
    command, _ = finished
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    winner = command.result("adam")["winner"]["number"]
    (point,) = client.get_metric_history(parent.info.run_id, "confirmed_validation_loss")
    assert point.step >= len(command.result("adam")["all"])
    (test,) = client.get_metric_history(parent.info.run_id, "test_loss")
    assert test.step == point.step
    assert parent.data.tags["tuner.winner"] == str(winner)
    told = confirmation(command, "adam")
    own = {int(r.data.tags["tuner.trial"]): r for r in runs if "tuner.trial" in r.data.tags}
    for trial in told["trials"]:
        run = own[trial["trial"]]
        name = f"confirmed_validation_loss_{told['seeds']}_choosing_seeds"
        curve = client.get_metric_history(run.info.run_id, name)
        assert curve[-1].value == pytest.approx(trial["mean"]["mean"], rel=1e-6)
        assert len(curve) == 8


def test_tuning_is_measured_against_the_textbook_on_the_seeds_that_judge(
    finished: tuple[Command, Ended],
) -> None:
    command, end = finished
    told = confirmation(command, "adam")
    (default,) = [d for d in told["defaults"] if d["origin"]["default"] == "adam"]
    difference = np.subtract(default["values"], told["judged"]["values"])
    assert default["worse"]["mean"] == pytest.approx(difference.mean())
    assert "Trial 0, the defaults of adam" in end.out


def test_no_seeds_are_spent_on_a_function_or_where_none_are_wanted(command: Command) -> None:
    assert command.call("confirm.top=0").code == 0
    assert confirmation(command) is None
    winner, best = command.result()["winner"], command.result()["best"]
    assert (winner["number"], winner["settings"]) == (best["number"], best["settings"])
    assert (winner["value"], winner["low"], winner["high"]) == (best["value"], None, None)
    assert command.result()["test"]
    function = ("data=none", "model=quadratic", "schedule=constant", "study.name=function")
    assert command.call(*function).code == 0
    assert confirmation(command, "function") is None
    told = command.call("job=confirm", "study.name=function")
    assert (told.code, len(told.err.splitlines())) == (2, 1)
    assert "uses no seeds" in told.err


def test_folds_are_repeated_together(command: Command) -> None:
    assert command.call("data.folds=3", "pruner=none", "confirm.top=2").code == 0
    told = confirmation(command)
    assert [len(t["values"]) for t in told["trials"]] == [3, 3]


@pytest.mark.parametrize("metric", ["accuracy"])
def test_where_greater_is_better_the_greatest_wins(metric: str, command: Command) -> None:
    told = command.call(f"metric={metric}", "budget.trials=8", "pruner=none")
    assert told.code == 0, told.err
    means = [t["mean"]["mean"] for t in confirmation(command)["trials"]]
    assert means == sorted(means, reverse=True)
    assert all(0 <= mean <= 1 for mean in means)
    assert f"{means[0]:.4g} (" in told.out


def test_it_can_be_done_later_for_any_trial_by_name_alone(
    finished: tuple[Command, Ended], tmp_path: Path
) -> None:
    root = tmp_path / "mlruns"
    shutil.copytree(finished[0].root, root)
    before = (root / "studies" / "adam" / "result.json").read_bytes()
    later = Command(root, {})
    states = later.states("adam")
    pruned = next(n for n, state in states.items() if state == "PRUNED")
    asked = [0, pruned]
    told = later.call(
        "job=confirm", "study.name=adam", f"confirm.trials={asked}", "confirm.seeds=4",
        "tracking=none", "data=digits",
    )  # fmt: skip
    assert told.code == 0, told.err
    made = json.loads((later.folder("adam") / "confirmation.json").read_text())
    assert {t["trial"] for t in made["trials"]} == set(asked)
    own = later.result("adam")["winner"]["number"]
    assert told.out.startswith(
        f"Here the winner is trial {made['winner']}; the study's is trial {own}."
    )
    assert f"trial {pruned}: " in told.out
    # The seeds it shares with the study's own confirmation say the same.
    known = {t["trial"]: t["values"] for t in confirmation(later, "adam")["trials"]}
    again = {t["trial"]: t["values"] for t in made["trials"]}
    assert again[0][:3] == known[0]
    assert (root / "studies" / "adam" / "result.json").read_bytes() == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("study.name=adan",), "study.name: adan: no such study in .*: did you mean adam"),
        (("study.name=adam", "confirm.trials=[99]"), "confirm.trials: 99: .* no such trial: 0 to"),
        (("study.name=adam", "confirm.trials=[1,1]"), "confirm.trials: .*each once"),
        (("study.name=adam", "confirm.trials=[]"), "confirm.trials: .*one trial or more"),
        (("study.name=adam", "confirm.seeds=2"), "confirm.seeds: 2: must be at least 3"),
        (("study.name=adam", "confirm.top=-1"), "confirm.top: -1: must be at least 0"),
    ],
)
def test_what_cannot_be_confirmed_is_said_in_a_line(
    settings: tuple[str, ...], said: str, finished: tuple[Command, Ended]
) -> None:
    told = Command(finished[0].root, {}).call("job=confirm", "tracking=none", *settings)
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert re.search(said, line), line


def test_what_a_confirmation_may_cost_is_open_by_default() -> None:
    confirm = check(compose([], None)).confirm
    assert (confirm.top, confirm.seeds, confirm.trials) == (None, None, None)


@pytest.fixture(scope="module")
def peaceful(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A tracked study whose confirmation takes a while, left in peace."""
    command = Command(tmp_path_factory.mktemp("peace") / "mlruns")
    assert command.run(*LONG, "tracking=mlflow").code == 0
    return command


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stop_while_it_confirms_changes_no_number(
    number: signal.Signals,
    peaceful: Command,
    command: Command,
    tmp_path: Path,
    processes: list["subprocess.Popen[str]"],
) -> None:
    with (tmp_path / "said").open("w") as said:
        process = command.start(*LONG, "tracking=mlflow", stderr=said)
    processes.append(process)
    until(lambda: "fresh seeds" in (tmp_path / "said").read_text(), process)
    process.send_signal(number)
    end = ended(process)
    assert end.code == (130 if number == signal.SIGINT else -signal.SIGKILL)
    if number == signal.SIGINT:
        assert command.result()["test"] is None
        # A busy machine may not write all in the seconds after a signal; the command then says so.
        late = LATER in (tmp_path / "said").read_text()
        assert late or "RUNNING" not in states_in_mlflow(command)
    again = command.run(*LONG, "tracking=mlflow")
    assert again.code == 0, again.err
    assert command.result() == peaceful.result()
    assert "RUNNING" not in states_in_mlflow(command)


def states_in_mlflow(command: Command) -> set[str]:
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    return {r.info.status for r in client.search_runs([experiment.experiment_id])}
