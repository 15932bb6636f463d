"""Promises of job=card: one page on an optimizer, with what was measured, for its data."""

import json
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from tuner.composing import compose
from tuner.config import Config, check
from tuner.errors import UserError
from tuner.jobs import card
from tuner.report.rule import Rule
from tuner.training import optimizers
from tuner.training.ranges import Sweep, as_good

SMALL = ("budget.epochs=3", "range.seeds=2", "range.per_decade=1", "budget.trials=3", "threads=1")


def config(root: Path, *overrides: str) -> Config:
    return check(compose(["job=card", f"root={root}", "tracking=none", *overrides], None))


def test_it_makes_a_page_with_two_pictures_of_each_optimizer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert card.run(config(tmp_path, "optimizer=sgd", "data=[iris,wine]", *SMALL), Event()) == 0
    assert str(tmp_path / "cards" / "sgd.md") in capsys.readouterr().out
    page = (tmp_path / "cards" / "sgd.md").read_text(encoding="utf-8")
    for words in ("Robbins & Monro 1951", "return theta - lr * g", "0.0001 to 10, log", "| iris |"):
        assert words in page
    for picture in ("rates", "paths"):
        image = Image.open(tmp_path / "cards" / f"sgd-{picture}.png").convert("RGB")
        assert np.asarray(image).std() > 5
    told = json.loads((tmp_path / "cards" / "sgd.json").read_text())
    assert list(told["data"]) == ["iris", "wine"]
    assert set(told["cost"]["own"]) == set(told["cost"]["sgd"])


def test_without_a_choice_it_is_of_all_bundled_data(tmp_path: Path) -> None:
    names = [data["name"] for data in config(tmp_path).compare.data or []]
    assert names == ["breast_cancer", "diabetes", "digits", "iris", "wine"]
    assert config(tmp_path, "data=iris").compare.data is None
    assert config(tmp_path, "+experiment=sgd").compare.data is None


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=rosenbrock"], "model: rosenbrock: a card needs a model that is trained on data"),
        (["model=[mlp,softmax]", "data=iris"], "model: [mlp, softmax]"),
        (["model=softmax"], "model: softmax: does not fit data=diabetes"),
        (["executor=dask"], "job=card trains in this process"),
        (["budget.deadline=60"], "is for job=tune, not for job=card"),
        (["data=[iris,iris]"], "must name each once"),
    ],
)
def test_what_no_card_is_of_is_told_in_one_line(
    overrides: list[str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        card.run(config(tmp_path, *overrides, *SMALL), Event())
    (line,) = str(error.value).splitlines()
    assert words in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", optimizers.names())
def test_the_file_of_an_optimizer_says_all_that_its_card_shows(name: str) -> None:
    rule = Rule(name)
    assert rule.summary.endswith(".")
    assert rule.source
    assert "return" in rule.formula
    assert '"""' not in rule.formula
    assert set(rule.optimizer.own) <= set(rule.arguments)
    assert rule.example[1].startswith(">>>")


def test_the_basin_is_where_a_rate_gains_nine_tenths_of_the_best() -> None:
    rates = np.array([0.01, 0.1, 1.0, 10.0, 100.0])
    losses = np.array([[0.9, 0.18, 0.1, 0.19, 0.2], [0.9, 0.18, 0.1, 0.19, np.nan]])
    assert as_good(Sweep(rates, np.ones(2), losses)) == (0.1, 10.0)
    assert as_good(Sweep(rates, np.ones(2), np.ones((2, 5)))) is None
