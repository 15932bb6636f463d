"""Promises of docs/optimizers: a page for every optimizer, each as its file and numbers have it."""

import json
from pathlib import Path

import numpy as np
import pytest

from docs import optimizers as made
from tuner.training import optimizers

NAMES = optimizers.names()


@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_has_a_page_with_two_pictures_that_is_up_to_date(name: str) -> None:
    measured = made.kept(name)
    assert measured is not None, "run: python -m docs.optimizers"
    page = (made.FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert page == made.text_of(name, measured), "run: python -m docs.optimizers --pages"
    for picture in ("rates", "paths"):
        assert (made.FOLDER / f"{name}-{picture}.png").stat().st_size < 100_000


def test_what_is_there_is_of_optimizers_that_there_are() -> None:
    pages = {path.stem for path in made.FOLDER.glob("*.md")} - {Path(made.RANKING).stem}
    assert pages == {path.stem for path in made.MEASURED.glob("*.json")} == set(NAMES)


@pytest.mark.slow
def test_the_ranking_is_that_of_what_was_measured() -> None:
    page = (made.FOLDER / made.RANKING).read_text(encoding="utf-8")
    assert page == made.pages()[made.RANKING], "run: python -m docs.optimizers --pages"


def test_pictures_are_small() -> None:
    assert sum(path.stat().st_size for path in made.FOLDER.glob("*.png")) < 3_000_000


def test_an_optimizer_that_is_better_in_every_trial_ranks_first_at_every_budget() -> None:
    rng = np.random.default_rng(0)
    losses = rng.uniform(0.5, 0.9, (made.PAIRS, made.TRIALS))

    def tuned(factor: float) -> dict[str, made.Tuned]:
        rows = tuple(tuple(row) for row in (factor * losses).tolist())
        return {data: made.Tuned((1.0, 1.0), rows, rows) for data in ("a", "b")}

    found = made.ranking({"worse": tuned(1.0), "better": tuned(0.1)})
    for own in found.values():
        assert own["better"].rank < own["worse"].rank
        assert own["better"].share == pytest.approx(1.0)


def test_a_choice_that_diverges_when_it_is_judged_is_worth_the_start() -> None:
    own = made.Tuned((2.0,), ((0.1, 0.5, None),), ((None, 0.6, None),))
    assert made.gains(own, 0, np.array([0, 1])) == 2.0
    assert made.gains(own, 0, np.array([1, 2])) == 0.6
    assert made.gains(own, 0, np.array([2])) == 2.0


def test_what_is_kept_is_plain_json_of_finite_numbers() -> None:
    for path in made.MEASURED.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
