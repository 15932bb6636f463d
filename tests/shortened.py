"""The command python as the pages of docs/ call it: a study runs as written, but shortly.

    python tests/shortened.py "[whole] [tracked]" ARGUMENTS

`whole` leaves the budgets as they are, `tracked` leaves MLflow on.
"""

import os
import sys

# No page trains more than this; what it gives itself and is less stays.
MOST = {
    "budget.trials": 6,
    "budget.epochs": 3,
    "study.cohort": 6,
    "confirm.top": 2,
    "confirm.seeds": 3,
    "range.epochs": 1,
    "range.confirm_epochs": 1,
}
# MLflow takes a third of a short study: it is off where no command of a page needs it.
UNTRACKED = "tracking=none"
# What no short study reaches is not asked for.
UNREACHED = "target"
# The jobs that train; others take no budgets.
TRAIN = ("tune", "compare", "range_test", "confirm", "plot_descent", "card")


def shortened(arguments: list[str], how: str = "") -> list[str]:
    """The arguments of a command with its budgets bounded and without MLflow, unless `how` is else.

    Args:
        arguments: of the command python.
        how: words: `whole`, `tracked`.
    """
    given = dict(own.split("=", 1) for own in arguments if "=" in own)
    is_study = arguments[:2] == ["-m", "tuner"] or arguments[:1] == ["train.py"]
    if not is_study or given.get("job", "tune") not in TRAIN or arguments[-1].startswith("-"):
        return arguments
    if "tracked" not in how and "tracking" not in given:
        arguments = [*arguments, UNTRACKED]
    if "whole" in how:
        return arguments
    kept = [own for own in arguments if own.split("=", 1)[0] not in (*MOST, UNREACHED)]
    return kept + [f"{key}={min(most, int(given.get(key, most)))}" for key, most in MOST.items()]


if __name__ == "__main__":
    os.execv(sys.executable, [sys.executable, *shortened(sys.argv[2:], sys.argv[1])])
