"""Promises of the readers of files and sets: arrays, libsvm, scikit-learn's loaders, OpenML."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from scipy.sparse import csr_array, save_npz
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from sklearn.utils import Bunch

from tuner.config.schema import DataConfig
from tuner.data import DataSet, load, readers
from tuner.errors import UserError
from tuner.training.kernels.sparse import CSR

ROWS = 90
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 5))
Y = np.arange(ROWS) % 3
SPARSE = csr_array(np.where(RANDOM.random((ROWS, 40)) < 0.1, RANDOM.normal(size=(ROWS, 40)), 0))


def loaded(reader: str, **settings: Any) -> DataSet:
    return load("made", **{"reader": reader, "seed": 0, "dtype": "float32", **settings})


def dense(part: CSR | np.ndarray) -> np.ndarray:
    if isinstance(part, np.ndarray):
        return part
    rows = csr_array((part.values, part.columns, part.starts), (len(part.starts) - 1, part[3]))
    return np.asarray(rows.toarray())


@pytest.mark.parametrize("reader", readers.names())
def test_every_reader_is_an_option_with_its_settings(
    reader: str, configs: dict[str, dict[str, Any]]
) -> None:
    own = [config for config in configs.values() if config.get("reader") == reader]
    assert own
    common = set(DataConfig.model_fields)
    for config in own:
        assert set(config) - common <= set(readers.settings(reader))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Writes arrays as one .npz or as a pair of .npy; returns the settings that read them."""

    def write_it(how: str, X: Any = X, y: Any = Y, **beside: Any) -> dict[str, str]:
        if how == "npz":
            np.savez(tmp_path / "both.npz", X=X, y=y, **beside)
            return {"path": str(tmp_path / "both.npz")}
        for name, array in {"X": X, "y": y, **beside}.items():
            np.save(tmp_path / f"{name}.npy", array)
        paths = {name: str(tmp_path / f"{name}.npy") for name in ("X", "y", *beside)}
        return {"path": paths.pop("X"), "target": paths.pop("y"), **paths}

    return write_it


@pytest.mark.parametrize("how", ["npz", "npy"])
def test_arrays_come_back_with_what_is_beside_them(
    write: Callable[..., dict[str, str]], how: str
) -> None:
    groups = np.arange(ROWS) // 3
    settings = write(how, sample_weight=np.arange(1.0, ROWS + 1), group=groups)
    data = loaded("arrays", scale="none", **settings)
    train, validation = data.split.folds[0]
    np.testing.assert_allclose(data.folds[0].train.X, X[train], rtol=1e-6)
    np.testing.assert_array_equal(data.folds[0].train.y, Y[train])
    np.testing.assert_array_equal(data.folds[0].train.weights, train + 1)
    assert not set(groups[train]) & set(groups[validation])


@pytest.mark.parametrize("how", ["npz", "npy"])
def test_times_may_be_numbers_or_datetimes(write: Callable[..., dict[str, str]], how: str) -> None:
    days = np.datetime64("2020-01-01") + RANDOM.permutation(ROWS)
    data = loaded("arrays", **write(how, time=days))
    train, validation = data.split.folds[0]
    assert days[train].max() < days[validation].min() < days[data.split.test].min()


def test_rows_on_disk_are_read_a_block_at_a_time_and_kept_on_disk_if_they_are_many(
    write: Callable[..., dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    settings = write("npy")
    expected = loaded("arrays", **settings)
    assert isinstance(expected.source.rows, np.memmap)
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 2000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    made = loaded("arrays", **settings)
    for one, other in zip(made.folds[0], expected.folds[0], strict=True):
        np.testing.assert_array_equal(one.X, other.X)
        assert isinstance(one.X.base, np.memmap)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"X.npy", "y.npy"}  # the files have no names
    with pytest.raises(UserError, match=r"needs .* of memory, more than half"):
        loaded("arrays", **write("npz"))


def test_a_full_disk_is_one_line(
    write: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.data.memory.memory", lambda: 2000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Bunch(free=10))
    with pytest.raises(UserError, match=r"^TMPDIR: .*: has room for 10 bytes, the data need"):
        loaded("arrays", **write("npy"))


def test_objects_are_not_unpickled(tmp_path: Path, write: Callable[..., dict[str, str]]) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    for how in ("npz", "npy"):
        settings = write(how, y=np.array([Trap()] * ROWS, object))
        with pytest.raises(UserError, match=r"^data\.(path|target): .*holds Python objects"):
            loaded("arrays", **settings)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UserError, match=r"cannot be read"):
        loaded("arrays", path=str(tmp_path / "plain.npy"), target=settings["target"])
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X[:, 0]}, "X has one dimension"),
        ({"X": X[0, 0]}, "X has no dimension; must have two"),
        ({"sample_weight": np.float64(1)}, r"sample_weight has shape \(\)"),
        ({"time": np.array(["2020-01-01", "NaT"] * 45, "datetime64[D]")}, "the times hold nan in"),
        ({"y": Y[:-1]}, "90 rows, but 89 in y"),
        ({"y": np.zeros((ROWS, 1, 1))}, "y has 3 dimensions"),
        ({"X": X.astype(str)}, "the rows hold <U32 values; must be numbers"),
        ({"X": X[:, :0]}, r"the rows are empty, of shape \(90, 0\)"),
        ({"X": X[:0], "y": Y[:0]}, r"the rows are empty, of shape \(0, 5\)"),
        ({"X": np.where(X[3, 2] == X, np.nan, X)}, "the rows hold nan in row 3, column 2"),
        ({"X": np.where(X[3, 2] == X, np.inf, X)}, "the rows hold inf in row 3, column 2"),
        ({"sample_weight": np.ones(3)}, "90 rows, but 3 in sample_weight"),
        ({"sample_weight": np.ones((ROWS, 2))}, r"sample_weight has shape \(90, 2\)"),
        ({"sample_weight": np.full(ROWS, np.nan)}, "the sample weights hold nan in row 0"),
        ({"y": np.zeros(ROWS, int)}, "every row is of class 0"),
        ({"y": np.arange(ROWS)}, "only 1 rows of class 0"),
    ],
)
@pytest.mark.parametrize("how", ["npz", "npy"])
def test_bad_arrays_are_one_line(
    write: Callable[..., dict[str, str]], how: str, arrays: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=f"^data.path: .*{message}") as error:
        loaded("arrays", **write(how, **arrays))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.npz", b"", "is empty, 0 bytes"),
        ("text.npz", b"x,y\n1,2\n", "cannot be read"),
        ("cut.npz", b"PK\x03\x04 and no more", "cannot be read"),
        ("text.npy", b"x,y\n1,2\n", "cannot be read"),
        ("rows.mat", b"MATLAB", "must be an .npz file"),
    ],
)
def test_a_file_of_another_kind_is_one_line(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"^data\.path: .*{message}") as error:
        loaded("arrays", path=str(tmp_path / name), target=str(tmp_path / name))
    assert "\n" not in str(error.value)


def test_a_missing_array_or_file_is_one_line(
    write: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"holds no array labels, but X, y; must be"):
        loaded("arrays", target="labels", **write("npz"))
    path = write("npy")["path"]
    with pytest.raises(UserError, match=r"^data\.target: is missing: must be an \.npy"):
        loaded("arrays", path=path)
    with pytest.raises(UserError, match=r"^data\.target: .*nowhere\.npy: is not there"):
        loaded("arrays", path=path, target=str(tmp_path / "nowhere.npy"))


@pytest.fixture
def sparse_file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.libsvm"
    dump_svmlight_file(SPARSE, Y, str(path))
    return path


@pytest.mark.parametrize("folds", [None, 3])
def test_sparse_rows_stay_sparse_and_are_those_of_the_file(
    sparse_file: Path, folds: int | None
) -> None:
    data = loaded("libsvm", path=str(sparse_file), columns=40, scale="none", folds=folds)
    rows = load_svmlight_file(str(sparse_file), n_features=40)[0].toarray()
    assert data.task == "multiclass"
    for fold, (train, validation) in zip(data.folds, data.split.folds, strict=True):
        assert fold.validation is not None
        for part, chosen in ((fold.train, train), (fold.validation, validation)):
            assert isinstance(part.X, CSR)
            assert part.X.features == data.inputs == 40
            assert part.X.values.dtype == np.float32
            np.testing.assert_allclose(dense(part.X), rows[chosen], rtol=1e-6)


def test_sparse_columns_are_divided_by_the_largest_of_the_training_part(sparse_file: Path) -> None:
    data = loaded("libsvm", path=str(sparse_file), scale="maxabs")
    train = dense(data.folds[0].train.X)
    largest = np.abs(train).max(axis=0)
    np.testing.assert_allclose(largest[largest > 0], 1, rtol=1e-6)
    expected = data.recipe.rows.transformer().transform(data.example)
    np.testing.assert_allclose(expected.toarray(), train[:5], rtol=1e-6)


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_sparse_rows_are_never_shifted(sparse_file: Path, scale: str) -> None:
    with pytest.raises(UserError, match=rf"^data\.scale: {scale}: would shift .*maxabs, none$"):
        loaded("libsvm", path=str(sparse_file), scale=scale)


@pytest.mark.parametrize("size", [1e-18, 1.7e18])
def test_sparse_columns_of_any_size_are_transformed_as_in_training(
    tmp_path: Path, size: float
) -> None:
    dump_svmlight_file(SPARSE * size, Y, str(tmp_path / "x"))
    data = loaded("libsvm", path=str(tmp_path / "x"), scale="maxabs")
    expected = data.recipe.rows.transformer().transform(data.example).toarray()
    assert expected.any()
    np.testing.assert_allclose(expected, dense(data.folds[0].train.X)[:5], rtol=1e-6)


def test_sparse_numbers_that_the_dtype_cannot_hold_are_one_line(tmp_path: Path) -> None:
    dump_svmlight_file(SPARSE * 1e40, Y, str(tmp_path / "x"))
    with pytest.raises(
        UserError, match=r"^data\.scale: none: .* training in float32 takes 4e\+09"
    ) as error:
        loaded("libsvm", path=str(tmp_path / "x"), scale="none")
    assert "\n" not in str(error.value)
    assert loaded("libsvm", path=str(tmp_path / "x"), scale="maxabs").inputs == 40


def test_a_sparse_matrix_saved_by_scipy_is_read(tmp_path: Path, sparse_file: Path) -> None:
    save_npz(tmp_path / "X.npz", SPARSE)
    np.save(tmp_path / "y.npy", Y)
    settings = {"path": str(tmp_path / "X.npz"), "target": str(tmp_path / "y.npy")}
    part = loaded("arrays", scale="maxabs", **settings).folds[0].train
    other = loaded("libsvm", path=str(sparse_file), columns=40, scale="maxabs").folds[0].train
    np.testing.assert_allclose(dense(part.X), dense(other.X), rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, 0 bytes"),
        (b"x,kind\n1,a\n", "cannot be read"),
        (b"1 2:a\n", "cannot be read"),
        (b"1 2:nan\n0 1:3\n", "the rows hold nan in number 0"),
        (b"1 1:1\n1 1:2\n1 1:2\n", "every row is of class 1"),
    ],
)
def test_a_bad_libsvm_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.libsvm"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^data\.path: .*{message}") as error:
        loaded("libsvm", path=str(path), scale="none")
    assert "\n" not in str(error.value)


def test_targets_of_libsvm_with_a_point_are_for_regression(tmp_path: Path) -> None:
    dump_svmlight_file(SPARSE, X[:, 0], str(tmp_path / "x"))
    assert loaded("libsvm", path=str(tmp_path / "x"), scale="none").task == "regression"


def test_whole_targets_of_libsvm_that_are_too_large_to_be_labels_stay_as_they_are(
    tmp_path: Path,
) -> None:
    dump_svmlight_file(SPARSE, np.where(Y == 1, 1e20, Y), str(tmp_path / "x"))
    data = loaded("libsvm", path=str(tmp_path / "x"), scale="none")
    assert data.task == "regression"
    assert data.target.values.max() == 1e20


@pytest.mark.parametrize(
    "loader", [n[5:] for n in dir(sklearn.datasets) if n in ("load_iris", "load_linnerud")]
)
def test_a_loader_of_scikit_learn_is_found_by_its_name(loader: str) -> None:
    data = loaded("scikit_learn", loader=loader, scale="none", validation_fraction=0.3)
    rows, _ = getattr(sklearn.datasets, f"load_{loader}")(return_X_y=True)
    np.testing.assert_allclose(data.folds[0].train.X, rows[data.split.folds[0][0]], rtol=1e-6)


def test_an_unknown_loader_is_one_line() -> None:
    with pytest.raises(UserError, match=r"^data\.loader: digit: did you mean digits\? must be one"):
        loaded("scikit_learn", loader="digit")


@pytest.mark.parametrize(
    ("reader", "settings"),
    [("openml", {"id": 61}), ("scikit_learn", {"loader": "california_housing"})],
)
def test_without_network_the_error_says_so(
    reader: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: Any, **more: Any) -> None:
        raise URLError("no way out")

    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr("sklearn.datasets._openml.urlopen", refuse)
    monkeypatch.setattr("sklearn.datasets._base.urlretrieve", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(UserError, match=r"^data\.(id|loader): .*: cannot be fetched.*network"):
        loaded(reader, **settings)


def test_a_set_of_openml_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def fetch(**given: Any) -> Bunch:
        asked.update(given)
        frame = pd.DataFrame({"x": X[:, 0], "word": np.array(["a", "b", None], object)[Y]})
        return Bunch(data=frame, target=pd.Series(pd.Categorical(np.array(["u", "v", "w"])[Y])))

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch)
    data = loaded("openml", id=61)
    assert asked["data_id"] == 61
    assert (data.task, data.inputs) == ("multiclass", 4)
