"""Initial trials: default settings and the best of another study, tried first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuner.codec import Settings
from tuner.errors import UserError
from tuner.search.proposals import ORIGIN
from tuner.search.space import Setting, Space
from tuner.search.trials import Origin, TrialResult, ranked
from tuner.search.untried import Untried, counted
from tuner.training import optimizers, schedules

if TYPE_CHECKING:
    import optuna

# At most this many settings of another study are tried.
FEW = 5

# Defaults of settings outside optimizers and schedules: many libraries use this batch size.
DEFAULTS = {"batch_size": 32}


@dataclass(frozen=True)
class InitialTrial:
    """Settings that are tried before the sampler's proposals, and their origin.

    Attributes:
        settings: by path.
        origin: {"default": <optimizer>, "unlike": [<paths whose value differs from the default>]},
            or {"study": <name>, "trial": <number>}.
    """

    settings: Settings
    origin: Origin


def described(origin: Origin) -> str:
    """The origin of a trial in words; empty for one that a sampler proposed."""
    if "default" in origin:
        unlike = ", ".join(origin["unlike"])
        near = f", as near as the ranges allow ({unlike})" if unlike else ""
        return f"the defaults of {origin['default']}{near}"
    return f"trial {origin['trial']} of study {origin['study']}" if origin else ""


def ask_initial(study: "optuna.Study", space: Space, trials: Sequence[InitialTrial]) -> bool:
    """Adds the next initial trial that fits the space and whose settings are new to the study.

    An initial trial that was interrupted is added again.

    Args:
        study: the study to add the trial to.
        space: its current space; ranges may have changed since the trials were planned.
        trials: the initial trials of the study, as `kept` returns them.

    Returns:
        Whether there was one; otherwise the sampler proposes the next trial.
    """
    taken, untried = [t.user_attrs.get(ORIGIN) for t in counted(study)], Untried(study, space)
    for trial in trials:
        if trial.origin in taken or space.misfit(trial.settings):
            continue
        if untried(trial.settings):
            study.add_trial(space.trial(trial.settings, {ORIGIN: trial.origin}))
            return True
    return False


def textbook(space: Space) -> list[InitialTrial]:
    """The default settings of each optimizer, as near as the ranges allow.

    The schedule also has its defaults; if several are searched and `constant` is one of them, it is
    constant. Other branches take their first option. Settings that the conditions forbid are left
    out.
    """
    if not space.searched:
        return []
    found = []
    for optimizer in space.branches.get("optimizer", ()):
        taken = {"optimizer": optimizer}
        taken |= {g: o[0] for g, o in space.branches.items() if g != "optimizer"}
        if "constant" in space.branches.get("schedule", ()):
            taken["schedule"] = "constant"

        def choose(path: str, setting: Setting, taken: dict[str, str] = taken) -> Any:
            return taken[path] if path in taken else setting.nearest(default(path))

        settings = space.settings(choose)
        own = [f"optimizer.{optimizer}.{key}" for key in optimizers.load(optimizer).own]
        unlike = [path for path in own if settings[path] != default(path)]
        if space.allows(settings):
            found.append(InitialTrial(settings, {"default": optimizer, "unlike": unlike}))
    return found


def default(path: str) -> Any:
    """The default value of a setting; None if it has none."""
    group, _, rest = path.partition(".")
    option, _, key = rest.partition(".")
    if group == "optimizer" and option:
        return optimizers.load(option).hyperparameters[key].default
    if group == "schedule" and option in schedules.names():
        return schedules.schedule_hyperparameters(option)[key].default
    return DEFAULTS.get(path)


def warm(space: Space, results: Sequence[TrialResult], name: str) -> tuple[list[InitialTrial], str]:
    """The best settings of another study that fit a space, and a line that says how many fit.

    Settings fit if their branches are searched here and their values are in the ranges. Settings
    that are fixed here keep their fixed value.

    Args:
        space: the space of the study that will try them.
        results: the trials of the other study that trained to the end.
        name: the name of the other study.

    Raises:
        UserError: none of its trials fits.
    """
    found: list[InitialTrial] = []
    reasons: list[str] = []
    for result in ranked(results):
        reason = space.misfit(result.settings)
        if reason:
            reasons.append(f"trial {result.number}, {reason}")
        elif len(found) < FEW:
            origin = {"study": name, "trial": result.number}
            found.append(InitialTrial(result.settings, origin))
    if not found:
        why = f": {reasons[0]}" if reasons else ""
        raise UserError(
            f"study.warm_start: {name}: none of its {len(results)} trials that trained to the end "
            f"fits this space{why}"
        )
    line = f"study.warm_start: {name}: {len(results) - len(reasons)} of its {len(results)} trials "
    line += f"that trained to the end fit this space; the best {len(found)} are tried first"
    return found, line + (f"; left out: {reasons[0]}" if reasons else "")


def kept(trials: Sequence[InitialTrial], space: Space) -> list[InitialTrial]:
    """The trials for the record of a study: only their searched settings, without duplicates.

    Args:
        trials: the initial trials, in order.
        space: the space of the study.
    """
    out: list[InitialTrial] = []
    for trial in trials:
        searched = {p: trial.settings[p] for p in space.searched if p in trial.settings}
        if searched not in [other.settings for other in out]:
            out.append(InitialTrial(searched, dict(trial.origin)))
    return out
