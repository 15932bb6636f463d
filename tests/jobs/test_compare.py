"""Promises of job=compare: equal budgets, fresh seeds, the same again, one line for mistakes."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread
from mlflow import MlflowClient

from tests.jobs.conftest import Command, Ended
from tuner.composing import compose
from tuner.config import check
from tuner.errors import UserError
from tuner.jobs.compare import studies
from tuner.search.statistics import winners
from tuner.study.comparison import group_of

pytestmark = pytest.mark.slow

TWO = (
    "+experiment=optimizers", "optimizer=[sgd,adam]", "data=iris", "budget.trials=18",
    "study.cohort=18", "budget.epochs=6", "confirm.top=2",
)  # fmt: skip


def comparison(command: Command, study: str = "optimizers") -> Any:
    return json.loads((command.folder(study) / "comparison.json").read_text())["result"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, Ended]:
    """A tracked comparison of two optimizers; read it, do not change it."""
    command = Command(tmp_path_factory.mktemp("compared") / "mlruns")
    command.root.parent.mkdir(exist_ok=True)
    return command, command.call(*TWO, "tracking=mlflow", "threads=2")


def test_each_branch_has_as_many_trials_and_the_textbook_beside(
    compared: tuple[Command, Ended],
) -> None:
    command, told = compared
    assert told.code == 0, told.err
    drawn = [s for s in command.result("optimizers")["all"] if not s["origin"]]
    assert set(Counter(s["settings"]["optimizer"] for s in drawn).values()) == {8}
    assert told.found.startswith("Optimizers on iris: ")
    assert told.out.count("once tuned") == 1
    assert not re.search("(?<!difference from )the winner is", told.out)
    assert "Optimizers on iris: 8 trials each, 6 epochs a trial" in told.out
    for name, own in comparison(command)["branches"].items():
        assert own["trials"] == 8
        assert own["default"]["mean"] is not None
        assert re.search(rf"  {name} +0\.\d+ \(", told.out)


def test_the_winner_by_budget_is_told_from_what_the_trials_are_worth(
    compared: tuple[Command, Ended],
) -> None:
    command, told = compared
    result = comparison(command)
    values: dict[str, list[float]] = {"sgd": [], "adam": []}
    for s in command.result("optimizers")["all"]:
        if not s["origin"]:
            lost = s["state"] == "DIVERGED" or s["value"] > s["start"]
            values[s["settings"]["optimizer"]].append(s["start"] if lost else s["value"])
    assert result["winners"] == winners(values, [1, 2, 4, 8])
    assert "expected best of k trials: " in told.out


def test_what_is_compared_is_measured_on_seeds_that_did_not_choose(
    compared: tuple[Command, Ended],
) -> None:
    for own in comparison(compared[0])["branches"].values():
        tuned, default = own["tuned"], own["default"]
        assert len(tuned["values"]) == len(default["values"]) == 3
        assert tuned["believed"] not in tuned["values"]
        difference = [d - t for d, t in zip(default["values"], tuned["values"], strict=True)]
        assert default["worse"]["mean"] == pytest.approx(sum(difference) / 3)


def test_the_same_command_tells_the_same_on_any_number_of_threads(
    compared: tuple[Command, Ended], command: Command
) -> None:
    before = comparison(compared[0])
    assert command.call(*TWO, "threads=1").code == 0
    assert comparison(command) == before
    again = command.call(*TWO, "threads=2")
    assert again.code == 0
    assert "finished" in again.out
    assert comparison(command) == before


def test_its_picture_and_numbers_are_in_mlflow_and_no_run_is_open(
    compared: tuple[Command, Ended],
) -> None:
    command, _ = compared
    assert imread(command.folder("optimizers") / "best_of_k.png").shape[0] > 500
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert "RUNNING" not in {r.info.status for r in runs}
    (parent,) = [r for r in runs if "mlflow.parentRunId" not in r.data.tags]
    artifacts = {a.path for a in client.list_artifacts(parent.info.run_id)}
    assert {"best_of_k.png", "comparison.json"} <= artifacts


def test_several_data_sets_are_a_study_each_and_a_profile_over_all(command: Command) -> None:
    told = command.call(*(s for s in TWO if not s.startswith("data")), "data=[iris,wine]")
    assert told.code == 0, told.err
    assert {p.name for p in command.folder("").iterdir()} == {
        "optimizers", "optimizers-iris", "optimizers-wine",
    }  # fmt: skip
    assert "Over 2 data sets" in told.out
    folder = command.folder("optimizers")
    result = json.loads((folder / "comparison.json").read_text())
    assert set(result["data"]) == {"iris", "wine"}
    assert all(shares[2] <= 1 for shares in result["profiles"]["shares"].values())
    assert max(shares[0] for shares in result["profiles"]["shares"].values()) > 0
    assert imread(folder / "performance_profiles.png").shape[0] > 500


def test_schedules_are_compared_with_the_one_textbook_there_is(command: Command) -> None:
    told = command.call(
        "+experiment=schedules", "schedule=[constant,cosine]", "data=iris", "budget.trials=9",
        "budget.epochs=4", "study.cohort=9",
    )  # fmt: skip
    assert told.code == 0, told.err
    own = comparison(command, "schedules")["branches"]
    assert [b["trials"] for b in own.values()] == [4, 4]
    assert len({b["default"]["trial"] for b in own.values()}) == 1
    assert "Schedules on iris: 4 trials each" in told.out


def test_a_comparison_in_which_all_diverges_exits_as_its_study_does(command: Command) -> None:
    wild = [f"optimizer.{n}.lr={{low: 1e25, high: 1e30, scale: log}}" for n in ("sgd", "momentum")]
    told = command.call(
        *(s for s in TWO if not s.startswith("optimizer=")), "optimizer=[sgd,momentum]", *wild
    )
    assert told.code == 3
    assert told.found.startswith("Study optimizers: every trial diverged")


def test_a_branch_that_never_ends_is_told(command: Command) -> None:
    told = command.call(*TWO, "optimizer.sgd.lr={low: 1e25, high: 1e30, scale: log}")
    assert told.code == 0, told.err
    assert "none ended: 8 diverged, 0 pruned" in told.out
    assert re.search(r"adam \(.*\) alone has a trial that trained to the end", told.out)


def test_a_target_that_is_given_is_what_is_to_be_reached(command: Command) -> None:
    told = command.call(*TWO, "metric=accuracy", "compare.target=1.5")
    assert told.code == 0, told.err
    assert comparison(command)["target"] == pytest.approx(1.5)
    assert {own["to_target"] for own in comparison(command)["branches"].values()} == {None}
    assert "until the mean reaches 1.5" in told.out


def test_a_study_without_a_trial_is_told_as_one(command: Command) -> None:
    told = command.call(*TWO, "budget.seconds=1e-9")
    assert told.code == 0, told.err
    assert told.out.splitlines()[-1] == "No trial has ended: there is nothing to compare."


def test_what_ended_a_study_before_its_trials_is_told(command: Command) -> None:
    told = command.call(*TWO, "study.cohort=6", "budget.epochs_total=8", "confirm.top=0")
    assert told.code == 0, told.err
    assert (
        "stopped before its last trial: budget.epochs_total: the trials have trained 8" in told.out
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["optimizer=adam"], r"optimizer: adam: nothing to compare it with.*optimizer=\["),
        (["compare.by=schedule"], "schedule: cosine: nothing to compare it with"),
        (["compare.by=data"], "compare.by: data: is neither a group nor a setting with choices"),
        (["schedule=[cosine,linear]"], "compare.by: null: several of optimizer and schedule"),
        (["compare.within=2"], "compare.within: 2: must be"),
        (["data=[iris,iris]"], "data: .*must name each once"),
        (["data=[iris,wine]", "job=tune"], "data: .*several go with job=compare"),
        (["data=[iris,wine]", "~job"], "data: .*several go with job=compare"),
        (["data=[iris,wine]", "compare=null"], "compare: None: must be"),
        (["data=[iris,wine]", "+compare.data=[{}]"], r"compare.data: .*give data=\["),
        (["+compare.data=[{}]"], r"compare.data: .*give data=\["),
        (["data=[iris,nothing]"], "data: nothing: .*must be one of|data: nothing"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(settings: list[str], said: str) -> None:
    with pytest.raises(UserError) as raised:
        group_of(check(compose(["+experiment=optimizers", *settings], None)))
    (line,) = str(raised.value).splitlines()
    assert re.search(said, line), line


def test_what_is_set_of_the_data_is_set_of_each(tmp_path: Path) -> None:
    config = check(
        compose(["+experiment=optimizers", "data=[iris,wine]", "data.scale=minmax"], None)
    )
    own = studies(config)
    assert [c.study.name for c in own] == ["optimizers-iris", "optimizers-wine"]
    assert [(c.data.name, c.data.scale) for c in own] == [("iris", "minmax"), ("wine", "minmax")]
    assert studies(own[0]) == [own[0]]
