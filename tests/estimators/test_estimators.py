"""Promises of the estimators: scikit-learn's manners, and the numbers of a population's row."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.linear_model import PoissonRegressor as ReferencePoisson
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tuner.estimators import (
    FactorizationMachineClassifier,
    FactorizationMachineRegressor,
    LinearRegressor,
    LinearSVMClassifier,
    LogisticClassifier,
    Loss,
    MLPClassifier,
    MLPRegressor,
    Optimizer,
    PoissonRegressor,
    QuantileRegressor,
    Schedule,
    SoftmaxClassifier,
)
from tuner.training import losses
from tuner.training.loop import Trainer
from tuner.training.models import MLP
from tuner.training.population import create
from tuner.training.problems import Fold, Part, Supervised

FAST: dict[str, Any] = {"learning_rate": 0.01, "max_iter": 15, "random_state": 0}


def counts(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, rng.poisson(200 * np.exp(X @ [0.5, -0.3, 0.0]))


def test_classes_keep_their_own_labels(iris: Any) -> None:
    X, y = iris
    fitted = SoftmaxClassifier(**FAST).fit(X, y)
    assert fitted.score(X, y) > 0.85
    assert list(fitted.classes_) == sorted(set(y))
    p = fitted.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(fitted.classes_[p.argmax(axis=1)], fitted.predict(X))
    np.testing.assert_allclose(
        fitted.decision_function(X), X @ fitted.coef_.T + fitted.intercept_, rtol=1e-9
    )


def test_two_classes_have_one_score(cancer: Any) -> None:
    X, y = cancer
    fitted = LogisticClassifier(**FAST).fit(X, y)
    assert fitted.score(X, y) > 0.95
    scores = fitted.decision_function(X)
    assert scores.shape == (len(X),)
    np.testing.assert_allclose(fitted.predict_proba(X)[:, 1], 1 / (1 + np.exp(-scores)))


def test_labels_are_learnt_side_by_side(cancer: Any) -> None:
    X, y = cancer
    both = np.stack([y, X[:, 0] > 0], axis=1).astype(int)
    fitted = LogisticClassifier(**FAST).fit(X, both)
    assert fitted.score(X, both) > 0.9
    assert fitted.predict_proba(X).shape == both.shape
    np.testing.assert_array_equal(fitted.predict(X), fitted.decision_function(X) > 0)


def test_scores_that_are_no_log_odds_give_no_probabilities() -> None:
    assert not hasattr(LinearSVMClassifier(), "predict_proba")
    assert not hasattr(MLPClassifier(loss="hinge"), "predict_proba")
    assert hasattr(MLPClassifier(), "predict_proba")


@pytest.mark.slow
def test_least_squares_are_those_of_linear_algebra_in_the_unit_of_the_targets(
    diabetes: Any,
) -> None:
    X, y = diabetes
    more: dict[str, Any] = {"max_iter": 2000, "learning_rate": 0.02, "schedule": "linear"}
    fitted = LinearRegressor(batch_size=len(X), **more).fit(X, 1e6 * y)
    reference = LinearRegression().fit(X, 1e6 * y)
    np.testing.assert_allclose(fitted.predict(X), reference.predict(X), rtol=2e-3)
    ridge = LinearRegressor(batch_size=len(X), l2=0.1, **more).fit(X, y)
    # Ridge sums the losses where the mean is taken here.
    penalised = Ridge(alpha=0.1 * len(X)).fit(X, y)
    np.testing.assert_allclose(ridge.coef_, penalised.coef_, rtol=1e-3, atol=1e-3)
    assert ridge.intercept_ == pytest.approx(penalised.intercept_, rel=1e-6)


def test_counts_of_any_size_are_fitted_as_scikit_learn_fits_them() -> None:
    X, y = counts()
    fitted = PoissonRegressor(
        batch_size=len(X), max_iter=1000, learning_rate=0.01, schedule="linear"
    ).fit(X, y)
    reference = ReferencePoisson(alpha=0.0).fit(X, y)
    np.testing.assert_allclose(fitted.coef_, reference.coef_, atol=1e-3)
    assert fitted.intercept_ == pytest.approx(reference.intercept_, abs=1e-3)
    np.testing.assert_allclose(fitted.predict(X), reference.predict(X), rtol=1e-2)
    with pytest.raises(ValueError, match="Poisson loss takes no negative"):
        PoissonRegressor().fit(X, y - 1000)


def test_a_quantile_leaves_its_share_below(diabetes: Any) -> None:
    X, y = diabetes
    fitted = QuantileRegressor(quantile=0.9, learning_rate=0.01, random_state=0).fit(X, y)
    assert np.mean(y <= fitted.predict(X)) == pytest.approx(0.9, abs=0.03)


def test_an_estimator_has_the_numbers_of_a_row_of_a_population(iris: Any) -> None:
    X, y = iris
    fitted = MLPClassifier(
        hidden=(6,), schedule="cosine", max_iter=4, random_state=3, dropout=0.2
    ).fit(X, y, X_val=X, y_val=y)
    codes = np.unique(y, return_inverse=True)[1]
    part = Part(X, codes)
    problem = Supervised(
        MLP(4, 3, (6,)), losses.load("cross_entropy"), (Fold(part, part),), fitted.batch_size
    )
    population = create(problem, [fitted._member(3, trial) for trial in range(5)])
    curve = []
    with Trainer(problem, 4, threads=2) as trainer:
        for epoch in range(1, 5):
            curve.append(trainer.epoch(population, epoch).metrics["validation_loss"][2])
    for theta in population.theta:
        np.testing.assert_array_equal(theta, fitted.theta_)
    assert fitted.history_["validation_loss"] == curve


def test_epochs_one_by_one_are_a_fit(iris: Any) -> None:
    X, y = iris
    kind = MLPClassifier(
        hidden=(4,),
        optimizer=Optimizer("adam", lr=0.01, tail_average=0.5),
        schedule="cosine",
        max_iter=4,
        random_state=1,
    )
    whole, parts = clone(kind).fit(X, y), clone(kind)
    for _ in range(4):
        parts.partial_fit(X, y)
    np.testing.assert_array_equal(parts.theta_, whole.theta_)
    assert parts.history_ == whole.history_
    assert parts.n_iter_ == 4
    parts.partial_fit(X[:20], y[:20])  # the schedule has run out
    assert 0 <= parts.history_["learning_rate"][-1] < 1e-4


def test_classes_may_come_later_if_they_are_named_first(iris: Any) -> None:
    X, y = iris
    fitted = SoftmaxClassifier(**FAST)
    fitted.partial_fit(X[:50], y[:50], classes=np.unique(y))
    fitted.partial_fit(X, y)
    assert len(fitted.classes_) == 3
    with pytest.raises(ValueError, match="not one of the classes"):
        SoftmaxClassifier(**FAST).partial_fit(X[:100], y[:100]).partial_fit(X, y)


def test_what_was_given_for_validation_is_what_the_curves_are_of(iris: Any) -> None:
    X, y = iris
    plain = SoftmaxClassifier(**FAST).fit(X, y)
    assert not [name for name in plain.history_ if name.startswith("validation")]
    given = SoftmaxClassifier(**FAST).fit(X, y, X_val=X[::3], y_val=y[::3])
    np.testing.assert_array_equal(given.theta_, plain.theta_)
    assert given.history_["validation_accuracy"][-1] == given.score(X[::3], y[::3])
    held = SoftmaxClassifier(validation_fraction=0.2, **FAST).fit(X, y)
    assert {len(curve) for curve in held.history_.values()} == {15} == {held.n_iter_}


def test_early_stopping_keeps_the_best_parameters(iris: Any) -> None:
    X, y = iris
    rng = np.random.default_rng(0)
    noisy = rng.permutation(y)
    fitted = MLPClassifier(
        hidden=(32,), learning_rate=0.05, early_stopping=True, n_iter_no_change=4, random_state=0
    ).fit(X, noisy, X_val=X[::2], y_val=rng.permutation(noisy)[::2])
    curve = fitted.history_["validation_loss"]
    assert fitted.n_iter_ == len(curve) < 200
    again = clone(fitted).set_params(early_stopping=False, max_iter=1 + int(np.argmin(curve)))
    np.testing.assert_array_equal(again.fit(X, noisy).theta_, fitted.theta_)


def test_a_warm_start_goes_on_where_the_last_fit_ended(iris: Any) -> None:
    X, y = iris
    warm = SoftmaxClassifier(warm_start=True, optimizer="sgd", batch_size=150, max_iter=5)
    twice = warm.fit(X, y).fit(X, y).theta_
    once = clone(warm).set_params(max_iter=10).fit(X, y).theta_
    np.testing.assert_allclose(twice, once, rtol=1e-9)
    with pytest.raises(ValueError, match="warm_start: True: n_features_in_"):
        warm.fit(X[:, :2], y)


def test_sparse_rows_whose_indices_point_elsewhere_are_refused(iris: Any) -> None:
    X, y = sparse.csr_array(iris[0]), iris[1]
    fitted = SoftmaxClassifier(max_iter=1).fit(X, y)
    X.indices[-1] = 1000
    with pytest.raises(ValueError, match="fold 0: training part: X: columns: 1000: give 0 to 3"):
        SoftmaxClassifier(max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="X: columns: 1000: give 0 to 3"):
        fitted.predict(X)


def test_sparse_input_is_trained_as_it_is(iris: Any) -> None:
    X, y = iris
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    dense = SoftmaxClassifier(**FAST).fit(X, y)
    thin = SoftmaxClassifier(**FAST).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(thin.theta_, dense.theta_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        thin.predict_proba(sparse.csr_matrix(X)), dense.predict_proba(X), rtol=1e-9
    )


def test_balanced_classes_count_alike(iris: Any) -> None:
    X, y = iris
    few = np.r_[0:50, 50:60, 100:105]
    weights = np.r_[np.full(50, 65 / 150), np.full(10, 65 / 30), np.full(5, 65 / 15)]
    own = SoftmaxClassifier(class_weight="balanced", **FAST).fit(X[few], y[few])
    given = SoftmaxClassifier(**FAST).fit(X[few], y[few], sample_weight=weights)
    np.testing.assert_allclose(own.theta_, given.theta_, rtol=1e-9)


def test_the_dtype_is_that_of_x(iris: Any) -> None:
    X, y = iris
    assert SoftmaxClassifier(**FAST).fit(X.astype(np.float32), y).theta_.dtype == np.float32
    assert SoftmaxClassifier(**FAST).fit(X.tolist(), y).theta_.dtype == np.float64


def test_a_random_state_makes_it_repeatable(iris: Any) -> None:
    def theta(random_state: Any) -> np.ndarray:
        network = MLPClassifier(hidden=(4,), max_iter=2, random_state=random_state)
        return network.fit(*iris).theta_

    np.testing.assert_array_equal(theta(0), theta(np.int64(0)))
    np.testing.assert_array_equal(theta(np.random.RandomState(5)), theta(np.random.RandomState(5)))
    assert not np.array_equal(theta(0), theta(1))
    assert not np.array_equal(theta(None), theta(None))


def test_numbers_of_an_optimizer_are_found_by_a_grid_search(iris: Any) -> None:
    pipeline = make_pipeline(
        StandardScaler(),
        SoftmaxClassifier(optimizer=Optimizer("momentum"), max_iter=20, random_state=0),
    )
    grid = {"softmaxclassifier__optimizer__lr": [1e-6, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(*iris)
    assert search.best_params_ == {"softmaxclassifier__optimizer__lr": 0.1}
    assert search.best_estimator_[-1].optimizer == Optimizer("momentum", lr=0.1)
    assert cross_val_score(pipeline, *iris, cv=3).shape == (3,)


def test_schedules_follow_one_another(iris: Any) -> None:
    fitted = SoftmaxClassifier(
        schedule=[Schedule("constant", until=0.5), Schedule("constant", rate=0.1)],
        learning_rate=0.1,
        max_iter=4,
    ).fit(*iris)
    np.testing.assert_allclose(fitted.history_["learning_rate"], [0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"optimizer": "adm"}, "optimizer: 'adm': .* did you mean adam"),
        ({"optimizer": Optimizer("adam", beta3=1)}, "optimizer.adam: beta3: "),
        ({"optimizer": Optimizer("adam", beta1=2)}, r"optimizer.adam.beta1: 2: give a number at"),
        ({"schedule": "cosin"}, "schedule: 'cosin': .* did you mean cosine"),
        ({"schedule": []}, "schedule: no schedule"),
        ({"schedule": None}, "schedule: None: give a name, or a name with numbers"),
        ({"schedule": [None]}, "schedule.0: None: give a name, or a name with numbers"),
        ({"optimizer": None}, "optimizer: None: give a name, or a name with numbers"),
        ({"learning_rate": 0}, "learning_rate: 0: give a number above 0, or None"),
        ({"batch_size": 2.5}, "batch_size: 2.5: give a whole number, at least 1"),
        ({"max_iter": 0}, "max_iter: 0: give a whole number, at least 1"),
        ({"l1": -1}, "l1: -1: give a number at least 0"),
        (
            {"l1": 0.1, "optimizer": "dog"},
            "l1: 0.1: dog averages the weights, so none becomes exactly 0: .* use sgd",
        ),
        ({"validation_fraction": 1}, "validation_fraction: 1: give a number above 0 and below 1"),
        ({"label_smoothing": 1}, "label_smoothing: 1: give a number at least 0 and below 1"),
        ({"random_state": "a"}, "'a' cannot be used to seed"),
        ({"optimizer": "sgd", "learning_rate": 1e300}, "learning_rate: 1e.300: .* diverged"),
    ],
)
def test_an_error_names_the_parameter_the_value_and_what_is_allowed(
    parameters: dict[str, Any], message: str, iris: Any
) -> None:
    X, y = iris
    with pytest.raises(ValueError, match=message) as raised:
        SoftmaxClassifier(**{"max_iter": 2, **parameters}).fit(1e10 * X, y)
    assert "\n" not in str(raised.value)


def test_a_loss_that_is_not_for_the_targets_is_refused(iris: Any) -> None:
    X, y = iris
    with pytest.raises(ValueError, match="Only binary classification"):
        LogisticClassifier().fit(X, y)
    with pytest.raises(ValueError, match="SoftmaxClassifier takes binary and multiclass"):
        SoftmaxClassifier().fit(X, np.stack([y == "setosa", y == "virginica"], axis=1).astype(int))
    with pytest.raises(ValueError, match=r"loss: 'squared_errr'"):
        MLPClassifier(loss=Loss("squared_errr")).fit(X, y)
    with pytest.raises(ValueError, match="one class"):
        SoftmaxClassifier().fit(X, np.zeros(len(y)))


@pytest.mark.parametrize("kind", [MLPRegressor, FactorizationMachineRegressor])
@pytest.mark.parametrize("loss", sorted(set(losses.names()) - set(losses.fitting("regression"))))
def test_a_regressor_takes_losses_of_regression_alone(kind: Any, loss: str, diabetes: Any) -> None:
    with pytest.raises(ValueError, match=f"loss: '{loss}': give one of squared_error, "):
        kind(loss=loss, max_iter=1).fit(*diabetes)
    with pytest.raises(ValueError, match="loss: None: give a name"):
        kind(loss=None).fit(*diabetes)


@pytest.mark.parametrize("kind", [MLPClassifier, FactorizationMachineClassifier])
@pytest.mark.parametrize("loss", losses.fitting("regression"))
def test_a_classifier_takes_losses_of_classes_alone(kind: Any, loss: str, iris: Any) -> None:
    with pytest.raises(ValueError, match=f"loss: '{loss}': give one of .*, or None") as raised:
        kind(loss=loss, max_iter=1).fit(*iris)
    allowed = str(raised.value).partition("give one of ")[2].removesuffix(", or None")
    assert set(allowed.split(", ")) == {
        name for name in losses.names() if set(losses.load(name).tasks) != {"regression"}
    }


def test_all_labels_are_learnt_in_parts_whatever_the_classes(cancer: Any) -> None:
    X, y = cancer
    labels = np.stack([y, X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int)
    plain = LogisticClassifier(**FAST).partial_fit(X, labels)
    named = LogisticClassifier(**FAST).partial_fit(X, labels, classes=np.arange(3))
    np.testing.assert_array_equal(named.theta_, plain.theta_)
    assert named.predict(X).shape == labels.shape
    for fitted in (named, LogisticClassifier(**FAST)):
        with pytest.raises(ValueError, match=r"classes: .* must be the numbers of the labels"):
            fitted.partial_fit(X, labels, classes=[0, 1])


def test_a_weight_counts_in_a_call_of_partial_fit_for_one_sample(iris: Any) -> None:
    X, y = iris[0][:1], np.array(["b"])
    moved = [
        LogisticClassifier(optimizer="sgd", learning_rate=1e-6)
        .partial_fit(X, y, classes=["a", "b"], sample_weight=[weight])
        .intercept_[0]
        for weight in (1.0, 20.0)
    ]
    assert moved[1] == pytest.approx(20 * moved[0], rel=1e-6)


def test_partial_fit_goes_on_after_a_divergence_as_if_it_had_not_been(iris: Any) -> None:
    X, y = iris
    fitted, calm = (SoftmaxClassifier(**FAST).partial_fit(X, y) for _ in range(2))
    with pytest.raises(ValueError, match="diverged"):
        fitted.set_params(optimizer="adam", learning_rate=1e308).partial_fit(1e10 * X, y)
    fitted.set_params(learning_rate=FAST["learning_rate"]).partial_fit(X, y)
    np.testing.assert_array_equal(fitted.theta_, calm.partial_fit(X, y).theta_)


def test_wrappers_may_change_between_parts(iris: Any) -> None:
    for before, after in (({}, {"ema": 0.9}), ({"lookahead_rate": 0.5}, {})):
        fitted = SoftmaxClassifier(optimizer=Optimizer("adam", **before), **FAST)
        fitted.partial_fit(*iris).set_params(optimizer=Optimizer("adam", **after))
        assert np.isfinite(fitted.partial_fit(*iris).theta_).all()
        assert set(fitted._state["arrays"]["kept"]) == ({"mean"} if after else set())


@pytest.mark.parametrize(
    ("kind", "change", "names"),
    [
        (MLPClassifier(hidden=(4,), **FAST), {"hidden": (6,)}, "hidden or layer_norm"),
        pytest.param(
            MLPClassifier(hidden=(4,), **FAST),
            {"layer_norm": True},
            "hidden or layer_norm",
            marks=pytest.mark.slow,
        ),
        (FactorizationMachineClassifier(factors=2, **FAST), {"factors": 3}, "factors"),
    ],
)
def test_a_model_of_another_size_does_not_go_on(
    kind: Any, change: dict[str, Any], names: str, iris: Any
) -> None:
    message = f"{names}: changed since the parameters were fitted"
    with pytest.raises(ValueError, match=message):
        clone(kind).partial_fit(*iris).set_params(**change).partial_fit(*iris)
    with pytest.raises(ValueError, match=message):
        clone(kind).fit(*iris).set_params(warm_start=True, **change).fit(*iris)
    assert clone(kind).fit(*iris).set_params(**change).fit(*iris).n_iter_ == FAST["max_iter"]


def test_half_a_validation_set_is_refused(iris: Any) -> None:
    X, y = iris
    with pytest.raises(ValueError, match="X_val: None: give the samples"):
        SoftmaxClassifier(**FAST).fit(X, y, y_val=y)
    with pytest.raises(ValueError, match="X_val: None: give the samples"):
        SoftmaxClassifier(**FAST).fit(X, y, sample_weight_val=np.ones(len(y)))
    with pytest.raises(ValueError, match="y_val: None: give the targets"):
        SoftmaxClassifier(**FAST).fit(X, y, X_val=X)
