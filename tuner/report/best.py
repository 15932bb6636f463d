"""best.yaml: the winner's settings as a config, which `+best=<study>` takes."""

import yaml

from tuner.config.from_settings import grouped
from tuner.config.schema import Plain
from tuner.errors import printable
from tuner.function import BRANCH, Function
from tuner.study.results import StudyResult

# The file in the folder of a study with a winner.
BEST = "best.yaml"


def branches_of(setup: Plain) -> list[str]:
    """The branch paths of a study's user function; empty if the study has none."""
    own = setup.get("function")
    if own is None:
        return []
    function = Function.of(own)
    return [f"{function.name}.{key}" for key, kind in function.kinds.items() if kind == BRANCH]


def text(result: StudyResult) -> str:
    """The winner's settings with exact numbers, and all else that its curve depends on.

    Args:
        result: the result of a study with a winner.
    """
    winner = result.winner
    assert winner is not None
    value = "not finite" if winner.value is None else f"{winner.value!r}"
    comment = (
        f"# Study {result.study}: its winner, trial {winner.number}: {result.goal.name} {value}"
    )
    judged = " on fresh seeds" if result.confirmation else ""
    plain = {**grouped(winner.settings, branches_of(result.setup)), **result.setup}
    return (
        printable(f"{comment}{judged}.")
        + "\n"
        + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    )
