"""The winner's model, saved without pickle, in tuner's and in MLflow's format."""

import shutil
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

import tuner
from tuner.tracking import serving
from tuner.tracking.serving import PARAMETER, methods
from tuner.tracking.store import prepare_mlflow

if TYPE_CHECKING:
    from tuner.study.winner import TrainedWinner

# The modules that the end of a study imports for importances, pictures and saving the winner, which
# takes some seconds; the second list adds MLflow's format.
UNTRACKED = (
    *("tuner.tracking.store:prepare_mlflow", "sklearn.pipeline", "sklearn.preprocessing"),
    *("skops.io", "tuner.estimators.trained", "tuner.tracking.model", "tuner.report.plots.trials"),
)
TRACKED = (*UNTRACKED, "tuner.tracking.model:rehearse")

FORMAT = "mlflow"  # the folder with the model in MLflow's format
PACKAGES = ("scikit-learn", "numpy", "skops")  # needed beside tuner to load and predict


def keep(winner: "TrainedWinner", folder: Path, tracked: bool) -> None:
    """Writes the winner's pipeline to a folder.

    Args:
        winner: the trained winner.
        folder: created if it does not exist.
        tracked: whether to write MLflow's format too.
    """
    from tuner.estimators.public import own_types

    pipeline = winner.pipeline()
    trusted = save(folder, pipeline, winner.example, own_types())
    if tracked:
        describe(folder, pipeline, winner.example, trusted)


def save(folder: Path, pipeline: Any, example: Any, trusted: Sequence[str] = ()) -> list[str]:
    """Writes `model.skops` and the example to a folder.

    Args:
        folder: created if it does not exist.
        pipeline: a fitted scikit-learn estimator.
        example: raw rows as its `predict` takes them. An array becomes `example.npy`, a SciPy CSR
            array `example.npz`, a DataFrame `example.csv`.
        trusted: full names of the types that may be loaded besides those that skops trusts.

    Returns:
        The trusted types that the file contains.

    Raises:
        ValueError: if the pipeline contains types that are not trusted.
    """
    from skops import io

    folder.mkdir(parents=True, exist_ok=True)
    io.dump(pipeline, folder / "model.skops")
    write_example(folder, example)
    found = sorted(io.get_untrusted_types(file=folder / "model.skops"))
    unknown = [name for name in found if name not in trusted]
    if unknown:
        raise ValueError(f"trusted: name also {', '.join(unknown)}")
    return found


def write_example(folder: Path, example: Any) -> None:
    """Writes raw rows in the format of `save`, in place of an earlier model's example."""
    for old in folder.glob("example.*"):
        old.unlink()
    if isinstance(example, np.ndarray):
        np.save(folder / "example.npy", example, allow_pickle=False)
    elif hasattr(example, "to_csv"):
        example.to_csv(folder / "example.csv", index=False)
    else:
        from scipy.sparse import save_npz

        save_npz(folder / "example.npz", example)


def describe(folder: Path, pipeline: Any, example: Any, trusted: Sequence[str]) -> None:
    """Writes the model to `folder`/mlflow in MLflow's format: signature, example, requirements.

    It imports MLflow (some 3 s), so call it after the training; the uploader then only copies.
    """
    prepare_mlflow()
    with warnings.catch_warnings():
        # Warnings of MLflow 3.17: about its own type hints; for tables, about its use of pandas 3,
        # and a hint that integers cannot be missing.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType")
        warnings.filterwarnings("ignore", "Operation with range is deprecated")
        warnings.filterwarnings("ignore", ".*Inferred schema contains integer column")
        _describe(folder / FORMAT, pipeline, example, list(trusted))


def describe_saved(folder: Path) -> None:
    """Writes MLflow's format of a model that was saved without it; does nothing without a model."""
    from skops import io

    from tuner.estimators.public import own_types

    file, example = folder / "model.skops", next(folder.glob("example.*"), None)
    if (folder / FORMAT).is_dir() or not file.exists() or example is None:
        return
    trusted = sorted(set(io.get_untrusted_types(file=file)) & set(own_types()))
    describe(folder, io.load(file, trusted=trusted), read_example(example), trusted)


def read_example(file: Path) -> Any:
    """The raw rows that `write_example` wrote."""
    if file.suffix == ".npy":
        return np.load(file, allow_pickle=False)
    if file.suffix == ".csv":
        import pandas as pd

        return pd.read_csv(file)
    from scipy.sparse import load_npz

    return load_npz(file)


def rehearse() -> None:
    """Saves an empty model in MLflow's format to a temporary folder, as a warm-up.

    The first save looks through all installed packages, which takes a second.
    """
    prepare_mlflow()
    import mlflow.pyfunc
    import mlflow.sklearn

    with TemporaryDirectory() as folder:
        (nothing := Path(folder, "nothing")).touch()
        mlflow.pyfunc.save_model(
            str(Path(folder, FORMAT)),
            loader_module=serving.__name__,
            data_path=str(nothing),
            pip_requirements=[f"tuner=={tuner.__version__}"],
        )


def _describe(target: Path, pipeline: Any, example: Any, trusted: list[str]) -> None:
    import mlflow.sklearn
    from mlflow.models import Model, infer_signature

    if not isinstance(example, np.ndarray) and hasattr(example, "indptr"):
        from scipy.sparse import csr_matrix

        example = csr_matrix(example)  # MLflow knows the older class only
    asked = {PARAMETER: "predict"} if len(methods(pipeline)) > 1 else None
    signature = infer_signature(example, pipeline.predict(example), asked)
    if hasattr(example, "dtypes"):
        signature.inputs = _taking_gaps(example)
    shutil.rmtree(target, ignore_errors=True)
    requirements = [f"{package}=={version(package)}" for package in PACKAGES]
    mlflow.sklearn.save_model(
        pipeline,
        str(target),
        signature=signature,
        input_example=example,
        # Given, because MLflow takes 8 to 16 s to find them.
        pip_requirements=[f"tuner=={tuner.__version__}", *requirements],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=trusted,
    )
    description = Model.load(str(target))
    description.flavors["python_function"]["loader_module"] = serving.__name__
    description.save(str(target / "MLmodel"))


def _taking_gaps(example: Any) -> Any:
    """The columns of a table for MLflow's signature, which accept missing values.

    Only dates get a type. Pandas turns integers into floats where one is missing, and a column of
    missing texts into numbers. MLflow's `long` refuses floats, and its `double` integers. As a
    consequence MLflow's server takes JSON, but no CSV.
    """
    from mlflow.types import ColSpec, DataType, Schema, schema

    anything: Any = schema.AnyType
    return Schema(
        [
            ColSpec(DataType.datetime if dtype.kind == "M" else anything(), str(name))
            for name, dtype in example.dtypes.items()
        ]
    )
