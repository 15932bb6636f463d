"""Serving: what MLflow loads a saved model by, so that it can be asked for probabilities.

    model = mlflow.pyfunc.load_model("models:/digits@champion")
    model.predict(rows, params={"predict_method": "predict_proba"})

The file is one of skops: nothing in it runs, whatever MLflow is told of pickles.
"""

from pathlib import Path
from typing import Any

# The file of the pipeline in a model's folder.
FILE = "model.skops"

# The parameter that says which method is called, and which may be.
PARAMETER = "predict_method"
METHODS = ("predict", "predict_proba", "decision_function")


class Served:
    """A pipeline as MLflow's pyfunc wants it.

    Args:
        pipeline: fitted, which takes raw rows.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def predict(self, rows: Any, params: Any = None) -> Any:
        """What a method of the pipeline says of raw rows.

        Args:
            rows: as the example of the model.
            params: `predict_method`, one of METHODS; "predict" where it is not given.

        Raises:
            ValueError: for a method that the pipeline has not.
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
    """Those of METHODS that a pipeline has."""
    return [name for name in METHODS if hasattr(pipeline, name)]


def _load_pyfunc(path: str) -> Served:
    """The model in a folder; MLflow calls it by this name."""
    from tuner.estimators.saving import load

    return Served(load(Path(path) / FILE))
