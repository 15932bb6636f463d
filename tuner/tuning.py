"""Tuning from Python: `tuner.tune` runs or continues a study and returns it with its results."""

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

from tuner import concluding, session
from tuner.codec import Settings
from tuner.composing import compose, config_folder, options
from tuner.composing.written import written
from tuner.config import Config, check
from tuner.config.schema import Plain
from tuner.declarations import Branches, choices
from tuner.errors import UserError, did_you_mean
from tuner.function import BRANCH, CALLED, Function, declared
from tuner.keeping import tidy
from tuner.processes.deadline import command_begins
from tuner.report import promotion
from tuner.report.notes import say
from tuner.training.loop import Interrupted
from tuner.tuned import TunedStudy

TUNE = "tune"

# Environment variables set for the processes of a study, and the prefixes of those to restore.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
OURS = ("OPENBLAS_NUM_THREADS", "MLFLOW_")

# Only one thread may tune at a time, because prints of all threads go to the trial's file.
_TUNING = threading.RLock()


def tune(
    what: Callable[..., Any] | str,
    *,
    data: str | None = None,
    trials: int | None = None,
    epochs: int | None = None,
    space: Settings | None = None,
    metric: str | None = None,
    workers: int | None = None,
    name: str | None = None,
    root: str | Path | None = None,
    settings: Settings | None = None,
) -> TunedStudy:
    """Runs a study to its end, or continues the study of that name, like the command line.

        study = tuner.tune(train, trials=40, epochs=20)
        study = tuner.tune("adam", data="digits", trials=40)

    Ctrl-C, or the interrupt button of a notebook, stops the study at the next step. Its results
    stay on record, and the same call continues it. A second Ctrl-C stops at once.

    Args:
        what: a training function (see `tuner.main` for what it yields and what tuner passes to
            it), or the name of an experiment or an optimizer of tuner, such as "adam".
        data: the name of a data set, for tuner's own models.
        trials: the number of all trials of the study.
        epochs: the number of epochs of a trial that is not stopped early.
        space: values or ranges that replace the function's defaults, by parameter: a number or
            text, `tuner.range`, `tuner.choices` or a list; for tuner's own models, by path.
        metric: the curve that decides, such as "validation_accuracy"; None is the loss.
        workers: the number of processes that train a function; with 1, this process trains.
        name: the name of the study; None is the name of the function or the experiment.
        root: the folder of all studies; None is "mlruns".
        settings: other settings by their path in the config, such as
            {"study.cohort": 4, "pruner": "none"}.

    Returns:
        The study with its winner, its trials and its curves.

    Raises:
        UserError: if the caller gave something wrong, before anything is written; or if too many
            trials of a function fail.
        KeyboardInterrupt: if the study was interrupted, after everything is closed.
    """
    if not isinstance(data, str | None):
        raise UserError(
            f"data: {type(data).__name__}: must be the name of a data set, as digits; for arrays "
            "there is tuner.model_selection.TunerSearchCV"
        )
    named = {
        "data": data,
        "budget.trials": trials,
        "budget.epochs": epochs,
        "metric": metric,
        "workers": workers,
        "study.name": name,
        "root": root,
    }
    config = configured(what, named, space or {}, settings or {})
    with _TUNING, surroundings():
        return tuned(config)


def configured(
    what: Callable[..., Any] | str, named: Settings, space: Settings, settings: Settings
) -> Config:
    """The checked config of a study.

    Args:
        what, space, settings: as in `tune`.
        named: the other arguments, by path; None means the config's value.

    Raises:
        UserError: for a mistake of the caller.
    """
    given = {key: value for key, value in named.items() if value is not None}
    function: Function | None = None
    if isinstance(what, str):
        first, more = [_option(what)], {path: _listed(own) for path, own in space.items()}
    else:
        first, (function, more) = [], _declared(what, space)
    for others in (more, settings):
        if twice := [key for key in others if key in given]:
            raise UserError(f"{twice[0]}: {others[twice[0]]!r}: is set twice")
        given |= others
    plain = compose([*first, *written(given)], None, function)
    config = check(plain, function)
    if config.job != TUNE or config.output != "text":
        key = "job" if config.job != TUNE else "output"
        raise UserError(
            f"{key}: {plain[key]}: is a setting of commands only: tuner.tune returns the study"
        )
    return config


def _option(word: str) -> str:
    """The override for the name of an experiment or an optimizer.

    Raises:
        UserError: for an unknown name.
    """
    known = {group: options(group, [config_folder()]) for group in ("experiment", "optimizer")}
    if word in known["experiment"]:
        return f"+experiment={word}"
    if word in known["optimizer"]:
        return f"optimizer={word}"
    names = sorted({*known["experiment"], *known["optimizer"]})
    hint = did_you_mean(word, names, 3)
    raise UserError(
        f"tune: {word!r}: {hint}must be a function, or the name of an experiment or an optimizer"
    )


def _declared(call: Callable[..., Any], space: Settings) -> tuple[Function, Plain]:
    """A function, and the values that replace its defaults, by path.

    Raises:
        UserError: if it is not a training function, or has no such parameter.
    """
    try:
        parameters = dict(inspect.signature(call).parameters)
    except (TypeError, ValueError):  # `declared` raises for it
        parameters = {}
    defaults = {key for key, own in parameters.items() if own.default is not own.empty}
    declares = {
        key: _listed(value)
        for key, value in space.items()
        if key not in defaults or isinstance(value, Branches)
    }
    own = declared(call, f"{CALLED}({getattr(call, '__name__', '')})", declares)
    return own, {
        f"{own.name}.{key}": value if own.kinds.get(key) == BRANCH else _listed(value)
        for key, value in space.items()
        if key not in declares
    }


def _listed(value: Any) -> Any:
    """A setting of a space: a list becomes choices."""
    return choices(value) if isinstance(value, list | tuple) else value


def tuned(config: Config) -> TunedStudy:
    """Runs or continues the study of a config.

    Raises:
        UserError: before anything is written.
        KeyboardInterrupt: if it was interrupted, after everything is closed.
    """
    stop = Event()
    command_begins()
    try:
        with interrupts(stop), session.opened(config, stop) as own:
            saved = own.tune()
            if saved.result.interrupted:
                concluding.show(own, saved)
            own.stop_if_asked()
            found, missed = concluding.promoted(own, saved)
            if found is not None:
                say(config, promotion.verdict(found))
            elif missed:
                concluding.say_not_promoted(missed)
            link, study = saved.run.curves, own.study
            told = TunedStudy(
                config,
                saved.result,
                dict(study.curves()),
                study.space,
                study.times(),
                own.tracking.shows(link) if link else "",
            )
        tidy(config, stop)
        return told
    except Interrupted:
        say(config, "Stopped. The same call continues.")
        raise KeyboardInterrupt from None


@contextmanager
def interrupts(stop: Event) -> Iterator[None]:
    """Makes the first Ctrl-C within the context set `stop`; a second one raises at once.

    A custom handler of the caller stays. Signals reach only the main thread.

    Args:
        stop: set by the first Ctrl-C.
    """
    usual = signal.default_int_handler
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return

    def ask(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, usual)
        stop.set()

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@contextmanager
def surroundings() -> Iterator[None]:
    """Sets the environment of a study's processes; restores it and Optuna's verbosity."""
    import numpy  # noqa: F401 (it must read the environment before it is changed)
    from optuna import logging

    verbosity = logging.get_verbosity()
    before = {key: value for key, value in os.environ.items() if key.startswith(OURS)}
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        for key in [key for key in os.environ if key.startswith(OURS)]:
            if key not in before:
                del os.environ[key]
        os.environ.update(before)
