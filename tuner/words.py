"""Words: bare names on the command line in place of settings, as in `tuner show adam`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner import jobs
from tuner.composing import config_folder, options
from tuner.errors import UserError, did_you_mean

EXPERIMENT = "experiment"

# A bare name: of a job, an experiment or a study.
WORD = re.compile(r"[A-Za-z0-9][\w.-]*")

# Hydra's flags for multirun.
MANY = ("-m", "--multirun")


def groups(folders: Sequence[Path]) -> list[str]:
    """The config groups: the folders of options, except the experiments."""
    found = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
    return sorted(found - {EXPERIMENT})


def meant(arguments: Sequence[str], extra_folder: str | None = None) -> list[str]:
    """Converts a command's arguments to settings; settings themselves stay the same.

    A word is a job or an experiment; after a job that works on a study, it is the study.

    Args:
        arguments: what was typed, without `--config-dir` and its folder.
        extra_folder: the folder of `--config-dir`.

    Raises:
        UserError: for an unknown word, and for Hydra's flags for multirun.
    """
    folders = [config_folder(), *([Path(extra_folder)] if extra_folder else [])]
    return list(_settings(arguments, folders))


def _settings(arguments: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    experiments, job = options(EXPERIMENT, folders), ""
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if argument in MANY:
            raise UserError(
                f"{argument}: one command searches whole ranges, so multirun is not needed: "
                "leave it out "
                "and give 'lr={low: 1e-4, high: 1, scale: log}' or {choices: [...]}"
            )
        if equals:
            job = value if key == "job" else job
            yield _spelled(key, value)
        elif not WORD.fullmatch(argument):
            yield argument
        elif job in jobs.names() and jobs.looks_at_a_study(job):
            yield f"study.name={argument}"
        elif not job and argument in jobs.names():
            job = argument
            yield f"job={argument}"
        elif argument in experiments:
            yield f"+{EXPERIMENT}={argument}"
        else:
            raise unknown(argument, experiments, folders)


def _spelled(key: str, value: str) -> str:
    """A setting with its key in tuner's spelling."""
    if key == EXPERIMENT:
        key = f"+{EXPERIMENT}"
    if key == "study" and WORD.fullmatch(value):
        key = "study.name"
    return f"{key}={value}"


def unknown(word: str, experiments: set[str], folders: Sequence[Path]) -> UserError:
    """The error for a word that is neither a job nor an experiment."""
    chosen = [f"{group}={word}" for group in groups(folders) if word in options(group, folders)]
    if chosen:
        return UserError(f"{word}: is an option: give {' or '.join(chosen)}")
    hint = did_you_mean(word, sorted({*jobs.names(), *experiments}), 3)
    return UserError(
        f"{word}: is neither a job nor an experiment: {hint}--help lists them; "
        "a setting is key=value"
    )
