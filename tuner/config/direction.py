"""The direction of a metric: the config or its name says whether greater is better."""

import re

from tuner.errors import UserError

# Words in the names of metrics for which greater, or lower, is better.
GREATER = (
    "accuracy acc score auc auroc f1 r2 precision recall map iou dice bleu rouge reward return"
)
LOWER = "loss error err mae mse rmse perplexity ppl nll deviance cost time seconds crossentropy"


def is_greater_better(metric: str | None, direction: str | None) -> bool:
    """Whether greater values of a function's metric are better.

    Args:
        metric: the name of the metric; None for the loss.
        direction: minimize or maximize; None to decide by the name.

    Raises:
        UserError: for a metric whose name does not decide it.
    """
    if direction is not None:
        return direction == "maximize"
    if metric in (None, "loss"):
        return False
    words = set(re.split(r"[^a-z0-9]+", str(metric).lower()))
    greater, lower = words & set(GREATER.split()), words & set(LOWER.split())
    if bool(greater) == bool(lower):
        raise UserError(
            f"metric: {metric}: its name does not say which numbers are better: give "
            "direction=minimize or direction=maximize"
        )
    return bool(greater)
