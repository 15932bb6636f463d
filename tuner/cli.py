"""The command line: prints the help page, or checks a config and runs its job."""

import gc
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import mkdtemp
from threading import Event
from traceback import format_exception
from types import FrameType
from typing import TYPE_CHECKING

import tuner
from tuner import completion, discovery, jobs, own_help, streams, words
from tuner.composing import compose, config_folder, options
from tuner.declarations import Plain
from tuner.errors import BusyError, CrashError, UserError, masked
from tuner.files import write
from tuner.function import PROGRAM, Function
from tuner.processes.deadline import command_begins
from tuner.processes.early import early
from tuner.report.first_word import first_word

if TYPE_CHECKING:
    from tuner.config import Config

# The formats of the log (the key `log`).
LOGS = ("plain", "json")

# Seconds between two checks of a study that another process is working on.
POLL = 1.0

# Settings files that libraries read from the current folder when they are imported.
LIBRARIES = ("matplotlibrc", ".numba_config.yaml")

HELP = """\
tuner finds the learning rate, its decay and the optimizer for models trained by gradient descent.

    python -m tuner +experiment=adam            tune Adam on scikit-learn's digits
    python -m tuner +experiment=adam            again: continues the study, or shows its result
    python -m tuner job=ui                      open the curves of all trials in MLflow

The command tuner does the same, and takes words: tuner adam, tuner list, tuner show adam, tuner ui.
A command is a list of settings, key=value, in any order:

    budget.trials=100 budget.epochs=50          how much to spend
    optimizer=sgd  data=wine  model=softmax     choose one option of a group
    optimizer=[adam,sgd]                        let the search choose between options
    optimizer.adam.lr=0.01                      fix a number
    'optimizer.adam.lr={{low: 1e-4, high: 1, scale: log}}'    search a range
    'batch_size={{choices: [16, 32, 64]}}'        search a list
    root=results  study.name=mine  study.seed=1   the output folder, the study's name, its seed
    threads=1  tracking=none                    one training thread, nothing in MLflow
    +range=NAME                                 search the learning rates that job=range_test found
    +next=NAME                                  run the next round that NAME's audit advises
    +best=NAME                                  train with the winner's settings of study NAME

Experiments, complete configs to start from (+experiment=NAME):
{experiments}
"""

COMPLETION = """\
    --completion SHELL   print what makes bash or zsh complete: eval "$(tuner --completion bash)"
"""

TAIL = """\
Groups and their options (GROUP=OPTION):
{groups}
Jobs (job=NAME):
{jobs}
Flags:
    --help, -h      print this page{alone}
    --cfg           print the composed config and stop
    --config-dir DIR   also look for options and experiments in this folder
{completion}    --version       print the version

Exit codes:
    0             done
    1             crash (its line says where the traceback is), or job=doctor found a fault
    2             a setting or the data are wrong; nothing was written
    3             no trial succeeded
    4             no trial reached the target
    5             done, but part of the results is not in MLflow yet
    75            another process is working on the study
    129, 130, 143 stopped by SIGHUP, Ctrl-C or SIGTERM; the same command continues
"""


def first_comment(path: Path) -> str:
    """The description of a file in conf/: its first comment that is not for Hydra."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = (line[1:].strip() for line in lines if line.startswith("#"))
    return next((c for c in comments if not c.startswith("@package")), "")


def help_page(function: Function | None = None) -> str:
    """The page of `--help`: the settings, and all experiments, options and jobs.

    Args:
        function: the user's function that the page describes; None for tuner's own page.
    """
    conf = config_folder()
    known = words.groups([conf])
    groups = {group: ", ".join(sorted(options(group, [conf]))) for group in known}
    experiments = {p.stem: first_comment(p) for p in sorted((conf / "experiment").glob("*.yaml"))}
    lines = {name: discovery.first_line(jobs.__name__, name) for name in jobs.names()}
    if function is None:
        head = HELP.format(experiments=_table(experiments))
    else:
        head = own_help.page(function)
        groups = {n: text for n, text in groups.items() if n not in own_help.groups(function)}
        lines = {n: text for n, text in lines.items() if n not in own_help.jobs(function)}
    return head + TAIL.format(
        groups=_table(groups),
        jobs=_table(lines),
        alone=", as tuner without settings does" if function is None else "",
        completion=COMPLETION if function is None else "",
    )


def _table(rows: Mapping[str, str]) -> str:
    return "".join(f"    {name:<13} {text}\n" for name, text in rows.items())


class Signals:
    """SIGINT, SIGTERM and SIGHUP ask to stop at the next step; a second one stops at once.

    Before the work begins the first signal stops at once: an exception in the middle of Hydra's
    work or of an import would be turned into another one.

    Args:
        stopped: the line to print when the command is stopped.

    Attributes:
        stop: set by the first signal.
        number: the number of the last signal.
        at_work: whether the work has begun.
    """

    def __init__(self, stopped: str) -> None:
        self.stop, self.stopped = Event(), stopped
        self.number = signal.SIGINT
        self.at_work = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.receive)

    def receive(self, number: int, frame: FrameType | None) -> None:
        """The handler for `signal.signal`."""
        self.number = signal.Signals(number)
        if not self.at_work:
            print(self.stopped, flush=True)
            os._exit(self.code)
        self.stop.set()
        signal.signal(number, signal.SIG_DFL)

    def begin(self) -> None:
        """Marks the start of the work: from now on signals ask to stop."""
        self.at_work = True

    @property
    def code(self) -> int:
        """The exit code of a command that was stopped by the last signal."""
        return 128 + self.number


@contextmanager
def uncollected() -> Iterator[None]:
    """Keeps the garbage collector from objects made in the block, which last until the exit.

    Collections at the exit visit all objects, which takes a fifth of a short command's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def main(arguments: Sequence[str] | None = None, function: Function | None = None) -> int:
    """Runs one command.

    Args:
        arguments: settings and flags; by default those of the process.
        function: the user's function, which is trained in place of tuner's models.

    Returns:
        The exit code; the help page explains each.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if arguments == ["help"] or {"--help", "-h"} & set(arguments) or not (arguments or function):
        print(help_page(function), end="")
        return 0
    if arguments[:1] == ["--complete"]:
        for word in completion.completions(" ".join(arguments[1:])):
            print(word)
        return 0
    if "--version" in arguments:
        print(f"tuner {tuner.__version__}")
        return 0
    try:
        os.getcwd()
        if arguments[:1] == ["--completion"]:
            print(completion.script(" ".join(arguments[1:])), end="")
            return 0
        return command(arguments, function)
    except FileNotFoundError as error:
        if error.filename is not None:
            raise
        print("tuner: the current folder was deleted: change to another folder", file=sys.stderr)
        return CrashError.exit_code
    except UserError as error:
        return tell(error)


def command(arguments: list[str], function: Function | None = None) -> int:
    """Composes the config, checks it and runs the job.

    Args:
        arguments: settings and flags, except flags that show a page.
        function: as for `main`.

    Returns:
        The exit code.

    Raises:
        UserError: for an error that the user can fix.
    """
    command_begins()
    # Before anything slow: an exception in the middle of Hydra's work would become another one.
    program = PROGRAM if function is None else function.command
    typed = masked(f"{program} {shlex.join(arguments)}".rstrip())
    stopped = f"Stopped. The same command continues: {typed}"
    signals = Signals(stopped)
    # One BLAS thread per worker, also in child processes. Otherwise NumPy starts more threads when
    # it is imported, which keeps a core busy for a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    extra_folder = None
    if "--config-dir" in arguments:
        at = arguments.index("--config-dir")
        if at + 1 == len(arguments) or not Path(arguments[at + 1]).is_dir():
            raise UserError("--config-dir: must be followed by an existing folder")
        extra_folder = arguments.pop(at + 1)
        arguments.pop(at)
    arguments = words.meant(arguments, extra_folder)
    show = "--cfg" in arguments
    flags = [a for a in arguments if a.startswith("-") and a != "--cfg"]
    if flags:
        raise UserError(f"{flags[0]}: is no flag of tuner; tuner --help lists them")
    check_libraries()
    with uncollected():
        plain = compose([a for a in arguments if a != "--cfg"], extra_folder, function)
        if show:
            import yaml

            from tuner.config.messages import shown

            print(yaml.safe_dump(shown(plain), sort_keys=False), end="")
            return 0
    with streams.logged(form if (form := plain.get("log")) in LOGS else None):
        try:
            return work(plain, function, signals, stopped)
        except UserError as error:
            return tell(error)


def tell(error: UserError) -> int:
    """Prints an error that the user can fix, and returns the exit code."""
    for line in error.args:
        print(f"tuner: {line}", file=sys.stderr)
    return error.exit_code


def work(plain: Plain, function: Function | None, signals: "Signals", stopped: str) -> int:
    """Checks a composed config and runs its job.

    Args:
        plain: the composed config.
        function: as for `main`.
        signals: ask the job to stop.
        stopped: the line to print when the job was stopped.

    Returns:
        The exit code.

    Raises:
        UserError: for an error that the user can fix.
    """
    with uncollected():
        if word := first_word(plain):
            print(word, file=sys.stderr, flush=True)
        from tuner.config import check

        config = check(plain, function)
        if config.job not in jobs.names():
            raise UserError(f"job: {config.job!r}: must be one of {', '.join(jobs.names())}")
        from tuner.tracking.writer import early_uploader
    with early(*early_uploader(config)):
        return job(config, signals, stopped)


def job(config: "Config", signals: "Signals", stopped: str) -> int:
    """Imports and runs the job of a config; the other arguments and the result as for `work`.

    Raises:
        UserError: likewise.
    """
    with uncollected():
        outputs = jobs.outputs(config.job)
        if config.output not in outputs:
            told = " or ".join(outputs)
            raise UserError(f"output: {config.output}: must be {told} with job={config.job}")
        from tuner.training.loop import Interrupted

        run = jobs.load(config.job)
    signals.begin()
    try:
        with streams.aside() if config.output == "json" else nullcontext():
            code = run_when_free(run, config, signals.stop)
    except Interrupted:
        print(stopped, file=sys.stderr if config.output == "json" else sys.stdout)
        code = signals.code
    except UserError:
        raise
    except Exception as error:
        raise crash(error, config.root / "studies" / config.study.name) from error
    return code


def run_when_free(run: Callable[..., int], config: "Config", stop: Event) -> int:
    """Runs a job; waits up to `wait` seconds if another process is working on its study.

    Raises:
        BusyError: if the study is still busy then.
        Interrupted: if the command was told to stop.
    """
    from tuner.training.loop import Interrupted

    until = time.monotonic() + config.wait
    told = False
    while True:
        try:
            return run(config, stop)
        except BusyError as busy:
            left = until - time.monotonic()
            if left <= 0:
                raise
            if not told:
                line = f"tuner: {busy}; waiting up to {config.wait:g} s for it"
                print(line, file=sys.stderr, flush=True)
                told = True
            while (left := until - time.monotonic()) > 0:
                if stop.wait(min(POLL, left)):
                    raise Interrupted from None
                if not busy.still():
                    break


def check_libraries() -> None:
    """Refuses a file that a library would read when it is imported, if it is not a regular file.

    Raises:
        UserError: if there is one, such as a pipe, in the current folder.
    """
    for name in LIBRARIES:
        path = Path(name)
        if path.exists() and not path.is_file():
            raise UserError(f"{name}: is not a regular file, and a library reads it: remove it")


def crash(error: Exception, folder: Path) -> CrashError:
    """The message for an unexpected error, whose traceback is written to a file.

    Args:
        error: the error that stopped the command.
        folder: the study's folder, for the file; if it does not exist, a temporary folder is used.
    """
    said = " ".join(str(error).split()) or "no message"
    if isinstance(error, MemoryError):
        said = "out of memory"
    line = f"{type(error).__name__}: {said}"
    try:
        if not folder.is_dir():
            folder = Path(mkdtemp(prefix="tuner-"))
        log = folder / "crash.log"
        write(log, [masked("".join(format_exception(error)))])
    except OSError as full:
        return CrashError(f"{line}; its traceback could not be written ({full.strerror})")
    return CrashError(f"{line}; its traceback is in {log}; the same command continues")
