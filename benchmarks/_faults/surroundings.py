"""Kinds of faults: what is around a study fails, as disks, servers, helpers and terminals."""

import os
import resource
import signal
import subprocess
from contextlib import suppress
from random import Random

from _faults.cases import Case
from _faults.proxy import proxied
from tuner.concluding import UNDELIVERED

# Bytes of a disk that is too small, and of one that is large enough.
LITTLE, ENOUGH = (50_000, 3_000_000), 200_000_000


def answers_lost(case: Case) -> None:
    """Requests to MLflow's server, or its answers, are lost."""
    through_a_proxy(case, 0.0)


def answers_late(case: Case) -> None:
    """Requests to MLflow's server, or its answers, take longer than it is waited for."""
    through_a_proxy(case, 1.5)


def through_a_proxy(case: Case, seconds: float) -> None:
    """Makes the command reach MLflow's server through a proxy that fails some requests."""
    case.served = True
    case.study.settings = (f"tracking.uri={case.server.uri}",)
    share = case.random.choice([0.05, 0.2, 0.5])
    if seconds:
        case.study.environment["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "1"
    case.prepare()
    direct = case.study.settings
    with proxied(case.server, case.random, share, seconds) as proxy:
        case.study.settings = (f"tracking.uri={proxy.uri}",)
        done = case.start().end()
        case.say(f"{share:.0%} of the requests fail, {proxy.failed} in all")
    case.study.settings = direct
    case.study.environment.clear()
    case.expect(done, [0, UNDELIVERED])


def files_limited(case: Case) -> None:
    """No file can grow beyond a size."""
    size = little(case.random)
    case.prepare()
    command = case.start()
    resource.prlimit(command.process.pid, resource.RLIMIT_FSIZE, (size, size))
    case.say(f"no file can have more than {size} bytes")
    case.expect(command.end(), [0, 1, UNDELIVERED])


def disk_full(case: Case) -> None:
    """The disk is full; without the right to mount one, no file can grow beyond a size."""
    size = little(case.random)
    root = case.study.root
    root.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(root)]
    if subprocess.run(mounting, capture_output=True).returncode:
        root.rmdir()
        return files_limited(case)
    case.say(f"the disk holds {size} bytes")
    case.expect(case.start().end(), [0, 1, UNDELIVERED])
    subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(root)], check=True)


def little(random: Random) -> int:
    """A size that is too small, drawn evenly on a logarithmic scale."""
    low, high = LITTLE
    return round(low * (high / low) ** random.random())


def helper_killed(case: Case) -> None:
    """A process beside the study is killed."""
    to_a_helper(case, signal.SIGKILL)


def helper_stopped(case: Case) -> None:
    """A process beside the study is stopped, and never goes on."""
    to_a_helper(case, signal.SIGSTOP, "tracking.patience=3")


def to_a_helper(case: Case, number: signal.Signals, *settings: str) -> None:
    """Sends a signal to one of the processes that a command has started, at a random instant.

    Args:
        case: whose command it is.
        number: of the signal.
        settings: of this command alone.
    """
    case.any_plan()
    instant, which = case.instant(), case.random.random()
    case.prepare()
    plain = case.study.settings
    case.study.settings += settings
    command = case.start()
    case.study.settings = plain
    case.say(number.name, instant)
    if command.wait_for(instant) and (helpers := sorted(command.helpers().items())):
        pid, name = helpers[int(which * len(helpers))]
        case.say(f"to {name}")
        with suppress(ProcessLookupError):
            os.kill(pid, number)
    case.expect(command.end(), [0, UNDELIVERED])


def output_closed(case: Case) -> None:
    """The standard output is closed."""
    case.any_plan()
    case.prepare()
    closing = ["sh", "-c", 'exec "$@" >&-', "sh"]
    case.expect(case.study.start_as(closing, case.trials).end(), [0])


def output_read_by_nobody(case: Case) -> None:
    """The reader of the standard output goes after its first line, as `head -1` does."""
    case.any_plan()
    case.prepare()
    command = case.start(stdout=subprocess.PIPE)
    assert command.process.stdout is not None
    command.process.stdout.readline()
    command.process.stdout.close()
    case.expect(command.end(), [0])
