"""The config of an existing study, for jobs that read it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tuner.config import check
from tuner.config.schema import KEYS, Config
from tuner.errors import UserError, did_you_mean
from tuner.files import check_own
from tuner.yaml_files import load_file

# An error for an unknown study lists up to this many.
FEW = 5

# Keys that always come from the command.
EACH = ("yes", "quiet", "output", "log", "format", "ui", "executor", "workers")


def unknown_study(key: str, name: str, root: Path, known: Iterable[str]) -> UserError:
    """The error for a study that does not exist.

    Args:
        key: the key that names it.
        name: its name.
        root: the root in which it was searched.
        known: the existing studies.
    """
    names = sorted(known)
    hint = did_you_mean(name, names, 3) or (
        f"there are {', '.join(names[:FEW])}" if names else "there is none yet"
    )
    return UserError(f"{key}: {name}: no such study in {root}: {hint.strip()}")


def of_study(config: Config, own: Sequence[str]) -> Config:
    """The config of a study's last run, with the command's own keys.

    Args:
        config: the command's config, which names the study.
        own: the keys to take from the command. `tracking` is taken as well if it is none or names
            a server: no server is taken from a study's folder, which may be untrusted.

    Raises:
        UserError: if there is no such study, its file is not a config, or it was tracked by a
            server that the command does not name.
    """
    folder = config.root / "studies" / config.study.name
    path = folder / "config.yaml"
    if not path.exists():
        known = (p.parent.name for p in folder.parent.glob("*/config.yaml"))
        raise unknown_study("study.name", folder.name, config.root, known)
    check_own(folder)
    saved = load_file(path)
    if (
        not isinstance(saved, dict)
        or not all(isinstance(key, str) for key in saved)
        or not all(isinstance(saved.get(key), dict) for key in ("study", "tracking"))
    ):
        raise UserError(f"{path}: is not a study's config")
    given = {key: config.given[key] for key in (*own, *EACH) if key in config.given}
    # Nor is a database taken from the folder, which has no password for it.
    own_study = {"name": config.study.name, "storage": config.study.storage}
    given["study"] = {**saved["study"], **own_study}
    asked, uri = config.tracking, saved["tracking"].get("uri")
    if uri is not None and asked.name != "none" and asked.uri is None:
        raise UserError(
            f"tracking.uri: {uri}: is where study {config.study.name} was tracked, as its folder "
            "says: give tracking.uri=... for this server or another one, or tracking=none"
        )
    if asked.name == "none" or asked.uri is not None:
        given["tracking"] = config.given["tracking"]
    mine = {} if config.function is None else {"function": None, config.function.name: None}
    left = {key: value for key, value in config.plain.items() if key not in mine}
    if "function" in saved:
        left = {key: value for key, value in left.items() if key not in KEYS}
    return check({**left, **saved, **given}, config.function)
