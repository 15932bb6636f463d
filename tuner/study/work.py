"""Work: what an epoch of a trial costs beside one of another, told by its settings alone.

It is no time, which differs from run to run and from machine to machine. So what is decided by it
is decided alike everywhere.
"""

from collections.abc import Callable, Iterable
from typing import Any

from tuner.codec import Settings
from tuner.search.trials import TrialResult
from tuner.study.populations import Populations, structure
from tuner.study.training import StudyTraining
from tuner.training.problems import Supervised

Work = Callable[[Settings], float]

# A step costs what so many samples more would, for each parameter: the optimizer's own pass. And
# it costs so many multiplications however small the model is.
PASS, STEP = 32, 20_000

# What takes a core some five seconds. Confirming with so little work is not worth shortening.
LITTLE = 4e10


def work_of(training: StudyTraining) -> Work:
    """The work of an epoch of all rows of a trial under one seed, by its settings.

    For tuner's models on data it is about the multiplications in it: those of the model, and the
    passes of the optimizer. An epoch of anything else counts 1.
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
    """The work of all epochs that trials were trained."""
    return sum(work(result.settings) * result.epochs for result in results)


def little(training: StudyTraining) -> float:
    """Work that is done in seconds; none where nobody knows how long an epoch takes."""
    return LITTLE if isinstance(training, Populations) else 0.0
