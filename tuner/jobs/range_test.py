"""Find the range of good learning rates: short runs at many rates, and a config to tune with."""

import hashlib
import json
import os
import socket
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

import tuner
from tuner.config import Config
from tuner.files import write, write_json
from tuner.jobs import _range_report as report
from tuner.jobs._progress import note
from tuner.jobs._ranges import Measurement, optimizers_of
from tuner.jobs._training import Training, load_data
from tuner.processes.lock import owned
from tuner.training.kernels.compiling import announced
from tuner.training.kernels.sparse import CSR

if TYPE_CHECKING:
    from tuner.data import DataSet

EVERY_RATE_FAILED = 3

# What may differ between two commands whose tests are the same.
FREE = {"job", "root", "threads", "tracking"}


def run(config: Config, stop: Event) -> int:
    """Tests the rates of every optimizer that the config chooses, and prints what it found.

    A test that was made with the same config is told again. Raises UserError before anything is
    written, and Interrupted, which leaves what an earlier test has written, when `stop` was set.
    """
    optimizers_of(config.space)
    data = load_data(config)
    folder = config.root / "studies" / config.study.name
    with owned(folder):
        place = folder / "range"
        place.mkdir(exist_ok=True)
        key = fingerprint(config, data)
        told = known(place / "result.json", key) or measured(config, data, place, stop)
        # After a kill the config beside an older result would be of a newer test.
        write_range(place / "range.yaml", told["result"]["optimizers"])
        report.track(config, place, told)
        print(report.describe(told["result"], config, place))
    found = any(own.get("suggested") for own in told["result"]["optimizers"].values())
    return 0 if found else EVERY_RATE_FAILED


def measured(config: Config, data: "DataSet | None", place: Path, stop: Event) -> dict[str, Any]:
    """Runs the test and writes what it found, the result last and each file whole."""
    started, began = time.time_ns() // 1_000_000, time.monotonic()
    threads = config.threads or len(os.sched_getaffinity(0))
    with (
        Training(config, data, threads, stop) as training,
        announced(lambda: note("compiling for this machine and these models, which happens once")),
    ):
        measurement = Measurement(config, training, threads, stop)
        optimizers = measurement.run(note)
    result = {
        "study": config.study.name,
        "key": fingerprint(config, data),
        "epochs": measurement.epochs,
        "longer": measurement.longer,
        "held": report.held_at(config.space, measurement.settings),
        "optimizers": optimizers,
    }
    report.draw(result, config, training.task, place)
    write(place / "config.yaml", [yaml.safe_dump(config.plain, sort_keys=False)])
    told = {
        "result": result,
        "run": {
            "key": uuid.uuid4().hex,
            "started_ms": started,
            "seconds": round(time.monotonic() - began, 3),
            "host": socket.gethostname(),
            "threads": threads,
            "tuner": tuner.__version__,
        },
    }
    write_json(place / "result.json", told)
    return told


def known(path: Path, key: str) -> dict[str, Any] | None:
    """What a test with the same fingerprint found, if there was one."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if told["result"]["key"] != key:
            return None
    except (OSError, ValueError, LookupError, TypeError):
        return None
    note(f"this test was made, it is told again: {path}")
    return told


def fingerprint(config: Config, data: "DataSet | None") -> str:
    """A digest of all that decides what a test finds, the data among it."""
    deciding = {key: value for key, value in config.plain.items() if key not in FREE}
    digest = hashlib.sha256(json.dumps(deciding, sort_keys=True, default=str).encode())
    for part in data.folds[0] if data is not None else ():
        if part is not None:
            X = part.X if isinstance(part.X, CSR) else (part.X,)
            for array in (*X, part.y, part.weights):
                digest.update(np.ascontiguousarray(0 if array is None else array).data)
    return digest.hexdigest()


def write_range(path: Path, optimizers: Mapping[str, Mapping[str, Any]]) -> None:
    """The ranges as a config that `+range=<study>` finds, without optimizers that never gained."""
    ranges = {
        name: {"lr": {**own["range"], "scale": "log"}}
        for name, own in optimizers.items()
        if own.get("range")
    }
    if ranges:
        comment = "# Learning rates worth searching, found by job=range_test.\n"
        write(path, [comment, yaml.safe_dump({"optimizer": ranges}, sort_keys=False)])
    else:
        path.unlink(missing_ok=True)
