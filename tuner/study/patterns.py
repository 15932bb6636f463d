"""Patterns: finds the studies that a name such as `nightly-@date` has made."""

from tuner.config import Config
from tuner.dated import matches
from tuner.study.ending import read_result
from tuner.study.results import SavedResult


def newest(config: Config) -> SavedResult | None:
    """The result of the newest study with a winner among the earlier studies of the pattern."""
    pattern, found = config.study.pattern or "", list[SavedResult]()
    for file in (config.root / "studies").glob("*/result.json"):
        name = file.parent.name
        if name != config.study.name and matches(pattern, name):
            saved = read_result(file)
            if saved is not None and saved.result.winner is not None:
                found.append(saved)
    return max(found, key=lambda saved: saved.run.finished, default=None)
