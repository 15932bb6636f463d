"""A runner for estimators that are fitted with more of a resource in each epoch."""

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

# Above this many samples, `early_stopping="auto"` of histogram boosting stops early.
AUTO = 10_000


@dataclass(frozen=True)
class Stage:
    """An epoch: what all candidates are fitted with.

    Attributes:
        samples: the samples of each fold; weights are among the fit parameters.
        amount: the amount of the resource.
        params: the resource, if it is a parameter; otherwise empty.
        last: whether this is the last stage.
    """

    samples: Sequence[Samples]
    amount: int
    params: Mapping[str, int]
    last: bool


class FitRunner(OneByOne):
    """Fits each estimator alone, several in parallel processes; an epoch is a stage.

    An estimator continues from the stage before if that gives the same result as a fit from the
    beginning (`goes_on`); otherwise it is fitted anew. So only the number of the stage is saved. If
    an estimator raises an error, the error is kept and its row leaves.

    Args:
        estimators: unfitted estimators by row.
        stage: returns the stage of an epoch.
        scorer: judges an estimator on held-out samples.
        pool: runs the fits.
        judgements: receives the scores and the errors.
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
    """Fits an estimator with the params of a stage, and judges it.

    Args:
        estimator: fitted in the stage before, or unfitted.
        samples: the samples to fit and to judge by.
        params: the stage's params.
        last: whether it is the last stage; in earlier ones, a ConvergenceWarning is ignored.
        scorer: judges it.
        raises: whether its errors are raised; otherwise they are kept.
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
    """The warm-start parameter if continuing equals a fit from the beginning; "" if it does not.

    It does for scikit-learn ensembles that grow tree by tree, alone or at the end of a pipeline. It
    does not for those that may stop early, use an out-of-bag score, or share a random generator,
    nor for solvers whose `warm_start` begins again from the previous coefficients.

    Args:
        estimator: the estimator to fit.
        params: the stage's params.
        count: the number of samples to fit.
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
