"""Importances: the share of the differences between trials that each setting explains."""

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.search.ranges import Choices, Setting
from tuner.search.statistics import worth
from tuner.search.trials import ENDED, TrialResult

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

# With fewer trials an importance means nothing.
FEWEST = 16
# PED-ANOVA compares the best tenth of the trials, and at least so many, with all.
BEST, FEWEST_BEST = 0.1, 5
# Functional ANOVA takes 0.1 ms for each tree and trial: the more trials, the fewer trees, and with
# more than LARGEST trials it is left out.
TREES, LEAVES, LARGEST = 24, 1_600, 200
# It encodes a choice one-hot and goes through all combinations of its columns, 2**options of them:
# 12 options take 6 s, 16 some minutes. With wider choices than this it is left out as well.
WIDEST = 8


@dataclass(frozen=True)
class Importance:
    """The share of the differences between a study's trials that one setting explains.

    Attributes:
        path: the setting's path.
        fanova, ped_anova: the shares by functional ANOVA over random forests (Hutter et al. 2014)
            and by Pearson divergences between good trials and all (Watanabe et al. 2023). None if
            too few trials have the setting, or if it is the only one; fanova also if the trials or
            the options of a choice are too many to be quick.
    """

    path: str
    fanova: float | None
    ped_anova: float | None


@dataclass(frozen=True)
class _Shares:
    """The shares by the two methods, by path, of the settings that some trials have in common."""

    fanova: Mapping[str, float]
    ped_anova: Mapping[str, float]


def importances(
    trials: Sequence[TrialResult], searched: Mapping[str, Setting], seed: int = 0
) -> tuple[Importance, ...]:
    """The importance of every searched setting, the greatest first.

    A setting of one branch is judged on the trials of that branch. A diverged trial counts with its
    initial loss: its final loss would outweigh all other differences.

    Args:
        trials: the study's trials; failed and interrupted ones are ignored.
        searched: the searched settings by path, with their scales.
        seed: the seed of the random forests.
    """
    ended = [t for t in trials if t.state in ENDED and t.start is not None]
    known: dict[tuple[int, ...], _Shares] = {(): _Shares({}, {})}
    found = []
    for path in searched:
        own = [trial for trial in ended if path in trial.settings]
        numbers = tuple(trial.number for trial in own)
        if numbers not in known:
            known[numbers] = _shares(own, searched, min(TREES, LEAVES // len(ended)), seed)
        shares = known[numbers]
        found.append(Importance(path, shares.fanova.get(path), shares.ped_anova.get(path)))
    return tuple(sorted(found, key=lambda i: (-(i.fanova or i.ped_anova or 0.0), i.path)))


def _shares(
    trials: Sequence[TrialResult], searched: Mapping[str, Setting], trees: int, seed: int
) -> _Shares:
    """The shares of the settings that all of these trials have."""
    shared = {
        path: setting
        for path, setting in searched.items()
        if all(path in trial.settings for trial in trials) and setting.size > 1
    }
    values = {_value(trial) for trial in trials}
    if len(trials) < FEWEST or len(shared) < 2 or len(values) < 2:
        return _Shares({}, {})
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    study, names = _study(trials, shared), list(shared)
    best = max(BEST, FEWEST_BEST / len(trials))
    fanova: Mapping[str, float] = {}
    with warnings.catch_warnings():
        # It warns and returns zero if all trials count as best, as when most trials diverged.
        warnings.simplefilter("ignore")
        ped_anova = PedAnovaImportanceEvaluator(target_quantile=best).evaluate(study, names)
    widest = max((s.count for s in shared.values() if isinstance(s, Choices)), default=0)
    if trees >= LEAVES // LARGEST and widest <= WIDEST:
        # Functional ANOVA raises this error if its trees see no variance.
        with suppress(RuntimeError):
            fanova = FanovaImportanceEvaluator(n_trees=trees, seed=seed).evaluate(study, names)
    return _Shares(_whole(fanova), _whole(ped_anova))


def _whole(shares: Mapping[str, float]) -> dict[str, float]:
    """Scales the shares to a sum of one; returns none if nothing differs."""
    total = math.fsum(shares.values())
    known = total > 0 and math.isfinite(total)
    return {path: float(share / total) for path, share in shares.items()} if known else {}


def _value(trial: TrialResult) -> float:
    assert trial.start is not None
    return worth(math.inf if trial.value is None else trial.value, trial.start)


def _study(trials: Sequence[TrialResult], shared: Mapping[str, Setting]) -> "Study":
    """An Optuna study in memory with the shared settings, ranges on their scales."""
    import optuna

    study = optuna.create_study(storage=optuna.storages.InMemoryStorage())
    distributions = {path: _distribution(setting) for path, setting in shared.items()}
    study.add_trials([
        optuna.trial.create_trial(
            params={path: _place(setting, t.settings[path]) for path, setting in shared.items()},
            distributions=distributions,
            value=_value(t),
        )
        for t in trials
    ])  # fmt: skip
    return study


def _distribution(setting: Setting) -> "BaseDistribution":
    """Optuna's distribution of a setting, with ranges on a scale on which they are linear."""
    from optuna.distributions import FloatDistribution

    if isinstance(setting, Choices):
        return setting.distribution()
    ends = sorted((_place(setting, setting.low), _place(setting, setting.high)))
    return FloatDistribution(*ends)


def _place(setting: Setting, value: Any) -> Any:
    """The position on its scale of a value, or of the setting's nearest value."""
    encoded = setting.encode(setting.nearest(value))
    if isinstance(setting, Choices) or setting.scale == "linear":
        return encoded
    return math.log(float(encoded))
