"""The best model, saved without pickle: for whoever loads it, and in MLflow's format."""

import shutil
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import tuner
from tuner.tracking.store import prepare_mlflow

FORMAT = "mlflow"  # the folder of MLflow's format, beside what `save` writes
PACKAGES = ("scikit-learn", "numpy", "skops")  # what loading and predicting needs beside tuner


def save(folder: Path, pipeline: Any, example: np.ndarray, trusted: Sequence[str] = ()) -> None:
    """Write `model.skops` and `example.npy` into a folder.

    `pipeline` is a fitted scikit-learn estimator and `example` some raw rows, (rows, features), as
    its `predict` takes them. `trusted`: full names of the types that may be loaded beside those
    skops knows. Raises ValueError if the pipeline holds others.
    """
    from skops import io

    folder.mkdir(parents=True, exist_ok=True)
    io.dump(pipeline, folder / "model.skops")
    np.save(folder / "example.npy", example, allow_pickle=False)
    unknown = set(io.get_untrusted_types(file=folder / "model.skops")) - set(trusted)
    if unknown:
        raise ValueError(f"trusted: name also {', '.join(sorted(unknown))}")


def describe(folder: Path, pipeline: Any, example: np.ndarray, trusted: Sequence[str]) -> None:
    """Write the same into `folder`/mlflow as MLflow has it: signature, example, requirements.

    It imports MLflow (some 3 s), so it comes when training is over; the courier then only copies.
    """
    prepare_mlflow()
    with warnings.catch_warnings():
        # Of mlflow.pyfunc's own type hints, as it is imported.
        warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType")
        import mlflow.sklearn
        from mlflow.models import infer_signature

    target = folder / FORMAT
    shutil.rmtree(target, ignore_errors=True)
    requirements = [f"{package}=={version(package)}" for package in PACKAGES]
    mlflow.sklearn.save_model(
        pipeline,
        str(target),
        signature=infer_signature(example, pipeline.predict(example)),
        input_example=example,
        # Named, because finding them out takes MLflow 8 to 16 s.
        pip_requirements=[f"tuner=={tuner.__version__}", *requirements],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(trusted),
    )
