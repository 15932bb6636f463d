"""The config of a study that is there, for jobs that look at it."""

from collections.abc import Sequence

import yaml

from tuner.config import check
from tuner.config.schema import Config
from tuner.errors import UserError, did_you_mean


def of_study(config: Config, own: Sequence[str]) -> Config:
    """The config that the study was last run with, but for what belongs to this command.

    Args:
        config: of the command, which names the study.
        own: the keys that are the command's; so is `tracking`, where that is none or names a
            server.

    Raises:
        UserError: if there is no such study, or its file holds no config.
    """
    folder = config.root / "studies" / config.study.name
    path = folder / "config.yaml"
    if not path.exists():
        known = sorted(p.parent.name for p in folder.parent.glob("*/config.yaml"))
        hint = did_you_mean(folder.name, known, 3)
        hint = hint or (f"there are {', '.join(known[:5])}" if known else "there is none yet")
        raise UserError(
            f"study.name: {folder.name}: no such study in {config.root}: {hint.strip()}"
        )
    try:
        saved = dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())[:100]
        raise UserError(f"{path}: is not a config as a study writes it ({said})") from None
    given = {key: config.plain[key] for key in own}
    given["study"] = {**saved["study"], "name": config.study.name}
    if config.tracking.name == "none" or config.tracking.uri is not None:
        given["tracking"] = config.plain["tracking"]
    return check({**config.plain, **saved, **given})
