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

# What the end of a study imports, some seconds' worth: its importances, its pictures and saving its
# winner; with MLflow's format as well.
UNTRACKED = (
    *("tuner.tracking.store:prepare_mlflow", "sklearn.pipeline", "sklearn.preprocessing"),
    *("skops.io", "tuner.estimators.trained", "tuner.tracking.model", "tuner.report.plots.trials"),
)
TRACKED = (*UNTRACKED, "tuner.tracking.model:rehearse")

FORMAT = "mlflow"  # the folder of MLflow's format, beside what `save` writes
PACKAGES = ("scikit-learn", "numpy", "skops")  # what loading and predicting needs beside tuner


def keep(winner: "TrainedWinner", folder: Path, tracked: bool) -> None:
    """Writes the winner's pipeline into a folder.

    Args:
        winner: trained.
        folder: made if need be.
        tracked: whether in MLflow's format as well.
    """
    from tuner.estimators.public import own_types

    pipeline = winner.pipeline()
    trusted = save(folder, pipeline, winner.example, own_types())
    if tracked:
        describe(folder, pipeline, winner.example, trusted)


def save(folder: Path, pipeline: Any, example: Any, trusted: Sequence[str] = ()) -> list[str]:
    """Write `model.skops` and the example into a folder.

    Args:
        folder: made if need be.
        pipeline: a fitted scikit-learn estimator.
        example: raw rows as its `predict` takes them; an array becomes `example.npy`, a SciPy CSR
            array `example.npz`, a DataFrame `example.csv`.
        trusted: full names of the types that may be loaded besides those skops knows.

    Returns:
        Those of the trusted types that the file holds.

    Raises:
        ValueError: if the pipeline holds others.
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
    """Write raw rows as `save` says, in place of those of an earlier model."""
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
    """Write the same into `folder`/mlflow as MLflow has it: signature, example, requirements.

    It imports MLflow (some 3 s), so it comes when training is over; the uploader then only copies.
    """
    prepare_mlflow()
    with warnings.catch_warnings():
        # Of MLflow 3.17 alone: its own type hints; on tables, pandas 3 within it, and a hint that
        # whole numbers have no gaps.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType")
        warnings.filterwarnings("ignore", "Operation with range is deprecated")
        warnings.filterwarnings("ignore", ".*Inferred schema contains integer column")
        _describe(folder / FORMAT, pipeline, example, list(trusted))


def describe_saved(folder: Path) -> None:
    """Writes MLflow's format beside a model that was saved without it, where there is one."""
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
    """Saves no model in MLflow's format, and forgets it.

    MLflow looks through all installed packages the first time, which takes a second.
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

        example = csr_matrix(example)  # the older class, which is the one that MLflow knows
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
        # Named, because finding them out takes MLflow 8 to 16 s.
        pip_requirements=[f"tuner=={tuner.__version__}", *requirements],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=trusted,
    )
    description = Model.load(str(target))
    description.flavors["python_function"]["loader_module"] = serving.__name__
    description.save(str(target / "MLmodel"))


def _taking_gaps(example: Any) -> Any:
    """The columns of a table as MLflow's signature names them.

    By their names alone, but for dates: of whole numbers pandas makes others where one is missing,
    and MLflow's `long` refuses these as its `double` refuses whole ones; a column of words without
    any word is one of numbers to pandas. MLflow's server then takes JSON, and no CSV.
    """
    from mlflow.types import ColSpec, DataType, Schema, schema

    anything: Any = schema.AnyType
    return Schema(
        [
            ColSpec(DataType.datetime if dtype.kind == "M" else anything(), str(name))
            for name, dtype in example.dtypes.items()
        ]
    )
