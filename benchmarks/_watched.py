"""A run of `tuner` in this process, some of its functions watched from outside.

It reports when they were called and how long they took.

    python _watched.py <report.json> <settings of tuner>

The report has `started` and `ended`, the clock's seconds at which this file began and ended. For
each watched function it has the number of calls, the seconds in the study's thread and in all
threads, and when the first call ended: the clock, and the CPU time until then. Time in a watched
call within another one counts only for the inner one.
"""

import time

# ruff: noqa: E402 (imports count as time, so the clock starts before them)
STARTED = time.time()

import json
import resource
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tuner.cli as command


class Watch:
    """Seconds by name; the time of watched calls inside a call is subtracted."""

    def __init__(self) -> None:
        self.main, self.all = dict[str, float](), dict[str, float]()
        self.calls, self.first = dict[str, int](), dict[str, tuple[float, float]]()
        self.inner = threading.local()
        self.lock = threading.Lock()

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **named: Any) -> Any:
            stack = self.inner.__dict__.setdefault("stack", [])
            stack.append(0.0)
            began = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                seconds = time.perf_counter() - began
                own = seconds - stack.pop()
                if stack:
                    stack[-1] += seconds
                self.add(name, own, (time.time(), time.process_time()))

        return watched

    def add(self, name: str, own: float, ended: tuple[float, float]) -> None:
        with self.lock:
            self.calls[name] = self.calls.get(name, 0) + 1
            self.all[name] = self.all.get(name, 0.0) + own
            self.first.setdefault(name, ended)
            if threading.current_thread() is threading.main_thread():
                self.main[name] = self.main.get(name, 0.0) + own

    def methods(self, name: str, owner: Any, functions: Iterable[str]) -> None:
        for function in functions:
            setattr(owner, function, self.wrap(name, getattr(owner, function)))

    def report(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "calls": calls, "main": self.main.get(name, 0.0), "all": self.all[name],
                "first": self.first[name],
            }
            for name, calls in self.calls.items()
        }  # fmt: skip


def watch_study(watch: Watch) -> None:
    """Watches sampling, storage, tracking, training and the compiled functions inside training."""
    from tuner import session
    from tuner.processes.background import Background
    from tuner.report import files
    from tuner.search import samplers
    from tuner.study.checkpoints import Checkpoints
    from tuner.study.journal import JournalRecord
    from tuner.study.study import Study
    from tuner.tracking.tracker import Tracker
    from tuner.training import blocks, loop, problems

    watch.methods("training", loop.Trainer, ["start", "epoch"])
    watch.methods("tracking", Tracker, ["__init__", "__call__", "over", "close"])
    watch.methods("saving the winner", Background, ["prepare", "begin", "result", "__exit__"])
    watch.methods("pictures and report", files, ["write"])
    watch.methods("checkpoints", Checkpoints, ["after", "begin", "clear"])
    watch.methods("storage", JournalRecord, ["__enter__", "put"])
    watch.methods("storage", Study, ["__init__", "cohort", "tell"])
    for name in samplers.names():
        watch.methods("sampling", samplers.load(name), ["ask"])
    watch.methods("data", session, ["loaded"])
    build_passes = problems.build_passes

    def watched_passes(*arguments: Any) -> tuple[Any, Any]:
        step, evaluate = build_passes(*arguments)
        return step, watch.wrap("kernels", evaluate)

    problems.build_passes = watched_passes  # type: ignore[assignment]
    code_for = blocks.advance.code_for

    def watched_code(*arguments: Any) -> Any:
        return watch.wrap("kernels", code_for(*arguments))

    blocks.advance.code_for = watched_code  # type: ignore[method-assign]
    watch.methods("kernels", blocks, ["update_ratio"])


def main() -> int:
    path, settings = Path(sys.argv[1]), sys.argv[2:]
    watch = Watch()
    load = command.jobs.load

    def load_job(name: str) -> Any:
        job = load(name)
        watch_study(watch)
        return job

    command.jobs.load = load_job
    code = command.main(settings)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {
        "started": STARTED,
        "ended": time.time(),
        "cpu": time.process_time(),
        "children cpu": children.ru_utime + children.ru_stime,
        "watched": watch.report(),
    }
    path.write_text(json.dumps(told))
    return code


if __name__ == "__main__":
    sys.exit(main())
