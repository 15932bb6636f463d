"""The data of a study: loads them and checks them against the models and the metric."""

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from tuner.config import Config, auto, check
from tuner.dated import DIGEST, DIGITS
from tuner.errors import UserError
from tuner.search.trials import Goal
from tuner.study.model_memory import check_models
from tuner.training import losses
from tuner.training.families import AUTO, FAMILIES

if TYPE_CHECKING:
    from tuner.data import DataSet


def loaded(config: Config) -> "tuple[Config, DataSet | None]":
    """Loads the data, and resolves the `auto` settings that depend on them.

    Returns:
        The config, and the data; None for a function to minimise.

    Raises:
        UserError: if the data are bad, or the model or the metric does not fit them.
    """
    if config.data.name == "none":
        if (transform := config.data.target_transform) is not None:
            said = "needs data; a function has no targets: give null"
            raise UserError(f"data.target_transform: {transform}: {said}")
        if config.auto:
            path = config.auto[0]
            raise UserError(f"{path}: {auto.WORD}: follows from data: give a value, or data")
        if config.function is None:
            goal(config, None)
        return config, None
    data = in_folds(config) if auto.FOLDS in config.auto else read(config, config.data.folds)
    if config.auto:
        train = max(len(train) for train, _ in data.split.folds)
        folds = len(data.split.folds) if len(data.split.folds) > 1 else None
        seen = auto.Seen(train, data.inputs, data.outputs)
        now = check(auto.settled(config.given, seen, folds), config.function)
        config = now.model_copy(update={"auto": config.auto})
    check_fit(config, data)
    check_models(config, data)
    goal(config, data)
    check_metrics(config, data)
    return config, data


def load_data(config: Config) -> "DataSet | None":
    """The data alone, as `loaded` returns them."""
    return loaded(config)[1]


def read(config: Config, folds: int | None) -> "DataSet":
    """Reads the data of a config with this number of folds.

    Raises:
        UserError: if the data are bad, or cannot be split into such folds.
    """
    from tuner.data import load

    asked = {**config.data.model_dump(exclude_none=True), "folds": folds}
    return load(**asked, seed=config.study.seed, dtype=config.dtype)


def in_folds(config: Config) -> "DataSet":
    """Reads the data of a config: in five folds if rows are few and can be split so, else in none.

    Raises:
        UserError: if the data are bad.
    """
    data = read(config, None)
    (train, validation), test = data.split.folds[0], data.split.test
    if len(train) + len(validation) + len(test) >= auto.SMALL:
        return data
    try:
        return read(config, auto.FEW_FOLDS)
    except UserError:  # too few times, groups, rows of a class, or memory
        return data


def check_metrics(config: Config, data: "DataSet") -> None:
    """Checks that the metrics fit the data and the scores of every chosen loss.

    Raises:
        UserError: for the first metric that does not fit.
    """
    space = config.space
    chosen = {(m, own) for m in space.branches["model"] for own in space.branches["loss"]}
    used = sorted({loss_name(model, own, data.task) for model, own in chosen})
    for key, names in (("metric", [config.metric or "loss"]), ("metrics", config.metrics)):
        for name, loss in product(names, used):
            if name == "loss":
                continue
            own = data if losses.load(loss).standardise else data.unstandardised
            try:
                own.fold_metrics(name, loss)
            except UserError as error:
                raise UserError(
                    *(line.replace("metric:", f"{key}:", 1) for line in error.args)
                ) from None


def named_after(config: Config, data: "DataSet | None") -> Config:
    """The config with @data in the study's name replaced by the digest of the data.

    Raises:
        UserError: if the name has @data and there are no data.
    """
    name = config.study.name
    if DIGEST not in name:
        return config
    if data is None:
        raise UserError(
            f"study.name: {name}: {DIGEST} is the digest of the data; a function has none: give "
            "another name"
        )
    return renamed(config, name.replace(DIGEST, data.digest[:DIGITS]))


def renamed(config: Config, name: str) -> Config:
    """The config with another study name."""
    study = config.study.model_copy(update={"name": name})
    plain = {**config.plain, "study": {**config.plain["study"], "name": name}}
    return config.model_copy(update={"study": study, "plain": plain})


def check_fit(config: Config, data: "DataSet") -> None:
    """Checks that every model and every loss fits the task and its targets.

    Raises:
        UserError: for the first that does not.
    """
    task, about = data.task, f"does not fit data={data.name}, a {data.task} task"
    if data.target.whole:
        about = f"{about} unless data.task=multiclass says otherwise"
    for model in config.space.branches["model"]:
        if task not in FAMILIES[model].tasks:
            fitting = [name for name, family in FAMILIES.items() if task in family.tasks]
            raise UserError(f"model: {model}: {about}: give one of {', '.join(fitting)}")
        for chosen in config.space.branches["loss"]:
            if chosen != AUTO and task not in losses.load(chosen).tasks:
                fitting = losses.fitting(task)
                raise UserError(f"loss: {chosen}: {about}: give one of {', '.join(fitting)}")
            loss = losses.load(loss_name(model, chosen, task))
            if data.asked.target_transform is not None and not loss.standardise:
                raise UserError(
                    f"loss: {loss.name}: does not allow transformed targets: give another loss, or "
                    "data.target_transform=null"
                )
            if loss.lowest > -np.inf and data.target.values.min() < loss.lowest:
                raise UserError(
                    f"loss: {loss.name}: takes targets of at least {loss.lowest:g}, "
                    f"data={data.name} has {data.target.values.min():g}: give another"
                )


def loss_name(model: str, chosen: str, task: str, own: str | None = None) -> str:
    """The loss of a model: its own one, the one chosen in the config, or the task's default."""
    fitting = FAMILIES[model].fitting(task)
    return own or (fitting[0] if chosen == AUTO else chosen)


def goal(config: Config, data: "DataSet | None") -> Goal:
    """The goal of a study.

    Raises:
        UserError: for a metric that the task does not have.
    """
    best = config.best_epoch and data is not None
    if config.metric in (None, "loss"):
        return Goal(best_epoch=best)
    if data is None:
        raise UserError(
            f"metric: {config.metric}: the only metric of a function is its loss: give null"
        )
    metric = data.metric(str(config.metric))
    return Goal(f"validation_{metric.name}", metric.greater_is_better, best)
