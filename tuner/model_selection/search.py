"""TunerSearchCV: a search with scikit-learn's interface, which prunes candidates early."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import fields, replace
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.callback import with_callbacks
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_array, check_random_state, indexable
from sklearn.utils.validation import _check_method_params

from tuner.codec import Settings
from tuner.errors import UserError
from tuner.estimators.base import Estimator
from tuner.estimators.limits import FRACTION_TO_ONE, WHOLE, one_of
from tuner.model_selection.callbacks import Callbacks
from tuner.model_selection.candidates import (
    WEIGHTS,
    Make,
    Split,
    divided,
    last_step,
    takes_weights,
)
from tuner.model_selection.fitting import FitTraining, named
from tuner.model_selection.folds import Folds
from tuner.model_selection.judge import Judge
from tuner.model_selection.partial_fit import PartialFitTraining, refit
from tuner.model_selection.populations import PopulationTraining
from tuner.model_selection.resources import (
    AUTO,
    EPOCHS,
    SAMPLES,
    Resource,
    Stages,
    in_words_of,
    most_of,
    possible,
    resource_of,
    stages,
)
from tuner.model_selection.results import Candidates, Params
from tuner.model_selection.space import parameters
from tuner.model_selection.tracked import tracked
from tuner.search import samplers
from tuner.search.pruners.halving import Halving
from tuner.search.pruners.none import NoPruning
from tuner.search.samplers import Sampler
from tuner.search.space import Space
from tuner.study.events import Began, tell_all
from tuner.study.journal import JournalRecord
from tuner.study.judgements import Judgements
from tuner.study.loop import Loop
from tuner.study.runners.partial_fit import Metadata
from tuner.study.stopping import Limits, Stopping
from tuner.study.study import Study


class TunerSearchCV(BaseSearchCV):  # type: ignore[misc]
    """Searches an estimator's parameters. Use it like scikit-learn's HalvingRandomSearchCV.

    A sampler proposes the candidates in cohorts. A cohort trains epoch by epoch on all folds at
    once. At each rung the candidates with the worse mean scores are pruned; a candidate that
    diverges is stopped at once. All keep the schedule of the whole training, so that scores at a
    rung are comparable. tuner's estimators, alone or at the end of a pipeline, train as rows of
    populations on n_jobs threads. Other estimators with partial_fit train one by one in n_jobs
    processes. Early stopping, callbacks and warm starts of an estimator act only in the final fit.

    Estimators without partial_fit are fitted in stages. Each stage gives more of another resource,
    as in HalvingRandomSearchCV: trees, iterations or samples. The samples of a stage contain those
    of the stage before and all classes, and all candidates are scored on the same samples. In the
    last stage the scores are those of cross_val_score.

    Args:
        estimator: an estimator or a pipeline.
        space: the values to search for each parameter (`tuner.model_selection.space.parameters`).
        n_candidates: the number of candidates.
        cohort: the number of candidates that are proposed and trained together.
        resource: what later rungs or stages give more of: epochs (calls of partial_fit), n_samples,
            or a parameter of the estimator that is a whole number. auto is epochs if the estimator
            has partial_fit; otherwise n_estimators or max_iter if the estimator has warm_start and
            the space does not search that parameter; otherwise n_samples.
        max_resources: the resource of a candidate that is not pruned. auto is all samples, or the
            value of the estimator's own parameter.
        epochs: the same if the resource is epochs; None is the estimator's own max_iter.
        keep: the share of candidates that pass a rung or a stage, 1 / factor in scikit-learn;
            1 prunes nothing.
        first_rung: the share of the epochs before the first rung; each next rung is 1 / keep times
            later. With another resource, the last stage has all of it, each stage before has
            `keep` times as much, and none has less than this share. There are no more stages than
            are needed to leave one candidate of a cohort.
        sampler: tpe, random, quasi_random, or another name in tuner.search.samplers.
        tracking: the folder of an MLflow store, such as mlruns, or the URI of a server, to which
            the curves of every candidate are written; None writes none.
        scoring: the name of a scorer or a function; None is the estimator's own score.
        n_jobs, refit, cv, verbose, random_state, error_score: as in scikit-learn's searches.

    Attributes:
        best_estimator_, best_params_, best_index_: those of the best candidate.
        best_score_: its mean score; only candidates that trained to the end can be best.
        cv_results_: scikit-learn's keys, and n_resources (how much of the resource it had), iter
            (the cohort), state and reason; a state is COMPLETE, PRUNED, DIVERGED, or FAILED for an
            error. A resource that is a parameter is among the params.
        resource_: the resource.
        n_splits_, scorer_, refit_time_: as scikit-learn has them.
    """

    # Attributes of scikit-learn's searches for features that this one does not have.
    return_train_score: ClassVar = False
    multimetric_: ClassVar = False

    def __init__(
        self,
        estimator: Any,
        space: Mapping[str, Any],
        *,
        n_candidates: int = 32,
        cohort: int = 16,
        resource: str = AUTO,
        max_resources: int | str = AUTO,
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
        self.resource = resource
        self.max_resources = max_resources
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
        """Searches on X and y, then fits the best candidate on all samples.

        Args:
            X: (samples, features), or whatever the first step of a pipeline takes.
            y: targets; None where estimator and scorer need none, but not with partial_fit.
            params: sample_weight, of training and of the scorer, if it takes weights; groups, for a
                splitter of groups. With metadata routing, what estimator, scorer and splitter
                request.

        Returns:
            The search.

        Raises:
            TypeError: for other params.
            ValueError: if parameters are not allowed, and if every candidate diverged or failed.
        """
        self._check()
        if self.resource_ == EPOCHS:
            if y is None:
                raise ValueError("the search requires y to be passed, but the target y is None")
            check_array(y, ensure_2d=False, dtype=None, input_name="y")
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        self.scorer_, _ = self._get_scorers()
        routed = self._routed(params)
        weights = {key: params[key] for key in (WEIGHTS,) if params.get(key) is not None}
        task = self._init_callback_context(max_subtasks=None)
        task.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=weights or None)
        folds = Folds(self.estimator, self.cv, X, y, routed, self._seed())
        self.n_splits_ = len(folds)
        results = self._search(folds, task)
        self.cv_results_ = results
        self._choose(results)
        if self.refit:
            self._refit(X, y, routed.estimator.fit, task, weights or None)
        task.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=weights or None)
        return self

    def _check(self) -> None:
        for name in ("n_candidates", "cohort"):
            WHOLE.check(name, getattr(self, name))
        replace(WHOLE, optional=True).check("epochs", self.epochs)
        FRACTION_TO_ONE.check("keep", self.keep)
        FRACTION_TO_ONE.check("first_rung", self.first_rung)
        one_of(samplers.names()).check("sampler", self.sampler)
        if not isinstance(self.error_score, Real) and self.error_score != "raise":
            raise ValueError(f"error_score: {self.error_score!r}: give a number, or 'raise'")
        if isinstance(self.scoring, list | tuple | dict | set):
            raise ValueError(f"scoring: {self.scoring!r}: give one scorer")
        self.resource_ = resource_of(self.estimator, self.resource, self.space)
        ours = ("max_resources", AUTO) if self.resource_ == EPOCHS else ("epochs", None)
        if getattr(self, ours[0]) != ours[1]:
            other = "epochs" if self.resource_ == EPOCHS else "max_resources"
            given = f"{ours[0]}: {getattr(self, ours[0])!r}"
            raise ValueError(f"{given}: the resource is {self.resource_}: give {other}")

    def _routed(self, params: Metadata) -> Any:
        """The params of fit for splitter, estimator and scorer, checked.

        Raises:
            TypeError: nothing takes one of the params.
        """
        routed = self._get_routed_params_for_fit(params)
        weights, trained = routed.estimator.fit.get(WEIGHTS), "fit"
        if self.resource_ == EPOCHS:
            _, weights = divided(self.estimator, routed.estimator.fit)
            trained = "partial_fit"
        for own in possible(self.estimator, self.space) if weights is not None else ():
            if hasattr(own, trained) and not takes_weights(own, trained):
                name = type(own).__name__
                raise TypeError(f"{WEIGHTS}: {name}.{trained} takes none: leave it out")
        return routed

    def _resource(self, folds: Folds, candidates: float) -> Resource | None:
        """The resource that grows in each stage; None if it is epochs.

        Args:
            folds: the folds of all samples.
            candidates: number of candidates in the space.

        Raises:
            ValueError: there is less of the resource than requested.
        """
        name, count = self.resource_, folds.samples
        if name == EPOCHS:
            return None
        most = most_of(name, self.max_resources, self.estimator, count)
        least = folds.fewest() if name == SAMPLES else 1
        together = int(min(self.cohort, self.n_candidates, candidates))
        amounts = stages(most, least, self.keep, self.first_rung, together)
        return Resource(name, amounts, count)

    def _search(self, folds: Folds, context: Any) -> Params:
        """Runs a study of candidates; returns its results in scikit-learn's form."""
        searched, seed, judgements = parameters(self.space), folds.seed, Judgements()
        resource = self._resource(folds, searched.space.size)
        candidates = Candidates(searched.of, len(folds), self.error_score, judgements, resource)
        callbacks = Callbacks(self, context, candidates)

        def make(settings: Settings) -> Any:
            return self._candidate(searched.of(settings))

        with (
            TemporaryDirectory() as folder,
            self._training(make, folds, judgements, resource) as training,
            JournalRecord(Path(folder), "search") as record,
            tracked(
                self.tracking,
                Path(folder),
                type(self).__name__,
                self._about(training.epochs),
                searched,
            ) as listeners,
        ):
            study = Study(record, searched.space, self._sampler(searched.space), seed)
            limits = Limits(self.n_candidates)
            stopping = Stopping(limits, study, training, seed, callbacks.asked_to_stop)
            tell = in_words_of(resource, judgements, tell_all([candidates, *listeners, callbacks]))
            tell(Began([]))
            Loop(study, training, self._pruner(resource), stopping, self.cohort, tell).run()
        candidates.report()
        known = [own for own in judgements.judged.items() if own[0][0] in candidates.scored]
        with warnings.catch_warnings():
            if all(np.isfinite(judged.score) for _, judged in known):
                # Only candidates that diverged or failed have no score, which `state` shows.
                warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
            results: Params = self._format_results(
                candidates.params, len(folds), candidates.scores, candidates.more
            )
        return results

    def _sampler(self, space: Space) -> Sampler:
        kind: Any = samplers.load(self.sampler)
        known = {field.name for field in fields(kind)}
        sampler: Sampler = kind(**({"startup": self.cohort} if "startup" in known else {}))
        try:
            sampler.check(space)
        except UserError as error:
            raise ValueError(f"sampler: {self.sampler}: {error}") from None
        return sampler

    def _pruner(self, resource: Resource | None) -> Any:
        kind = Halving if resource is None else Stages
        return NoPruning() if self.keep == 1 else kind(self.keep, self.first_rung)

    def _about(self, epochs: int) -> Params:
        """The parameters of the search's own run in MLflow."""
        about: Params = {"estimator": type(last_step(self.estimator)).__name__}
        if self.resource_ == EPOCHS:
            about |= {"epochs": epochs}
        else:
            more = {"max_resources": self.max_resources, "stages": epochs}
            about |= {"resource": self.resource_, **more}
        return {**about, "sampler": self.sampler, "keep": self.keep}

    def _training(
        self, make: Make, folds: Folds, judgements: Judgements, resource: Resource | None
    ) -> Any:
        judge, seed = Judge(self.scorer_, self.error_score), folds.seed
        if resource is not None:
            return FitTraining(make, folds, judge, judgements, seed, resource, self.n_jobs)
        own, jobs, epochs = folds.splits(), self.n_jobs, self._epochs()
        if isinstance(last_step(self.estimator), Estimator):
            threads = effective_n_jobs(jobs)
            return PopulationTraining(make, own, judge, judgements, seed, epochs, threads)
        return PartialFitTraining(make, own, judge, judgements, seed, epochs, jobs)

    def _candidate(self, chosen: Settings) -> Any:
        return clone(self.estimator).set_params(**clone(dict(chosen), safe=False))

    def _epochs(self) -> int:
        if self.epochs is not None:
            return int(self.epochs)
        epochs = getattr(last_step(self.estimator), "max_iter", None)
        if epochs is None:
            more = f"give a whole number, or resource='{SAMPLES}'"
            raise ValueError(f"epochs: None: the estimator has no max_iter: {more}")
        return int(epochs)

    def _seed(self) -> int:
        """The seed of the search: its random_state, or an integer random_state of the estimator."""
        own = getattr(last_step(self.estimator), "random_state", None)
        given = own if self.random_state is None else self.random_state
        if isinstance(given, Integral):
            return int(given)
        return int(check_random_state(given).randint(np.iinfo(np.int32).max))

    def _choose(self, results: Params) -> None:
        """Finds the best of the candidates that trained to the end."""
        whole = results["state"] == "COMPLETE"
        if not whole.any():
            states, why = results["state"], results["reason"][-1]
            if (states == "DIVERGED").all():
                raise ValueError(
                    f"space: every candidate diverged, the last as {why}: give lower learning rates"
                )
            counts = ", ".join(f"{sum(states == s)} {s.lower()}" for s in dict.fromkeys(states))
            raise ValueError(
                f"space: no candidate trained to the end ({counts}), the last as {why}"
            )
        scores = np.where(whole, results["mean_test_score"], np.nan)
        if callable(self.refit):
            self.best_index_ = self._select_best_index(self.refit, "score", results)
        else:
            unknown = np.isnan(scores).all()  # then take the first, as scikit-learn's searches
            self.best_index_ = int(np.argmax(whole) if unknown else np.nanargmax(scores))
            self.best_score_ = float(scores[self.best_index_])
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, params: Metadata, search_task: Any, metadata: Any) -> None:
        best = self._candidate(self.best_params_)
        own, begun = last_step(best), time.perf_counter()
        task = search_task.subcontext("refit-with-best-params")
        with task.propagate_callback_context(best):
            task.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            if self.resource_ == EPOCHS and not isinstance(own, Estimator):
                best = refit(best, Split((X, y), (X, y), params, {}), self._seed(), self._epochs())
            else:
                if self.resource_ == EPOCHS:
                    own.set_params(max_iter=self._epochs())
                best.fit(X, *(() if y is None else (y,)), **named(best, params))
        self.refit_time_ = time.perf_counter() - begun
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        task.call_on_fit_task_end(estimator=self, X=X, y=y, metadata=metadata)
