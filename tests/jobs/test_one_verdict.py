"""One verdict: whoever reads anything of a study is told the same winner."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from tests.jobs.conftest import Command, Ended
from tuner.yaml_files import load_file

# With a score, for which greater is better, and a winner that the search did not rank first.
STUDIES = {
    "loss": ("study.seed=3",),
    "score": ("study.seed=3", "metric=accuracy"),
    "not confirmed": ("confirm.top=0",),
}
RATE = "optimizer.adam.lr"


@pytest.fixture(scope="module", params=STUDIES)
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Command, Ended]:
    command = Command(tmp_path_factory.mktemp("verdict") / "mlruns")
    ended = command.call(
        *STUDIES[request.param], "study.name=own", "tracking=mlflow", "budget.trials=8"
    )
    assert ended.code == 0, ended.err
    return command, ended


def runs(command: Command) -> dict[str, Run]:
    """The runs of the study by their trials, its own under ""."""
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return {run.data.tags.get("tuner.trial", ""): run for run in found}


def png(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        own: dict[str, Any] = json.loads(image.info["tuner"])
    return own


def test_every_surface_names_the_same_winner(told: tuple[Command, Ended]) -> None:
    command, ended = told
    folder, result = command.folder("own"), command.result("own")
    winner, rate = result["winner"], result["winner"]["settings"][RATE]
    value = winner["value"]
    number, short = winner["number"], f"{value:.4g}"

    first = ended.out.splitlines()
    headline = next(line for line in first if line.startswith("Study own: "))
    assert f"the winner is trial {number} " in headline
    assert f" {short}" in headline
    assert any(line.strip().startswith(f"{number}, the winner") for line in first)

    best = load_file(folder / "best.yaml")
    assert f"trial {number}" in (folder / "best.yaml").read_text().splitlines()[0]
    assert best["optimizer"]["adam"]["lr"] == rate

    rows = [line.split(",") for line in (folder / "trials.csv").read_text().splitlines()]
    column = rows[0].index("winner")
    assert [row[0] for row in rows[1:] if row[column] == "True"] == [str(number)]

    page = (folder / "report.html").read_text()
    assert f"the winner is trial {number} " in page
    assert re.search(rf'winner" content="{number}"', page)

    for name in ("loss_curves.png", "learning_rates.png"):
        own = png(folder / name)
        assert (own["winner"], own["study"]) == (number, "own")
        assert own["value"] == pytest.approx(value, rel=1e-6)

    found = runs(command)
    study, trial = found[""], found[str(number)]
    assert study.data.tags["tuner.winner"] == str(number)
    assert float(study.data.tags["tuner.winner.value"]) == pytest.approx(value, rel=1e-5)
    assert f"the winner is trial {number} " in study.data.tags["mlflow.note.content"].replace(
        "\\", ""
    )
    assert float(study.data.params[f"winner.{RATE}"]) == rate
    assert float(trial.data.params[RATE]) == rate
    assert trial.info.run_name.startswith(f"{number:03d} adam lr=")


def test_shown_again_it_is_the_same(told: tuple[Command, Ended]) -> None:
    command, ended = told
    before = [line for line in ended.out.splitlines() if line.startswith("Study own: ")]
    again = command.call("job=show", "study.name=own")
    assert again.code == 0, again.err
    assert [line for line in again.out.splitlines() if line.startswith("Study own: ")] == before
    listed = command.call("job=list")
    winner = command.result("own")["winner"]["number"]
    (row,) = [line for line in listed.out.splitlines() if line.split()[:1] == ["own"]]
    assert re.search(rf"\b{winner}\b", row)
