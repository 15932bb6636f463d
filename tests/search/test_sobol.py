"""Promises of the quasi-random settings: even over the branches, even within each of them."""

from collections import Counter
from itertools import combinations, product
from typing import Any

import numpy as np
import optuna
import pytest

from tuner.errors import UserError
from tuner.search.constraints import parse
from tuner.search.samplers.quasi_random import QuasiRandom, dealt
from tuner.search.space import Choices, Range, Space

UNIT = Range(0.0, 1.0)
BRANCHES = {"optimizer": ("adam", "sgd", "lion"), "schedule": ("cosine", "linear")}
FOREST = Space(
    fixed={"model": "mlp"},
    searched={
        "optimizer": Choices(BRANCHES["optimizer"]),
        "optimizer.adam.lr": UNIT,
        "optimizer.adam.beta1": UNIT,
        "optimizer.sgd.lr": UNIT,
        "schedule": Choices(BRANCHES["schedule"]),
        "schedule.cosine.final": UNIT,
        "momentum": UNIT,
    },
    branches={**BRANCHES, "model": ("mlp",)},
)


def asked(space: Space, count: int, seed: int = 0) -> list[dict[str, Any]]:
    study = optuna.create_study()
    for _ in range(count):
        assert QuasiRandom().ask(study, space, seed)
    return [space.settings_of(t) for t in study.get_trials(deepcopy=False)]


def spread(counts: Counter[Any], options: int) -> int:
    """By how much the counts of so many options differ at the most."""
    return max(counts.values()) - (min(counts.values()) if len(counts) == options else 0)


@pytest.mark.parametrize("sizes", [(), (1,), (3,), (2, 2), (4, 6), (2, 3, 4), (5, 1, 5), (34, 24)])
def test_options_are_dealt_out_evenly_at_any_number_of_trials(sizes: tuple[int, ...]):
    whole = int(np.prod(sizes, dtype=int))
    hands = [dealt(index, sizes) for index in range(2 * whole + 7)]
    assert set(hands[:whole]) == set(product(*map(range, sizes)))
    together: Counter[Any] = Counter()
    alone = [Counter[Any]() for _ in sizes]
    for hand in hands:
        together[hand] += 1
        assert spread(together, whole) <= 1
        for counts, option, size in zip(alone, hand, sizes, strict=True):
            counts[option] += 1
            assert spread(counts, size) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_branches_differ_by_one_trial_at_the_most(seed: int):
    settings = asked(FOREST, 40, seed)
    for count in range(1, 41):
        for groups in (("optimizer",), ("schedule",), ("optimizer", "schedule")):
            taken = Counter(tuple(s[g] for g in groups) for s in settings[:count])
            assert spread(taken, int(np.prod([len(BRANCHES[g]) for g in groups]))) <= 1


def strata(values: list[float], parts: int) -> Counter[int]:
    return Counter(int(value * parts) for value in values)


@pytest.mark.parametrize("seed", range(3))
def test_the_points_of_each_combination_of_branches_are_a_net(seed: int):
    settings = asked(FOREST, 6 * 16, seed)
    for optimizer, schedule in product(*BRANCHES.values()):
        own = [s for s in settings if (s["optimizer"], s["schedule"]) == (optimizer, schedule)]
        paths = [path for path in own[0] if FOREST.searched.get(path) == UNIT]
        assert len(own) == 16
        for path in paths:
            assert set(strata([s[path] for s in own], 16).values()) == {1}
        for a, b in combinations(paths[:2], 2):
            cells = Counter((int(s[a] * 4), int(s[b] * 4)) for s in own)
            assert set(cells.values()) == {1}


@pytest.mark.parametrize("seed", range(3))
def test_the_points_of_a_branch_are_spread_evenly_and_so_are_all(seed: int):
    settings = asked(FOREST, 6 * 16, seed)
    adam = [s for s in settings if s["optimizer"] == "adam"]
    for path in ("optimizer.adam.lr", "optimizer.adam.beta1", "momentum"):
        assert set(strata([s[path] for s in adam], 16).values()) == {2}
    assert set(strata([s["momentum"] for s in settings], 16).values()) == {6}


def test_a_branch_without_settings_of_its_own_has_its_share():
    searched = {"optimizer": Choices(("a", "b")), "momentum": Range(0.0, 1.0)}
    space = Space({}, searched, {"optimizer": ("a", "b")})
    assert Counter(s["optimizer"] for s in asked(space, 9)).total() == 9
    assert spread(Counter(s["optimizer"] for s in asked(space, 9)), 2) == 1


def test_conditions_leave_the_branches_even():
    text = "momentum < 0.5 and optimizer != 'sgd' or optimizer == 'sgd' and momentum > 0.9"
    condition = parse(text, FOREST.kinds(), FOREST.branches)
    space = Space(FOREST.fixed, FOREST.searched, FOREST.branches, (condition,))
    settings = asked(space, 48)
    assert all(condition.holds(s) for s in settings)
    assert set(Counter((s["optimizer"], s["schedule"]) for s in settings).values()) == {8}
    lions = [s["momentum"] for s in settings if s["optimizer"] == "lion"]
    assert min(strata([2 * m for m in lions], 4).values()) >= 2
    assert len({str(s) for s in settings}) == 48


def test_a_branch_that_the_conditions_forbid_altogether_is_told():
    condition = parse("optimizer != 'sgd'", FOREST.kinds(), FOREST.branches)
    space = Space(FOREST.fixed, FOREST.searched, FOREST.branches, (condition,))
    with pytest.raises(UserError, match=r"where: optimizer != 'sgd': .* it holds for none of them"):
        asked(space, 6)
