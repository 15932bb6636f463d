"""Promises of a study of few settings: it tries each once, whatever stops it, and says so."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.search.conftest import outcome, trial
from tests.study.test_study import opened, recorded, work
from tuner.search import samplers
from tuner.search.samplers import Sampler
from tuner.search.space import Choices, Range, Space
from tuner.search.trials import Outcome, Trial, ranked

FEW = Space(
    fixed={"optimizer.sgd.lr": 0.1},
    searched={
        "optimizer": Choices(("adam", "sgd")),
        "optimizer.adam.lr": Range(0.1, 0.3, step=0.1),
        "width": Range(1, 2, "log", integer=True),
    },
    branches={"optimizer": ("adam", "sgd")},
)


@pytest.mark.parametrize("sampler", [samplers.load(name)() for name in samplers.names()], ids=str)
def test_a_study_of_few_settings_tries_each_once_wherever_it_is_killed(
    tmp_path: Path, sampler: Sampler
):
    """All eight of them, though it may have fifty trials; the journal cut at every line."""

    def ends(t: Trial) -> Outcome:
        return outcome(t, "INTERRUPTED" if t.number == 2 else "COMPLETE", [1.0])

    def whole(folder: Path) -> list[dict[str, Any]]:
        study = opened(folder, sampler, FEW)
        work(study, budget=50, ends=ends)
        assert study.exhausted == "all 8 settings of the space were tried"
        return recorded(study)

    expected = whole(tmp_path)
    assert len(expected) == 9
    done = [
        str(r.settings) for r in opened(tmp_path, sampler, FEW).results() if r.state == "COMPLETE"
    ]
    assert len(done) == len(set(done)) == 8
    bounds = opened(tmp_path, sampler, FEW).cohorts
    lines = (tmp_path / "optuna.journal").read_bytes().splitlines(keepends=True)
    for count in range(1, len(lines)):
        folder = tmp_path / str(count)
        folder.mkdir()
        (folder / "optuna.journal").write_bytes(b"".join(lines[:count]))
        assert whole(folder) == expected, f"cut after line {count}"
        assert opened(folder, sampler, FEW).cohorts == bounds
        shutil.rmtree(folder)


def test_of_twins_on_record_the_first_is_ranked(tmp_path: Path):
    twins = [replace(trial(n), settings={"lr": lr}) for n, lr in enumerate((0.2, 0.1, 0.2, 0.1))]
    results = [outcome(t, "COMPLETE", [t.settings["lr"]]).result() for t in twins]
    assert [r.number for r in ranked(results)] == [1, 0]
