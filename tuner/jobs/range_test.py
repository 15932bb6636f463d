"""Find the range of good learning rates from short runs, and write a config to tune with."""

import socket
import time
import uuid
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import yaml

import tuner
from tuner.codec import from_json, to_json
from tuner.config import Config
from tuner.files import read_json, write, write_json
from tuner.processes.deadline import Deadline
from tuner.processes.lock import owned
from tuner.report import terminal
from tuner.report.log import compiling, watching
from tuner.report.notes import COMPILING_MODELS, note, say
from tuner.report.range_test import describe, headline
from tuner.study.data import loaded, named_after
from tuner.study.introduction import introduction
from tuner.study.populations import Populations
from tuner.study.range_result import RangeTest, RangeTestRun, SavedRangeTest, Subject
from tuner.study.range_test import Measurement, fingerprint, optimizers_of
from tuner.tracking.range_test import track

if TYPE_CHECKING:
    from tuner.data import DataSet

OUTPUTS = ("text", "json")

EVERY_RATE_FAILED = 3


def run(config: Config, stop: Event) -> int:
    """Tests the learning rates of every chosen optimizer, and prints the results.

    An earlier test with the same config is shown again.

    Returns:
        The exit code.

    Raises:
        UserError: before anything is written.
        Interrupted: when `stop` was set; the files of an earlier test stay.
    """
    optimizers_of(config.space)
    config, data = loaded(config)
    config = named_after(config, data)
    folder = config.root / "studies" / config.study.name
    with owned(folder):
        place = folder / "range"
        place.mkdir(exist_ok=True)
        say(config, *introduction(config, data))
        key = fingerprint(config, data)
        saved = known(config, place / "result.json", key) or measured(
            config, data, key, place, stop
        )
        # After a kill, range.yaml might be older or newer than the result: write it again.
        write_range(place / "range.yaml", saved.result)
        track(config, saved, place, Deadline(config.tracking.patience, stop))
        _, *lines = describe(saved, place).splitlines()
        terminal.show(
            config, lambda: to_json(saved), terminal.Told(headline(saved), evidence=lines)
        )
    return 0 if saved.result.found else EVERY_RATE_FAILED


def known(config: Config, path: Path, key: str) -> SavedRangeTest | None:
    """The saved test with this fingerprint; None if there is none."""
    try:
        saved = from_json(SavedRangeTest, read_json(path))
    except (OSError, ValueError):
        return None
    if saved.result.key != key:
        return None
    note(config, f"this test was made before; its result stands in {path}")
    return saved


def measured(
    config: Config, data: "DataSet | None", key: str, place: Path, stop: Event
) -> SavedRangeTest:
    """Runs the test and writes its files atomically, the result last."""
    from tuner.report.plots.range_test import draw

    started, began = time.time_ns() // 1_000_000, time.monotonic()
    threads = config.thread_count
    with (
        Populations(config, data, threads, stop) as training,
        watching(config) as progress,
        compiling(progress, COMPILING_MODELS),
    ):
        result = Measurement(config, training, threads, stop, progress).run(key)
    branches = config.space.branches
    subject = Subject(
        model=branches["model"][0],
        data=config.data.name,
        schedule=branches["schedule"][0],
        seed=config.study.seed,
        unit=training.unit,
    )
    for optimizer in result.optimizers:
        draw(result, optimizer, subject.unit, place / f"{optimizer}.png")
    write(place / "config.yaml", [yaml.safe_dump(config.plain, sort_keys=False)])
    run = RangeTestRun(
        key=uuid.uuid4().hex,
        started_ms=started,
        seconds=round(time.monotonic() - began, 3),
        host=socket.gethostname(),
        threads=threads,
        tuner=tuner.__version__,
    )
    saved = SavedRangeTest(result, subject, run)
    write_json(place / "result.json", to_json(saved))
    return saved


def write_range(path: Path, result: RangeTest) -> None:
    """Writes the found ranges as the config for `+range=<study>`; no file if nothing was found."""
    ranges = {
        name: {"lr": {"low": own.range.low, "high": own.range.high, "scale": "log"}}
        for name, own in result.found.items()
    }
    if ranges:
        comment = "# Learning rates worth searching, found by job=range_test.\n"
        write(path, [comment, yaml.safe_dump({"optimizer": ranges}, sort_keys=False)])
    else:
        path.unlink(missing_ok=True)
