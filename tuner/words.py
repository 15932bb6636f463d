"""Words on the command line in place of settings, such as `tuner show adam`."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuner import jobs
from tuner.composing import config_folder, options
from tuner.errors import UserError, did_you_mean

EXPERIMENT = "experiment"

# A name alone: of a job, an experiment or a study.
WORD = re.compile(r"[A-Za-z0-9][\w.-]*")

# Flags of Hydra's that run a program many times.
MANY = ("-m", "--multirun")


def groups(folders: Sequence[Path]) -> list[str]:
    """The groups of the config: the folders in those of options, but for the experiments."""
    found = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
    return sorted(found - {EXPERIMENT})


def meant(arguments: Sequence[str], extra_folder: str | None = None) -> list[str]:
    """The settings that a command's arguments stand for; those that are settings stay as they are.

    A word is a job or an experiment; after a job that looks at a study, it is the study.

    Args:
        arguments: what was typed, but for `--config-dir` and its folder.
        extra_folder: that folder.

    Raises:
        UserError: for a word that means nothing, and for a flag of Hydra's that is not needed.
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
    """A setting with its key as tuner spells it."""
    if key == EXPERIMENT:
        key = f"+{EXPERIMENT}"
    if key == "study" and WORD.fullmatch(value):
        key = "study.name"
    return f"{key}={value}"


def unknown(word: str, experiments: set[str], folders: Sequence[Path]) -> UserError:
    """What to say of a word that is no job and no experiment."""
    chosen = [f"{group}={word}" for group in groups(folders) if word in options(group, folders)]
    if chosen:
        return UserError(f"{word}: is an option: give {' or '.join(chosen)}")
    hint = did_you_mean(word, sorted({*jobs.names(), *experiments}), 3)
    return UserError(
        f"{word}: is neither a job nor an experiment: {hint}--help lists them; "
        "a setting is key=value"
    )
