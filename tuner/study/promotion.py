"""A promotion: which version a study's winner is in the registry, and what it was compared with."""

from dataclasses import dataclass

from tuner.study.contest import Contest


@dataclass(frozen=True)
class Promotion:
    """What became of the winner of a study.

    Attributes:
        model: its name in the registry.
        version: of it.
        alias: that the version has now: champion or challenger.
        study, trial: whose winner it is.
        champion: the version that was the champion before; None if there was none.
        of: the study of that version; "" where nobody knows.
        contest: against that champion, or, where there is none, a constant prediction; None where
            there was nothing to decide, or the champion could not be judged.
        left_out: test rows that did not count, for the champion was trained on them.
        said: why there was no contest, in words; or "".
        already: whether the winner was the champion before.
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
