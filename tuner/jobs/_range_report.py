"""What a range test tells: the verdict in words, the pictures, its run in MLflow."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np

from tuner.config import Config
from tuner.jobs._report import PATIENCE, UNITS, now_ms
from tuner.search.initial_trials import default
from tuner.search.space import Space
from tuner.tracking.records import Artifact, Points, Record, RunBegins, RunEnds
from tuner.tracking.store import Store
from tuner.tracking.writer import Writer

Array = np.ndarray

WORDS = {"validation_loss": "validation loss", "train_loss": "training loss"}


def held_at(space: Space, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The searched settings that were held, with their values; the rates are not among them."""
    return {
        path: own[path]
        for own in settings.values()
        for path in space.searched
        if path in own and path != "optimizer" and not path.endswith(".lr")
    }


def describe(result: Mapping[str, Any], config: Config, place: Path) -> str:
    """The verdict, in lines."""
    own = config.space.branches
    model = own["model"][0]
    what = model if config.data.name == "none" else f"{model} on {config.data.name}"
    lines = [f"Range test of study {result['study']}: {what}, schedule {own['schedule'][0]}."]
    if result["held"]:
        lines.append("Searched settings were held:")
    for path, value in result["held"].items():
        source = "textbook" if value == default(path) else "as near as its range allows"
        source = "the middle" if default(path) is None else source
        shown = f"{value:.4g}" if isinstance(value, float) else value
        lines.append(f"    {path} = {shown} ({source})")
    for name, told in result["optimizers"].items():
        lines += _optimizer(name, told, result, config)
    lines.append(f"Pictures and all numbers: {place}")
    if any(told.get("range") for told in result["optimizers"].values()):
        root = "" if str(config.root) == "mlruns" else f", with root={config.root}"
        lines.append(
            f"To tune within what was found, add +range={result['study']} to the command that "
            f"tunes{root}."
        )
    return "\n".join(lines)


def _optimizer(
    name: str, told: Mapping[str, Any], result: Mapping[str, Any], config: Config
) -> Iterator[str]:
    rates, seeds, epochs = told["rates"], len(told["initial"]), result["epochs"]
    tried = f"{len(rates)} rates from {rates[0]:.3g} to {rates[-1]:.3g}, {seeds} seeds each"
    if not told["bracket"]:
        yield f"{name}: no run ended below its start: {tried}."
        yield f"    Try {_elsewhere(name, told)}"
        return
    bracket, spread, given = told["bracket"], told["spread"], told["range"]
    yield f"{name}: {tried}, {epochs} epochs"
    yield f"    suggested rate {told['suggested']:.3g}"
    yield f"        {_confirmed(told, result)}"
    yield f"    worth searching {given['low']:.3g} to {given['high']:.3g}"
    yield f"        {_spread(spread)}"
    yield (
        f"    the loss falls most at {bracket['steepest']:.3g}; up to {bracket['stable']:.3g} "
        "every run ended below its start"
    )
    rules = ", ".join(f"{rule} {_range(v)}" for rule, v in told["ramp"]["rules"].items())
    yield f"    for comparison, a ramp of {config.range.ramp_steps} steps says: {rules}"
    for place, end, hint in (("lowest", 0, "low"), ("highest", -1, "high")):
        if bracket["best"] == rates[end]:
            yield (
                f"    The best rate is the {place} that was tried: give a {hint}er "
                f"optimizer.{name}.lr.{hint}, or a larger range.widen."
            )


def _elsewhere(name: str, told: Mapping[str, Any]) -> str:
    """Rates to try where all failed: higher ones if the lowest did nothing, else lower ones."""
    rates, lowest = told["rates"], [row[0] for row in told["losses"]]
    idle = all(loss == start for loss, start in zip(lowest, told["initial"], strict=True))
    word, low, high = "lower", rates[0] / 1e4, rates[0]
    if idle:
        word, low, high = "higher", rates[-1], rates[-1] * 1e4
    return f"{word} ones: 'optimizer.{name}.lr={{low: {low:.3g}, high: {high:.3g}, scale: log}}'"


def _confirmed(told: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """What the longer runs said of the suggested rate and of those about it."""
    c = told["confirmation"]
    means = ", ".join(
        f"diverged at {rate:.3g}" if mean is None else f"{mean:.4g} at {rate:.3g}"
        for rate, mean in zip(c["rates"], c["means"], strict=True)
    )
    stays = told["suggested"] == float(f"{c['rates'][1]:.3g}")
    why = "no other is better" if stays else "better"
    lead = f"{result['longer']} epochs on fresh seeds: {WORDS[c['measure']]}"
    return f"{lead} {means}: {why} under every seed"


def _spread(spread: Mapping[str, Any]) -> str:
    """How far the seeds differ, each taken alone."""
    words = {"low": "lower end", "high": "upper end", "suggested": "suggestion"}
    return "by seed alone: " + ", ".join(f"{words[k]} {_range(spread[k])}" for k in words)


def _range(values: Any) -> str:
    values = [value for value in values if value is not None]
    if not values:
        return "nothing"
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def draw(result: Mapping[str, Any], config: Config, task: str, place: Path) -> None:
    """A picture for each optimizer, `<optimizer>.png`."""
    from tuner.report.plots.range_test import RangePicture, draw_range

    unit = UNITS.get(task, "loss")
    for name, told in result["optimizers"].items():
        bracket, c = told["bracket"] or {}, told.get("confirmation")
        found: Mapping[str, float] = told.get("range", {})
        picture = RangePicture(
            title=f"Range test of {result['study']}: which learning rates {name} bears",
            loss=unit,
            epochs=result["epochs"],
            rates=_array(told["rates"]),
            losses=np.array([_array(row) for row in told["losses"]]),
            start=float(np.mean(told["initial"])),
            slope=_array(told["slope"]),
            ramp_rates=_array(told["ramp"]["rates"]),
            ramp=[_array(own) for own in told["ramp"]["smoothed"]],
            low=found.get("low", np.nan),
            high=found.get("high", np.nan),
            suggested=told.get("suggested", np.nan),
            stable=bracket.get("stable", np.nan),
            confirmed=(
                _array(c["rates"] if c else []),
                _array(c["means"] if c else []),
                f"{WORDS[c['measure']]} after\n{result['longer']} epochs" if c else "",
            ),
        )
        draft = place / f"{name}.new.png"
        draw_range(picture, draft)
        draft.replace(place / f"{name}.png")


def _array(values: Any) -> Array:
    """Numbers from their record; what was not finite is nan."""
    return np.array([np.nan if v is None else v for v in values], dtype=float)


def track(config: Config, place: Path, told: Mapping[str, Any]) -> None:
    """One run in MLflow, a rate a child, unless it is there.

    While MLflow is away the spool of an earlier test would only wait beside the new one's: each
    command tells the whole of the last test again, which MLflow keeps once.
    """
    done, spool, key = place / "tracked", place / "tracking", told["run"]["key"]
    if config.tracking.name == "none" or (done.exists() and done.read_text() == key):
        return
    rmtree(spool, ignore_errors=True)
    names = {"project": config.study.project, "study": config.study.name, "key": key}
    writer = Writer(Store(config.root, config.tracking.uri), spool, **names)
    for record in records(config, place, told):
        writer.put(record)
    waiting = writer.close(PATIENCE)
    for refusal in writer.refused:
        print(f"tuner: MLflow refused: {refusal}", file=sys.stderr)
    if waiting:
        print(f"tuner: MLflow: {writer.error}: the same command tells it again", file=sys.stderr)
        return
    rmtree(spool, ignore_errors=True)
    done.write_text(key)


def records(config: Config, place: Path, told: Mapping[str, Any]) -> Iterator[Record]:
    """What MLflow is told: always the same of the same test, so that it may be told twice."""
    result, started = told["result"], told["run"]["started_ms"]
    optimizers: Mapping[str, Any] = result["optimizers"]
    about = {
        "data": config.data.name,
        "model": config.space.branches["model"][0],
        "schedule": config.space.branches["schedule"][0],
        "epochs": result["epochs"],
        "seed": config.study.seed,
        **result["held"],
    }
    note = "a range test; the rates are the child runs, each the mean over its seeds"
    tags = {"mlflow.note.content": note, "tuner.job": "range_test"}
    yield RunBegins(None, f"{result['study']}: range test", started, about, tags)
    number = 0
    for name, own in optimizers.items():
        losses = np.array([_array(row) for row in own["losses"]]).mean(axis=0)
        for rate, loss in zip(own["rates"], losses, strict=True):
            yield from _rate(number, name, rate, own, float(loss), result["epochs"], started)
            number += 1
        if own.get("suggested"):
            found = {"suggested": own["suggested"], **own["range"]}
            yield Points(None, [0], {f"{name}.{end}": [value] for end, value in found.items()})
        yield Artifact(None, str((place / f"{name}.png").resolve()))
    for file in ("config.yaml", "range.yaml", "result.json"):
        if (place / file).exists():
            yield Artifact(None, str((place / file).resolve()))
    yield RunEnds(None, "COMPLETE", "finished", now_ms())


def _rate(
    number: int,
    optimizer: str,
    rate: float,
    own: Mapping[str, Any],
    loss: float,
    epochs: int,
    started: int,
) -> Iterator[Record]:
    """The run of one rate."""
    params = {"optimizer": optimizer, f"optimizer.{optimizer}.lr": rate}
    yield RunBegins(number, f"{optimizer} at {rate:.3g}", started, params)
    start = float(np.mean(own["initial"]))
    yield Points(number, [0, epochs], {"train_loss": [start, loss]})
    diverged = not np.isfinite(loss)
    reason = "a seed's run diverged" if diverged else f"trained {epochs} epochs"
    yield RunEnds(number, "DIVERGED" if diverged else "COMPLETE", reason, now_ms())
