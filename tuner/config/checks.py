"""Checks of a whole config: rules that involve more than one key."""

from itertools import product

from tuner.config.direction import is_greater_better
from tuner.config.schema import LATEST, Config
from tuner.config.workers import check_executor
from tuner.errors import UserError, did_you_mean
from tuner.files import check_place
from tuner.function import Function
from tuner.search.space import Choices, Space
from tuner.training import functions, optimizers, schedules
from tuner.training.families import AUTO, FAMILIES


def check_together(config: Config) -> None:
    """Raises UserError for the first settings that do not go together."""
    if config.tracking.name != "none" and config.tracking.uri is None:
        check_place(config.root)
    if config.function is None:
        _check_averages(config.space)
        _check_functions(config.space)
        _check_loss(config)
        _check_data(config)
        _check_own(config)
    else:
        _check_function(config, config.function)
    check_executor(config)
    _check_compared(config)
    _check_promoted(config)
    config.sampler.check(config.space)
    if config.study.warm_start is not None and config.sampler.no_initial_trials:
        raise UserError(
            f"study.warm_start: {config.study.warm_start}: {config.sampler.no_initial_trials}: "
            "give another sampler"
        )
    _check_whole(config)
    if config.study.warm_start == LATEST and config.study.pattern is None:
        raise UserError(
            f"study.warm_start: {LATEST}: means the newest study of one name pattern: give "
            "one, as study.name=nightly-@date"
        )
    if config.study.warm_start == config.study.name:
        raise UserError(f"study.warm_start: {config.study.name}: must be another study")
    if not config.space.anything_allowed():
        raise config.space.impossible()
    config.pruner.check(config.study.cohort)


def _check_whole(config: Config) -> None:
    """Checks that budget.deadline is for a job that tunes, and that `keep` goes with a pattern."""
    deadline = config.budget.deadline
    if deadline is not None and config.job in ("compare", "range_test", "card"):
        raise UserError(
            f"budget.deadline: {deadline:g}: is for job=tune, not for job={config.job}: give none"
        )
    if config.keep is not None and config.study.pattern is None:
        raise UserError(
            f"keep: {config.keep}: counts the studies of one name pattern: give one, as "
            "study.name=nightly-@date"
        )


def _check_compared(config: Config) -> None:
    """Checks that compare.by exists; the job checks whether it has several values."""
    by, space = config.compare.by, config.space
    if by is None or by in space.branches or by in space.searched or by in space.fixed:
        return
    choices = [path for path, setting in space.searched.items() if isinstance(setting, Choices)]
    known = list(dict.fromkeys((*space.branches, *choices)))
    hint = did_you_mean(by, known, 1) or (f"there are {', '.join(known)}" if known else "")
    raise UserError(
        f"compare.by: {by}: is neither a group nor a setting with choices: {hint}".rstrip(": ")
    )


def _check_promoted(config: Config) -> None:
    """Checks that a tune with promotion has a model, test rows and a registry."""
    if config.job != "tune" or not config.promote.enabled:
        return
    if config.function is not None or config.data.name == "none":
        raise UserError(
            "promote.enabled: True: a function has no model that tuner could judge on test rows: "
            "leave it out"
        )
    if config.tracking.name == "none":
        raise UserError(
            "promote.enabled: True: registers the model in MLflow, which tracking=none "
            "switches off: "
            "give tracking=mlflow, or leave it out"
        )


def _check_own(config: Config) -> None:
    """Checks that a study of tuner's models has no settings that only user functions take."""
    if config.direction is not None:
        raise UserError(
            f"direction: {config.direction}: is for a function of your own (tuner.main)"
        )


def _check_function(config: Config, function: Function) -> None:
    """Checks the settings of a user function's study."""
    is_greater_better(config.metric, config.direction)
    if config.metrics:
        raise UserError(
            f"metrics: {', '.join(config.metrics)}: is for tuner's own models: all that "
            f"{function.name}() yields is measured"
        )
    if config.data.folds is not None and "fold" not in function.asks:
        raise UserError(
            f"data.folds: {config.data.folds}: {function.name}() has no parameter `fold`: add one"
        )
    for name in config.space.branches.get("schedule", ()):
        if name in schedules.names() and schedules.load(name).state:
            raise UserError(
                f"schedule: {name}: needs validation losses; a function's schedule "
                "depends on the step only"
            )
    if config.job in ("range_test", "plot_descent", "card"):
        raise UserError(f"job: {config.job}: is for tuner's own models, not for functions")
    if config.job == "plot_schedule" and "schedule" not in function.asks:
        raise UserError(
            f"job: {config.job}: {function.name}() has no parameter `schedule`: add one, or draw "
            "with python -m tuner"
        )


def _check_averages(space: Space) -> None:
    """Checks that at most one average is validated: the rule's own, ema or tail_average.

    A rule's own average contains no exact zeros, so it excludes l1.
    """
    for name in space.branches["optimizer"]:
        asked = [
            path
            for key in ("ema", "tail_average")
            if (path := f"optimizer.{name}.{key}") in space.searched or space.fixed[path] > 0
        ]
        if optimizers.load(name).averages and asked:
            raise UserError(f"{asked[0]}: {name} already averages its weights: give 0")
        if len(asked) > 1:
            raise UserError(f"{asked[1]}: cannot be combined with {asked[0]}: give one of the two")
        for model in space.branches["model"]:
            path = f"model.{model}.l1"
            if optimizers.load(name).averages and (path in space.searched or space.fixed.get(path)):
                raise UserError(
                    f"{path}: {name} averages its weights, so l1 makes none exactly 0: "
                    "give 0, or use sgd"
                )


def _check_functions(space: Space) -> None:
    """Checks that the settings of a test function go together, also at the ends of their ranges."""
    for name in set(space.branches["model"]) & set(functions.names()):
        prefix = f"model.{name}."
        fixed = {p.removeprefix(prefix): v for p, v in space.fixed.items() if p.startswith(prefix)}
        ends = {
            path.removeprefix(prefix): s.options if isinstance(s, Choices) else (s.low, s.high)
            for path, s in space.searched.items()
            if path.startswith(prefix)
        }
        for values in product(*ends.values()):
            try:
                functions.create(name, fixed | dict(zip(ends, values, strict=True)))
            except ValueError as error:
                raise UserError(f"{prefix}{error}") from None


def _check_loss(config: Config) -> None:
    """Checks that the models take the chosen losses, and that searched losses are comparable."""
    space, chosen = config.space, config.space.branches["loss"]
    closed = [m for m in space.branches["model"] if m not in FAMILIES or FAMILIES[m].own]
    if chosen != (AUTO,) and closed:
        raise UserError(
            f"loss: {', '.join(chosen)}: model={closed[0]} has its own: give loss=auto, or a model "
            f"that takes any: {', '.join(n for n, f in FAMILIES.items() if not f.own)}"
        )
    if config.metric not in (None, "loss"):
        return
    for path in space.searched:
        group, _, number = path.partition(".")
        number = number.rpartition(".")[2]
        differs = number in ("delta", "quantile") and group in ("loss", "model")
        if path == "loss" or path == "model.linear_svm.loss" or differs:
            raise UserError(
                f"{path}: is searched, but different losses are not comparable: "
                "fix it, or give a metric"
            )


def _check_data(config: Config) -> None:
    """Checks that test functions have no data, and that all other models have some."""
    for model in config.space.branches["model"]:
        function = model in functions.names()
        if function != (config.data.name == "none"):
            mend = "data=none" if function else "data=digits, or another data set"
            raise UserError(
                f"data: {config.data.name}: cannot be used with model={model}: give {mend}"
            )
        if function and config.metrics:
            raise UserError(
                f"metrics: {', '.join(config.metrics)}: model={model} has no metric "
                "except its loss: leave it out"
            )
