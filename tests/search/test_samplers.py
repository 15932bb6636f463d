"""Promises of the samplers: the seed, the number and the history decide; nothing else does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from tuner.errors import UserError
from tuner.search import proposals, samplers
from tuner.search.constraints import parse
from tuner.search.initial_trials import InitialTrial, ask_initial
from tuner.search.samplers import Sampler
from tuner.search.samplers.grid import Grid
from tuner.search.samplers.quasi_random import QuasiRandom
from tuner.search.samplers.random import Random
from tuner.search.samplers.tpe import TPE
from tuner.search.space import Choices, Range, Space
from tuner.search.untried import counted

SPACE = Space(
    fixed={"model": "mlp"},
    searched={
        "optimizer": Choices(("adam", "sgd")),
        "optimizer.adam.lr": Range(1e-5, 1e-1, "log"),
        "optimizer.adam.beta1": Range(0.5, 0.99, "reverse_log"),
        "optimizer.sgd.lr": Range(1e-3, 1.0, "log"),
        "batch_size": Range(8, 64, step=8, integer=True),
        "momentum": Range(0.0, 1.0),
    },
    branches={"optimizer": ("adam", "sgd")},
)
PLANE = Space({}, {"x": Range(0.0, 1.0), "y": Range(0.0, 1.0)}, {})
# Settings with which a short study shows all that a sampler does.
SHORT = {"tpe": {"startup": 4}}
SAMPLERS: dict[str, Sampler] = {
    name: samplers.load(name)(**SHORT.get(name, {})) for name in samplers.names() if name != "grid"
}


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def loss(settings: dict[str, Any]) -> float:
    """Something to learn from: how far the settings are from a good place."""
    rate = settings.get("optimizer.adam.lr", settings.get("optimizer.sgd.lr", 1e-2))
    return float((np.log10(rate) + 2) ** 2 + abs(settings.get("momentum", 0.9) - 0.9))


def ask(study: optuna.Study, sampler: Sampler, space: Space, count: int, seed: int = 0) -> None:
    """Asks so many trials, telling each before the next; every fifth is pruned."""
    for _ in range(count):
        assert sampler.ask(study, space, seed)
        trial = study.get_trials(deepcopy=False)[-1]
        value = loss(space.settings_of(trial))
        state = TrialState.PRUNED if trial.number % 5 == 4 else TrialState.COMPLETE
        if state is TrialState.PRUNED:
            optuna.trial.Trial(study, trial._trial_id).report(value, 1)
        study.tell(trial.number, None if state is TrialState.PRUNED else value, state)


def grid(space: Space) -> list[dict[str, Any]]:
    """Every combination that is allowed."""
    return [own for part in space.parts() for _, own in space.allowed(part)]


def asked(study: optuna.Study, space: Space) -> list[dict[str, Any]]:
    return [space.settings_of(t) for t in study.get_trials(deepcopy=False)]


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_asks_the_same(name: str):
    first, again = optuna.create_study(), optuna.create_study()
    for study in (first, again):
        ask(study, SAMPLERS[name], SPACE, 15, seed=3)
    assert asked(first, SPACE) == asked(again, SPACE)


@pytest.mark.parametrize("name", SAMPLERS)
def test_another_seed_asks_otherwise(name: str):
    first, other = optuna.create_study(), optuna.create_study()
    ask(first, SAMPLERS[name], SPACE, 3, seed=3)
    ask(other, SAMPLERS[name], SPACE, 3, seed=4)
    assert all(a != b for a, b in zip(asked(first, SPACE), asked(other, SPACE), strict=True))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("at", [1, 3, 4, 5, 11])
def test_a_study_taken_up_again_asks_what_it_would_have_asked(name: str, at: int):
    whole, part, resumed = (optuna.create_study() for _ in range(3))
    ask(whole, SAMPLERS[name], SPACE, 15)
    ask(part, SAMPLERS[name], SPACE, at)
    resumed.add_trials(part.get_trials())
    ask(resumed, SAMPLERS[name], SPACE, 15 - at)
    assert asked(resumed, SPACE) == asked(whole, SPACE)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_cohort_asked_together_has_settings_of_its_own_each(name: str):
    study = optuna.create_study()
    for _ in range(16):
        SAMPLERS[name].ask(study, SPACE, 0)
    assert len({str(s) for s in asked(study, SPACE)}) == 16
    assert all(t.state is TrialState.RUNNING for t in study.get_trials())


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_space_with_nothing_searched_gives_what_is_fixed_once(name: str):
    space = Space({"optimizer": "sgd", "optimizer.sgd.lr": 0.1}, {}, {"optimizer": ("sgd",)})
    study = optuna.create_study()
    ask(study, SAMPLERS[name], space, 1)
    assert asked(study, space) == [dict(space.fixed)]
    assert not SAMPLERS[name].ask(study, space, 0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_settings_lie_in_the_space(name: str):
    study = optuna.create_study()
    ask(study, SAMPLERS[name], SPACE, 30)
    for settings in asked(study, SPACE):
        for path, value in settings.items():
            searched = SPACE.searched.get(path)
            if isinstance(searched, Range):
                assert searched.low * (1 - 1e-12) <= value <= searched.high * (1 + 1e-12)
            elif searched:
                assert value in searched.options


LINKED = Space(
    SPACE.fixed,
    SPACE.searched,
    SPACE.branches,
    tuple(
        parse(text, SPACE.kinds(), SPACE.branches)
        for text in ("lr < 0.1 * (1 - momentum)", "batch_size <= 32 or optimizer == 'sgd'")
    ),
)


@pytest.mark.parametrize("name", SAMPLERS)
def test_only_settings_that_the_conditions_allow_are_asked(name: str):
    study = optuna.create_study()
    ask(study, SAMPLERS[name], LINKED, 25)
    for settings in asked(study, LINKED):
        rate = settings[f"optimizer.{settings['optimizer']}.lr"]
        assert rate < 0.1 * (1 - settings["momentum"])
        assert settings["batch_size"] <= 32 or settings["optimizer"] == "sgd"
    assert len({str(s) for s in asked(study, LINKED)}) == 25


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("at", [1, 5, 9])
@pytest.mark.slow
def test_conditions_are_kept_across_a_resume(name: str, at: int):
    whole, resumed = optuna.create_study(), optuna.create_study()
    ask(whole, SAMPLERS[name], LINKED, 12)
    ask(resumed, SAMPLERS[name], LINKED, at)
    again = optuna.create_study()
    again.add_trials(resumed.get_trials())
    ask(again, SAMPLERS[name], LINKED, 12 - at)
    assert asked(again, LINKED) == asked(whole, LINKED)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.slow
def test_conditions_that_hold_nowhere_are_told_in_one_line(name: str):
    condition = parse("momentum > 2", SPACE.kinds(), SPACE.branches)
    space = Space(SPACE.fixed, SPACE.searched, SPACE.branches, (condition,))
    with pytest.raises(
        UserError,
        match=r"^where: momentum > 2: \d+ settings were drawn, and it holds for none of them",
    ):
        SAMPLERS[name].ask(optuna.create_study(), space, 0)
    assert not space.anything_allowed()


def test_a_grid_asks_what_the_conditions_allow():
    plain = Space({}, {"x": Range(0.0, 1.0, step=0.5), "y": Range(0.0, 1.0, step=0.5)}, {})
    condition = parse("x < y", plain.kinds(), ())
    study, space = optuna.create_study(), Space({}, plain.searched, {}, (condition,))
    while Grid().ask(study, space, 0):
        pass
    pairs = [(s["x"], s["y"]) for s in asked(study, space)]
    assert pairs == [(0.0, 0.5), (0.0, 1.0), (0.5, 1.0)]


@pytest.mark.parametrize("name", SAMPLERS)
def test_trials_of_other_ranges_teach_by_the_ranges_of_now(name: str):
    study, later = optuna.create_study(), optuna.create_study()
    ask(study, SAMPLERS[name], SPACE, 16)
    edited = Space(
        SPACE.fixed,
        {
            **SPACE.searched,
            "optimizer.adam.lr": Range(1e-4, 1.0),
            "momentum": Range(0.2, 0.999, "reverse_log"),
            "batch_size": Choices((8, 16, 24, 32, 40, 48, 56, 64, 128)),
        },
        SPACE.branches,
    )
    later.add_trials([edited.seen(t) for t in study.get_trials()])
    fit = [not edited.misfit(s) for s in asked(study, SPACE)]
    assert 0 < sum(fit) < 16
    seen = [t.state is not TrialState.FAIL for t in later.get_trials()]
    assert seen == fit
    for trial, settings in zip(later.get_trials(), asked(study, SPACE), strict=True):
        if trial.state is not TrialState.FAIL:
            again = edited.settings_of(trial)
            assert again.keys() == settings.keys()
            for path, value in again.items():
                number = isinstance(value, float)
                assert value == (pytest.approx(settings[path]) if number else settings[path])
            assert trial.distributions == edited.trial(settings).distributions
    ask(later, SAMPLERS[name], edited, 8)
    assert all(not edited.misfit(s) for s in asked(later, edited)[16:])


def cells(points: np.ndarray, parts: int) -> np.ndarray:
    """How many points fall into each cell of a square cut in parts x parts."""
    return np.histogram2d(*points.T, bins=parts, range=[[0, 1], [0, 1]])[0]


def plane(sampler: Sampler, count: int, seed: int) -> np.ndarray:
    study = optuna.create_study()
    for _ in range(count):
        sampler.ask(study, PLANE, seed)
    return np.array([[t.params["x"], t.params["y"]] for t in study.get_trials(deepcopy=False)])


@pytest.mark.parametrize("seed", range(5))
def test_quasi_random_points_cover_the_plane_evenly(seed: int):
    points = plane(QuasiRandom(), 64, seed)
    assert (cells(points, 8) == 1).all()
    assert (cells(points[:16], 4) == 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_tpe_begins_with_each_part_of_each_range_once(seed: int):
    points = plane(TPE(16), 16, seed)
    for axis in points.T:
        assert sorted(np.floor(axis * 16)) == list(range(16))


def test_random_points_are_spread_over_the_plane():
    assert (cells(plane(Random(), 400, 0), 4) > 8).all()


def test_tpe_asks_while_no_trial_has_ended():
    study = optuna.create_study()
    for _ in range(12):
        TPE(4).ask(study, SPACE, 0)
    assert len(study.get_trials()) == 12


def test_tpe_asks_when_every_trial_failed():
    study = optuna.create_study()
    for _ in range(12):
        TPE(4).ask(study, SPACE, 0)
    for trial in study.get_trials():
        study.tell(trial.number, state=TrialState.FAIL)
    for _ in range(12):
        TPE(4).ask(study, SPACE, 0)
    settings = [str(s) for s in asked(study, SPACE)]
    assert settings[12:16] == settings[:4]
    assert len(set(settings)) == 20


def failing(study: optuna.Study, sampler: Sampler, space: Space, rounds: int) -> list[int]:
    """Asks rounds of five trials, of which all but the last two fail; the numbers that count."""
    good = []
    for _ in range(rounds):
        numbers = []
        for _ in range(5):
            if sampler.ask(study, space, 0):
                numbers.append(len(study.get_trials(deepcopy=False)) - 1)
        for number in numbers[:-2]:
            study.tell(number, state=TrialState.FAIL)
        for number in numbers[-2:]:
            study.tell(number, loss(space.settings_of(study.get_trials()[number])))
        good += numbers[-2:]
    return good


GRID = Space({}, {"x": Range(0.0, 1.0, step=0.1), "y": Choices(([8], [8, 8], "a"))}, {})


def test_a_grid_asks_again_what_failed():
    study = optuna.create_study()
    good = failing(study, Grid(), GRID, 17)
    settings = asked(study, GRID)
    assert len(grid(GRID)) == 33 == len(good)
    assert sorted(str(settings[n]) for n in good) == sorted(str(s) for s in grid(GRID))
    assert not Grid().ask(study, GRID, 0)


def test_a_grid_passes_over_an_initial_trial_and_nothing_else():
    study, initial = optuna.create_study(), InitialTrial(grid(GRID)[7], {"trial": 1})
    while ask_initial(study, GRID, [initial]) or Grid().ask(study, GRID, 0):
        pass
    rest = [s for n, s in enumerate(grid(GRID)) if n != 7]
    assert asked(study, GRID) == [grid(GRID)[7], *rest]


def test_an_edited_grid_asks_what_is_new_in_it():
    study, later = optuna.create_study(), optuna.create_study()
    while Grid().ask(study, GRID, 0):
        pass
    wide = Space({}, {**GRID.searched, "x": Range(0.2, 1.2, step=0.1)}, {})
    later.add_trials([wide.seen(trial) for trial in study.get_trials()])
    while Grid().ask(later, wide, 0):
        pass
    assert {s["x"] for s in asked(later, wide)[33:]} == {1.1, 1.2}
    assert len(later.get_trials()) == 33 + 6


def test_quasi_random_trials_that_count_are_those_of_a_study_where_none_failed():
    study, whole = optuna.create_study(), optuna.create_study()
    good = failing(study, QuasiRandom(), LINKED, 6)
    ask(whole, QuasiRandom(), LINKED, 12)
    settings = asked(study, LINKED)
    assert sorted(str(settings[n]) for n in good) != sorted(map(str, asked(whole, LINKED)))
    for _ in range(30):
        QuasiRandom().ask(study, LINKED, 0)
    counting = [LINKED.settings_of(t) for t in counted(study)]
    ask(whole, QuasiRandom(), LINKED, 30)
    assert sorted(map(str, counting)) == sorted(map(str, asked(whole, LINKED)))


def test_tpe_tries_each_part_of_each_range_though_trials_fail():
    study = optuna.create_study()
    failing(study, TPE(8), PLANE, 6)
    for _ in range(3):
        TPE(8).ask(study, PLANE, 0)
    planned = [t for t in counted(study) if proposals.PLACE in t.user_attrs]
    for axis in ("x", "y"):
        assert sorted(int(t.params[axis] * 8) for t in planned) == list(range(8))


def test_a_grid_asks_every_combination_once_and_then_ends():
    space = Space({}, {"x": Range(0.0, 1.0, step=0.5), "y": Choices(("a", "b"))}, {})
    study = optuna.create_study()
    while Grid().ask(study, space, 0):
        pass
    assert asked(study, space) == grid(space)
    assert len(grid(space)) == 6


def best(sampler: Sampler, trials: int, seed: int) -> float:
    """The best of so many trials on a bowl with a narrow valley, in two dimensions."""
    space = Space({}, {"lr": Range(1e-6, 1e2, "log"), "b": Range(0.0, 0.999, "reverse_log")}, {})
    study = optuna.create_study()
    for _ in range(trials):
        sampler.ask(study, space, seed)
        trial = study.get_trials(deepcopy=False)[-1]
        s = space.settings_of(trial)
        value = (np.log10(s["lr"]) + 2.3) ** 2 + (np.log10(1 - s["b"]) + 1.2) ** 2
        study.tell(trial.number, float(value))
    return study.best_value


@pytest.mark.slow
def test_tpe_beats_random_search_on_average():
    duel: dict[str, Callable[[], list[float]]] = {
        name: lambda s=s: [best(s, 40, seed) for seed in range(20)]
        for name, s in (("tpe", TPE(16)), ("random", Random()))
    }
    scores = {name: np.mean(np.log(play())) for name, play in duel.items()}
    assert scores["tpe"] < scores["random"] - 0.5
