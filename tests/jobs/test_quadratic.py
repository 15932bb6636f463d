"""The classic example: gradient descent on f(x) = x**2 from 10, whose iterates are known."""

from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tests.jobs.conftest import Command

RATES = [0.1, 0.01, 0.001, 0.0001, 1.0, 1.1]
# By the factor 1 - 2 lr of each step: 0.8, 0.98, 0.998, 0.9998, -1, -1.2.
LABELS = ["converged", "slow", "slow", "slow", "oscillating", "diverged"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """What the experiment prints, and its trials."""
    command = Command(tmp_path_factory.mktemp("quadratic") / "mlruns", {"tracking": "none"})
    ended = command.call("+experiment=quadratic")
    assert ended.code == 0, ended.err
    return ended.out, command.result("quadratic")["all"]


def test_rates_give_the_iterates_of_the_formula(
    told: tuple[str, list[dict[str, Any]]],
) -> None:
    out, _ = told
    assert "8, 6.4, 5.12" in out
    assert "-12, 14.4" in out


def test_labels_say_what_analysis_says(told: tuple[str, list[dict[str, Any]]]) -> None:
    out, trials = told
    assert [s["settings"]["optimizer.sgd.lr"] for s in trials] == RATES
    assert [s["label"] for s in trials] == LABELS
    rows = [line for line in out.splitlines() if line[:3].strip().isdigit()]
    assert all(label in row for label, row in zip(LABELS, rows, strict=True))


def test_points_of_the_plane_are_told_as_pairs(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns", {"tracking": "none"})
    one = ("optimizer=sgd", "optimizer.sgd.lr=0.25", "schedule=constant", "pruner=none")
    bowl = ("model=quadratic", "model.quadratic.dimension=2", "model.quadratic.start=[8,4]")
    ended = command.call(*bowl, *one, "budget.trials=1", "budget.epochs=3")
    assert ended.code == 0, ended.err
    assert "x, y: (8, 4), (4, 2), (2, 1), (1, 0.5), ..." in ended.out


@pytest.mark.slow
def test_mlflow_has_the_curve_of_x(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns", {})
    assert command.run("+experiment=quadratic").code == 0
    client = MlflowClient(f"sqlite:///{command.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.`tuner.trial` != ''")
    assert len(runs) == len(RATES)
    for run in runs:
        rate = float(run.data.params["optimizer.sgd.lr"])
        points = client.get_metric_history(run.info.run_id, "x")
        assert len(points) > 1
        assert {p.step: p.value for p in points} == pytest.approx(
            {t: 10 * (1 - 2 * rate) ** t for t in range(len(points))}
        )
