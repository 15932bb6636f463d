"""Runs commands one after another and tells of each how it ended, and what it touched meanwhile.

It reads the arguments of a command as a line of JSON, and answers with a line of JSON. A command
whose first argument is train.py is that of the function that stands here.
"""

import io
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Literal

import tuner

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events that tell of what a command must not do when it refuses its settings.
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
REACHES = {"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec"}
UNPICKLES = {"pickle.find_class"}
# The process that a command starts before it has read its data: it imports, and writes nothing.
EARLY = ["-P", "-m", "tuner.tracking.uploader"]

touched: list[str] = []

MEMORY = Path("/proc/self")


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook that notes what is written, reached and unpickled."""
    if event == "open":
        path, _, flags = arguments
        # A number is a descriptor that is open already.
        if isinstance(flags, int) and flags & WRITING and path not in (os.devnull, *range(99)):
            touched.append(f"{event} {path!r}")
    elif event == "subprocess.Popen" and list(arguments[1])[1:4] == EARLY:  # type: ignore[call-overload]
        pass
    elif event in CHANGES | REACHES | UNPICKLES:
        touched.append(f"{event} {arguments!r}")


def reset_peak() -> None:
    """Lets the peak of the memory begin anew, at what the process holds now."""
    (MEMORY / "clear_refs").write_text("5")


def peak() -> float:
    """Megabytes of the peak since; getrusage's has that of the process that started this one."""
    (line,) = (x for x in (MEMORY / "status").read_text().splitlines() if x.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def train(
    lr: float = tuner.range(1e-3, 1.0, scale="log"),
    width: int = tuner.choices([4, 8]),
    depth: int | None = None,
    mode: Literal["a", "b"] = "a",
    note: str = "as it was",
    flag: bool = False,
    rule: tuner.Branch = tuner.branch(sgd={"beta": tuner.range(0.5, 0.99)}, plain={}),
    *,
    epochs: int,
    seed: int,
) -> Iterator[dict[str, float]]:
    for _ in range(epochs):
        yield {"validation_loss": lr * width}


def main() -> None:
    sys.dont_write_bytecode = True
    # What is not refused must not take the machine.
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    from tuner.cli import main as tuned
    from tuner.function import declared

    own = declared(train, "python train.py")
    sys.addaudithook(watch)
    answers = sys.stdout
    for line in sys.stdin:
        reset_peak()
        touched.clear()
        began = time.process_time()
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            try:
                given = json.loads(line)
                of_own = given[:1] == ["train.py"]
                code: object = tuned(given[1:], own) if of_own else tuned(given)
            except BaseException:
                code = traceback.format_exc()
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
            touched.append("a process that is left")
        told = {
            "code": code,
            "out": out.getvalue(),
            "err": err.getvalue(),
            "touched": list(touched),
            "seconds": time.process_time() - began,
            "megabytes": peak(),
        }
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
