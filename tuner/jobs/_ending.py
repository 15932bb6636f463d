"""What ends a study: its budgets, its target, the noise between seeds, or nothing left to try."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna

from tuner.config import Config
from tuner.errors import UserError
from tuner.jobs import _verdict
from tuner.search.proposals import next_number
from tuner.search.pruners.none import NoPruning
from tuner.search.racing import Group, Race
from tuner.search.space import Space
from tuner.search.statistics import deviation
from tuner.search.stopping import FEWEST, REPEATS, expected_gain
from tuner.search.study import Study
from tuner.search.trials import Trial, restored

if TYPE_CHECKING:
    from tuner.jobs._training import Training

# The stream of the seeds under which trials are repeated.
REPEATED = 1


class Ending:
    """Whether a study has reached its end, and why, in words that the verdict repeats."""

    def __init__(self, config: Config, study: Study, training: "Training") -> None:
        self.config, self.study, self.training = config, study, training

    def reason(self, measure: bool = False) -> str:
        """Why the study ends before another cohort, or ""; `measure` lets it train repeats."""
        return self.target() or self.trials() or self.epochs_over(self.epochs()) or self.noise(
            measure
        )  # fmt: skip

    def target(self) -> str:
        target, goal = self.config.target, self.training.goal
        best = _verdict.best_of(self.study.summaries())
        if target is None or best is None or best["value"] > goal.turn(target):
            return ""
        reached = goal.turn(best["value"])
        return f"target: trial {best['number']} reached {goal.name} {reached:.4g} ({target:g})"

    def trials(self) -> str:
        trials = self.config.budget.trials
        return f"it has its {trials} trials" if self.study.finished() >= trials else ""

    def nothing_left(self) -> str:
        """Why a study ends whose sampler proposes no more."""
        return self.config.sampler.exhausted

    def epochs(self, without: Collection[int] = ()) -> int:
        """Epochs trained by all members of all trials but these."""
        own = [s for s in self.study.summaries() if s["number"] not in without]
        return sum(s["epochs"] * max(1, len(s["members"])) for s in own)

    def epochs_over(self, epochs: int) -> str:
        most = self.config.budget.epochs_total
        over = most is not None and epochs >= most
        return f"budget.epochs_total: {most} epochs are trained" if over else ""

    def noise(self, measure: bool) -> str:
        """Stops when as many trials again are expected to bring less than seeds differ by."""
        summaries = self.study.summaries()
        best = _verdict.best_of(summaries)
        counted = [s for s in summaries if s["state"] in ("COMPLETE", "PRUNED", "DIVERGED")]
        if not self.config.stop.when_noise or best is None or len(counted) < FEWEST:
            return ""
        key = f"noise of trial {best['number']}"
        if not measure and not self.study.knows(key):
            return ""
        if not self.study.knows(key):
            self.study.keep(key, self.measured(best))
        noise = self.study.recall(key)
        # A trial that did not get to its end is worth no more than it had reached by then.
        gain = expected_gain([worth(s) for s in counted])
        if noise is None or gain > noise:
            return ""
        return (
            f"stop.when_noise: as many trials again are expected to bring {gain:.2g} at the most, "
            f"and trial {best['number']} differs by {noise:.2g} from seed to seed"
        )

    def measured(self, best: _verdict.Summary) -> float | None:
        """The deviation of a trial's value over fresh seeds; None if one of them diverges."""
        trial = Trial(best["number"], restored(best["settings"]), 0)
        sequence = np.random.SeedSequence((self.config.study.seed, REPEATED))
        seeds = [int(seed) for seed in sequence.generate_state(REPEATS)]
        trainer = self.training.trainer(trial.settings)
        group = Group(trainer, self.training.members(trial, seeds))
        epochs, goal = self.config.budget.epochs, self.training.goal
        (outcome,) = Race([trial], [group], NoPruning(), epochs, goal).run()
        if outcome.state != "COMPLETE":
            return None
        by_seed = {
            seed: [v for (s, _), v in outcome.members.items() if s == seed] for seed in seeds
        }
        return deviation([float(np.mean(numbers)) for numbers in by_seed.values()])


def end_where_nothing_is_allowed(study: Study) -> None:
    """Lets a study that has trials end, as a grid does, where `where` refuses all of many draws.

    A study that finds nothing for its first trial raises UserError as before.
    """
    propose = study.sampler

    def ask(memory: optuna.Study, space: Space, seed: int) -> bool:
        earlier = memory.get_trials(deepcopy=False)
        try:
            return propose(memory, space, seed)
        except UserError:
            if not earlier:
                raise
            if next_number(memory) > len(earlier):
                # TPE had begun the trial, of which the journal will not know.
                study.memory = optuna.create_study()
                study.memory.add_trials(earlier)
            return False

    study.sampler = ask


def worth(summary: dict[str, Any]) -> float:
    """A trial's value; where it is not finite, the worst there is."""
    return float(summary["value"]) if summary["value"] is not None else np.finfo(float).max
