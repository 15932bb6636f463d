"""The comparison: compares the branches of a study at equal budgets."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.codec import Settings
from tuner.config import Config
from tuner.errors import UserError
from tuner.search.ranges import Choices, Range
from tuner.search.space import Space
from tuner.search.statistics import bars, expected_best, profile, ratios_of, winners, worth
from tuner.search.trials import ENDED, Goal, TrialResult, ranked
from tuner.study.comparison_result import GROUPS, Basin, BranchResult, Comparison, Profiles
from tuner.study.confirmation import CHOOSING, JUDGING, Repeats, by_mean, equals, over_best
from tuner.study.results import Repeated
from tuner.training.loop import Trainer
from tuner.training.population import Member, create

# Performance profile thresholds: the fastest only, up to twice its epochs, and any number.
TAUS = (1.0, 2.0, math.inf)

# How many epochs are timed; the fastest one counts.
TIMED = 3

# Trains trials again on a set of fresh seeds (CHOOSING, JUDGING); returns repeats by trial number.
Again = Callable[[Sequence[TrialResult], int], Mapping[int, Repeats]]


@dataclass(frozen=True)
class Branch:
    """One branch: its trials drawn by the sampler, if any, and its textbook trial.

    Attributes:
        default: the trial with the branch's textbook settings, or with the study's if the branch
            has none of its own; None if it did not train to the end.
    """

    name: str
    drawn: Sequence[TrialResult]
    default: TrialResult | None

    @property
    def values(self) -> list[float]:
        """The values of the drawn trials (`value_of`); lower is better."""
        return [value_of(trial) for trial in self.drawn]

    def top(self, count: int) -> list[TrialResult]:
        """The best drawn trials that trained to the end, the best first."""
        return ranked(self.drawn)[:count]

    def count(self, state: str) -> int:
        """The number of drawn trials that ended in this state."""
        return sum(trial.state == state for trial in self.drawn)


def value_of(trial: TrialResult) -> float:
    """The value of a trial for averages.

    A trial that diverged or ended above its start counts with its start value; a pruned one, with
    its last value.
    """
    lost = trial.value is None or trial.state == "DIVERGED"
    return worth(math.nan if lost else known(trial.value), known(trial.start))


def known(number: float | None) -> float:
    """A trial's number; infinity if it was not finite."""
    return math.inf if number is None else number


def group_of(config: Config) -> str:
    """The path of the group or setting that is compared.

    Raises:
        UserError: if nothing can be compared, or several groups could be.
    """
    branches, by, own = config.space.branches, config.compare.by, config.function
    several = [name for name in branches if len(branches[name]) > 1 and (own or name in GROUPS)]
    choices = [p for p, s in config.space.searched.items() if isinstance(s, Choices)]
    whole = [path for path in choices if path not in branches and not _below(path, branches)]
    if by is None and len(several) > 1:
        raise UserError(
            f"compare.by: null: several of {' and '.join(several)} are chosen: say which to compare"
        )
    if by is None and (several or len(whole) == 1):
        return [*several, *whole][0]
    if by in (*several, *whole):
        return str(by)
    known = ", ".join((*several, *whole))
    if own is not None:
        asked = "null" if by is None else by
        if not known:
            raise UserError(
                f"compare.by: {asked}: {own.name}() has no branch and no choices to compare: give "
                f"some, as '{own.name}.<setting>={{choices: [...]}}'"
            )
        raise UserError(f"compare.by: {asked}: say what to compare: must be one of {known}")
    what = by or GROUPS[0]
    if what in branches or by is None:
        raise UserError(
            f"{what}: {', '.join(branches.get(what, ()))}: nothing to compare it with: choose "
            f"several, as {what}=[one,other]"
        )
    must = f"must be {' or '.join(GROUPS)}, or a setting with choices"
    raise UserError(f"compare.by: {by}: {must}{f': {known}' if known else ''}")


def _below(path: str, branches: Mapping[str, Sequence[str]]) -> bool:
    """Whether a setting lies below a branch, so that other branches do not have it."""
    return any(path.startswith(f"{branch}.") and len(o) > 1 for branch, o in branches.items())


def options_of(config: Config, by: str) -> Settings:
    """The compared values by branch name."""
    if by in config.space.branches:
        return {name: name for name in config.space.branches[by]}
    setting = config.space.searched[by]
    assert isinstance(setting, Choices)
    key = by.rpartition(".")[2]
    return {f"{key}={value}": value for value in setting.options}


def branches_of(trials: Sequence[TrialResult], by: str, options: Settings) -> list[Branch]:
    """The branches of a group with their trials; `options` holds the compared values by name."""
    ended = [trial for trial in trials if trial.state in ENDED]
    books = [trial for trial in ended if trial.is_default]
    out = []
    for name, value in options.items():
        there = [t for t in ended if t.settings.get(by) == value]
        # No settings are drawn twice: if textbook trials used up a branch, they count as drawn.
        own = [t for t in there if not t.origin] or [t for t in there if t.is_default]
        near = [t for t in books if t.settings.get(by) == value] or books
        whole = [t for t in near if t.state == "COMPLETE"]
        out.append(Branch(name, own, whole[0] if whole else None))
    return out


def compare(
    config: Config,
    by: str,
    goal: Goal,
    trials: Sequence[TrialResult],
    again: Again,
    seconds: Callable[[TrialResult], float | None],
    stopped: str | None,
    seeds: int,
) -> Comparison:
    """Compares the branches of a finished study.

    Args:
        config: the study's config.
        by: the compared group or setting.
        goal: what the study minimises.
        trials: all trials of the study.
        again: trains trials again on fresh seeds.
        seconds: measures a trial's share of the time of an epoch (`epoch_seconds`); None if it
            cannot.
        stopped: why the study ended before its number of trials.
        seeds: the number of fresh seeds of `again`; 0 if nothing depends on seeds.
    """
    asked = config.compare
    branches = branches_of(trials, by, options_of(config, by))
    tuned = chosen(branches, again, max(1, config.confirm.most_top))
    books = {b.name: b.default for b in branches if b.default is not None}
    judged = again([*tuned.values(), *books.values()], JUDGING)
    best = {name: judged[trial.number] for name, trial in tuned.items()}
    default = {name: judged[trial.number] for name, trial in books.items()}
    order = by_mean(list(best.values()))
    start = known(trials[0].start)
    level = short_of(order[0].mean if order else start, start, asked.within)
    if asked.target is not None:
        level = goal.turn(asked.target)
    alike, worse = {r.trial for r in equals(order)} if order else set(), over_best(order)
    reached = {name: Repeated(**r.fields(worse.get(r.trial))) for name, r in best.items()}
    both = best.keys() & default.keys()
    gains = {name: default[name].over(best[name], len(both)) for name in both}
    textbook = {name: Repeated(**r.fields(gains.get(name))) for name, r in default.items()}
    values = {branch.name: branch.values for branch in branches}
    budgets = budgets_of(values)
    return Comparison(
        study=config.study.name,
        epochs=config.budget.epochs,
        seeds=seeds,
        goal=goal,
        target=goal.turn(level),
        curves={name: best_of_k(own) for name, own in values.items()},
        bars={name: bars(own) for name, own in values.items()},
        budgets=budgets,
        winners=tuple(winners(values, budgets)) if budgets else (),
        branches={
            b.name: BranchResult(
                trials=len(b.drawn),
                pruned=b.count("PRUNED"),
                diverged=b.count("DIVERGED"),
                tuned=reached.get(b.name),
                alike=b.name in best and best[b.name].trial in alike,
                default=textbook.get(b.name),
                to_target=epochs_to(level, best[b.name]) if b.name in best else None,
                basin=basin(b, config.space, asked.within),
                scores=tuned[b.name].scores if b.name in tuned else {},
            )
            for b in branches
        },
        stopped=stopped,
        seconds={n: took for n, own in tuned.items() if (took := seconds(own)) is not None},
    )


def chosen(branches: Sequence[Branch], again: Again, count: int) -> dict[str, TrialResult]:
    """The trial of each branch with the best mean on fresh seeds, among its best `count`."""
    tops = {b.name: top for b in branches if (top := b.top(count))}
    reached = again([trial for top in tops.values() for trial in top], CHOOSING)
    return {n: min(top, key=lambda trial: reached[trial.number].mean) for n, top in tops.items()}


def best_of_k(values: Sequence[float]) -> tuple[float, ...]:
    """The expected best of k = 1, 2, ... values drawn from these, up to all of them."""
    return tuple(expected_best(values, k) for k in range(1, len(values) + 1))


def budgets_of(values: Mapping[str, Sequence[float]]) -> tuple[int, ...]:
    """The numbers of trials 1, 2, 4, ... that every branch reaches."""
    fewest = min(map(len, values.values()))
    return tuple(2**i for i in range(fewest.bit_length())) if fewest else ()


def basin(branch: Branch, space: Space, within: float) -> Basin | None:
    """The width of a branch's good learning rates.

    A trial is good if it falls short of the branch's best by at most the share `within` of the
    best one's gain.

    Returns:
        None if no range of rates is searched on a log scale, or no trial gains anything.
    """
    paths = {trial.rate_path for trial in branch.drawn}
    if len(paths) != 1:
        return None
    setting = space.searched.get(paths.pop() or "")
    if not isinstance(setting, Range) or setting.scale != "log":
        return None
    values, start = np.array(branch.values), known(branch.drawn[0].start)
    if values.min() >= start:
        return None
    good = values <= short_of(float(values.min()), start, within)
    rates = [trial.learning_rate for trial in branch.drawn]
    near = [rate for rate, is_good in zip(rates, good, strict=True) if is_good and rate is not None]
    return Basin(
        decades=float(good.mean() * math.log10(setting.high / setting.low)),
        low=min(near),
        high=max(near),
    )


def short_of(best: float, start: float, within: float) -> float:
    """The level that falls short of the best by the share `within` of its gain over the start.

    It is the best itself if the start is unknown (infinite).
    """
    return best + within * (start - best) if math.isfinite(start) else best


def epochs_to(target: float, repeats: Repeats) -> int | None:
    """The first epoch at which the mean over the seeds reaches the target; None if none does."""
    at = np.flatnonzero(np.array(repeats.curve) <= target)
    return int(at[0]) + 1 if at.size else None


def profiles(data: Mapping[str, Comparison]) -> Profiles:
    """The performance profiles of the branches: how soon they reach the data sets' targets."""
    names = list(next(iter(data.values())).branches)
    costs = {
        name: [float(own.branches[name].to_target or math.inf) for own in data.values()]
        for name in names
    }
    return Profiles(
        data=tuple(data),
        shares={name: tuple(own) for name, own in profile(costs, TAUS).items()},
        ratios={
            name: tuple(ratio if math.isfinite(ratio) else None for ratio in own)
            for name, own in ratios_of(costs).items()
        },
    )


def epoch_seconds(trainer: Trainer, member: Member, rows: int, epochs: int) -> float:
    """One row's share of an epoch's time on all threads, when `rows` equal members train together.

    Args:
        trainer: a trainer of the member's structure.
        member: the member that is trained.
        rows: how many copies of it.
        epochs: the largest number of epochs to train; the fastest one counts.
    """
    population = create(trainer.problem, [member] * rows)
    taken = []
    for epoch in range(1, min(TIMED + 1, epochs) + 1):
        since = time.perf_counter()
        trainer.epoch(population, epoch)
        taken.append(time.perf_counter() - since)
    return min(taken) / rows
