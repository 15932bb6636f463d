"""Kinds of faults: a command is killed, or told to stop, at a random instant."""

import signal
import time

from _faults.cases import Case

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def killed_fresh(case: Case) -> None:
    """SIGKILL, a study that is new."""
    case.kill(case.instant())


def killed_between_checkpoints(case: Case) -> None:
    """SIGKILL, a cohort that is kept in checkpoints."""
    case.checkpoints()
    case.kill(case.instant("training"))


def killed_extending(case: Case) -> None:
    """SIGKILL, a finished study whose budget was raised."""
    case.plan = "extended"
    case.kill(case.instant())


def killed_resuming(case: Case) -> None:
    """SIGKILL, a study that was killed before."""
    case.any_plan()
    case.kill(case.instant())
    case.kill(case.instant("training", "confirmation"), prepared=True)


def killed_compiling(case: Case) -> None:
    """SIGKILL, kernels that are being compiled for the first time."""
    case.cold = True
    case.study.environment["NUMBA_CACHE_DIR"] = str(case.study.folder / "cache")
    case.kill(case.instant("start", "training", "confirmation"))


def killed_confirming(case: Case) -> None:
    """SIGKILL, the best trials that are trained again."""
    case.any_plan()
    case.kill(case.instant("confirmation"))


def killed_ending(case: Case) -> None:
    """SIGKILL, pictures, model and result that are being written."""
    case.any_plan()
    case.kill(case.instant("ending"))


def told_to_stop(case: Case) -> None:
    """SIGINT, SIGTERM or SIGHUP, a study that is new."""
    stop(case, again=None)


def told_to_stop_extending(case: Case) -> None:
    """SIGINT, SIGTERM or SIGHUP, a finished study whose budget was raised."""
    case.plan = "extended"
    stop(case, again=None)


def told_to_stop_twice(case: Case) -> None:
    """A second signal soon after the first, which ends a command at once."""
    case.any_plan()
    stop(case, again=case.random.random() * 0.5)


def stop(case: Case, again: float | None) -> None:
    """Tells the last command of the plan to stop, and again after `again` seconds."""
    instant, number = case.instant(), case.random.choice(STOPPING)
    case.prepare()
    command = case.start()
    case.say(number.name, instant)
    codes = [0, 128 + number]
    if command.wait_for(instant):
        command.process.send_signal(number)
        if instant.phase == "start":  # Python or the handlers may not be ready
            codes.append(-number)
        if again is not None:
            time.sleep(again)
            command.process.send_signal(number)
            codes.append(-number)
    case.expect(command.end(), codes)
