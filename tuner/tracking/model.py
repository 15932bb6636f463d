"""The best model: saved without pickle by the study, put into MLflow's format by the courier."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import tuner

PACKAGES = ("scikit-learn", "numpy", "skops")  # what loading and predicting needs beside tuner


def save(folder: Path, pipeline: Any, example: np.ndarray, trusted: Sequence[str] = ()) -> None:
    """Write `model.skops` and `example.npy` into a folder, for a `tuner.tracking.Model` record.

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


def load(folder: Path, trusted: Sequence[str] = ()) -> tuple[Any, np.ndarray]:
    """The pipeline and the example that `save` wrote; nothing but trusted types is made."""
    from skops import io

    pipeline = io.load(folder / "model.skops", trusted=list(trusted))
    return pipeline, np.load(folder / "example.npy", allow_pickle=False)


def describe(source: Path, target: Path, description: Any, trusted: Sequence[str]) -> None:
    """Put what `save` wrote into MLflow's format: signature, input example, requirements.

    `description` is the `mlflow.models.Model` to be completed; `target` must not exist.
    """
    import mlflow.sklearn
    from mlflow.models import infer_signature

    pipeline, example = load(source, trusted)
    requirements = [f"{package}=={version(package)}" for package in PACKAGES]
    mlflow.sklearn.save_model(
        pipeline,
        str(target),
        mlflow_model=description,
        signature=infer_signature(example, pipeline.predict(example)),
        input_example=example,
        # Named, because finding them out takes MLflow 8 to 16 s.
        pip_requirements=[f"tuner=={tuner.__version__}", *requirements],
        serialization_format=mlflow.sklearn.SERIALIZATION_FORMAT_SKOPS,
        skops_trusted_types=list(trusted),
    )
