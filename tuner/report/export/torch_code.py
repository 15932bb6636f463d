"""The winner as PyTorch code: its optimizer, and a LambdaLR with the same rates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tuner.codec import Settings
from tuner.errors import UserError
from tuner.report.export.schedule_code import ScheduleCode
from tuner.report.export.torch_optimizers import MEND, clips, constructor, momentum_place
from tuner.training import optimizers, schedules


@dataclass(frozen=True)
class Steps:
    """How a trial's steps are taken.

    Attributes:
        optimizer, settings: the optimizer's name and all its hyperparameters.
        schedule, schedule_settings: the same for the schedule.
        total: the number of steps that the schedule is laid out for.
        epoch: the number of steps in an epoch.
        batch_size: samples in a step; None for a function.
        taken: the number of steps actually taken; None for all.
    """

    optimizer: str
    settings: Mapping[str, float]
    schedule: str
    schedule_settings: Settings
    total: int
    epoch: int
    batch_size: int | None
    taken: int | None = None


def text(title: str, steps: Steps, others: Mapping[str, float | str]) -> str:
    """The PyTorch code.

    Args:
        title: a sentence on the winner.
        steps: how it is trained.
        others: settings of its model that the code only mentions, such as l2, by path.

    Raises:
        UserError: if PyTorch has no such optimizer, or the schedule depends on losses.
    """
    own = steps.schedule_settings
    check_steps(steps.schedule, own)
    rate = steps.settings["lr"]
    rates = schedules.table(
        [steps.schedule], [own], np.array([rate]), np.arange(steps.total)[None], steps.total,
        steps.epoch,
    )[0]  # fmt: skip
    made = constructor(steps.optimizer, steps.settings, rates.tolist())
    code = ScheduleCode(steps.schedule, own, steps.total, steps.epoch)
    functions = [code.function("rate", "rate", "LR")]
    around = list(clips(steps.settings))
    if _cycles(steps):
        key, group, place = momentum_place(steps.optimizer, steps.settings)
        functions.append(code.function("momentum", "momentum", repr(steps.settings[key])))
        value = place.format("float(momentum(t))")
        around += [
            f'optimizer.param_groups[0]["{group}"] = {value}'
            f"  # the schedule moves {key} too; t: steps from 0"
        ]
    batch = "" if steps.batch_size is None else f" of batches of {steps.batch_size}"
    stop = ""
    if steps.taken is not None:
        stop = f"\nSTOP = {steps.taken}  # end here: the epoch by which the winner counts"
    blocks = [
        f'"""{title}\n\nPut your model in place of this one."""',
        "import numpy as np\nimport torch",
        f"LR = {rate!r}\nSTEPS = {steps.total}  # {steps.epoch} an epoch{batch}{stop}",
        *code.helpers.values(),
        *functions,
        'def factor(t):\n    """The rate of step t, counted from 0, over LR."""\n'
        "    return float(rate(t)) / LR",
        "model = torch.nn.Linear(1, 1)",
        f"optimizer = {made}\n"
        "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)",
        _loop(around),
    ]  # fmt: skip
    blocks += _remarks(steps, others)
    return "\n\n".join(blocks) + "\n"


def check_steps(schedule: str, settings: Settings) -> None:
    """Refuses a schedule that is not a function of the step.

    Raises:
        UserError: for a schedule that depends on losses, or has a part that does.
    """
    names = [schedule]
    if schedule == schedules.PARTS:
        names = [str(value) for key, value in settings.items() if key.endswith(".name")]
    for name in names:
        if schedules.load(name).state is not None:
            raise UserError(
                f"schedule: {name}: goes by the validation losses, not by the step, so there is no "
                f"LambdaLR of it: {MEND}"
            )


def _cycles(steps: Steps) -> bool:
    """Whether the schedule changes a momentum of the optimizer."""
    has = {*schedules.MOMENTA} & {*optimizers.load(steps.optimizer).own}
    return bool(has) and schedules.cycles_momentum(steps.schedule, steps.schedule_settings)


def _loop(around: list[str]) -> str:
    """A training step, as a comment."""
    lines = ["In each step:", "    loss.backward()", *(f"    {line}" for line in around)]
    lines += ["    optimizer.step()", "    scheduler.step()", "    optimizer.zero_grad()"]
    return "\n".join(f"# {line}" for line in lines)


def _remarks(steps: Steps, others: Mapping[str, float | str]) -> list[str]:
    """Comments on what the code does not do."""
    said = [f"# The model of the study has {path} = {value!r}." for path, value in others.items()]
    if steps.optimizer == "asgd":
        said.append('# What tuner validates is the average, optimizer.state[parameter]["ax"].')
    if steps.settings["clip_norm"] != optimizers.SHARED["clip_norm"].default:
        said.append("# PyTorch divides by the norm + 1e-6, tuner by the norm.")
    return ["\n".join(said)] if said else []
