"""A search as an estimator: candidates race through cross-validation, the best is fitted."""

import itertools
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone, is_classifier
from sklearn.callback import with_callbacks
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array, check_random_state, indexable

from tuner.estimators.base import Estimator
from tuner.estimators.contest import Populations, Samples, last_step
from tuner.estimators.limits import FRACTION_TO_ONE, WHOLE, one_of
from tuner.estimators.outside import PartialFits, refitted
from tuner.estimators.space import parameters
from tuner.estimators.tracked import Tracked

SAMPLERS = ("tpe", "random", "quasi_random")


class TunerSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Search of an estimator's parameters, used as scikit-learn's HalvingRandomSearchCV.

    Candidates are asked in cohorts by one of tuner's samplers, trained epoch by epoch on all folds
    at once, and halved at rungs by their mean score; those that diverge leave at once. All keep the
    schedule of the whole training, so what is compared at a rung is comparable. Estimators of
    tuner, alone or at the end of a pipeline, train as rows of populations, on n_jobs threads; any
    other with partial_fit trains one by one, over n_jobs processes. Early stopping, callbacks and
    warm starts of an estimator wait until it is fitted at the end.

    estimator: an estimator with partial_fit, or a pipeline that ends with one.
    space: what is searched for each parameter (`tuner.estimators.space.parameters`).
    n_candidates: how many; cohort: how many are asked and trained together.
    epochs: of a candidate that is not stopped early; None is the estimator's own max_iter.
    keep, first_rung: the share of candidates that a rung lets pass, and the share of the epochs at
    which the first lies; the next ones lie 1 / keep times later each. keep=1 halves nothing.
    sampler: tpe, random or quasi_random.
    tracking: the folder of an MLflow store, as mlruns, or a server's URI, which gets the curves of
    every candidate; None keeps none.
    scoring: a scorer by name or a function, None for the estimator's own score.
    cv, n_jobs, refit, error_score, random_state, verbose: as scikit-learn's searches have them.

    Fitted: best_estimator_, best_params_, best_score_ (of candidates that trained to the end),
    best_index_, cv_results_ with n_resources (epochs), iter (the cohort), state and reason beside
    scikit-learn's keys, n_splits_, scorer_, refit_time_.
    """

    # What scikit-learn's searches have and this one does not offer.
    return_train_score: ClassVar = False
    multimetric_: ClassVar = False

    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        *,
        n_candidates: int = 32,
        cohort: int = 16,
        epochs: int | None = None,
        keep: float = 0.5,
        first_rung: float = 0.1,
        sampler: str = "tpe",
        tracking: str | Path | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool = True,
        cv: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = np.nan,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.n_candidates = n_candidates
        self.cohort = cohort
        self.epochs = epochs
        self.keep = keep
        self.first_rung = first_rung
        self.sampler = sampler
        self.tracking = tracking
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.random_state = random_state
        self.error_score = error_score

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Searches on X and y, and fits the best candidate to all of it.

        params: sample_weight, of training; groups, for a splitter of groups. Raises ValueError if
        parameters are not allowed, and if every candidate diverged.
        """
        self._check()
        unknown = sorted(set(params) - {"sample_weight", "groups"})
        if unknown:
            raise TypeError(f"{unknown[0]}: fit takes sample_weight and groups")
        if y is None:
            raise ValueError("the search requires y to be passed, but the target y is None")
        X, y = indexable(X, check_array(y, ensure_2d=False, dtype=None, input_name="y"))
        self.scorer_ = check_scoring(self.estimator, self.scoring)
        told = self._init_callback_context(max_subtasks=None)
        told.call_on_fit_task_begin(estimator=self, X=X, y=y)
        folds = self._folds(X, y, **params)
        self.n_splits_ = len(folds)
        results = self._search(folds, told)
        self.cv_results_ = results
        self._choose(results)
        if self.refit:
            weights = params.get("sample_weight")
            more = {} if weights is None else {"sample_weight": weights}
            self._refit(X, y, more, told)
        told.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def _check(self) -> None:
        for name in ("n_candidates", "cohort"):
            WHOLE.check(name, getattr(self, name))
        replace(WHOLE, optional=True).check("epochs", self.epochs)
        FRACTION_TO_ONE.check("keep", self.keep)
        FRACTION_TO_ONE.check("first_rung", self.first_rung)
        one_of(SAMPLERS).check("sampler", self.sampler)
        if isinstance(self.scoring, list | tuple | dict | set):
            raise ValueError(f"scoring: {self.scoring!r}: give one scorer")
        if not hasattr(last_step(self.estimator), "partial_fit"):
            name = type(last_step(self.estimator)).__name__
            raise ValueError(f"estimator: {name}: give one that has partial_fit")

    def _folds(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> list[Samples]:
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        weights = None if sample_weight is None else np.asarray(sample_weight)
        return [
            Samples(
                _safe_indexing(X, train),
                np.asarray(_safe_indexing(y, train)),
                None if weights is None else weights[train],
                _safe_indexing(X, test),
                np.asarray(_safe_indexing(y, test)),
            )
            for train, test in cv.split(X, y, groups)
        ]

    def _search(self, folds: list[Samples], told: Any) -> dict[str, Any]:
        """Asks cohort by cohort and lets them race; the results as scikit-learn has them."""
        from tuner.search import samplers
        from tuner.search.pruners.halving import Halving
        from tuner.search.pruners.none import NoPruning
        from tuner.search.racing import Group, Race
        from tuner.search.study import Study
        from tuner.search.trials import Goal

        searched, seed = parameters(self.space), self._seed()
        rule = NoPruning() if self.keep == 1 else Halving(self.keep, self.first_rung)
        goal, epochs = Goal("validation_score", greater_is_better=True), self._epochs()
        startup = {"startup": self.cohort} if self.sampler == "tpe" else {}
        ask = samplers.load(self.sampler)(**startup).ask
        rows = Rows(len(folds))
        with (
            tempfile.TemporaryDirectory() as folder,
            self._trainers(folds, seed, epochs) as trainers,
            self._tracked(Path(folder), epochs) as tracked,
        ):
            study = Study(Path(folder), "search", searched.space, ask, seed)
            for cohort in itertools.count():
                if study.finished() >= self.n_candidates:
                    break
                task = told.subcontext("cohort").call_on_fit_task_begin(estimator=self)
                trials = study.cohort(min(self.cohort, self.n_candidates - study.finished()))
                chosen = {trial.number: searched.of(trial.settings) for trial in trials}
                begun = time.perf_counter()
                candidates = {number: self._candidate(p) for number, p in chosen.items()}
                groups = [Group(*group) for group in trainers.groups(candidates)]
                outcomes = Race(trials, groups, rule, epochs, goal).run()
                seconds = (time.perf_counter() - begun) / max(1, len(outcomes) * len(folds))
                for outcome in outcomes:
                    study.tell(outcome)
                    if tracked is not None:
                        tracked.add(chosen[outcome.trial.number], outcome)
                    failed = self._failed(outcome)
                    rows.add(chosen[outcome.trial.number], outcome, cohort, seconds, failed)
                if self.verbose:
                    print(f"{len(rows.params)}/{self.n_candidates} candidates, {rows.said()}")
                if task.call_on_fit_task_end(estimator=self):
                    break
        with warnings.catch_warnings():
            # A candidate that diverged has no score; `state` says so.
            warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
            results: dict[str, Any] = self._format_results(
                rows.params, len(folds), rows.out, rows.more
            )
        return results

    @contextmanager
    def _tracked(self, spool: Path, epochs: int) -> Iterator[Tracked | None]:
        if self.tracking is None:
            yield None
            return
        kind = type(last_step(self.estimator)).__name__
        about = {"estimator": kind, "epochs": epochs, "sampler": self.sampler, "keep": self.keep}
        tracked = Tracked(self.tracking, spool, about)
        try:
            yield tracked
        except BaseException:
            tracked.end("FAILED", "the search failed")
            raise
        tracked.end("COMPLETE", "finished")

    def _trainers(self, folds: list[Samples], seed: int, epochs: int) -> Any:
        if isinstance(last_step(self.estimator), Estimator):
            threads = effective_n_jobs(self.n_jobs)
            return Populations(folds, self.scorer_, seed, epochs, threads)
        return PartialFits(folds, self.scorer_, seed, epochs, self.n_jobs)

    def _candidate(self, chosen: Mapping[str, Any]) -> Any:
        return clone(self.estimator).set_params(**clone(dict(chosen), safe=False))

    def _failed(self, outcome: Any) -> float | None:
        """The score of a candidate that diverged; None if it did not."""
        if outcome.state != "DIVERGED":
            return None
        if self.error_score == "raise":
            raise ValueError(f"{dict(outcome.trial.settings)}: {outcome.reason}")
        return float(self.error_score)

    def _epochs(self) -> int:
        if self.epochs is not None:
            return int(self.epochs)
        epochs = getattr(last_step(self.estimator), "max_iter", None)
        if epochs is None:
            raise ValueError("epochs: None: the estimator has no max_iter: give a whole number")
        return int(epochs)

    def _seed(self) -> int:
        """That of the search; an estimator's own, if it is a number, is that of its rows too."""
        own = getattr(last_step(self.estimator), "random_state", None)
        given = own if self.random_state is None else self.random_state
        if isinstance(given, Integral):
            return int(given)
        return int(check_random_state(given).randint(np.iinfo(np.int32).max))

    def _choose(self, results: Mapping[str, Any]) -> None:
        """Finds the best of the candidates that trained to the end."""
        scores = np.where(results["state"] == "COMPLETE", results["mean_test_score"], np.nan)
        if np.isnan(scores).all():
            why = results["reason"][-1]
            raise ValueError(
                f"space: every candidate diverged, the last as {why}: give lower learning rates"
            )
        self.best_index_ = int(np.nanargmax(scores))
        self.best_score_ = float(scores[self.best_index_])
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, more: Mapping[str, Any], told: Any) -> None:
        best = self._candidate(self.best_params_)
        own, epochs, begun = last_step(best), self._epochs(), time.perf_counter()
        task = told.subcontext("refit-with-best-params")
        with task.propagate_callback_context(best):
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            if isinstance(own, Estimator):
                name = f"{best.steps[-1][0]}__" if isinstance(best, Pipeline) else ""
                own.set_params(max_iter=epochs)
                best.fit(X, y, **{f"{name}{key}": value for key, value in more.items()})
            else:
                whole = Samples(X, np.asarray(y), more.get("sample_weight"), X, np.asarray(y))
                refitted(best, whole, self._seed(), epochs)
        self.refit_time_ = time.perf_counter() - begun
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        task.call_on_fit_task_end(estimator=self, X=X, y=y)


class Rows:
    """What scikit-learn's searches make their results of, candidate by candidate."""

    def __init__(self, folds: int) -> None:
        self.folds = folds
        self.params: list[dict[str, Any]] = []
        self.out: list[dict[str, Any]] = []
        self.more: dict[str, list[Any]] = {}

    def add(
        self,
        params: dict[str, Any],
        outcome: Any,
        cohort: int,
        seconds: float,
        failed: float | None,
    ) -> None:
        """A candidate: its last score on each fold, or the one it gets for having diverged."""
        scores = {fold: score for (_, fold), score in outcome.members.items()}
        for fold in range(self.folds):
            score = scores[fold] if failed is None else failed
            self.out.append({"fit_time": seconds, "score_time": 0.0, "test_scores": score})
        self.params.append(params)
        for name, value in (
            ("iter", cohort),
            ("n_resources", outcome.epochs),
            ("state", outcome.state),
            ("reason", outcome.reason),
        ):
            self.more.setdefault(name, []).append(value)

    def said(self) -> str:
        """In words, how many candidates were stopped early."""
        states = self.more["state"]
        return f"{states.count('PRUNED')} pruned, {states.count('DIVERGED')} diverged"
