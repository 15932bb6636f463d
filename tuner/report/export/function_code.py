"""A user function as code: the call that trains the winner, and PyTorch's LambdaLR."""

import shlex
from pathlib import PurePath

from tuner.config import Config
from tuner.declarations import Branch, Plain
from tuner.errors import UserError
from tuner.function import PROGRAM, Function
from tuner.report.export.python_code import WIDTH, call
from tuner.report.export.schedule_code import ScheduleCode
from tuner.report.export.torch_code import check_steps
from tuner.search.trials import TrialResult
from tuner.study.calls.yields import arguments
from tuner.study.populations import below


def python_text(title: str, config: Config, winner: TrialResult) -> str:
    """The call of the function with the winner's settings, which prints what it yields.

    Args:
        title: a sentence on the winner.
        config: the config of a study of a function.
        winner: the winner's trial.

    Raises:
        UserError: if the winner's settings do not match the function.
    """
    own = config.function
    assert own is not None
    given = {key: code(value) for key, value in called_with(config, winner).items()}
    imports, before, inside, indent = [], list[str](), list[str](), ""
    if any(kind == "branch" for kind in own.kinds.values()):
        imports.append("from tuner import Branch")
    asked = {"epochs": repr(config.budget.epochs), "seed": repr(config.study.seed)}
    folds = config.data.folds or 1
    asked |= {"fold": "fold" if folds > 1 else "0", "folds": repr(folds)}
    if "schedule" in own.asks:
        imports.append("from tuner.study.calls.factors import Factors")
        name, settings = schedule_of(winner)
        given_of = {"name": repr(name), "settings": code(settings), "epochs": asked["epochs"]}
        before.append(call("schedule = Factors", given_of))
        asked["schedule"] = "schedule"
    if "checkpoint" in own.asks:
        imports.append("from pathlib import Path")
        # One folder per fold: a checkpoint of one fold is no start for another.
        place = 'f"checkpoint/fold-{fold}"' if folds > 1 else '"checkpoint"'
        inside.append(f"checkpoint = Path({place})")
        inside.append("checkpoint.mkdir(parents=True, exist_ok=True)")
        asked["checkpoint"] = "checkpoint"
    if "log" in own.asks:
        imports += ["from pathlib import Path", "from tuner.study.calls.call import Log"]
        asked["log"] = 'Log(Path("artifacts"))'
    making = call(f"for metrics in {own.name}", given | {key: asked[key] for key in own.asks})
    loop = "\n".join([*inside, f"{making}:\n    print(metrics)"])
    if folds > 1 and "fold" in own.asks:
        indent = "    "
        before.append(f"for fold in range({folds}):")
    loop = "\n".join(f"{indent}{line}" for line in loop.split("\n"))
    lines = "\n".join([*before, loop])
    standard = sorted(line for line in {*imports} if " tuner" not in line)
    blocks = [
        f'"""{title}"""',
        "\n".join(standard),
        "\n".join(sorted({*imports} - {*standard})),
        importing(own),
        lines,
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def importing(function: Function) -> str:
    """The code that imports the function from its script, in the folder of the study's command."""
    name = function.name
    if function.command == PROGRAM or function.is_called:
        return f"# {name} is the function that the study is of: define it here, or import it."
    script = shlex.split(function.command)[1]
    path = PurePath(script)
    if path.suffix == ".py" and path.stem.isidentifier() and len(path.parts) == 1:
        return f"from {path.stem} import {name}"
    return f'import runpy\n\n{name} = runpy.run_path({script!r})["{name}"]'


def called_with(config: Config, winner: TrialResult) -> Plain:
    """The function's arguments for the winner's settings.

    Raises:
        UserError: if they do not match the function, as in a file that tuner did not write.
    """
    own = config.function
    assert own is not None
    try:
        return arguments(own, below(f"{own.name}.", winner.settings))
    except KeyError as error:
        said = f"its result.json is damaged: no {own.name}.{error.args[0]}"
        raise UserError(f"study.name: {config.study.name}: {said}") from None


def schedule_of(winner: TrialResult) -> tuple[str, Plain]:
    """The winner's schedule with its settings."""
    name = str(winner.schedule)
    return name, below(f"schedule.{name}.", winner.settings)


def code(value: object) -> str:
    """A setting as code."""
    if isinstance(value, Branch):
        return call("Branch", {}, repr(value.name), code(dict(value)))
    if isinstance(value, dict):
        parts = [f"{key!r}: {own!r}" for key, own in value.items()]
        line = f"{{{', '.join(parts)}}}"
        inner = "".join(f"    {part},\n" for part in parts)
        return line if len(line) <= WIDTH else f"{{\n{inner}}}"
    return repr(value)


def torch_text(title: str, config: Config, winner: TrialResult) -> str:
    """PyTorch's LambdaLR of the winner's schedule, one step per epoch.

    Args:
        title: a sentence on the winner.
        config: the config of a study of a function.
        winner: the winner's trial.

    Raises:
        UserError: if the function takes no schedule, or its schedule depends on losses.
    """
    own, epochs = config.function, config.budget.epochs
    assert own is not None
    if "schedule" not in own.asks:
        raise UserError(
            f"format: torch: {own.name}() asks for no schedule, so there is nothing to say in "
            "PyTorch's words: give format=python or yaml"
        )
    name, settings = schedule_of(winner)
    check_steps(name, settings)
    made = ScheduleCode(name, settings, epochs, 1)
    factor = made.function("factor", "rate", "1.0")
    blocks = [
        f'"""{title}"""',
        "import numpy as np\nimport torch",
        f"STEPS = {epochs}  # one an epoch",
        *made.helpers.values(),
        factor,
        "# Put your own model and optimizer in place of these.\n"
        "model = torch.nn.Linear(1, 1)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: float(factor(t)))",
        "# At the end of each epoch:\n#     scheduler.step()",
    ]
    return "\n\n".join(blocks) + "\n"
