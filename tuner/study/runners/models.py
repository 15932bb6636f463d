"""Models of a user's function, saved in the manner of their library, never by pickle."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def save(model: Any, folder: Path) -> None:
    """Writes a model into a folder, in the place of what is there.

    Args:
        model: the path of a file or a folder, which is copied; an array or a mapping of arrays
            (`model.npz`); what has a `state_dict`, as PyTorch's modules (`model.pt`); what has a
            `save_model`, as boosters (`model.txt`); an estimator of scikit-learn (`model.skops`).
        folder: made if need be.

    Raises:
        TypeError: for anything else.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if isinstance(model, str | Path):
        path = Path(model)
        copy = shutil.copytree if path.is_dir() else shutil.copyfile
        copy(path, folder / path.name)
    elif isinstance(model, np.ndarray):
        np.savez(folder / "model.npz", model, allow_pickle=False)
    elif isinstance(model, Mapping) and all(isinstance(v, np.ndarray) for v in model.values()):
        np.savez(folder / "model.npz", allow_pickle=False, **model)
    elif hasattr(model, "state_dict"):
        import torch

        torch.save(model.state_dict(), folder / "model.pt")
    elif hasattr(model, "save_model"):
        model.save_model(str(folder / "model.txt"))
    elif hasattr(model, "get_params") and hasattr(model, "fit"):
        from skops import io

        io.dump(model, folder / "model.skops")
    else:
        raise TypeError(
            f"{type(model).__name__}: tuner saves files, arrays, PyTorch modules, boosters and "
            "estimators of scikit-learn: save it to a file, and give its path"
        )
