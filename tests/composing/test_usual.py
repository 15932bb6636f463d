"""Promises of what is usual: a choice replaces an experiment's own; a comparison prunes nobody."""

from pathlib import Path
from typing import Any

import pytest

from tuner.composing import compose, config_folder
from tuner.config import check
from tuner.errors import UserError

EXPERIMENTS = sorted(path.stem for path in (config_folder() / "experiment").glob("*.yaml"))

MINE = """# @package _global_
# An experiment of one's own.
defaults:
  - override /optimizer: [sgd, momentum]
optimizer:
  sgd: {lr: 0.1}
  momentum: {lr: 0.2}
"""


def own(tmp_path: Path, *lines: str) -> str:
    """A folder of options with the experiment `mine`."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("\n".join([MINE, *lines]))
    return str(folder.parent)


def composed(*given: str, folder: str | None = None) -> Any:
    return compose(given, folder)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_optimizer_that_is_chosen_replaces_those_of_an_experiment(experiment: str) -> None:
    chosen = composed(f"+experiment={experiment}", "optimizer=lion")
    assert list(chosen["optimizer"]) == ["lion"]
    kept = composed(f"+experiment={experiment}")
    assert {k: chosen[k] for k in ("schedule", "model")} == {
        k: kept[k] for k in ("schedule", "model")
    }


def test_what_an_experiment_sets_of_a_chosen_option_stays(tmp_path: Path) -> None:
    folder = own(tmp_path)
    assert set(composed("+experiment=mine", folder=folder)["optimizer"]) == {"sgd", "momentum"}
    chosen = composed("+experiment=mine", "optimizer=[momentum,adam]", folder=folder)["optimizer"]
    assert set(chosen) == {"momentum", "adam"}
    assert chosen["momentum"]["lr"] == 0.2


def test_a_setting_of_an_option_that_was_replaced_is_refused() -> None:
    with pytest.raises(UserError, match=r"optimizer.sgd.lr: 3: there is no optimizer.sgd"):
        composed("+experiment=quadratic", "optimizer=adam", "optimizer.sgd.lr=3")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ([], "halving"),
        (["job=compare"], "none"),
        (["pruner=hyperband"], "hyperband"),
        (["job=compare", "pruner=halving"], "halving"),
        (["+experiment=optimizers"], "none"),
        (["+experiment=mine"], "halving"),
        (["+experiment=mine", "job=compare"], "none"),
    ],
)
def test_a_comparison_prunes_nobody_unless_it_is_asked_to(
    given: list[str], name: str, tmp_path: Path
) -> None:
    assert composed(*given, folder=own(tmp_path))["pruner"]["name"] == name


@pytest.mark.parametrize("job", ["tune", "compare"])
def test_a_pruner_that_an_experiment_chooses_is_not_replaced(job: str, tmp_path: Path) -> None:
    folder = own(tmp_path)
    file = Path(folder, "experiment", "mine.yaml")
    file.write_text(MINE.replace("defaults:", "defaults:\n  - override /pruner: hyperband"))
    assert (
        composed("+experiment=mine", f"job={job}", folder=folder)["pruner"]["name"] == "hyperband"
    )


def test_a_setting_of_the_usual_pruner_is_taken_alone_and_from_an_experiment(
    tmp_path: Path,
) -> None:
    assert composed("pruner.keep=0.3")["pruner"] == {
        "name": "halving",
        "keep": 0.3,
        "first_rung": 0.1,
    }
    folder = own(tmp_path, "pruner: {keep: 0.4}")
    assert composed("+experiment=mine", folder=folder)["pruner"]["keep"] == 0.4
    with pytest.raises(UserError, match=r"pruner.keep: is unknown|no such key"):
        check(composed("job=compare", "pruner.keep=0.3"))
