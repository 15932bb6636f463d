"""Samplers: what the next trial tries; one file each, found by name.

A sampler adds one running trial to a study, from the study's seed, the trial's number and, for
TPE, the trials before it; so a resumed study asks what an uninterrupted one would have asked. What
was planned for a trial that was interrupted is asked again. What the conditions of the
space forbid, and what a trial has, is never asked: a sampler proposes on until something is left.

A sampler's module is light to import: it waits with Optuna until it asks, for commands check their
settings before anything slow is loaded.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from tuner import discovery

if TYPE_CHECKING:
    import optuna

    from tuner.search.space import Space
    from tuner.search.untried import Untried


class Sampler(ABC):
    """What proposes the trials of a study.

    A subclass is a frozen dataclass, the only one in its file: its fields, with their types and
    defaults, are its settings.
    """

    # Why it takes no initial trials, as defaults or another study's best; empty if it takes them.
    no_initial_trials: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """That of its file, as in `sampler=<name>`."""
        return type(self).__module__.rpartition(".")[2]

    # A sampler may have nothing to check.
    def check(self, space: "Space") -> None:  # noqa: B027
        """Refuses a space that it cannot search.

        Raises:
            UserError: says what to give.
        """

    def ask(self, study: "optuna.Study", space: "Space", seed: int) -> bool:
        """Adds one running trial to the study, of settings that no trial has.

        Args:
            study: the trials so far, asked of this space or put in its terms (`Space.seen`).
            space: what is searched, and the conditions that must hold.
            seed: of the study; a proposal depends on it, on the trials and on nothing else.

        Returns:
            Whether there was anything left to ask.

        Raises:
            UserError: where all of many proposals were tried or are refused by the conditions.
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
        """Adds one running trial to the study, made by `Space.trial`.

        Args:
            study: the trials so far.
            untried: tells what is left of the space to try, which is something.
            seed: of the study.

        Raises:
            UserError: where nothing of many proposals is left.
        """


def names() -> list[str]:
    """Names of all samplers."""
    return discovery.names(__name__)


def load(name: str) -> type[Sampler]:
    """The class of the sampler of that name, which takes its settings.

    Raises:
        KeyError: if there is none.
    """
    found: type[Sampler] = discovery.load_class(__name__, name, Sampler)
    return found
