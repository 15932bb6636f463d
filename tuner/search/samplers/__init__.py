"""Samplers: they propose the settings of the next trial; one file each, found by name.

A sampler adds one running trial to a study. The proposal depends on the study's seed, the trial's
number and, for TPE, the trials before it. So a resumed study proposes what an uninterrupted one
would have proposed. Settings planned for a trial that was interrupted are proposed again. Settings
that the conditions of the space forbid or that a trial has are never proposed: a sampler continues
until it finds new ones.

A sampler's module imports fast: it imports Optuna only when it proposes, because commands check
their settings before they load anything slow.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from tuner import discovery

if TYPE_CHECKING:
    import optuna

    from tuner.search.space import Space
    from tuner.search.untried import Untried


class Sampler(ABC):
    """Proposes the trials of a study.

    A subclass is a frozen dataclass, the only one in its file: its fields, with their types and
    defaults, are its settings.
    """

    # Why it takes no initial trials (defaults or another study's best); "" if it takes them.
    no_initial_trials: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """The name of its file, as in `sampler=<name>`."""
        return type(self).__module__.rpartition(".")[2]

    # Not abstract, because a sampler need not check anything.
    def check(self, space: "Space") -> None:  # noqa: B027
        """Refuses a space that it cannot search.

        Raises:
            UserError: the space does not suit it; the message says what to give.
        """

    def ask(self, study: "optuna.Study", space: "Space", seed: int) -> bool:
        """Adds one running trial with new settings to the study.

        Args:
            study: the trials so far, of this space or converted to it (`Space.seen`).
            space: the searched space with its conditions.
            seed: the study's seed; a proposal depends on it and on the trials only.

        Returns:
            Whether there was anything left to propose.

        Raises:
            UserError: all of many proposals were tried already or violate the conditions.
        """
        from tuner.search.untried import Untried

        untried = Untried(study, space)
        if not untried.none:
            self.propose(study, untried, seed)
        elif not untried.tried:
            raise space.impossible()
        return not untried.none

    @abstractmethod
    def propose(self, study: "optuna.Study", untried: "Untried", seed: int) -> None:
        """Adds one running trial to the study, created by `Space.trial`.

        Args:
            study: the trials so far.
            untried: the settings that are not tried yet; not empty.
            seed: the study's seed.

        Raises:
            UserError: none of many proposals is new and allowed.
        """


def names() -> list[str]:
    """Names of all samplers."""
    return discovery.names(__name__)


def load(name: str) -> type[Sampler]:
    """The class of the sampler of that name; its constructor takes the settings.

    Raises:
        KeyError: there is no such sampler.
    """
    found: type[Sampler] = discovery.load_class(__name__, name, Sampler)
    return found
