"""Promises of a model as MLflow loads it: the same numbers, probabilities, rows with gaps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.scoring_server import invocations
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from tuner.errors import UserError
from tuner.estimators import MLPClassifier, MLPRegressor
from tuner.estimators.public import own_types
from tuner.tracking.model import FORMAT, describe, save

N = 60
RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(size=(N, 3))
TABLE = pd.DataFrame(
    {
        "age": RANDOM.integers(20, 60, N),
        "height": NUMBERS[:, 0],
        "town": np.array(["Ulm", "Bonn", "Jena"] * (N // 3)),
        "member": NUMBERS[:, 1] > 0,
    }
)
ROWS = {"array": NUMBERS, "sparse": sparse.csr_array(NUMBERS), "table": TABLE}


def preparation(kind: str) -> Any:
    """What prepares rows of a kind, as tuner's own reading of data does."""
    if kind != "table":
        return MaxAbsScaler() if kind == "sparse" else StandardScaler()
    filled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = [("numbers", filled, ["age", "height"]), ("words", words, ["town", "member"])]
    return ColumnTransformer(columns)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """A fitted pipeline, and the same as MLflow loads it."""
    made: dict[Any, Any] = {}

    def make(kind: str, regression: bool = False) -> Any:
        if (kind, regression) not in made:
            learner = MLPRegressor if regression else MLPClassifier
            y = NUMBERS[:, 0] if regression else np.array(["no", "yes"])[(NUMBERS[:, 0] > 0) * 1]
            estimator = learner(hidden=(4,), max_iter=3, random_state=0)
            pipeline = make_pipeline(preparation(kind), estimator).fit(ROWS[kind], y)
            folder = tmp_path_factory.mktemp("model")
            example = ROWS[kind][:5]
            describe(folder, pipeline, example, save(folder, pipeline, example, own_types()))
            made[kind, regression] = pipeline, mlflow.pyfunc.load_model(str(folder / FORMAT))
        return made[kind, regression]

    return make


@pytest.mark.parametrize("kind", ROWS)
def test_a_model_says_the_same_by_mlflow_and_gives_probabilities(
    kind: str, served: Callable[..., Any]
) -> None:
    pipeline, model = served(kind)
    rows = sparse.csr_matrix(ROWS[kind]) if kind == "sparse" else ROWS[kind]
    for method in ("predict", "predict_proba", "decision_function"):
        said = model.predict(rows, params={"predict_method": method})
        np.testing.assert_array_equal(said, getattr(pipeline, method)(ROWS[kind]))
    np.testing.assert_array_equal(model.predict(rows), pipeline.predict(ROWS[kind]))


def test_a_regressor_has_predictions_alone(served: Callable[..., Any]) -> None:
    pipeline, model = served("array", regression=True)
    np.testing.assert_array_equal(model.predict(NUMBERS), pipeline.predict(NUMBERS))
    assert model.metadata.get_params_schema() is None


def test_a_method_that_there_is_not_is_told(served: Callable[..., Any]) -> None:
    _, model = served("array")
    with pytest.raises(ValueError, match=r"^predict_method: 'fit': must be one of predict, "):
        model.predict(NUMBERS, params={"predict_method": "fit"})


@pytest.mark.parametrize("column", TABLE.columns)
def test_any_column_may_have_gaps_and_whole_numbers(
    column: str, served: Callable[..., Any]
) -> None:
    pipeline, model = served("table")
    gaps = TABLE.head(4).astype({"member": object})
    gaps.loc[1, column] = None
    for rows in (gaps, TABLE.head(1).assign(height=2), gaps.assign(**{column: None}).iloc[:1]):
        np.testing.assert_array_equal(model.predict(rows), pipeline.predict(rows))


def test_a_row_with_gaps_is_served(served: Callable[..., Any]) -> None:
    _, model = served("table")
    rows = [{"age": None, "height": 1, "town": None, "member": True}]
    body = {"dataframe_records": rows, "params": {"predict_method": "predict_proba"}}
    schema = model.metadata.get_input_schema()
    answer = invocations(json.dumps(body), "application/json", model, schema)
    (said,) = json.loads(answer.response)["predictions"]
    assert sum(said) == pytest.approx(1)


def test_a_column_that_is_missing_is_named(served: Callable[..., Any]) -> None:
    _, model = served("table")
    with pytest.raises(MlflowException, match="town"):
        model.predict(TABLE.drop(columns="town"))


def test_a_model_of_foreign_types_is_not_loaded(tmp_path: Path) -> None:
    import skops.io

    from tuner.tracking.serving import _load_pyfunc

    skops.io.dump(np.testing.measure, tmp_path / "model.skops")
    with pytest.raises(UserError, match="measure"):
        _load_pyfunc(str(tmp_path))
