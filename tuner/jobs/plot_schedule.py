"""Draw the chosen schedules into <root>/plots, without data or training."""

from threading import Event

from tuner.config import Config
from tuner.report.schedules import LaidOut


def run(config: Config, stop: Event) -> int:
    """Writes the picture and prints its path.

    Rates are drawn as multiples of the optimizer's rate. A searched setting is drawn at the middle
    of its range; the band of the whole ranges is shaded.

    Returns:
        The exit code.
    """
    from tuner.report.plots.schedules import draw_schedules

    curves = [LaidOut(config, name).curve() for name in config.space.branches["schedule"]]
    folder = config.root / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"schedule-{'-'.join(curve.name for curve in curves)}.png"
    draw_schedules(curves, path)
    print(path)
    return 0
