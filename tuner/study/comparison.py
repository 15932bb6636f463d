"""The comparison: the branches of a study at equal budgets."""

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

# The fastest alone, up to twice as many epochs, and however many.
TAUS = (1.0, 2.0, math.inf)

# Epochs that are timed; the fastest counts.
TIMED = 3

# Trains trials again on a set of fresh seeds (CHOOSING, JUDGING); what they reach, by number.
Again = Callable[[Sequence[TrialResult], int], Mapping[int, Repeats]]


@dataclass(frozen=True)
class Branch:
    """One branch: the trials that a sampler drew there, if any, and the textbook's.

    Attributes:
        default: the textbook settings there, or of the study where the branch has none of its
            own; None where these did not train to the end.
    """

    name: str
    drawn: Sequence[TrialResult]
    default: TrialResult | None

    @property
    def values(self) -> list[float]:
        """What the drawn trials are worth, lower is better."""
        return [value_of(trial) for trial in self.drawn]

    def top(self, count: int) -> list[TrialResult]:
        """The best of the drawn trials that trained to the end, the best first."""
        return ranked(self.drawn)[:count]

    def count(self, state: str) -> int:
        """Drawn trials that ended so."""
        return sum(trial.state == state for trial in self.drawn)


def value_of(trial: TrialResult) -> float:
    """What a trial is worth where values are averaged.

    One that diverged or ended above its start is worth its start; one that was pruned, what it had
    reached by then.
    """
    lost = trial.value is None or trial.state == "DIVERGED"
    return worth(math.nan if lost else known(trial.value), known(trial.start))


def known(number: float | None) -> float:
    """A number of a trial; infinity where it was not finite."""
    return math.inf if number is None else number


def group_of(config: Config) -> str:
    """What is compared.

    Raises:
        UserError: where there is nothing, or more than one thing.
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
    """Whether a setting stands below a branch, so that other branches have none of it."""
    return any(path.startswith(f"{branch}.") and len(o) > 1 for branch, o in branches.items())


def options_of(config: Config, by: str) -> Settings:
    """What is compared: the values of the setting, by the names that branches have."""
    if by in config.space.branches:
        return {name: name for name in config.space.branches[by]}
    setting = config.space.searched[by]
    assert isinstance(setting, Choices)
    key = by.rpartition(".")[2]
    return {f"{key}={value}": value for value in setting.options}


def branches_of(trials: Sequence[TrialResult], by: str, options: Settings) -> list[Branch]:
    """The branches of a group, each with its trials; `options` are its values by name."""
    ended = [trial for trial in trials if trial.state in ENDED]
    books = [trial for trial in ended if trial.is_default]
    out = []
    for name, value in options.items():
        there = [t for t in ended if t.settings.get(by) == value]
        # What the textbook settings tried no sampler draws again where few settings are to try.
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
        config: of the study.
        by: the group that is compared.
        goal: what the study minimises.
        trials: all of the study.
        again: trains trials again on fresh seeds.
        seconds: measures a trial's share of the time of an epoch (`epoch_seconds`), if it can.
        stopped: why the study ended before it had its trials.
        seeds: fresh ones that `again` trains on; 0 where nothing depends on them.
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
    """The trial of each branch that fresh seeds choose among its best `count`."""
    tops = {b.name: top for b in branches if (top := b.top(count))}
    reached = again([trial for top in tops.values() for trial in top], CHOOSING)
    return {n: min(top, key=lambda trial: reached[trial.number].mean) for n, top in tops.items()}


def best_of_k(values: Sequence[float]) -> tuple[float, ...]:
    """The expected best of k = 1, 2, ... up to all of the values."""
    return tuple(expected_best(values, k) for k in range(1, len(values) + 1))


def budgets_of(values: Mapping[str, Sequence[float]]) -> tuple[int, ...]:
    """Numbers of trials 1, 2, 4, ... that every branch has."""
    fewest = min(map(len, values.values()))
    return tuple(2**i for i in range(fewest.bit_length())) if fewest else ()


def basin(branch: Branch, space: Space, within: float) -> Basin | None:
    """How wide the good learning rates of a branch lie.

    Good is a trial that falls short of the branch's best by at most the share `within` of what that
    one gained.

    Returns:
        None where no range of rates is searched on a log scale, or none gains anything.
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
    """What falls short of the best by the share `within` of what it gained over the start.

    It is the best itself where the start is not known, which is infinite.
    """
    return best + within * (start - best) if math.isfinite(start) else best


def epochs_to(target: float, repeats: Repeats) -> int | None:
    """The first epoch at which the mean over the seeds has reached the target; None if never."""
    at = np.flatnonzero(np.array(repeats.curve) <= target)
    return int(at[0]) + 1 if at.size else None


def profiles(data: Mapping[str, Comparison]) -> Profiles:
    """How soon the branches reach the targets of these data sets."""
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
    """A row's share of the time of an epoch of all threads, where so many alike train together.

    Args:
        trainer: of the member's structure.
        member: what is trained.
        rows: how many of it.
        epochs: at most so many are trained, the fastest counts.
    """
    population = create(trainer.problem, [member] * rows)
    taken = []
    for epoch in range(1, min(TIMED + 1, epochs) + 1):
        since = time.perf_counter()
        trainer.epoch(population, epoch)
        taken.append(time.perf_counter() - since)
    return min(taken) / rows
