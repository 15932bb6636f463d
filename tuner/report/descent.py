"""The text of a descent."""

from collections.abc import Iterable
from typing import Any

from tuner.study.descent import Path, Surface


def settings(shown: Iterable[tuple[str, Any]]) -> str:
    """Settings with their names."""
    return ", ".join(f"{key} {_number(value)}" for key, value in shown)


def ending(path: Path, surface: Surface) -> str:
    """Where a path ends, or how it left."""
    if path.left:
        return f"diverged at step {path.left}"
    if outside := surface.leaves_at(path.points):
        return f"f = {_number(path.value)}, outside the picture from step {outside} on"
    x, y = (_number(round(float(place), 4) + 0.0) for place in path.points[-1])
    place = f"x = {x}" if surface.is_curve else f"({x}, {y})"
    return f"f = {_number(path.value)} at {place}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
