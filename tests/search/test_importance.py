"""Importances name the setting that makes the difference, and are silent where few trials speak."""

from dataclasses import replace

import pytest

from tests.made_studies import ONE, TWO, made
from tuner.search.importance import FEWEST, LARGEST, WIDEST, importances
from tuner.search.ranges import Choices


def by_path(trials, space):
    return {own.path: own for own in importances(trials, space.searched)}


@pytest.mark.parametrize("space", [ONE, TWO], ids=["one optimizer", "two"])
def test_the_learning_rate_makes_the_difference_by_either_measure(space):
    found = by_path(made(space, 100)[0].all, space)
    for path, own in found.items():
        if path.endswith(".lr"):
            assert own.fanova > 0.7
            assert own.ped_anova > 0.5
    assert set(found) == set(space.searched)


def test_shares_are_of_one_and_the_greatest_comes_first():
    found = importances(made()[0].all, ONE.searched)
    assert sum(own.fanova for own in found) == pytest.approx(1)
    assert sum(own.ped_anova for own in found) == pytest.approx(1)
    assert found[0].path == "optimizer.adam.lr"


def test_they_depend_on_trials_space_and_seed_alone():
    trials = made()[0].all
    assert importances(trials, ONE.searched) == importances(trials, ONE.searched)


def test_a_setting_that_only_few_trials_have_has_none():
    adam = [t for t in made(TWO, 100)[0].all if t.optimizer == "adam"][:40]
    few = [t for t in made(TWO, 100)[0].all if t.optimizer == "sgd"][: FEWEST - 1]
    found = by_path([*adam, *few], TWO)
    assert found["optimizer.sgd.lr"].fanova is found["optimizer.sgd.lr"].ped_anova is None


def test_one_setting_alone_has_none_for_it_would_always_be_all():
    only = replace(ONE, searched={"optimizer.adam.lr": ONE.searched["optimizer.adam.lr"]})
    (own,) = importances(made()[0].all, only.searched)
    assert own.fanova is own.ped_anova is None


def test_trials_that_are_all_alike_or_none_say_nothing():
    alike = [replace(t, value=1.0, start=1.0) for t in made()[0].all]
    for trials in (alike, []):
        assert {own.fanova for own in importances(trials, ONE.searched)} == {None}


@pytest.mark.parametrize("good", [0.0, 1.0 - 1e-16], ids=["few are good", "they hardly differ"])
def test_where_nearly_all_diverged_nothing_is_said_aloud(good):
    trials = [
        replace(t, state="COMPLETE" if t.number < 3 else "DIVERGED", start=1.0,
                value=good if t.number < 3 else None)
        for t in made(count=20)[0].all
    ]  # fmt: skip
    assert {own.ped_anova for own in importances(trials, ONE.searched)} == {None}


def test_of_many_trials_only_the_quick_measure_is_taken():
    found = by_path(made(count=LARGEST + 1)[0].all, ONE)["optimizer.adam.lr"]
    assert found.fanova is None
    assert found.ped_anova > 0.5


@pytest.mark.parametrize("options", [WIDEST, WIDEST + 1])
def test_a_choice_of_many_options_has_the_quick_measure_alone(options):
    searched = {**ONE.searched, "batch_size": Choices(tuple(range(options)))}
    trials = [
        replace(t, settings={**t.settings, "batch_size": t.number % options})
        for t in made(count=40)[0].all
    ]
    found = {own.path: own for own in importances(trials, searched)}["optimizer.adam.lr"]
    assert (found.fanova is None) == (options > WIDEST)
    assert found.ped_anova > 0.3
