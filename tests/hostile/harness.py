"""Runs commands one after another and tells of each how it ended, and what it touched meanwhile.

It reads the arguments of a command as a line of JSON, and answers with a line of JSON.
"""

import io
import json
import os
import resource
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events that tell of what a command must not do when it refuses its settings.
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
REACHES = {"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec"}
UNPICKLES = {"pickle.find_class"}

touched: list[str] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook that notes what is written, reached and unpickled."""
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & WRITING and path != os.devnull:
            touched.append(f"{event} {path!r}")
    elif event in CHANGES | REACHES | UNPICKLES:
        touched.append(f"{event} {arguments!r}")


def main() -> None:
    sys.dont_write_bytecode = True
    # What is not refused must not take the machine.
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    from tuner.cli import main as tuner

    sys.addaudithook(watch)
    answers = sys.stdout
    for line in sys.stdin:
        touched.clear()
        began = time.process_time()
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            try:
                code: object = tuner(json.loads(line))
            except BaseException:
                code = traceback.format_exc()
        told = {
            "code": code,
            "out": out.getvalue(),
            "err": err.getvalue(),
            "touched": list(touched),
            "seconds": time.process_time() - began,
            "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
