"""What the search tests share: trials of a small problem, and races among them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import pytest

from tests.training.conftest import member, supervised
from tuner.search.pruners import Rule
from tuner.search.racing import Race
from tuner.search.trials import Goal, Outcome, Trial
from tuner.study.runners.population import PopulationRunner
from tuner.training.loop import Trainer
from tuner.training.problems import Problem

EPOCHS = 20
Racer = Callable[..., Race]


def trial(number: int, **settings: Any) -> Trial:
    return Trial(number, settings, started_ms=1_700_000_000_000 + number)


@pytest.fixture
def race() -> Any:
    """Makes a race of SGD trials with these rates, a member for each pair of seed and fold.

    A rate's structure picks its problem.
    """
    with ExitStack() as stack:

        def make(
            rates: Sequence[float],
            rule: Rule,
            problems: Sequence[Problem] | None = None,
            structures: Sequence[int] | None = None,
            epochs: int = EPOCHS,
            stop: Event | None = None,
            keys: Sequence[tuple[int, int]] = ((0, 0),),
            **hooks: Any,
        ) -> Race:
            chosen = problems or [supervised(hidden=(6,))]
            places = structures or [0] * len(rates)
            runners = []
            for place in sorted(set(places)):
                trainer = stack.enter_context(Trainer(chosen[place], epochs, 1, stop))
                members = [
                    replace(member("sgd", trial=number, seed=seed, lr=lr), fold=fold)
                    for number, lr in enumerate(rates)
                    if places[number] == place
                    for seed, fold in keys
                ]
                runners.append(PopulationRunner(trainer, members))
            trials = [trial(number, lr=lr) for number, lr in enumerate(rates)]
            return Race(trials, runners, rule, epochs, **hooks)

        yield make


def outcome(
    of: Trial,
    state: str,
    losses: Sequence[float],
    *,
    diverged_at: float | None = None,
    rungs: Mapping[int, float] | None = None,
    goal: Goal = Goal(),  # noqa: B008 (frozen)
) -> Outcome:
    """An outcome with this curve of validation losses; the initial loss is 4."""
    curves = {"validation_loss": list(losses), "train_loss": list(losses)}
    curves["validation_accuracy"] = [0.5] * len(losses)
    curves = {name: curve for name, curve in curves.items() if curve}
    start = {"validation_loss": 4.0, "train_loss": 4.0, "validation_accuracy": 0.1}
    return Outcome(
        of, state, "as the test wants it", len(losses), start, curves, dict(rungs or {}),
        diverged_at, "slow", "none", "none", goal,
    )  # fmt: skip


def halved(curves: Mapping[int, np.ndarray], epochs: int) -> dict[int, int]:
    """How many epochs each trial trains under halving, worked out from whole curves by hand.

    curves: validation losses by trial, one an epoch, shorter where a trial diverged.
    """
    trained = {number: len(losses) for number, losses in curves.items()}
    entered = len(curves)
    for tenths in (1, 2, 4, 8):
        rung = -(-epochs * tenths // 10)
        running = [n for n, length in trained.items() if length >= rung]
        keep = max(1, -(-entered // 2))
        order = sorted(running, key=lambda n: (curves[n][rung - 1], n))
        for loser in order[keep:]:
            trained[loser] = rung
        entered = len(order[:keep])
    return trained
