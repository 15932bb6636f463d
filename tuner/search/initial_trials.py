"""Initial trials: each optimizer's textbook settings, and another study's best, tried first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuner.errors import UserError, did_you_mean
from tuner.search.proposals import ORIGIN, counted
from tuner.search.space import Setting, Space
from tuner.training import optimizers, schedules

if TYPE_CHECKING:
    import optuna

# So many settings of another study are tried at the most.
FEW = 5

# Where a setting is no rule's: the batch size that many libraries begin with.
DEFAULTS = {"batch_size": 32}


@dataclass(frozen=True)
class InitialTrial:
    """Settings that are tried before the sampler proposes any, and where they are from.

    settings: by path; origin: {"default": <optimizer>, "unlike": [<paths at another value than the
    textbook's>]}, or {"study": <name>, "trial": <number>}.
    """

    settings: Mapping[str, Any]
    origin: Mapping[str, Any]


def described(origin: Mapping[str, Any]) -> str:
    """The origin of a trial in words; empty for one that a sampler proposed."""
    if "default" in origin:
        unlike = ", ".join(origin["unlike"])
        near = f", as near as the ranges allow ({unlike})" if unlike else ""
        return f"the defaults of {origin['default']}{near}"
    return f"trial {origin['trial']} of study {origin['study']}" if origin else ""


def first(
    space: Space, root: Path, defaults: bool, warm_start: str | None
) -> tuple[list[dict[str, Any]], str]:
    """The initial trials of a new study, and what to say of them.

    Args:
        space: the study's.
        root: the folder of all studies' folder `studies`.
        defaults: whether the textbook's settings are among them.
        warm_start: the name of another study whose best settings are.

    Returns:
        For each trial, as the study's record keeps it, its `settings` of what is searched and its
        `origin`; and a line about the other study, empty where there is none.

    Raises:
        UserError: if there is no study of the name `warm_start`, or none of it fits the space.
    """
    trials, line = textbook(space) if defaults else [], ""
    if warm_start is not None:
        best, line = warm(space, root, warm_start)
        trials += best
    return _kept(trials, space), line


def ask_initial(study: "optuna.Study", space: Space, trials: Sequence[Mapping[str, Any]]) -> bool:
    """Adds the next initial trial that fits the space and that no trial of the study has taken.

    One that failed is added again.

    Args:
        study: gets the trial.
        space: its ranges of now, which may be others than when the trials were planned.
        trials: the initial trials of the study, as `first` returns them.

    Returns:
        Whether there was one; else it is the sampler's turn.
    """
    taken = [trial.user_attrs.get(ORIGIN) for trial in counted(study)]
    for trial in trials:
        if trial["origin"] not in taken and not space.misfit(trial["settings"]):
            study.add_trial(space.trial(trial["settings"], {ORIGIN: trial["origin"]}))
            return True
    return False


def textbook(space: Space) -> list[InitialTrial]:
    """For each optimizer its rule's defaults, as near as the ranges allow.

    Those of the schedule are with them, a constant one's where several are searched; of other
    branches it is the first option. Settings that the conditions forbid are left out.
    """
    if not space.searched:
        return []
    found = []
    for optimizer in space.branches["optimizer"]:
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
    """The textbook's value of a setting; None where no book has one."""
    group, _, rest = path.partition(".")
    option, _, key = rest.partition(".")
    if group == "optimizer" and option:
        return optimizers.load(option).hyperparameters[key].default
    if group == "schedule" and option in schedules.names():
        return schedules.schedule_hyperparameters(option)[key].default
    return DEFAULTS.get(path)


def warm(space: Space, root: Path, name: str) -> tuple[list[InitialTrial], str]:
    """The best settings of another study that fit a space, and a line that says how many do.

    Settings fit if their branches are searched here and their values lie in the ranges; what is
    fixed here stays as it is.

    Args:
        space: of the study that will try them.
        root: the folder of all studies' folder `studies`.
        name: of the other study.

    Raises:
        UserError: if there is no such study, or if none of its trials fits.
    """
    ended = summaries(root, name)
    found: list[InitialTrial] = []
    reasons: list[str] = []
    for s in sorted(ended, key=lambda s: (s["value"], s["number"])):
        reason = space.misfit(s["settings"])
        if reason:
            reasons.append(f"trial {s['number']}, {reason}")
        elif len(found) < FEW:
            found.append(InitialTrial(s["settings"], {"study": name, "trial": s["number"]}))
    if not found:
        why = f": {reasons[0]}" if reasons else ""
        raise UserError(
            f"study.warm_start: {name}: none of its {len(ended)} trials that trained to the end "
            f"fits this space{why}"
        )
    line = f"study.warm_start: {name}: {len(ended) - len(reasons)} of its {len(ended)} trials "
    line += f"that trained to the end fit this space; the best {len(found)} are tried first"
    return found, line + (f"; left out: {reasons[0]}" if reasons else "")


def summaries(root: Path, name: str) -> list[dict[str, Any]]:
    """What a study keeps of its complete trials, each with the `value` that it minimised.

    Raises UserError if there is no such study in `root`.
    """
    from tuner.search.storage import read_trials

    path = root / "studies" / name / "optuna.journal"
    if not path.exists():
        known = sorted(p.parent.name for p in root.glob("studies/*/optuna.journal"))
        hint = did_you_mean(name, known, 3) or (
            f"there are {', '.join(known[:FEW])}" if known else "there is none yet"
        )
        raise UserError(f"study.warm_start: {name}: no such study in {root}: {hint.strip()}")
    return [
        {**t.user_attrs["summary"], "value": t.value}
        for t in read_trials(path, name)
        if t.state.name == "COMPLETE" and "summary" in t.user_attrs
    ]


def _kept(trials: Sequence[InitialTrial], space: Space) -> list[dict[str, Any]]:
    """What is searched of the settings, each once, and their origins."""
    out: list[dict[str, Any]] = []
    for trial in trials:
        searched = {p: trial.settings[p] for p in space.searched if p in trial.settings}
        if searched not in [entry["settings"] for entry in out]:
            out.append({"settings": searched, "origin": dict(trial.origin)})
    return out
