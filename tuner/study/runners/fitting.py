"""A runner for estimators that are fitted with more of a resource at each epoch."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from traceback import format_exc
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _num_samples

from tuner.search.runner import Progress, Row
from tuner.study.judgements import Judged, Judgements
from tuner.study.one_by_one import OneByOne, Trained
from tuner.study.runners.partial_fit import Samples, Scorer

Array = np.ndarray

# Above so many samples `early_stopping="auto"` of histogram boosting stops early.
AUTO = 10_000


@dataclass(frozen=True)
class Stage:
    """An epoch: what all candidates are fitted with.

    Attributes:
        samples: of each fold; weights are among what fit gets.
        amount: of the resource.
        params: the resource, if it is a parameter; else nothing.
        last: whether there is no stage with more of it.
    """

    samples: Sequence[Samples]
    amount: int
    params: Mapping[str, int]
    last: bool


class FitRunner(OneByOne):
    """Fits each estimator alone, several at once over processes; an epoch is a stage.

    An estimator goes on from the stage before where that gives what a fit from the beginning gives
    (`goes_on`), and is fitted anew otherwise. So nothing but the number of the stage is
    saved. What an estimator raises is kept, and its row leaves.

    Args:
        estimators: by row, not fitted.
        stage: the stage of an epoch.
        scorer: judges an estimator on the samples kept from it.
        pool: runs the fits.
        judgements: takes the scores and the errors.
        raises: whether errors are raised.
    """

    def __init__(
        self,
        estimators: Mapping[Row, Any],
        stage: Callable[[int], Stage],
        scorer: Scorer,
        pool: Parallel,
        judgements: Judgements,
        raises: bool = False,
    ) -> None:
        super().__init__(estimators, pool, judgements, raises)
        self.stage, self.scorer = stage, scorer

    def start(self) -> Mapping[str, Array]:
        unknown = np.full(len(self.own), np.nan)
        return {"validation_loss": unknown, "validation_score": unknown.copy()}

    def epoch(self, epoch: int) -> Progress:
        stage = self.stage(epoch)
        more = (stage.params, stage.last, self.scorer, self.raises)
        done: list[Trained] = self.pool(
            delayed(fitted)(own, stage.samples[row.fold], *more) for row, own in self.own.items()
        )
        self.take(done, epoch)
        scores = np.array([own.judged.rank for own in done], np.float64)
        metrics = {
            "validation_loss": -scores,
            "validation_score": scores,
            "n_resources": np.full(len(done), float(stage.amount)),
        }
        return self.progress(metrics, done)

    def restore(self, folder: Path) -> None:
        self.epochs = self.saved(folder)


def fitted(
    estimator: Any,
    samples: Samples,
    params: Mapping[str, int],
    last: bool,
    scorer: Scorer,
    raises: bool = False,
) -> Trained:
    """The estimator fitted with the params of a stage, and how it is judged.

    Args:
        estimator: as the stage before left it, or not fitted.
        samples: to fit, and to be judged by.
        params: of the stage.
        last: whether no stage comes after it; before, it may well not have converged.
        scorer: judges it.
        raises: whether what it raises is raised here; otherwise it is kept.
    """
    own = estimator
    try:
        on = goes_on(estimator, params, _num_samples(samples.X))
        own = estimator if on else clone(estimator)
        given = {on: estimator.get_params()[on]} if on else {}
        if params:
            own.set_params(**params, **dict.fromkeys(given, True))
        with warnings.catch_warnings():
            if not last:
                warnings.simplefilter("ignore", ConvergenceWarning)
            targets = () if samples.y is None else (samples.y,)
            own.fit(samples.X, *targets, **samples.fit_params)
        if given:
            own.set_params(**given)
    except Exception:
        if raises:
            raise
        return Trained(own, np.nan, Judged(np.nan), format_exc())
    return Trained(own, np.nan, scorer(own, samples))


def goes_on(estimator: Any, params: Mapping[str, int], count: int) -> str:
    """The parameter that lets it go on from the stage before, to what a fit from the beginning
    gives; "" where there is none.

    Ensembles of scikit-learn do so that grow tree by tree, alone or at the end of a pipeline. Those
    do not that may stop early, estimate their score out of the bag, or share a generator of random
    numbers; nor the solvers whose `warm_start` begins again from the coefficients before.

    Args:
        estimator: that is to be fitted.
        params: of the stage.
        count: samples that it is fitted to.
    """
    if len(params) != 1:
        return ""
    (path,) = params
    own, prefix = estimator, ""
    if isinstance(estimator, Pipeline):
        own, prefix = estimator.steps[-1][1], f"{estimator.steps[-1][0]}__"
    if not path.startswith(prefix) or not hasattr(own, "get_params"):
        return ""
    known, name = own.get_params(deep=False), path.removeprefix(prefix)
    if "warm_start" not in known or not type(own).__module__.startswith("sklearn.ensemble."):
        return ""
    early = known.get("early_stopping", known.get("n_iter_no_change") is not None)
    seeds = {k: v for k, v in estimator.get_params().items() if k.endswith("random_state")}
    drawn = seeds.pop(f"{prefix}random_state", 0)
    same = all(
        isinstance(seed, Integral) for seed in (0 if drawn is None else drawn, *seeds.values())
    )
    if (
        name not in ("n_estimators", "max_iter")
        or (count > AUTO if early == "auto" else early)
        or known.get("oob_score")
        or isinstance(known.get("class_weight"), str)
        or not same
    ):
        return ""
    return f"{prefix}warm_start"
