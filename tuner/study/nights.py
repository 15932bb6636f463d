"""Nights: checks whether a new study of `nightly-@date` would only repeat the last one."""

import json

from tuner.config import Config
from tuner.config.schema import Plain
from tuner.study.builder import DATA
from tuner.study.config_changes import KEY, WITHOUT_EFFECT, kept
from tuner.study.patterns import newest
from tuner.study.places import place_of
from tuner.study.results import SavedResult


class NothingNew(Exception):
    """The newest study of the pattern used the same data and the same settings.

    Args:
        last: the result of that study.
        said: a line about it.
    """

    def __init__(self, last: SavedResult, said: str) -> None:
        super().__init__(said)
        self.last, self.said = last, said


def check_new(config: Config, digest: str | None) -> None:
    """Compares a study that has not begun yet with the newest study of the pattern.

    Args:
        config: the study's config.
        digest: the digest of its data; None if there are none, so nothing can be compared.

    Raises:
        NothingNew: if the newest study had the same data and settings.
    """
    folder = config.root / "studies" / config.study.name
    if digest is None or config.study.pattern is None or folder.exists():
        return
    if place_of(config).exists():
        return
    last = newest(config)
    if last is None:
        return
    name = last.result.study
    try:
        _, attributes = place_of(config, name).glanced()
    except (OSError, ValueError):
        return
    begun = attributes.get(KEY)
    if attributes.get(DATA) == digest and begun and _asked(begun) == _asked(kept(config)):
        said = f"Nothing new: study {name} had these data ({digest[:12]}) and these settings."
        raise NothingNew(last, said)


def _asked(flat: Plain) -> str:
    """A config's settings as JSON, without the study's name and settings that affect no result."""
    own = {
        path: value
        for path, value in flat.items()
        if path != "study.name" and not path.startswith(WITHOUT_EFFECT)
    }
    return json.dumps(own, sort_keys=True)
