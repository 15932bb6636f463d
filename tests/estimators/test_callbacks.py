"""Promises to scikit-learn's callbacks: told of every epoch, with an estimator ready to predict."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV

from tuner.estimators import LinearRegressor, SoftmaxClassifier
from tuner.model_selection import TunerSearchCV


class Recorder:
    """Notes every hook, and stops after some epochs."""

    def __init__(self, stop_after: int = 1000) -> None:
        self.stop_after, self.heard, self.accuracy = stop_after, [], []

    def setup(self, estimator: Any, context: Any) -> None:
        self.heard.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.heard.append(f"{context.task_name} begins")

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any, y: Any, fitted_estimator: Any
    ) -> bool:
        self.heard.append(f"{context.task_name} ends")
        self.accuracy.append(fitted_estimator.score(X, y))
        return context.task_name == "epoch" and fitted_estimator.n_iter_ >= self.stop_after


def test_a_fit_and_its_epochs_are_told(iris: Any) -> None:
    recorder = Recorder()
    fitted = SoftmaxClassifier(max_iter=2).set_callbacks(recorder).fit(*iris)
    epoch = ["epoch begins", "epoch ends"]
    assert recorder.heard == ["setup", "fit begins", *epoch, *epoch, "fit ends", "teardown"]
    assert recorder.accuracy[-1] == fitted.score(*iris)


def test_a_callback_stops_the_fit_where_it_is(iris: Any) -> None:
    stopped = SoftmaxClassifier(max_iter=50, random_state=0).set_callbacks(Recorder(3)).fit(*iris)
    assert stopped.n_iter_ == 3
    short = clone(stopped).set_callbacks().set_params(max_iter=3).fit(*iris)
    np.testing.assert_array_equal(stopped.theta_, short.theta_)


def test_callbacks_given_as_a_parameter_are_told_as_well(iris: Any) -> None:
    given, set_later = Recorder(), Recorder()
    SoftmaxClassifier(max_iter=1, callbacks=[given]).set_callbacks(set_later).fit(*iris)
    assert given.heard == set_later.heard != []
    with pytest.raises(TypeError, match="FitCallback"):
        SoftmaxClassifier(callbacks=["epoch"]).fit(*iris)


def test_an_error_in_training_still_tears_down(iris: Any) -> None:
    recorder = Recorder()
    estimator = LinearRegressor(optimizer="sgd", learning_rate=1e300).set_callbacks(recorder)
    with pytest.raises(ValueError, match="diverged"):
        estimator.fit(iris[0], iris[0][:, 0])
    assert recorder.heard[-1] == "teardown"


def test_scikit_learns_monitor_sees_the_curve(iris: Any) -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = SoftmaxClassifier(max_iter=3, random_state=0).set_callbacks(monitor).fit(*iris)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 3
    assert rows[-1]["accuracy"] == fitted.score(*iris)


@pytest.mark.parametrize("search", [GridSearchCV, TunerSearchCV])
def test_callbacks_reach_what_a_search_fits(search: Any, iris: Any) -> None:
    recorder = Recorder()
    kind = SoftmaxClassifier(max_iter=2, random_state=0).set_callbacks(recorder)
    search(kind, {"learning_rate": [0.01, 0.1]}, cv=2).fit(*iris)
    # TunerSearchCV's candidates are rows of a population; the best is fitted as an estimator.
    fits = 1 if search is TunerSearchCV else 2 * 2 + 1
    assert recorder.heard.count("epoch ends") == 2 * fits
