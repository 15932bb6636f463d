"""Work: the relative cost of an epoch of a trial, computed from its settings alone.

It is not measured time, which differs from run to run and between machines. So decisions based on
it are the same everywhere.
"""

from collections.abc import Callable, Iterable
from typing import Any

from tuner.codec import Settings
from tuner.search.trials import TrialResult
from tuner.study.populations import Populations, structure
from tuner.study.training import StudyTraining
from tuner.training.problems import Supervised

Work = Callable[[Settings], float]

# The optimizer's pass of a step costs as much per parameter as PASS more samples. A step also costs
# at least STEP multiplications, however small the model is.
PASS, STEP = 32, 20_000

# About five seconds of one core. A confirmation with so little work is not worth shortening.
LITTLE = 4e10


def work_of(training: StudyTraining) -> Work:
    """The work of one epoch of all rows of a trial with one seed, as a function of its settings.

    For tuner's models on data, it is about the number of multiplications in the model and in the
    optimizer's passes. An epoch of anything else counts 1 per fold.
    """
    known: dict[tuple[Any, ...], float] = {}

    def work(settings: Settings) -> float:
        if not isinstance(training, Populations) or training.data is None:
            return float(training.folds)
        key = structure(settings)
        if key not in known:
            problem = training.problem(settings)
            assert isinstance(problem, Supervised)
            samples = len(problem.folds[0].train.y)
            own = problem.size * (samples + PASS * problem.steps) + STEP * problem.steps
            known[key] = float(own * training.folds)
        return known[key]

    return work


def searched(results: Iterable[TrialResult], work: Work) -> float:
    """The work of all trained epochs of trials."""
    return sum(work(result.settings) * result.epochs for result in results)


def little(training: StudyTraining) -> float:
    """Work that takes only seconds; 0 if the duration of an epoch is unknown."""
    return LITTLE if isinstance(training, Populations) else 0.0
