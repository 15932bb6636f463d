"""Promises of a loaded data set."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tuner.data import DataSet, bundled, load
from tuner.data.source import Source
from tuner.data.splits import share_out
from tuner.errors import UserError

FRACTIONS = {"validation": 0.2, "test": 0.2}
IRIS = bundled.read("iris")
DIABETES = bundled.read("diabetes")


@pytest.fixture
def load_source(monkeypatch: pytest.MonkeyPatch) -> Callable[..., DataSet]:
    """Loads a source that the test has made, as if it were a bundled one."""

    def load_it(source: Source, **settings: Any) -> DataSet:
        monkeypatch.setattr(bundled, "read", lambda name: source)
        return load("made", seed=0, dtype="float64", **settings)

    return load_it


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_bundled_config_loads_ready_to_train(
    bundled_name: str, dtype: str, configs: dict[str, dict[str, Any]]
) -> None:
    data = load(seed=0, dtype=dtype, **configs[bundled_name])
    assert data.name == bundled_name
    parts = (data.X_train, data.y_train), (data.X_validation, data.y_validation), data.test()
    for X, y in parts:
        assert X.dtype == dtype
        assert X.flags.c_contiguous
        assert X.shape == (len(y), data.inputs)
        assert np.isfinite(X).all()
        if data.classes is None:
            assert y.dtype == dtype
            assert y.shape == (len(X), data.outputs)
        else:
            assert y.dtype == np.int64
            assert y.shape == (len(X),)
            assert set(y) == set(range(len(data.classes)))


@pytest.mark.parametrize(("classes", "task", "outputs"), [(2, "binary", 1), (3, "multiclass", 3)])
def test_two_classes_need_one_output_and_more_one_each(
    load_source: Callable[..., DataSet], classes: int, task: str, outputs: int
) -> None:
    data = load_source(replace(IRIS, targets=np.arange(150) % classes))
    assert (data.task, data.outputs) == (task, outputs)


def test_regression_needs_one_output_a_target(load_source: Callable[..., DataSet]) -> None:
    data = load_source(replace(DIABETES, targets=np.hstack([DIABETES.targets] * 3)))
    assert (data.task, data.outputs, data.classes) == ("regression", 3, None)


def test_labels_may_be_words(load_source: Callable[..., DataSet]) -> None:
    words = np.array(["setosa", "versicolor", "virginica"])[IRIS.targets]
    named, numbered = load_source(replace(IRIS, targets=words)), load_source(IRIS)
    assert named.classes is not None
    assert list(named.classes) == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(named.y_train, numbered.y_train)


def test_the_same_seed_gives_the_same_data() -> None:
    first, again = (load("digits", seed=3, dtype="float32") for _ in range(2))
    np.testing.assert_array_equal(first.X_train, again.X_train)
    np.testing.assert_array_equal(first.test()[0], again.test()[0])


def test_the_example_is_five_raw_training_rows(load_source: Callable[..., DataSet]) -> None:
    data = load_source(IRIS)
    np.testing.assert_allclose(data.preprocessing.transform(data.example), data.X_train[:5])


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_scaling_is_fitted_on_the_training_part_alone(scale: str) -> None:
    data = load("breast_cancer", seed=0, dtype="float64", scale=scale)
    if scale == "standard":
        np.testing.assert_allclose(data.X_train.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(data.X_train.std(axis=0), 1)
    else:
        np.testing.assert_array_equal(data.X_train.min(axis=0), 0)
        np.testing.assert_array_equal(data.X_train.max(axis=0), 1)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_no_other_part_can_change_the_training_part(
    load_source: Callable[..., DataSet], part: str
) -> None:
    rows, targets = DIABETES.rows.copy(), DIABETES.targets.copy()
    other = share_out(DIABETES.groups, FRACTIONS, seed=0)[part]
    rows[other] = targets[other] = 1e9
    plain, changed = (
        load_source(DIABETES),
        load_source(replace(DIABETES, rows=rows, targets=targets)),
    )
    np.testing.assert_array_equal(changed.X_train, plain.X_train)
    np.testing.assert_array_equal(changed.y_train, plain.y_train)


def test_regression_targets_are_standardised_on_the_training_part() -> None:
    data = load("diabetes", seed=0, dtype="float64")
    np.testing.assert_allclose(data.y_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(data.y_train.std(axis=0), 1)


def test_raw_targets_can_be_had_back() -> None:
    data = load("diabetes", seed=0, dtype="float64")
    standardised = [data.y_train, data.y_validation, data.test()[1]]
    raw = np.concatenate(standardised) * data.target_scale + data.target_mean
    np.testing.assert_allclose(np.sort(raw, axis=0), np.sort(DIABETES.targets, axis=0))


def test_the_test_part_is_not_touched_before_it_is_asked_for(
    load_source: Callable[..., DataSet],
) -> None:
    asked = []

    def read_test() -> tuple[np.ndarray, np.ndarray]:
        asked.append(True)
        return IRIS.rows[:9], IRIS.targets[:9]

    data = load_source(replace(IRIS, read_test=read_test))
    assert not asked
    assert len(data.test()[0]) == 9
    assert asked


def spoilt(value: float) -> np.ndarray:
    """The rows of iris with one value of row 7 spoilt."""
    rows = IRIS.rows.copy()
    rows[7, 2] = value
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": spoilt(np.nan)}, "the rows hold nan in row 7, column 2"),
        ({"rows": spoilt(-np.inf)}, "the rows hold -inf in row 7, column 2"),
        ({"rows": IRIS.rows.astype(str)}, "the rows hold <U32 values; must be numbers"),
        ({"rows": IRIS.rows.astype(object)}, "the rows hold object values; must be numbers"),
        ({"rows": IRIS.rows[:, :0]}, r"the rows are empty, of shape \(150, 0\)"),
        ({"targets": spoilt(np.nan)}, "the targets hold nan in row 7, column 2"),
        ({"targets": np.full(150, 4)}, "every row is of class 4; must hold two or more"),
        ({"targets": np.arange(150) // 148}, "only 2 rows of class 1; must be 3 at least"),
    ],
)
def test_bad_data_is_one_line(
    load_source: Callable[..., DataSet], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=rf"^data\.name: 'iris': {message}.*$") as error:
        load_source(replace(IRIS, **change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_fraction": 0.0}, "data.validation_fraction: 0.0: must be above 0"),
        ({"validation_fraction": 1.0}, "data.validation_fraction: 1.0: must be above 0"),
        ({"validation_fraction": float("nan")}, "data.validation_fraction: nan: must be above 0"),
        ({"test_fraction": -0.1}, "data.test_fraction: -0.1: must be above 0"),
        (
            {"validation_fraction": 0.5, "test_fraction": 0.5},
            "data.validation_fraction: 0.5, data.test_fraction: 0.5: together must be below 1",
        ),
        (
            {"validation_fraction": 0.495, "test_fraction": 0.495},
            "data.validation_fraction: 0.495, data.test_fraction: 0.495: leave no row of the 50",
        ),
        (
            {"validation_fraction": 0.01},
            "data.validation_fraction: 0.01: leaves the validation part none of the 50 rows of "
            "class 0; must be above 0.01",
        ),
        ({"test_fraction": 0.001}, "data.test_fraction: 0.001: leaves the test part none of the"),
        ({"scale": "max"}, "data.scale: 'max': must be one of standard, minmax, none"),
    ],
)
def test_a_bad_setting_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        load("iris", seed=0, dtype="float32", **settings)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_an_empty_validation_part_of_a_regression_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^data\.validation_fraction: 0\.001: .* 442 rows; must"):
        load("diabetes", seed=0, dtype="float32", validation_fraction=0.001)
