"""best.yaml: the winner's settings as a config, which `+best=<study>` takes."""

import yaml

from tuner.config.from_settings import grouped
from tuner.errors import printable
from tuner.study.results import StudyResult

# In the folder of a study that has a winner.
BEST = "best.yaml"


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
    plain = {**grouped(winner.settings), **result.setup}
    return (
        printable(f"{comment}{judged}.")
        + "\n"
        + yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    )
