"""A table without a word on what to search: it says what follows from the data, and goes on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.jobs.conftest import Command

# The small study of other tests, without its network and its epochs.
FEW = {"budget.trials": "6", "study.cohort": "4", "confirm.seeds": "3", "tracking": "none"}


@pytest.fixture
def own(tmp_path: Path) -> Command:
    return Command(tmp_path / "mlruns", FEW)


def written(path: Path, rows: int, seed: int = 0) -> list[str]:
    """A table of which one class needs both columns; the settings that name it."""
    x = np.random.default_rng(seed).normal(size=(rows, 2)).round(3)
    lines = [f"{a},{b},{'in' if a * b > 0 else 'out'}" for a, b in x]
    path.write_text("\n".join(["a,b,side", *lines]) + "\n")
    return ["data=csv", f"data.path={path}", "data.target=side"]


def result(command: Command) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((command.folder() / "result.json").read_text())["result"]
    return told


def test_it_says_what_it_chose_keeps_it_and_goes_on(own: Command, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    settings = [*written(path, 80), "budget.epochs=4"]
    told = own.call(*settings)
    assert told.code == 0, told.err
    (said,) = [line for line in told.out.splitlines() if line.startswith("Auto: ")]
    kept = yaml.safe_load((own.folder() / "config.yaml").read_text())
    assert f"batch_size={{choices: {kept['batch_size']['choices']}}}" in said
    assert "budget.epochs" not in said
    assert kept["data"]["folds"] == 5
    assert "auto" not in json.dumps(kept["model"]["mlp"])
    before = result(own)
    assert own.call(*settings).code == 0
    assert result(own) == before
    best = own.call("+best=study", "data.folds=5")
    assert best.code == 0, best.err
    written(path, 160, seed=1)
    refused = own.call(*settings)
    assert refused.code == 2
    assert "is not what study study was begun with (digest" in refused.err


@pytest.mark.slow
def test_taken_up_after_a_stop_it_ends_as_if_nothing_had_happened(
    own: Command, tmp_path: Path
) -> None:
    settings = [*written(tmp_path / "t.csv", 120), "budget.epochs=6"]
    assert own.call(*settings, "study.name=whole").code == 0
    assert own.call(*settings, "study.name=parts", "budget.trials=4", "confirm.top=0").code == 0
    assert own.call(*settings, "study.name=parts").code == 0
    ends = [
        [(t["settings"], t["value"]) for t in json.loads(path.read_text())["result"]["all"]]
        for path in sorted(own.root.glob("studies/*/result.json"))
    ]
    assert len(ends) == 2
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_the_model_of_a_table_that_needs_no_network_is_linear(own: Command, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(150, 3)).round(3)
    noise = np.random.default_rng(1).normal(size=150).round(3)
    lines = [f"{a},{b},{c},{a - 2 * b + e:.3f}" for (a, b, c), e in zip(x, noise, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,y", *lines]) + "\n")
    settings = ["data=csv", f"data.path={tmp_path / 't.csv'}", "data.target=y", "quiet=true"]
    told = own.call(*settings, "budget.trials=30", "study.cohort=15")
    assert told.code == 0, told.err
    won = result(own)
    assert won["winner"]["settings"]["model.mlp.hidden"] == []
