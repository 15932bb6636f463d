"""Promises of a loaded data set."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tuner.data import DataSet, load, readers
from tuner.data.readers import bundled
from tuner.data.source import Source
from tuner.data.splits import share_out
from tuner.errors import UserError
from tuner.training.problems import Part

FRACTIONS = {"validation": 0.2, "test": 0.2}
IRIS = bundled.read("iris")
DIABETES = bundled.read("diabetes")


def parts(data: DataSet) -> tuple[Part, Part, Part]:
    """Training, validation and test part of a data set of one fold."""
    ((train, validation),) = data.folds
    assert validation is not None
    return train, validation, data.test()


@pytest.fixture
def load_source(monkeypatch: pytest.MonkeyPatch) -> Callable[..., DataSet]:
    """Loads a source that the test has made, as if it were a bundled one."""

    def load_it(source: Source, **settings: Any) -> DataSet:
        monkeypatch.setattr(readers, "read", lambda name, reader, given: source)
        return load("made", **{"seed": 0, "dtype": "float64", **settings})

    return load_it


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_bundled_config_loads_ready_to_train(
    bundled_name: str, dtype: str, configs: dict[str, dict[str, Any]]
) -> None:
    data = load(seed=0, dtype=dtype, **configs[bundled_name])
    assert data.name == bundled_name
    for X, y, weights in parts(data):
        assert weights is None
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
    np.testing.assert_array_equal(parts(named)[0].y, parts(numbered)[0].y)


def test_the_same_seed_gives_the_same_data() -> None:
    first, again = (load("digits", seed=3, dtype="float32") for _ in range(2))
    for one, other in zip(parts(first), parts(again), strict=True):
        np.testing.assert_array_equal(one.X, other.X)


def test_the_example_is_five_raw_training_rows(load_source: Callable[..., DataSet]) -> None:
    data = load_source(IRIS)
    np.testing.assert_allclose(
        data.recipe.rows.transformer().transform(data.example), parts(data)[0].X[:5]
    )


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_scaling_is_fitted_on_the_training_part_alone(scale: str) -> None:
    X = parts(load("breast_cancer", seed=0, dtype="float64", scale=scale))[0].X
    assert isinstance(X, np.ndarray)
    if scale == "standard":
        np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(X.std(axis=0), 1)
    else:
        np.testing.assert_array_equal(X.min(axis=0), 0)
        np.testing.assert_array_equal(X.max(axis=0), 1)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_no_other_part_can_change_the_training_part(
    load_source: Callable[..., DataSet], part: str
) -> None:
    rows, targets = DIABETES.rows.copy(), DIABETES.targets.copy()
    other = share_out(np.zeros(len(rows)), FRACTIONS, seed=0)[part]
    rows[other] = targets[other] = 1e9
    plain, changed = (
        load_source(DIABETES),
        load_source(replace(DIABETES, rows=rows, targets=targets)),
    )
    np.testing.assert_array_equal(parts(changed)[0].X, parts(plain)[0].X)
    np.testing.assert_array_equal(parts(changed)[0].y, parts(plain)[0].y)


def test_regression_targets_are_standardised_on_the_training_part() -> None:
    y = parts(load("diabetes", seed=0, dtype="float64"))[0].y
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1)


def test_targets_stay_as_they_are_if_their_loss_wants_it() -> None:
    standardised = load("diabetes", seed=0, dtype="float64")
    data = standardised.unstandardised
    assert data.final.train.X is standardised.final.train.X
    found = np.sort(np.concatenate([part.y for part in parts(data)]), axis=0)
    np.testing.assert_array_equal(found, np.sort(DIABETES.targets, axis=0))
    assert (data.target_mean, data.target_scale) == (0, 1)


def test_raw_targets_can_be_had_back() -> None:
    data = load("diabetes", seed=0, dtype="float64")
    standardised = [part.y for part in parts(data)]
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
    assert len(data.test().y) == 9
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
        ({"targets": spoilt(np.nan)}, "the target is missing in row 7"),
        ({"targets": spoilt(np.inf)}, "the target is inf in row 7"),
        ({"rows": IRIS.rows[:0], "targets": IRIS.targets[:0]}, "the rows are empty"),
        ({"targets": np.array(["a", "b", 3] * 50, object)}, "the targets mix int, str; must be"),
        ({"targets": IRIS.targets * 1j}, "the targets hold complex128 values; must be"),
        ({"targets": IRIS.targets[:149]}, "150 rows, but 149 targets"),
        ({"targets": np.arange(150)}, "only 1 rows of class 0; .* data.task=regression"),
        (
            {"weights": np.full(150, -1.0)},
            "the sample weights hold -1.0 in row 0 .* from 0 to",
        ),
        ({"weights": np.zeros(150)}, "all sample weights of the test part are 0"),
        ({"weights": np.full(150, 1e-320)}, "no sample weight is above"),
        ({"weights": np.full(150, 1e308)}, "the sample weights hold 1e.308 in row 0"),
        ({"groups": np.array([None] * 150)}, "row 0 .* has no group"),
        ({"times": np.full(150, np.nan)}, "the times hold nan in row 0"),
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
        ({"folds": 1}, "data.folds: 1: must be 2 at least"),
        ({"folds": 41}, "data.folds: 41: only 40 rows of class 0 are left beside the test part"),
        ({"task": "ranking"}, "data.task: 'ranking': must be one of binary, multiclass"),
        ({"task": "binary"}, "data.task: binary: the targets hold 3 classes; give multiclass"),
        ({"task": "multilabel"}, "data.task: multilabel: the targets of data.name: 'iris' must"),
        ({"class_weight": "even"}, "data.class_weight: 'even': must be null or balanced"),
        ({"reader": "nope"}, "data.reader: 'nope': must be one of arrays, bundled"),
        ({"folder": "here"}, "data.folder: 'here': the reader bundled takes nothing"),
        ({"reader": "idx"}, "data.folder: is missing: the reader idx needs it"),
        ({"scale": "max"}, "data.scale: 'max': must be one of standard, minmax, maxabs"),
    ],
)
def test_a_bad_setting_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        load("iris", **{"seed": 0, "dtype": "float32", **settings})
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_an_empty_validation_part_of_a_regression_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^data\.validation_fraction: 0\.001: .* 442 rows; must"):
        load("diabetes", seed=0, dtype="float32", validation_fraction=0.001)


@pytest.mark.parametrize("number", [1e30, 1e-30])
def test_features_of_any_size_train(load_source: Callable[..., DataSet], number: float) -> None:
    train = parts(load_source(replace(IRIS, rows=IRIS.rows * number), dtype="float32"))[0]
    expected = parts(load_source(IRIS, dtype="float32"))[0]
    np.testing.assert_allclose(train.X, expected.X, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("number", "scale", "message"),
    [
        (1e300, "standard", f"{IRIS.where}: the rows hold 5.1e+300 in row 0, column 0 (counted"),
        (1e30, "none", "data.scale: none: 5.1e+30 in column 0 (counted from 0) becomes 5.1e+30"),
    ],
)
def test_features_that_the_dtype_cannot_hold_are_one_line(
    load_source: Callable[..., DataSet], number: float, scale: str, message: str
) -> None:
    with pytest.raises(UserError) as error:
        load_source(replace(IRIS, rows=IRIS.rows * number), scale=scale, dtype="float32")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_constant_column_is_zero(load_source: Callable[..., DataSet]) -> None:
    rows = np.hstack([IRIS.rows, np.full((150, 1), 7.1)])
    for part in parts(load_source(replace(IRIS, rows=rows))):
        np.testing.assert_allclose(part.X[:, -1], 0, atol=1e-12)


BINARY = np.arange(150) % 2
LABELS = np.stack([BINARY, 1 - BINARY, np.arange(150) % 3 == 0], axis=1)


@pytest.mark.parametrize(
    ("targets", "task"),
    [
        (BINARY, "binary"),
        (BINARY == 1, "binary"),
        (np.array(["ja", "nein"])[BINARY], "binary"),
        (np.array(["ja", "nein"], object)[BINARY], "binary"),
        (np.arange(150) % 3, "multiclass"),
        (BINARY[:, None], "binary"),
        (BINARY.astype(float), "regression"),
        (np.arange(150) % 3 + 0.5, "regression"),
        (LABELS, "multilabel"),
        (LABELS.astype(float), "multilabel"),
        (LABELS + 0.5, "regression"),
        (np.stack([np.arange(150), BINARY], axis=1), "regression"),
    ],
)
def test_the_task_is_what_the_targets_look_like(
    load_source: Callable[..., DataSet], targets: np.ndarray, task: str
) -> None:
    assert load_source(replace(IRIS, targets=targets)).task == task


@pytest.mark.parametrize(
    ("targets", "task", "outputs"),
    [
        (BINARY.astype(float), "binary", 1),
        (BINARY, "multiclass", 2),
        (BINARY, "regression", 1),
        (BINARY, "multilabel", 1),
        (np.array([0.5, 1.5])[BINARY], "binary", 1),
        (LABELS, "regression", 3),
    ],
)
def test_the_task_may_be_given(
    load_source: Callable[..., DataSet], targets: np.ndarray, task: str, outputs: int
) -> None:
    data = load_source(replace(IRIS, targets=targets), task=task)
    assert (data.task, data.outputs) == (task, outputs)


def test_labels_are_zero_and_one_in_as_many_columns(load_source: Callable[..., DataSet]) -> None:
    data = load_source(replace(IRIS, targets=LABELS), dtype="float32")
    together = np.concatenate([part.y for part in parts(data)])
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together.sum(axis=0), LABELS.sum(axis=0))


@pytest.mark.parametrize(
    ("targets", "task", "message"),
    [
        (np.array(["a", "b"])[BINARY], "regression", "must be numbers for data.task=regression"),
        (LABELS, "binary", "takes one target, the data have 3"),
        (np.ones((150, 2)), "multilabel", "label 0 .* is 1.0 in every row"),
    ],
)
def test_a_task_that_the_targets_cannot_be_is_one_line(
    load_source: Callable[..., DataSet], targets: np.ndarray, task: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_source(replace(IRIS, targets=targets), task=task)


def test_balanced_classes_weigh_alike_in_training_and_only_there(
    load_source: Callable[..., DataSet],
) -> None:
    rare = replace(IRIS, targets=(np.arange(150) % 5 == 0).astype(int))
    (train, validation, test) = parts(load_source(rare, class_weight="balanced"))
    assert train.weights is not None
    ones = train.weights[train.y == 1].sum()
    assert ones == pytest.approx(train.weights[train.y == 0].sum())
    assert train.weights.sum() == pytest.approx(len(train.y))
    assert (validation.weights, test.weights) == (None, None)


def test_sample_weights_go_with_their_rows_and_multiply_class_weights(
    load_source: Callable[..., DataSet],
) -> None:
    weighted = replace(IRIS, weights=IRIS.rows[:, 0])  # so that a row tells its weight
    plain = load_source(weighted, scale="none")
    for part in parts(plain):
        np.testing.assert_array_equal(part.weights, part.X[:, 0])
    balanced = parts(load_source(weighted, scale="none", class_weight="balanced"))
    train = parts(plain)[0]
    of_class = compute_class_weight(
        "balanced", classes=np.arange(3), y=train.y, sample_weight=train.weights
    )
    np.testing.assert_allclose(balanced[0].weights, of_class[train.y] * train.X[:, 0])
    np.testing.assert_array_equal(balanced[1].weights, balanced[1].X[:, 0])


def test_balanced_classes_weigh_alike_whatever_their_rows_weigh(
    load_source: Callable[..., DataSet],
) -> None:
    weighted = replace(IRIS, weights=np.array([0.1, 1.0, 7.0])[IRIS.targets])
    train = parts(load_source(weighted, class_weight="balanced"))[0]
    few, one, other = np.bincount(train.y, train.weights)
    assert few == pytest.approx(one) == pytest.approx(other)


def test_class_weights_need_classes(load_source: Callable[..., DataSet]) -> None:
    with pytest.raises(UserError, match=r"^data\.class_weight: balanced: there are no classes"):
        load_source(DIABETES, class_weight="balanced")


def test_folds_validate_every_row_once_and_never_the_test_part(
    load_source: Callable[..., DataSet],
) -> None:
    numbered = replace(IRIS, rows=np.arange(150.0)[:, None])
    data = load_source(numbered, folds=4, scale="none")
    validated = [fold.validation.X[:, 0] for fold in data.folds if fold.validation]
    whole = np.sort(data.final.train.X[:, 0])
    np.testing.assert_array_equal(np.sort(np.concatenate(validated)), whole)
    for train, validation in data.folds:
        assert validation is not None
        both = np.sort(np.concatenate([train.X[:, 0], validation.X[:, 0]]))
        np.testing.assert_array_equal(both, whole)
        np.testing.assert_allclose(np.bincount(validation.y), 10)
    assert data.final.validation is None
    assert not set(data.test().X[:, 0]) & set(whole)
    assert len(data.test().y) + len(whole) == 150


def test_each_fold_is_prepared_by_its_own_training_part(
    load_source: Callable[..., DataSet],
) -> None:
    data = load_source(DIABETES, folds=3)
    for fold in (*data.folds, data.final):
        np.testing.assert_allclose(fold.train.X.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(fold.train.X.std(axis=0), 1)
        np.testing.assert_allclose(fold.train.y.mean(axis=0), 0, atol=1e-12)
    raw = data.recipe.rows.transformer().transform(data.example)
    np.testing.assert_allclose(raw, data.final.train.X[:5])


def test_the_test_part_does_not_depend_on_how_many_folds_there_are() -> None:
    held = [load("iris", seed=0, dtype="float64", folds=k, scale="none") for k in (None, 2, 5)]
    for data in held[1:]:
        np.testing.assert_array_equal(data.test().X, held[0].test().X)


def test_one_validation_part_is_final_as_it_is() -> None:
    data = load("iris", seed=0, dtype="float64")
    assert data.final is data.folds[0]


def test_groups_and_times_exclude_each_other(load_source: Callable[..., DataSet]) -> None:
    both = replace(IRIS, groups=np.arange(150), times=np.arange(150.0))
    with pytest.raises(UserError, match=r"^data\.group: cannot be combined with data\.time"):
        load_source(both)


def test_a_class_that_training_lacks_is_one_line(load_source: Callable[..., DataSet]) -> None:
    with pytest.raises(UserError, match=r"^data\.time: leaves the training part no row of class"):
        load_source(replace(IRIS, times=np.arange(150.0)))
    with pytest.raises(UserError, match=r"^data\.group: leaves the training part no row of class"):
        load_source(replace(IRIS, groups=IRIS.targets))


def test_more_folds_than_rows_are_one_line(load_source: Callable[..., DataSet]) -> None:
    with pytest.raises(UserError, match=r"^data\.folds: 500: only 354 rows are left"):
        load_source(DIABETES, folds=500)


def test_what_does_not_fit_into_half_the_memory_is_refused_with_what_it_needs(
    load_source: Callable[..., DataSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 10_000)
    with pytest.raises(UserError, match=r"needs 34\.6 kB of memory, more than half of the 10\.0"):
        load_source(replace(IRIS, rows=np.repeat(IRIS.rows[:, :1], 36, axis=1)))
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 80_000)
    load_source(replace(IRIS, rows=np.repeat(IRIS.rows[:, :1], 36, axis=1)))
    with pytest.raises(UserError, match=r"give fewer data\.folds \(each of the 5 has its own copy"):
        load_source(replace(IRIS, rows=np.repeat(IRIS.rows[:, :1], 36, axis=1)), folds=5)


@pytest.mark.parametrize("scale", ["standard", "minmax", "maxabs", "none"])
def test_the_saved_preprocessing_does_what_training_had(
    load_source: Callable[..., DataSet], scale: str
) -> None:
    rows = IRIS.rows * [1e-18, 1.7e18, 1, 1]
    data = load_source(replace(IRIS, rows=rows), scale=scale)
    found = data.recipe.rows.transformer().transform(rows[data.split.folds[0][0]])
    rounding = 0 if scale == "none" else 1e-12
    np.testing.assert_allclose(found, data.folds[0].train.X, rtol=1e-9, atol=rounding)


ONE_CLASS_LATE = replace(IRIS, targets=BINARY * (np.arange(150) < 60), times=np.arange(150.0))


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (ONE_CLASS_LATE, "roc_auc", "a validation part has not what it needs, as rows of every"),
        (ONE_CLASS_LATE, "average_precision", "a validation part has not what it needs"),
        (
            replace(DIABETES, weights=np.ones(442)),
            "neg_max_error",
            "takes no sample weights; give another metric",
        ),
        (
            replace(DIABETES, targets=DIABETES.targets - 1e3),
            "neg_mean_squared_log_error",
            "cannot be had of this part: ",
        ),
    ],
)
@pytest.mark.parametrize("folds", [None, 2])
def test_a_metric_that_a_validation_part_cannot_have_is_refused_before_training(
    load_source: Callable[..., DataSet],
    source: Source,
    name: str,
    message: str,
    folds: int | None,
) -> None:
    data = load_source(source, folds=folds)
    with pytest.raises(UserError, match=rf"^metric: {name}: {message}") as error:
        data.metric(name)
    assert "\n" not in str(error.value)


def test_a_metric_that_does_without_a_class_is_not_refused(
    load_source: Callable[..., DataSet],
) -> None:
    data = load_source(ONE_CLASS_LATE)
    for name in ("accuracy", "balanced_accuracy", "f1", "neg_brier_score"):
        assert data.metric(name).name == name
    counts = load_source(replace(DIABETES, targets=DIABETES.targets.round()))
    for given, loss in ((counts, None), (counts.unstandardised, "poisson")):
        assert given.metric("neg_mean_gamma_deviance", loss).name == "neg_mean_gamma_deviance"
