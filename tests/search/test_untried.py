"""Promises of what is left to try: a setting is tried once, and few settings end a study."""

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from tests.search.test_samplers import SAMPLERS, ask, asked, grid
from tuner.errors import UserError
from tuner.search.constraints import parse
from tuner.search.initial_trials import InitialTrial, ask_initial
from tuner.search.samplers import Sampler
from tuner.search.samplers.grid import Grid
from tuner.search.samplers.tpe import TPE
from tuner.search.space import Choices, Range, Space


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def conditioned(space: Space, *texts: str) -> Space:
    parsed = [parse(text, space.kinds(), space.branches) for text in texts]
    return Space(space.fixed, space.searched, space.branches, tuple(parsed))


BRANCHES = Space(
    fixed={"model": "mlp"},
    searched={
        "optimizer": Choices(("adam", "sgd", "lion")),
        "optimizer.adam.lr": Range(0.1, 0.5, step=0.1),
        "optimizer.adam.beta1": Choices(([0.9], [0.8, 0.7])),
        "optimizer.sgd.lr": Choices((1.0, 2.0)),
        "width": Range(1, 3, "log", integer=True),
    },
    branches={"optimizer": ("adam", "sgd", "lion")},
)
FINITE = {
    "choices": (Space({}, {"x": Choices((1, 2, 3))}, {}), 3),
    "a grid of decimals": (Space({}, {"x": Range(0.1, 0.9, step=0.2)}, {}), 5),
    "whole numbers on a log scale": (Space({}, {"x": Range(1, 30, "log", integer=True)}, {}), 30),
    "branches": (BRANCHES, (10 + 2 + 1) * 3),
    "conditions": (conditioned(BRANCHES, "lr < 0.35 or width == 2"), (6 + 1) * 3 + 4 + 2 - 1),
    "one option of many": (conditioned(BRANCHES, "optimizer == 'lion'", "width > 2"), 1),
}


@pytest.mark.parametrize("sampler", [*SAMPLERS.values(), TPE(2)], ids=[*SAMPLERS, "tpe at once"])
@pytest.mark.parametrize("case", FINITE)
@pytest.mark.parametrize("together", [True, False])
def test_a_space_of_few_settings_ends_when_each_was_tried_once(
    sampler: Sampler, case: str, together: bool
):
    (space, _), study = FINITE[case], optuna.create_study()
    expected = {str(own) for own in grid(space)}
    while len(study.get_trials(deepcopy=False)) <= 40 and sampler.ask(study, space, 0):
        if not together:
            study.tell(len(study.get_trials(deepcopy=False)) - 1, 1.0)
    found = [str(settings) for settings in asked(study, space)]
    assert len(found) == len(set(found)) == len(expected)
    assert set(found) == expected
    if not space.conditions:
        assert len(found) == FINITE[case][1]
        assert space.size == FINITE[case][1]
    if together:
        # What failed is the only setting that is left.
        study.tell(0, state=TrialState.FAIL)
        assert sampler.ask(study, space, 0)
        assert str(asked(study, space)[-1]) == found[0]
    assert not sampler.ask(study, space, 0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_branch_of_few_settings_is_left_when_they_were_tried(name: str):
    """One optimizer has one setting, the other a continuum."""
    options = ("adam", "sgd")
    searched = {"optimizer": Choices(options), "optimizer.adam.lr": Range(1e-3, 1.0, "log")}
    space = Space({"optimizer.sgd.lr": 0.1}, searched, {"optimizer": options})
    study = optuna.create_study()
    ask(study, SAMPLERS[name], space, 12)
    assert [s["optimizer"] for s in asked(study, space)].count("sgd") <= 1
    assert len({str(s) for s in asked(study, space)}) == 12


@pytest.mark.parametrize("name", SAMPLERS)
def test_initial_trials_and_their_twins_are_not_proposed_again(name: str):
    space = Space({}, {"x": Range(0.1, 0.5, step=0.1), "y": Choices(("a", "b"))}, {})
    first = [
        InitialTrial({"x": x, "y": "a"}, {"study": "s", "trial": n})
        for n, x in enumerate((0.1 + 0.2, 0.3, 0.5))
    ]
    study, count = optuna.create_study(), 0
    while ask_initial(study, space, first) or SAMPLERS[name].ask(study, space, 0):
        count += 1
    assert count == 10
    found = {(round(s["x"], 9), s["y"]) for s in asked(study, space)}
    assert len(found) == 10


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_last_setting_of_many_is_found(name: str):
    """A draw finds one of 30 numbers on a log scale seldom; where few are left they are counted."""
    space = Space({}, {"x": Range(1, 9000, "log", integer=True)}, {})
    study = optuna.create_study()
    study.add_trials([space.trial({"x": n}) for n in range(1, 9001) if n not in (8000, 8999)])
    for _ in range(2):
        assert SAMPLERS[name].ask(study, space, 0)
    assert {s["x"] for s in asked(study, space)[-2:]} == {8000, 8999}
    assert not SAMPLERS[name].ask(study, space, 0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_range_of_two_numbers_next_to_each_other_is_no_loop(name: str):
    low = 1.0
    space = Space({}, {"x": Range(low, float(np.nextafter(low, 2)))}, {})
    study = optuna.create_study()
    study.add_trials([space.trial({"x": x}) for x in (low, float(np.nextafter(low, 2)))])
    with pytest.raises(UserError, match=r"^\d+ settings were drawn, and none of them is new"):
        SAMPLERS[name].ask(study, space, 0)


@pytest.mark.parametrize("scale", [1, 10**6, 10**300])
def test_a_grid_of_too_many_combinations_is_refused_and_never_made(scale: int):
    searched = {"x": Range(1, scale * 10**6, integer=True), "y": Choices((1, 2))}
    with pytest.raises(UserError, match=r"^x: 1 to .*: the grid has 2\.0e\+\d+ combinations"):
        Grid().check(Space({}, searched, {}))
    Grid().check(Space({}, {"x": Range(1, 10**6, integer=True)}, {}))


def test_a_long_grid_is_made_as_far_as_it_is_tried():
    study, space = optuna.create_study(), Space({}, {"x": Range(1, 10**6, integer=True)}, {})
    for _ in range(3):
        assert Grid().ask(study, space, 0)
    assert [s["x"] for s in asked(study, space)] == [1, 2, 3]
