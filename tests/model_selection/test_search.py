"""Promises of TunerSearchCV: scikit-learn's manners, races of populations, other estimators."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom, loguniform, poisson, randint
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_info

from tuner.estimators import LinearRegressor, Optimizer, SoftmaxClassifier
from tuner.model_selection import TunerSearchCV
from tuner.model_selection.populations import structure
from tuner.model_selection.space import parameters
from tuner.training.loop import Trainer

RATES = {"learning_rate": {"low": 1e-4, "high": 1e2, "scale": "log"}}


def search(estimator: Any, space: Any, **more: Any) -> TunerSearchCV:
    asked: dict[str, Any] = {"n_candidates": 8, "cohort": 4, "cv": 3, "random_state": 0}
    return TunerSearchCV(estimator, space, **asked | more)


def test_the_scores_are_those_of_cross_validation(iris: Any) -> None:
    X, y = iris
    kind = SoftmaxClassifier(max_iter=10, random_state=0)
    found = search(kind, RATES | {"l2": loguniform(1e-6, 1e-2)}).fit(X, y)
    results, best = found.cv_results_, found.best_index_
    scores = cross_val_score(kind.set_params(**found.best_params_), X, y, cv=3)
    np.testing.assert_array_equal(scores, [results[f"split{i}_test_score"][best] for i in range(3)])
    assert found.best_score_ == pytest.approx(scores.mean())
    assert results["state"][best] == "COMPLETE"
    assert found.score(X, y) > 0.9
    np.testing.assert_array_equal(found.best_estimator_.theta_, kind.fit(X, y).theta_)


def test_losers_leave_at_rungs_and_diverging_candidates_at_once(iris: Any) -> None:
    kind = SoftmaxClassifier(max_iter=10, random_state=0)
    results = search(kind, RATES, n_candidates=12, cohort=6).fit(*iris).cv_results_
    assert set(results["state"]) >= {"COMPLETE", "PRUNED"}
    assert list(results["iter"]) == [0] * 6 + [1] * 6
    for state, epochs, score in zip(
        results["state"], results["n_resources"], results["mean_test_score"], strict=True
    ):
        assert (epochs == 10) == (state == "COMPLETE")
        assert np.isnan(score) == (state == "DIVERGED")


def test_a_candidate_has_the_score_it_would_have_alone(iris: Any) -> None:
    kind = SoftmaxClassifier(max_iter=4, random_state=0)
    among = search(kind, RATES, cohort=8, keep=1, sampler="random").fit(*iris).cv_results_
    rates = among["param_learning_rate"]
    alone = search(kind, {"learning_rate": [rates[3]]}, n_candidates=1).fit(*iris).cv_results_
    assert alone["mean_test_score"][0] == among["mean_test_score"][3]


def test_folds_of_different_lengths_take_equally_many_steps(iris: Any) -> None:
    X, y = iris
    groups = np.r_[np.zeros(10), np.ones(20), np.full(120, 2)].astype(int)
    shuffled = np.random.default_rng(0).permutation(len(y))
    found = search(
        SoftmaxClassifier(max_iter=4, random_state=0), RATES, cv=GroupKFold(3), keep=1
    ).fit(X[shuffled], y[shuffled], groups=groups)
    assert np.isfinite(found.best_score_)


def words(samples: int, kinds: int) -> Any:
    """A column of words, some so rare that not every training part has them."""
    rng = np.random.default_rng(0)
    return np.array([f"word {i}" for i in rng.geometric(1 / kinds, samples)])[:, None]


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize(
    "kind", [SoftmaxClassifier, pytest.param(LinearRegressor, marks=pytest.mark.slow)]
)
def test_folds_of_different_widths_score_as_in_cross_validation(kind: Any, sparse: bool) -> None:
    X = words(150, 20)
    lengths = np.array([int(word.split()[1]) % 3 for word in X[:, 0]])
    y = lengths.astype(float) if kind is LinearRegressor else lengths
    cv = KFold(3)
    assert len({len(np.unique(X[train])) for train, _ in cv.split(X)}) > 1
    pipeline = make_pipeline(
        OneHotEncoder(handle_unknown="ignore", sparse_output=sparse),
        kind(max_iter=10, random_state=0),
    )
    rates = {f"{kind.__name__.lower()}__{name}": words for name, words in RATES.items()}
    found = search(pipeline, rates, cv=cv).fit(X, y)
    results, best = found.cv_results_, found.best_index_
    assert "PRUNED" in results["state"]
    scores = cross_val_score(pipeline.set_params(**found.best_params_), X, y, cv=cv)
    np.testing.assert_array_equal(scores, [results[f"split{i}_test_score"][best] for i in range(3)])


def test_folds_may_know_different_classes(iris: Any) -> None:
    """The first one trains on two of the three, and is judged by these."""
    X, y = iris
    known = np.flatnonzero(y != "virginica")
    cv = [(known[::2], known[1::2]), (np.arange(0, 150, 3), np.arange(1, 150, 3))]
    kind = SoftmaxClassifier(max_iter=10, random_state=0)
    found = search(kind, RATES, cv=cv).fit(X, y)
    scores = cross_val_score(kind.set_params(**found.best_params_), X, y, cv=cv)
    results = found.cv_results_
    own = [results[f"split{i}_test_score"][found.best_index_] for i in range(2)]
    np.testing.assert_array_equal(scores, own)


def test_a_pipeline_is_fitted_to_each_training_part_alone(iris: Any) -> None:
    X, y = iris
    X = 100 * X + 1000
    pipeline = make_pipeline(StandardScaler(), SoftmaxClassifier(max_iter=10, random_state=0))
    space = {
        "softmaxclassifier__learning_rate": {"low": 1e-3, "high": 1.0, "scale": "log"},
        "softmaxclassifier__optimizer": [Optimizer("adam"), Optimizer("momentum")],
        "standardscaler__with_mean": {"choices": [True]},
    }
    found = search(pipeline, space, scoring="neg_log_loss").fit(X, y)
    scores = cross_val_score(
        pipeline.set_params(**found.best_params_), X, y, cv=3, scoring="neg_log_loss"
    )
    assert found.best_score_ == pytest.approx(scores.mean(), rel=1e-12)


@pytest.mark.parametrize(
    "kind", [SoftmaxClassifier(max_iter=2, random_state=0), SGDClassifier(random_state=0)]
)
def test_candidates_whose_other_steps_are_alike_share_what_these_make_of_the_data(
    kind: Any, iris: Any
) -> None:
    calls = []

    def noted(X: Any, power: int) -> Any:
        calls.append(power)
        return X**power

    pipeline = Pipeline([("noted", FunctionTransformer(noted)), ("last", kind)])
    number = "batch_size" if isinstance(kind, SoftmaxClassifier) else "average"
    space = {
        "noted__kw_args": [{"power": 1}, {"power": 3}],
        f"last__{number}": [16, 32],
    }
    more: dict[str, Any] = {"cohort": 8, "cv": 2, "epochs": 2, "sampler": "random"}
    found = search(pipeline, space, refit=False, **more).fit(*iris)
    settings = {str(params) for params in found.cv_results_["params"]}
    powers = {params["noted__kw_args"]["power"] for params in found.cv_results_["params"]}
    assert len(settings) > len(powers) == 2
    assert sorted(calls) == [1] * 4 + [3] * 4  # to train on and to be judged by, of two folds


def test_steps_that_differ_within_a_long_array_are_told_apart() -> None:
    def pipeline(values: Any, function: Any = None) -> Any:
        step = FunctionTransformer(function, kw_args={"values": values})
        return make_pipeline(step, SoftmaxClassifier())

    long = np.zeros(5000)
    other = long.copy()
    other[2500] = 1
    for function in (None, lambda X, values: X):
        assert structure(pipeline(long, function)) == structure(pipeline(long.copy(), function))
        assert structure(pipeline(long, function)) != structure(pipeline(other, function))
    rates = (SoftmaxClassifier(learning_rate=rate) for rate in (0.1, 0.2))
    assert len({structure(kind) for kind in rates}) == 1
    assert structure(SoftmaxClassifier(batch_size=8)) != structure(SoftmaxClassifier())


def test_trainers_end_with_the_cohort_that_needs_them(
    iris: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, most, begin, end = set(), [], Trainer.__enter__, Trainer.__exit__

    def enter(trainer: Any) -> Any:
        living.add(id(trainer))
        most.append(len(living))
        return begin(trainer)

    def leave(trainer: Any, *error: object) -> None:
        living.remove(id(trainer))
        end(trainer, *error)

    monkeypatch.setattr(Trainer, "__enter__", enter)
    monkeypatch.setattr(Trainer, "__exit__", leave)
    before = [(pool["user_api"], pool["num_threads"]) for pool in threadpool_info()]
    kind = SoftmaxClassifier(max_iter=1, random_state=0)
    sizes = {"batch_size": {"low": 10, "high": 90}}
    search(kind, sizes, n_candidates=6, cohort=2, cv=2, refit=False).fit(*iris)
    assert len(most) > 2 == max(most)
    assert not living
    assert [(pool["user_api"], pool["num_threads"]) for pool in threadpool_info()] == before


def test_regressors_are_searched_too(diabetes: Any) -> None:
    found = search(LinearRegressor(max_iter=5, random_state=0), RATES, cv=2).fit(*diabetes)
    assert found.best_score_ > 0.3
    assert found.predict(diabetes[0]).shape == diabetes[1].shape


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_any_estimator_with_partial_fit_races_as_well(jobs: int, iris: Any) -> None:
    space = {"alpha": {"low": 1e-6, "high": 1e1, "scale": "log"}, "loss": ["hinge", "log_loss"]}
    found = search(SGDClassifier(random_state=0), space, epochs=10, n_jobs=jobs).fit(*iris)
    assert found.score(*iris) > 0.8
    assert set(found.cv_results_["n_resources"]) >= {1, 10}
    again = search(SGDClassifier(random_state=0), space, epochs=10).fit(*iris)
    assert again.best_params_ == found.best_params_
    assert again.best_score_ == found.best_score_


def test_an_estimator_that_overflows_diverges(diabetes: Any) -> None:
    space = {"eta0": [1e300, 0.01]}
    kind = SGDRegressor(learning_rate="constant", random_state=0)
    found = search(kind, space, n_candidates=6, epochs=3, keep=1).fit(*diabetes)
    assert found.best_params_ == {"eta0": 0.01}
    states = dict(zip(found.cv_results_["param_eta0"], found.cv_results_["state"], strict=True))
    assert states == {1e300: "DIVERGED", 0.01: "COMPLETE"}
    with pytest.raises(ValueError, match=r"^Floating-point"):
        search(kind, space, epochs=3, error_score="raise").fit(*diabetes)
    with pytest.raises(ValueError, match="every candidate diverged"):
        search(kind, {"eta0": [1e300]}, epochs=3).fit(*diabetes)


def test_weights_count_in_training(iris: Any) -> None:
    X, y = iris
    weights = (y != "virginica").astype(float) + 1e-9
    found = search(SoftmaxClassifier(max_iter=4, random_state=0), RATES, n_candidates=4)
    assert "virginica" not in found.fit(X, y, sample_weight=weights).predict(X)


def test_weights_that_an_estimator_does_not_take_are_refused(iris: Any) -> None:
    class Unweighted(SGDClassifier):
        def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Any:
            return super().partial_fit(X, y, classes)

    X, y = iris
    with pytest.raises(TypeError, match=r"sample_weight: Unweighted\.partial_fit takes none"):
        search(Unweighted(), {"alpha": [1e-4]}, epochs=2).fit(X, y, sample_weight=np.ones(len(y)))


def test_a_callback_ends_the_search_after_a_cohort(iris: Any) -> None:
    class Enough:
        def setup(self, estimator: Any, context: Any) -> None: ...

        def teardown(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
            return bool(context.task_name == "cohort")

    found = search(SoftmaxClassifier(max_iter=2, random_state=0), RATES).set_callbacks(Enough())
    assert len(found.fit(*iris).cv_results_["params"]) == 4


@pytest.mark.slow
def test_a_tracked_search_leaves_a_run_for_each_candidate(iris: Any, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    kind = SoftmaxClassifier(max_iter=3, random_state=0)
    found = search(kind, RATES, n_candidates=4, tracking=tmp_path / "mlruns").fit(*iris)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlruns' / 'mlflow.db'}")
    (experiment,) = (e for e in client.search_experiments() if e.name == "tuner")
    runs = client.search_runs([experiment.experiment_id])
    own = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    children = {int(run.data.tags["tuner.trial"]): run for run in own}
    assert sorted(children) == list(range(4))
    best = children[found.best_index_]
    rate = found.best_params_["learning_rate"]
    assert best.info.run_name == f"{found.best_index_:03d} learning_rate={rate:.3g}"
    assert float(best.data.params["learning_rate"]) == found.best_params_["learning_rate"]
    points = client.get_metric_history(best.info.run_id, "validation_score")
    assert [point.step for point in points] == [0, 1, 2, 3]
    assert points[-1].value == pytest.approx(found.best_score_)


def test_what_is_searched_may_be_said_in_many_words() -> None:
    searched = parameters(
        {
            "a": {"low": 1e-3, "high": 1.0, "scale": "log"},
            "b": {"low": 1, "high": 5},
            "c": [Optimizer("sgd"), None],
            "d": loguniform(1e-2, 1e2),
            "e": randint(3, 6),
            "f": {"low": 0.9, "high": 0.999, "scale": "reverse_log"},
            "g": "fixed",
            "h": {"low": 0.0, "high": 1.0, "step": 0.25},
        }
    )
    drawn = [searched.of(searched.space.shares(np.full(8, u))) for u in (0.0, 0.5, 0.999)]
    assert [d["b"] for d in drawn] == [1, 3, 5]
    assert [d["c"] for d in drawn] == [Optimizer("sgd"), None, None]
    assert [d["e"] for d in drawn] == [3, 4, 5]
    assert {d["g"] for d in drawn} == {"fixed"}
    assert [d["h"] for d in drawn] == [0.0, 0.5, 1.0]
    assert drawn[1]["a"] == pytest.approx(10**-1.5)
    assert drawn[1]["d"] == pytest.approx(1.0)
    assert drawn[1]["f"] == pytest.approx(0.99)
    assert all(isinstance(d["e"], int) and isinstance(d["d"], float) for d in drawn)


@pytest.mark.parametrize("words", [randint(1, 4), binom(2, 0.5), poisson(0.5), randint(7, 8)])
def test_a_discrete_distribution_of_few_values_is_searched_without_twins(words: Any) -> None:
    searched = parameters({"epochs": words})
    (part,) = searched.space.parts()
    drawn = [searched.of(settings)["epochs"] for _, settings in searched.space.allowed(part)]
    assert len(drawn) == len(set(drawn)) == searched.space.size < 10
    assert all(words.pmf(value) > 0.001 for value in drawn)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"l2": {"low": 1, "high": 0}}, "space: l2: low 1, high 0: low must be below high"),
        ({"l2": {"low": 0, "high": 1, "scale": "log"}}, "space: l2: .* low must be above 0"),
        ({"l2": {"low": 0, "high": 1, "scale": "cubic"}}, "space: l2: scale 'cubic': give one of"),
        ({"l2": {"low": 0, "high": 1, "step": 2}}, "space: l2: step 2"),
        ({"l2": {"low": 0, "height": 1}}, "space: l2: height: a range has"),
        ({"l2": []}, "space: l2: no choices"),
        ({"l3": [1]}, "Invalid parameter 'l3'"),
    ],
)
def test_a_space_that_is_none_is_refused(space: Any, message: str, iris: Any) -> None:
    with pytest.raises(ValueError, match=message):
        search(SoftmaxClassifier(), space).fit(*iris)


def test_a_value_that_an_estimator_does_not_take_is_no_divergence(iris: Any) -> None:
    with pytest.raises(ValueError, match="The 'alpha' parameter of SGDClassifier must be"):
        search(SGDClassifier(), {"alpha": [-1.0]}, epochs=2).fit(*iris)


@pytest.mark.parametrize(
    ("estimator", "parameters", "message"),
    [
        (KNeighborsClassifier(), {"resource": "epochs"}, "KNeighborsClassifier has no partial_fit"),
        (GaussianNB(), {}, "epochs: None: the estimator has no max_iter"),
        (SoftmaxClassifier(), {"n_candidates": 0}, "n_candidates: 0"),
        (SoftmaxClassifier(), {"keep": 0}, "keep: 0: give a number above 0 and at most 1"),
        (SoftmaxClassifier(), {"sampler": "magic"}, "sampler: 'magic': give one of grid"),
        (SoftmaxClassifier(), {"scoring": ["accuracy"]}, "scoring: .* give one scorer"),
        (SoftmaxClassifier(), {"cv": StratifiedKFold(200)}, "n_splits=200"),
    ],
)
def test_parameters_that_are_not_allowed_are_refused(
    estimator: Any, parameters: dict[str, Any], message: str, iris: Any
) -> None:
    with pytest.raises(ValueError, match=message):
        search(estimator, {}, **parameters).fit(*iris)
