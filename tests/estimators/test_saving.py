"""Promises of saving: no pickle, the same predictions again, and nothing loaded on trust."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from tuner.errors import UserError
from tuner.estimators import LinearRegressor, MLPClassifier, Optimizer, Schedule, load, save


class Foreign(StandardScaler):
    """A type that nobody trusts yet."""


def test_a_saved_pipeline_predicts_the_same_and_goes_on_learning(iris: Any, tmp_path: Path) -> None:
    X, y = iris
    network = MLPClassifier(
        hidden=(4,), optimizer=Optimizer("adam", lr=0.01), schedule=Schedule("cosine"), max_iter=3
    )
    for _ in range(2):
        network.partial_fit(X, y)
    path = tmp_path / "model.skops"
    needed = save(make_pipeline(StandardScaler().fit(X), network), path)
    assert all(name.startswith("tuner.estimators.") for name in needed)
    again = load(path)
    np.testing.assert_array_equal(again[-1].predict_proba(X), network.predict_proba(X))
    np.testing.assert_array_equal(
        again[-1].partial_fit(X, y).theta_, network.partial_fit(X, y).theta_
    )


def test_types_that_nobody_named_are_refused_in_one_line(iris: Any, tmp_path: Path) -> None:
    X, _ = iris
    path = tmp_path / "model.skops"
    pipeline = make_pipeline(Foreign(), LinearRegressor(max_iter=1)).fit(X, X[:, 0])
    foreign = f"{Foreign.__module__}.Foreign"
    with pytest.raises(UserError, match=r"Foreign: .* trusted"):
        save(pipeline, path)
    with pytest.raises(UserError, match=r"Foreign: .* trusted") as raised:
        load(path)
    assert "\n" not in str(raised.value)
    assert foreign in save(pipeline, path, trusted=[foreign])


def test_a_function_in_a_file_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    skops.io.dump(FunctionTransformer(func=np.testing.measure), path)
    with pytest.raises(UserError, match="measure"):
        load(path)


def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        load(tmp_path / "none.skops")
    wrong = tmp_path / "wrong.skops"
    for content in (b"", b"\x80\x04K\x01."):
        wrong.write_bytes(content)
        with pytest.raises(UserError, match=r"wrong.skops: is not a skops file"):
            load(wrong)


def test_every_transformer_of_the_preprocessing_may_be_loaded() -> None:
    from inspect import getmembers, isclass

    from tuner.data import transformers
    from tuner.estimators.public import own_types

    of_the_file = {
        f"{kind.__module__}.{name}"
        for name, kind in getmembers(transformers, isclass)
        if kind.__module__ == transformers.__name__
    }
    assert of_the_file
    assert of_the_file == {name for name in own_types() if name.startswith(transformers.__name__)}
