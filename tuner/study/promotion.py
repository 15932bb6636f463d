"""A promotion: the registry version of a study's winner, and its comparison with the champion."""

from dataclasses import dataclass

from tuner.study.contest import Contest


@dataclass(frozen=True)
class Promotion:
    """The outcome of promoting a study's winner.

    Attributes:
        model: the name of the registered model.
        version: its version for this winner.
        alias: the alias of that version now: champion or challenger.
        study, trial: the study, and the trial that won it.
        champion: the version that was the champion before; None if there was none.
        of: the study of that version; "" if unknown.
        contest: against that champion or, without one, against a constant prediction; None if there
            was nothing to decide, or the champion could not be judged.
        left_out: the number of test rows not used because the champion was trained on them.
        said: why there was no contest, in words; or "".
        already: whether the winner already was the champion.
    """

    model: str
    version: int
    alias: str
    study: str
    trial: int
    champion: int | None = None
    of: str = ""
    contest: Contest | None = None
    left_out: int = 0
    said: str = ""
    already: bool = False
