"""best.yaml: the winner's settings as a config, which `+best=<study>` takes."""

import yaml

from tuner.config.from_settings import grouped
from tuner.config.schema import Plain
from tuner.errors import printable
from tuner.function import BRANCH, Function
from tuner.study.results import StudyResult

# In the folder of a study that has a winner.
BEST = "best.yaml"


def branches_of(setup: Plain) -> list[str]:
    """The paths of the branches of the user's function that a study is of, if it is of one."""
    own = setup.get("function")
    if own is None:
        return []
    function = Function.of(own)
    return [f"{function.name}.{key}" for key, kind in function.kinds.items() if kind == BRANCH]


def text(result: StudyResult) -> str:
    """The settings of the winner, its numbers exact, with what else its curve depends on.

    Args:
        result: of a study with a winner.
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
