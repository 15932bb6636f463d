"""Promises of searches over estimators that are fitted with more and more of a resource."""

import signal
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators
from threadpoolctl import threadpool_limits

from tuner.estimators import SoftmaxClassifier
from tuner.model_selection import TunerSearchCV
from tuner.model_selection.folds import nested
from tuner.model_selection.resources import resource_of, stages
from tuner.study.judgements import Judged
from tuner.study.runners.fitting import fitted, goes_on
from tuner.study.runners.partial_fit import Samples


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of histogram boosting wait for each other where tests run side by side."""
    with threadpool_limits(1):
        yield


def search(estimator: Any, space: Any, **more: Any) -> TunerSearchCV:
    asked: dict[str, Any] = {"n_candidates": 6, "cohort": 6, "cv": 3, "random_state": 0}
    return TunerSearchCV(estimator, space, **asked | more)


RATE = {"low": 1e-3, "high": 1.0, "scale": "log"}
C = loguniform(1e-3, 1e3)
# Estimators, what is searched, and the resource of their own.
CLASSIFIERS: list[Any] = [
    (GradientBoostingClassifier(n_estimators=9, random_state=0), {"learning_rate": RATE},
     "n_estimators"),
    (RandomForestClassifier(n_estimators=9, random_state=0), {"max_features": [1, 2, 3, 4]},
     "n_estimators"),
    (HistGradientBoostingClassifier(max_iter=9, random_state=0), {"learning_rate": RATE},
     "max_iter"),
    (SVC(), {"C": C}, "n_samples"),
    (KNeighborsClassifier(), {"n_neighbors": [1, 2, 3, 5]}, "n_samples"),
    (make_pipeline(StandardScaler(), SVC()), {"svc__C": C}, "n_samples"),
    (make_pipeline(PCA(3), GradientBoostingClassifier(n_estimators=9, random_state=0)),
     {"gradientboostingclassifier__learning_rate": RATE, "pca__whiten": [True, False]},
     "gradientboostingclassifier__n_estimators"),
]  # fmt: skip
REGRESSORS: list[Any] = [
    (GradientBoostingRegressor(n_estimators=9, subsample=0.7, random_state=0),
     {"learning_rate": RATE}, "n_estimators"),
    (RandomForestRegressor(n_estimators=9, random_state=0), {"max_features": [1, 2, 3, 4]},
     "n_estimators"),
    (HistGradientBoostingRegressor(max_iter=9, random_state=0), {"learning_rate": RATE},
     "max_iter"),
    (make_pipeline(StandardScaler(), SVR()), {"svr__C": C}, "n_samples"),
    (KNeighborsRegressor(), {"n_neighbors": [1, 2, 3, 5]}, "n_samples"),
]  # fmt: skip


def named(case: Any) -> str:
    return str(type(case[0]).__name__) + "-" + str(case[2])


@pytest.mark.parametrize("case", CLASSIFIERS + REGRESSORS, ids=named)
def test_who_is_left_has_the_scores_of_cross_validation_and_is_fitted_to_everything(
    case: Any, iris: Any, diabetes: Any
) -> None:
    kind, space, resource = case
    X, y = iris if case in CLASSIFIERS else diabetes
    found = search(kind, space, n_candidates=4, cohort=4).fit(X, y)
    assert found.resource_ == resource
    results = found.cv_results_
    best = clone(kind).set_params(**found.best_params_)
    own = [results[f"split{i}_test_score"][found.best_index_] for i in range(3)]
    np.testing.assert_array_equal(own, cross_val_score(best, X, y, cv=3))
    np.testing.assert_array_equal(found.predict(X), best.fit(X, y).predict(X))
    most = len(y) if resource == "n_samples" else 9
    assert max(results["n_resources"]) == results["n_resources"][found.best_index_] == most
    assert "PRUNED" in results["state"]
    assert (
        f"{resource} {min(results['n_resources'])}"
        in results["reason"][np.argmin(results["n_resources"])]
    )


def test_each_stage_has_twice_as_much_as_the_one_before_and_the_last_one_all() -> None:
    assert stages(100, 1, 0.5, 0.1, 16) == [13, 25, 50, 100]
    assert stages(100, 30, 0.5, 0.1, 16) == [50, 100]
    assert stages(81, 1, 1 / 3, 1 / 81, 81) == [1, 3, 9, 27, 81]
    assert stages(3, 1, 0.5, 0.01, 99) == [1, 2, 3]
    assert stages(100, 1, 1, 0.1, 16) == [100]
    assert stages(1, 5, 0.5, 0.1, 16) == [1]


def test_nobody_goes_through_stages_alone() -> None:
    assert stages(100, 1, 0.5, 0.01, 1) == [100]
    assert stages(100, 1, 0.5, 0.01, 2) == [50, 100]
    assert stages(100, 1, 0.5, 0.01, 7) == [25, 50, 100]
    assert stages(100, 1, 0.5, 0.01, 8) == [13, 25, 50, 100]
    for more in ({"cohort": 1}, {"n_candidates": 1}, {}):
        calls = fits(search(Seen(), {"a": [0]}, **more), np.ones((60, 1)), np.arange(60) % 2)
        assert sum(call[0] == "fit" for call in calls) == 3 + 1  # of folds, and of everything


@pytest.mark.parametrize(
    ("estimator", "space", "expected"),
    [
        (SGDClassifier(), {}, "epochs"),
        (SoftmaxClassifier(), {}, "epochs"),
        (make_pipeline(StandardScaler(), SGDClassifier()), {}, "epochs"),
        (GradientBoostingClassifier(), {}, "n_estimators"),
        (GradientBoostingClassifier(), {"n_estimators": [5, 10]}, "n_samples"),
        (LogisticRegression(), {}, "max_iter"),
        (SVC(), {}, "n_samples"),  # a number of iterations, but no warm start
        (DecisionTreeClassifier(), {}, "n_samples"),
        (Pipeline([("last", "passthrough")]), {"last": [SVC(), SGDClassifier()]}, "n_samples"),
        (Pipeline([("last", SVC())]), {"last": [SGDClassifier(), SoftmaxClassifier()]}, "epochs"),
        (Pipeline([("last", SGDClassifier())]), {"last": {"choices": [SVC()]}}, "n_samples"),
    ],
)
def test_the_resource_is_what_the_estimator_has(estimator: Any, space: Any, expected: str) -> None:
    assert resource_of(estimator, "auto", space) == expected


GROWS = [
    (name, kind, resource)
    for name, kind in all_estimators(type_filter=["classifier", "regressor"])
    for resource in ("n_estimators", "max_iter")
    if kind.__module__.startswith("sklearn.ensemble.")
    and {resource, "warm_start"} <= set(getattr(kind, "_parameter_constraints", {}))
]


@pytest.mark.parametrize(("name", "kind", "resource"), GROWS, ids=[own[0] for own in GROWS])
@pytest.mark.parametrize("piped", [False, True])
def test_what_goes_on_from_the_stage_before_is_what_a_fit_from_the_beginning_is(
    name: str, kind: Any, resource: str, piped: bool, iris: Any
) -> None:
    X, y = iris
    y = y if "Classifier" in name else X[:, 0] * X[:, 1]
    kind = kind(random_state=0)
    path = f"last__{resource}" if piped else resource
    estimator = Pipeline([("scaled", StandardScaler()), ("last", kind)]) if piped else kind
    samples = Samples(X, y, None, X, y)
    assert goes_on(estimator, {path: 2}, len(y)).endswith("warm_start")
    own = clone(estimator)
    for amount in (2, 3, 6):
        before = own
        own = fitted(own, samples, {path: amount}, amount == 6, judged, True).estimator
        assert own is before
    fresh = clone(estimator).set_params(**{path: 6}).fit(X, y)
    np.testing.assert_array_equal(own.predict(X), fresh.predict(X))
    assert own.get_params()[path.replace(resource, "warm_start")] is False


def judged(estimator: Any, samples: Any) -> Judged:
    return Judged(0.0)


@pytest.mark.parametrize(
    ("estimator", "params", "count"),
    [
        (GradientBoostingClassifier(n_iter_no_change=3, random_state=0), {"n_estimators": 5}, 9),
        (GradientBoostingClassifier(random_state=np.random.RandomState(0)), {"n_estimators": 5}, 9),
        (GradientBoostingClassifier(random_state=0), {"max_depth": 5}, 9),
        (GradientBoostingClassifier(random_state=0), {}, 9),
        (HistGradientBoostingClassifier(early_stopping=True), {"max_iter": 5}, 9),
        (HistGradientBoostingClassifier(), {"max_iter": 5}, 10_001),
        (RandomForestClassifier(oob_score=True), {"n_estimators": 5}, 9),
        (RandomForestClassifier(class_weight="balanced"), {"n_estimators": 5}, 9),
        (LogisticRegression(), {"max_iter": 5}, 9),
        (make_pipeline(PCA(), RandomForestClassifier()), {"randomforestclassifier__n_estimators": 5}
         , 9),
        (make_pipeline(PCA(), RandomForestClassifier()), {"pca__n_components": 5}, 9),
    ],
)  # fmt: skip
def test_what_would_end_otherwise_is_fitted_anew(estimator: Any, params: Any, count: int) -> None:
    assert goes_on(estimator, params, count) == ""


class Seen(ClassifierMixin, BaseEstimator):
    """A classifier that keeps what it is fitted to and judged by."""

    calls: ClassVar[list[Any]] = []

    def __init__(self, a: int = 0) -> None:
        self.a = a

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        self.classes_ = np.unique(y)
        Seen.calls.append(("fit", self.a, X[:, 0], y, sample_weight))
        return self

    def predict(self, X: Any) -> Any:
        Seen.calls.append(("predict", self.a, X[:, 0], None, None))
        return np.full(len(X), self.classes_[self.a % len(self.classes_)])


def fits(found: TunerSearchCV, X: Any, y: Any, **params: Any) -> list[Any]:
    Seen.calls = []
    found.fit(X, y, **params)
    return Seen.calls


def test_the_samples_of_a_stage_are_among_those_of_the_next_and_all_are_judged_alike() -> None:
    X = np.arange(90.0)[:, None]
    y = np.r_[np.zeros(75), np.ones(9), np.full(6, 2)].astype(int)
    asked: dict[str, Any] = {"refit": False, "n_candidates": 4, "sampler": "grid", "keep": 0.5}
    calls = fits(search(Seen(), {"a": [0, 1, 2, 3]}, **asked), X, y)
    seen: dict[int, list[set[float]]] = {}
    for what, a, rows, labels, _ in calls:
        if what == "fit":
            assert set(labels) == {0, 1, 2}
            assert list(rows) == sorted(rows)
            seen.setdefault(a, []).append(set(rows))
    best = max(seen, key=lambda a: len(seen[a]))
    folds = np.array(seen[best], dtype=object).reshape(-1, 3).T
    assert [len(own) for own in folds[0]] == [16, 30, 60]
    for own in folds:
        for fewer, more in pairwise(own):
            assert fewer < more
    assert {len(rows) for what, _, rows, _, _ in calls if what == "predict"} == {30}


def test_first_samples_have_classes_and_weights_as_all_of_them_do() -> None:
    rng = np.random.default_rng(0)
    kind = rng.permutation(np.repeat([0, 1, 2], [800, 180, 20]))
    heavy = rng.random(1000) < 0.5
    order = nested(1000, [kind, heavy], rng)
    assert sorted(order) == list(range(1000))
    for count in (100, 250, 500):
        shares = np.bincount(kind[order[:count]], minlength=3) / count
        np.testing.assert_allclose(shares, [0.8, 0.18, 0.02], atol=0.04)
        assert abs(heavy[order[:count]].mean() - heavy.mean()) < 0.03
    assert not np.array_equal(order, nested(1000, [kind, heavy], np.random.default_rng(1)))


@pytest.mark.parametrize("piped", [False, True])
def test_weights_go_with_their_samples(piped: bool) -> None:
    X, y = np.arange(60.0)[:, None], np.arange(60) % 2
    kind = Pipeline([("same", "passthrough"), ("last", Seen())]) if piped else Seen()
    space = {"last__a" if piped else "a": [0, 1]}
    calls = fits(search(kind, space), X, y, sample_weight=2 * np.arange(60.0))
    for what, _, rows, _, weights in calls:
        if what == "fit":
            np.testing.assert_array_equal(weights, 2 * rows)


def test_weights_that_fit_does_not_take_are_refused(iris: Any) -> None:
    X, y = iris
    with pytest.raises(TypeError, match=r"sample_weight: KNeighborsClassifier\.fit takes none"):
        search(KNeighborsClassifier(), {"p": [1, 2]}).fit(X, y, sample_weight=np.ones(len(y)))
    kind, space = Pipeline([("last", "passthrough")]), {"last": [SVC(), KNeighborsClassifier()]}
    more: dict[str, Any] = {"scoring": "accuracy", "cv": StratifiedKFold(3)}
    with pytest.raises(TypeError, match=r"sample_weight: KNeighborsClassifier\.fit takes none"):
        search(kind, space, **more).fit(X, y, sample_weight=np.ones(len(y)))
    space = {"last": [SVC(C=0.1), SVC()]}
    found = search(kind, space, **more).fit(X, y, sample_weight=np.ones(len(y)))
    assert found.score(X, y) > 0.9


@pytest.mark.parametrize("jobs", [pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", [CLASSIFIERS[0], CLASSIFIERS[5]], ids=named)
def test_processes_change_no_number(case: Any, jobs: int, iris: Any) -> None:
    kind, space, _ = case
    alone, many = (search(kind, space, n_jobs=n).fit(*iris).cv_results_ for n in (None, jobs))
    for key in ("params", "mean_test_score", "state", "reason", "n_resources"):
        np.testing.assert_array_equal(alone[key], many[key])


@pytest.mark.parametrize(
    ("cv", "scoring", "keep"),
    [
        (2, None, 0.34),
        (2, "roc_auc_ovr", 1),
        (KFold(3, shuffle=True, random_state=1), "neg_log_loss", 0.5),
        (KFold(3, shuffle=True, random_state=1), None, 1),
        (StratifiedKFold(4), "roc_auc_ovr", 0.34),
        (StratifiedKFold(4), "neg_log_loss", 1),
    ],
)
def test_splitters_scorers_and_shares_meet(cv: Any, scoring: Any, keep: float, iris: Any) -> None:
    kind = make_pipeline(StandardScaler(), KNeighborsClassifier())
    space = {"kneighborsclassifier__n_neighbors": [5, 6, 9]}
    more: dict[str, Any] = {"n_candidates": 3, "keep": keep, "sampler": "grid"}
    found = search(kind, space, cv=cv, scoring=scoring, **more).fit(*iris)
    expected = cross_val_score(
        kind.set_params(**found.best_params_), *iris, cv=cv, scoring=scoring
    ).mean()
    assert found.best_score_ == pytest.approx(expected)
    assert (keep == 1) == (set(found.cv_results_["n_resources"]) == {150})


def test_any_whole_number_of_any_step_may_be_the_resource(iris: Any) -> None:
    kind = make_pipeline(PCA(), KNeighborsClassifier())
    space = {"kneighborsclassifier__n_neighbors": [1, 5, 9]}
    more: dict[str, Any] = {"resource": "pca__n_components", "max_resources": 4}
    results = search(kind, space, first_rung=0.25, **more).fit(*iris).cv_results_
    assert set(results["n_resources"]) <= {1, 2, 4}
    for params, amount in zip(results["params"], results["n_resources"], strict=True):
        assert params["pca__n_components"] == amount


def test_less_than_everything_may_be_the_most(iris: Any) -> None:
    found = search(SVC(), {"C": C}, max_resources=90).fit(*iris)
    assert max(found.cv_results_["n_resources"]) == 90
    assert len(found.best_estimator_.shape_fit_) == 2
    assert found.best_estimator_.shape_fit_[0] == 150  # what is fitted at the end sees all


def test_estimators_with_partial_fit_may_be_fitted_to_samples_too(iris: Any) -> None:
    for kind in (SGDClassifier(random_state=0), SoftmaxClassifier(max_iter=5, random_state=0)):
        name = "alpha" if isinstance(kind, SGDClassifier) else "learning_rate"
        found = search(kind, {name: [0.001, 0.01, 0.1]}, resource="n_samples").fit(*iris)
        best = clone(kind).set_params(**found.best_params_)
        assert found.best_score_ == pytest.approx(cross_val_score(best, *iris, cv=3).mean())


def test_steps_that_are_searched_may_be_of_any_kind(iris: Any) -> None:
    kind = Pipeline([("scaled", StandardScaler()), ("last", SVC())])
    options = [SVC(), KNeighborsClassifier(), SGDClassifier(random_state=0)]
    found = search(kind, {"last": options}, n_candidates=3, sampler="grid").fit(*iris)
    assert found.resource_ == "n_samples"
    assert found.score(*iris) > 0.9


def test_frames_lists_and_samples_without_targets_are_taken(iris: Any) -> None:
    X, y = iris
    names = ["a", "b", "c", "d"]
    found = search(SVC(), {"C": C}).fit(pd.DataFrame(X, columns=names), list(y))
    assert list(found.feature_names_in_) == names
    clusters = search(KMeans(random_state=0, n_init=1), {"n_clusters": [2, 3, 8]}, cv=2).fit(X)
    assert clusters.best_params_["n_clusters"] == 8


def test_a_solver_that_has_not_converged_before_the_last_stage_is_not_warned_of(iris: Any) -> None:
    kind = LogisticRegression(max_iter=200, tol=1e-3)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = search(kind, {"C": [1e-2, 1.0]}, n_candidates=2).fit(*iris)
    assert found.resource_ == "max_iter"
    assert [str(own.message) for own in warned] == []


class Fails(Seen):
    """Fails where it has many samples."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        if self.a == 1 and len(y) > 60:
            raise RuntimeError("too many")
        return super().fit(X, y, sample_weight)


def test_a_candidate_that_fails_in_a_late_stage_costs_only_itself(iris: Any) -> None:
    asked: dict[str, Any] = {"n_candidates": 2, "sampler": "grid", "keep": 0.9, "first_rung": 0.5}
    with pytest.warns(FitFailedWarning, match=r"(?s)3 fits failed out of a total of 6.*too many"):
        found = search(Fails(), {"a": [1, 0]}, **asked).fit(*iris)
    assert sorted(found.cv_results_["state"]) == ["COMPLETE", "FAILED"]
    assert found.best_params_ == {"a": 0}
    reasons = dict(zip(found.cv_results_["state"], found.cv_results_["reason"], strict=True))
    assert reasons["FAILED"] == "RuntimeError: too many"
    with pytest.raises(RuntimeError, match=r"^too many"):
        search(Fails(), {"a": [1, 0]}, error_score="raise", **asked).fit(*iris)


def test_an_interrupt_leaves_no_folder_behind(
    iris: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupts(Seen):
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            if len(y) > 60:
                signal.raise_signal(signal.SIGINT)
            return super().fit(X, y, sample_weight)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        search(Interrupts(), {"a": [0, 1]}).fit(*iris)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_tracked_search_says_how_much_each_candidate_had(iris: Any, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    kind = GradientBoostingClassifier(n_estimators=8, random_state=0)
    space = {"learning_rate": [-1.0, 0.01, 0.1]}
    with pytest.warns(FitFailedWarning):
        search(kind, space, n_candidates=3, sampler="grid", tracking=tmp_path).fit(*iris)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = (e for e in client.search_experiments() if e.name == "tuner")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.data.params["resource"] == "n_estimators"
    curves = [
        [point.value for point in client.get_metric_history(run.info.run_id, "n_resources")]
        for run in runs
        if run is not parent
    ]
    assert sorted(curves) == [[], [4, 8], [4, 8]]


@pytest.mark.parametrize(
    ("estimator", "parameters", "message"),
    [
        (SVC(), {"resource": "epochs"}, "resource: epochs: SVC has no partial_fit: give n_samples"),
        (
            SVC(),
            {"resource": "trees"},
            "resource: 'trees': give auto, n_samples, epochs",
        ),
        (SVC(), {"resource": "C"}, "resource: C: is searched: take it out of space"),
        (SVC(), {"resource": "max_iter"}, "max_resources: 'auto': max_iter is -1: give a whole"),
        (
            SVC(),
            {"max_resources": 0},
            "max_resources: 0: give a whole number, at least 1",
        ),
        (SVC(), {"max_resources": "all"}, "max_resources: 'all': give a whole number"),
        (SVC(), {"max_resources": True}, "max_resources: True: give a whole number"),
        (SVC(), {"max_resources": 151}, "max_resources: 151: there are 150 samples"),
        (SVC(), {"epochs": 3}, "epochs: 3: the resource is n_samples: give max_resources"),
        (
            SGDClassifier(),
            {"max_resources": 3},
            "max_resources: 3: the resource is epochs: give",
        ),
    ],
)
def test_a_resource_that_is_none_is_refused(
    estimator: Any, parameters: dict[str, Any], message: str, iris: Any
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        search(estimator, {"C": C}, **parameters).fit(*iris)


def test_sparse_rows_groups_and_several_targets_are_taken(iris: Any, diabetes: Any) -> None:
    X, y = iris
    groups = np.arange(len(y)) % 5
    more: dict[str, Any] = {"n_candidates": 3, "sampler": "grid", "cv": GroupKFold(3)}
    found = search(SVC(), {"C": [0.1, 1.0, 10.0]}, **more).fit(csr_matrix(X), y, groups=groups)
    best = SVC().set_params(**found.best_params_)
    scores = cross_val_score(best, csr_matrix(X), y, cv=GroupKFold(3), groups=groups)
    assert found.best_score_ == pytest.approx(scores.mean())
    X, y = diabetes
    kind, space = KNeighborsRegressor(), {"n_neighbors": [2, 4, 8]}
    two = search(kind, space, n_candidates=3).fit(X, np.c_[y, y])
    assert two.predict(X).shape == (len(y), 2)


def test_a_pipeline_that_remembers_its_steps_has_the_same_scores(iris: Any, tmp_path: Path) -> None:
    steps = [("scaled", StandardScaler()), ("last", RandomForestClassifier(8, random_state=0))]
    space = {"last__max_features": [1, 2, 3, 4]}
    plain, memory = (
        search(Pipeline(steps, memory=own), space, n_candidates=4).fit(*iris).cv_results_
        for own in (None, str(tmp_path))
    )
    np.testing.assert_array_equal(plain["mean_test_score"], memory["mean_test_score"])
    assert any(tmp_path.iterdir())


def test_a_callback_ends_a_search_over_stages_after_a_cohort(iris: Any) -> None:
    class Enough:
        def setup(self, estimator: Any, context: Any) -> None: ...

        def teardown(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
            return bool(context.task_name == "cohort")

    found = search(SVC(), {"C": C}, n_candidates=9, cohort=3).set_callbacks(Enough()).fit(*iris)
    assert len(found.cv_results_["params"]) == 3
    np.testing.assert_array_equal(found.cv_results_["iter"], 0)
