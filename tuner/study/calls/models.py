"""Models of a user function, saved in the format of their library, never by pickle."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# File extensions of boosters whose library chooses the format by the extension.
ENDINGS = {"xgboost": "json", "catboost": "cbm"}


def is_model(found: Any) -> bool:
    """Whether an object is a mapping of arrays, which is a model; a mapping of numbers is not."""
    return isinstance(found, Mapping) and any(
        isinstance(value, np.ndarray) and value.ndim for value in found.values()
    )


def refusal(model: Any) -> str:
    """Why a model cannot be saved, in words; "" if it can."""
    if isinstance(model, str | Path):
        return "" if Path(model).exists() else f"{str(model)!r}: is neither a file nor a folder"
    if isinstance(model, np.ndarray):
        return "" if model.dtype != object else "an array of objects: give an array of numbers"
    if isinstance(model, Mapping):
        arrays = all(isinstance(v, np.ndarray) and v.dtype != object for v in model.values())
        if arrays and all(isinstance(key, str) for key in model):
            return ""
    elif (
        any(hasattr(model, name) for name in ("state_dict", "save_model"))
        or _is_keras(model)
        or (hasattr(model, "get_params") and hasattr(model, "fit"))
    ):
        return ""
    return (
        f"{type(model).__name__}: tuner saves files, arrays, modules of PyTorch, models of Keras, "
        "boosters and estimators of scikit-learn: save it to a file, and give its path"
    )


def _is_keras(model: Any) -> bool:
    return hasattr(model, "save") and type(model).__module__.partition(".")[0] == "keras"


def save(model: Any, folder: Path) -> None:
    """Writes a model to a folder; replaces the folder only once the model is complete.

    Args:
        model: the path of a file or a folder, which is copied; an array or a mapping of arrays
            (`model.npz`); an object with a `state_dict`, such as a PyTorch module (`model.pt`); a
            Keras model (`model.keras`); an object with `save_model`, such as a booster
            (`model.txt`, or with its library's extension); a scikit-learn estimator
            (`model.skops`).
        folder: made if needed.
    """
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _write(model, draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def _write(model: Any, folder: Path) -> None:
    if isinstance(model, str | Path):
        path = Path(model)
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, folder / path.name)
    elif isinstance(model, np.ndarray):
        np.savez(folder / "model.npz", model, allow_pickle=False)
    elif isinstance(model, Mapping):
        np.savez(folder / "model.npz", allow_pickle=False, **model)
    elif hasattr(model, "state_dict"):
        import torch

        torch.save(model.state_dict(), folder / "model.pt")
    elif _is_keras(model):
        model.save(folder / "model.keras")
    elif hasattr(model, "save_model"):
        library = type(model).__module__.partition(".")[0]
        model.save_model(str(folder / f"model.{ENDINGS.get(library, 'txt')}"))
    else:
        from skops import io

        io.dump(model, folder / "model.skops")
