"""Trials that are tried first: each optimizer's textbook settings, and another study's best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.errors import UserError, did_you_mean
from tuner.search.space import Setting, Space
from tuner.training import optimizers, schedules

# So many settings of another study are tried at the most.
FEW = 5

# Where a setting is no rule's: the batch size that many libraries begin with.
DEFAULTS = {"batch_size": 32}


@dataclass(frozen=True)
class Queued:
    """Settings that are tried before the sampler proposes any, and where they are from.

    origin: {"default": <optimizer>, "unlike": [<paths at another value than the textbook's>]}, or
    {"study": <name>, "trial": <number>}.
    """

    settings: Mapping[str, Any]
    origin: Mapping[str, Any]


def told(origin: Mapping[str, Any]) -> str:
    """The origin of a trial in words; empty for one that a sampler proposed."""
    if "default" in origin:
        unlike = ", ".join(origin["unlike"])
        near = f", as near as the ranges allow ({unlike})" if unlike else ""
        return f"the defaults of {origin['default']}{near}"
    return f"trial {origin['trial']} of study {origin['study']}" if origin else ""


def first(
    space: Space, root: Path, defaults: bool, warm_start: str | None
) -> tuple[list[dict[str, Any]], str]:
    """The queue of a new study, as its record keeps it, and what to say of it.

    Raises UserError if there is no study of the name `warm_start`, or none of it fits the space.
    """
    queue, line = textbook(space) if defaults else [], ""
    if warm_start is not None:
        best, line = warm(space, root, warm_start)
        queue += best
    return _kept(queue, space), line


def textbook(space: Space) -> list[Queued]:
    """For each optimizer its rule's defaults, as near as the ranges allow.

    Those of the schedule are with them, a constant one's where several are searched; of other
    branches it is the first option. Settings that the conditions forbid are left out.
    """
    if not space.searched:
        return []
    queue = []
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
            queue.append(Queued(settings, {"default": optimizer, "unlike": unlike}))
    return queue


def default(path: str) -> Any:
    """The textbook's value of a setting; None where no book has one."""
    group, _, rest = path.partition(".")
    option, _, key = rest.partition(".")
    if group == "optimizer" and option:
        return optimizers.load(option).hyperparameters[key].default
    if group == "schedule" and option in schedules.names():
        return schedules.schedule_hyperparameters(option)[key].default
    return DEFAULTS.get(path)


def warm(space: Space, root: Path, name: str) -> tuple[list[Queued], str]:
    """The best settings of another study that fit a space, and a line that says how many do.

    Settings fit if their branches are searched here and their values lie in the ranges; what is
    fixed here stays as it is. Raises UserError if there is no such study, or if none fits.
    """
    ended = summaries(root, name)
    queue: list[Queued] = []
    reasons: list[str] = []
    for s in sorted(ended, key=lambda s: (s["value"], s["number"])):
        reason = space.misfit(s["settings"])
        if reason:
            reasons.append(f"trial {s['number']}, {reason}")
        elif len(queue) < FEW:
            queue.append(Queued(s["settings"], {"study": name, "trial": s["number"]}))
    if not queue:
        why = f": {reasons[0]}" if reasons else ""
        raise UserError(
            f"study.warm_start: {name}: none of its {len(ended)} trials that trained to the end "
            f"fits this space{why}"
        )
    line = f"study.warm_start: {name}: {len(ended) - len(reasons)} of its {len(ended)} trials "
    line += f"that trained to the end fit this space; the best {len(queue)} are tried first"
    return queue, line + (f"; left out: {reasons[0]}" if reasons else "")


def summaries(root: Path, name: str) -> list[dict[str, Any]]:
    """What a study keeps of its complete trials, each with the `value` that it minimised."""
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


def _kept(queue: Sequence[Queued], space: Space) -> list[dict[str, Any]]:
    """What is searched of the settings, each once, and their origins."""
    out: list[dict[str, Any]] = []
    for queued in queue:
        searched = {p: queued.settings[p] for p in space.searched if p in queued.settings}
        if searched not in [entry["settings"] for entry in out]:
            out.append({"settings": searched, "origin": dict(queued.origin)})
    return out
