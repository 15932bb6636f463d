"""Serving: what MLflow loads a saved model by, so that it can be asked for probabilities.

    model = mlflow.pyfunc.load_model("models:/digits@champion")
    model.predict(rows, params={"predict_method": "predict_proba"})

The model is a skops file: loading it runs no code, whatever MLflow's settings for pickles are.
"""

from pathlib import Path
from typing import Any

# The pipeline's file in a model's folder.
FILE = "model.skops"

# The parameter that names the method to call, and its allowed values.
PARAMETER = "predict_method"
METHODS = ("predict", "predict_proba", "decision_function")


class Served:
    """A pipeline with the interface of MLflow's pyfunc.

    Args:
        pipeline: a fitted pipeline that takes raw rows.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def predict(self, rows: Any, params: Any = None) -> Any:
        """Calls a method of the pipeline on raw rows.

        Args:
            rows: in the form of the model's example.
            params: `predict_method`, one of METHODS; "predict" if not given.

        Raises:
            ValueError: if the pipeline does not have the method.
        """
        method = (params or {}).get(PARAMETER, METHODS[0])
        known = methods(self.pipeline)
        if method not in known:
            raise ValueError(f"{PARAMETER}: {method!r}: must be one of {', '.join(known)}")
        return getattr(self.pipeline, method)(rows)

    def get_raw_model(self) -> Any:
        """The pipeline."""
        return self.pipeline


def methods(pipeline: Any) -> list[str]:
    """The METHODS that a pipeline has."""
    return [name for name in METHODS if hasattr(pipeline, name)]


def _load_pyfunc(path: str) -> Served:
    """Loads the model of a folder; MLflow requires this function name."""
    from tuner.estimators.saving import load

    return Served(load(Path(path) / FILE))
