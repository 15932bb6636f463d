"""Promises of a journal's axes: Optuna's tools see settings, samplers what they proposed."""

import json
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage

from tests.study.conftest import FunctionTraining, loop_of, study_of
from tuner.search.space import Choices, Range, Space
from tuner.study.axes import inward, outward
from tuner.study.journal import FILE, JournalRecord

SPACE = Space(
    {},
    {
        "x": Range(0.0, 0.8),
        "width": Choices((1, 2, 4)),
        "beta": Range(0.5, 0.9999, "reverse_log"),
        "name": Choices(("a", None, True, [1, 2])),
    },
    {},
)


def error(x: float, width: int, epoch: int, seed: int, beta: float, name: object) -> float:
    return x + width + beta + 0.5**epoch


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tests.study.conftest.error", error)
    with JournalRecord(tmp_path, "own") as record:
        loop_of(study_of(record, SPACE), FunctionTraining(), lambda event: None).run()
    return tmp_path


def test_optunas_own_tools_see_settings_under_their_paths_and_in_their_units(told: Path) -> None:
    storage = JournalStorage(JournalFileBackend(str(told / FILE)))
    study = optuna.load_study(study_name="own", storage=storage)
    with JournalRecord(told, "own") as record:
        settings = [SPACE.settings_of(trial) for trial in record.trials()]
    assert len(study.trials) == len(settings) == 12
    for trial, own in zip(study.trials, settings, strict=True):
        assert set(trial.params) == set(SPACE.searched)
        assert {**trial.params, "name": None} == {**own, "name": None}
        assert trial.params["name"] in (own["name"], json.dumps(own["name"]))
        beta = trial.distributions["beta"]
        assert isinstance(beta, optuna.distributions.FloatDistribution)
        assert beta.low <= trial.params["beta"] <= beta.high
        assert (beta.low, beta.high) == pytest.approx((0.5, 0.9999))
    table = study.trials_dataframe()
    assert {"params_beta", "params_width"} <= set(table.columns)


def test_what_a_sampler_proposed_is_read_back_to_the_last_bit(told: Path) -> None:
    with JournalRecord(told, "own") as record:
        before = [(trial.params, trial.distributions) for trial in record.trials()]
    with JournalRecord(told, "own") as record:
        assert [(trial.params, trial.distributions) for trial in record.trials()] == before
    assert all("1 - beta" in params for params, _ in before)
    assert {params["width"] for params, _ in before} <= {"1", "2", "4"}


def test_any_line_comes_back_as_it_went() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        low, high = sorted(rng.uniform(0, 1, 2))
        value = float(np.clip(rng.uniform(low, high), low, high))
        axis = optuna.distributions.FloatDistribution(float(low), float(high), log=bool(low > 0))
        kinds = {"1 - a.b": axis, "c": optuna.distributions.CategoricalDistribution(["1", '"x"'])}
        text = {key: optuna.distributions.distribution_to_json(own) for key, own in kinds.items()}
        log = {
            "op_code": 4, "params": {"1 - a.b": value, "c": 1}, "distributions": text,
            "system_attrs": {"own": 1},
        }  # fmt: skip
        written = json.loads(json.dumps(outward(log)))
        assert set(written["params"]) == {"a.b", "c"}
        assert inward(written) == log
        assert list(inward(written)["params"]) == list(log["params"])


def test_a_line_of_an_earlier_version_passes_as_it_is(told: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    lines = (told / FILE).read_text().splitlines()
    (old / FILE).write_text("".join(json.dumps(inward(json.loads(own))) + "\n" for own in lines))
    with JournalRecord(told, "own") as new, JournalRecord(old, "own") as record:
        assert [t.params for t in record.trials()] == [t.params for t in new.trials()]
        assert record.results() == new.results()
