"""The first line of a command: what it is about to do, before slow imports."""

import os
from collections.abc import Mapping
from pathlib import Path

from tuner.errors import printable

# The jobs that train or judge: they import modules and read data for a second or more first.
TRAINING = ("tune", "compare", "confirm", "range_test", "promote", "card")
# The settings of data that name what is read.
READ = ("path", "folder")


def first_word(plain: Mapping[str, object]) -> str:
    """A line on the study that a composed config names.

    Args:
        plain: the config, not yet checked; reporting wrong values is left to the check.

    Returns:
        "" for jobs that do not train, for quiet commands, and if the data are missing: then the
        error comes alone.
    """
    job, name = plain.get("job"), _below(plain, "study", "name")
    if job not in TRAINING or plain.get("quiet") is True or not _are_there(plain):
        return ""
    if job == "card":
        return printable(f"tuner: job=card, into {Path(str(plain.get('root')), 'cards')}")
    folder = Path(str(plain.get("root")), "studies", str(name))
    if job not in ("tune", "compare"):
        return printable(f"tuner: job={job} on study {name}, in {folder}")
    try:
        state = "continues" if folder.exists() else "is new"
        if isinstance(storage := _below(plain, "study", "storage"), str):
            state = f"keeps its record in {storage.rpartition('@')[2]}"
    except (OSError, ValueError):
        return ""
    trials, epochs = _below(plain, "budget", "trials"), _below(plain, "budget", "epochs")
    data, model = _below(plain, "data", "name"), plain.get("model")
    if isinstance(own := plain.get("function"), Mapping):
        data = f"{own.get('name')}()"
    elif data == "none" and isinstance(model, Mapping):
        data = ", ".join(map(str, model))
    if isinstance(several := _below(plain, "compare", "data"), list):
        data = "each of " + ", ".join(str(_below({"data": own}, "data", "name")) for own in several)
    length = "" if epochs == "auto" else f" of {epochs} epochs"
    what = f"{trials} trials{length} on {data}"
    return printable(f"tuner: study {name} {state}: {what}, in {folder}")


def _are_there(plain: Mapping[str, object]) -> bool:
    """Whether the files and folders that the data of a config are read from exist."""
    several = _below(plain, "compare", "data")
    each = several if isinstance(several, list) else [plain.get("data")]
    paths = [own[key] for own in each if isinstance(own, Mapping) for key in READ if key in own]
    return all(isinstance(p, str) and os.path.exists(os.path.expanduser(p)) for p in paths)


def _below(plain: Mapping[str, object], group: str, key: str) -> object:
    """A value of a group; None if there is none."""
    values = plain.get(group)
    return values.get(key) if isinstance(values, Mapping) else None
