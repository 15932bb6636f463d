"""The command line: a page of help, and one line for each mistake before anything is written."""

import gzip
import os
import pty
import re
import resource
import shlex
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.conftest import PROJECT, Command, ended


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command on a root that is not there yet."""
    return Command(tmp_path / "mlruns")


# The settings, and what the line on stderr must name.
MISTAKES = [
    (["budget.trails=3"], ["budget.trails"]),
    (["+optimizer.adam.rate=3"], ["optimizer.adam.rate", "lr"]),
    (["+_target_=os.system"], ["_target_"]),
    (["+data._target_=os.system"], ["data._target_"]),
    (["+optimizer.adam.lr._target_=os.system"], ["optimizer.adam.lr._target_"]),
    (["optimizer=adm"], ["optimizer", "adm", "adamw"]),
    (["+experiment=adm"], ["experiment", "adm", "quadratic"]),
    (["optimizer=[]"], ["optimizer", "one or more"]),
    (["optimizer=null"], ["optimizer"]),
    (["data=[iris,wine]"], ["data", "wine"]),
    (["sampler=[tpe,random]"], ["sampler", "random"]),
    (["optimizer.adam=3"], ["optimizer.adam", "3"]),
    (["optimizer.adam.lr=[1,2]"], ["optimizer.adam.lr", "[1"]),
    (["study=[1]"], ["study", "1"]),
    (["=3"], ["=3"]),
    (["budget.trials"], ["budget.trials"]),
    (["optimizer.adam.lr={low: 1"], ["optimizer.adam.lr"]),
    (["optimizer.adam.lr={low: 1, high: 0.1}"], ["optimizer.adam.lr", "low (1", "high (0.1"]),
    (["optimizer.adam.lr=-1"], ["optimizer.adam.lr", "-1", "above 0"]),
    (["optimizer.adam.lr=0"], ["optimizer.adam.lr", "0", "above 0"]),
    (["optimizer.adam.lr=nan"], ["optimizer.adam.lr", "nan"]),
    (["optimizer.adam.lr=1e400"], ["optimizer.adam.lr", "inf"]),
    (["optimizer.adam.lr=012"], ["optimizer.adam.lr", "012"]),
    (["optimizer.adam.lr={choices: []}"], ["optimizer.adam.lr.choices", "[]"]),
    (["budget.trials=012"], ["budget.trials", "012"]),
    (["budget.trials=true"], ["budget.trials", "True"]),
    (["budget.trials=0"], ["budget.trials", "0", "at least 1"]),
    (["budget.epochs=1.5"], ["budget.epochs", "1.5", "whole"]),
    (["budget.seconds=-1"], ["budget.seconds", "-1", "above 0"]),
    (["budget.seconds=1e400"], ["budget.seconds", "inf"]),
    (["batch_size=0"], ["batch_size", "0"]),
    (["model.mlp.hidden=[0]"], ["model.mlp.hidden", "0"]),
    (["study.name=a/b"], ["study.name", "a/b"]),
    (["study.name=.."], ["study.name", ".."]),
    (["study.project=${oc.env:HOME}"], ["oc.env"]),
    (["hydra.run.dir=x"], ["hydra.run.dir"]),
    (["hydra/launcher=basic"], ["hydra/launcher"]),
    (["hydra.searchpath=[file:///tmp]"], ["hydra.searchpath"]),
    (["root="], ["root"]),
    (["root=null"], ["root", "folder"]),
    (["threads=0"], ["threads", "0"]),
    (["dtype=float16"], ["dtype", "float16", "float64"]),
    (["job=nope"], ["job", "nope", "tune"]),
    (["job=../x"], ["job", "../x"]),
    (["--nope"], ["--nope", "--help"]),
    (["-m"], ["-m"]),
    (["sampler=grid"], ["optimizer.adam.lr", "grid"]),
    (["study.cohort=1"], ["study.cohort", "1"]),
    (["model=softmax", "data=diabetes"], ["model", "softmax", "diabetes", "linear"]),
    (["data=none"], ["data", "none"]),
    (["data.name=nope"], ["data.name", "nope"]),
    (["data=fashion_mnist", "data.folder=/nowhere"], ["data.folder", "/nowhere"]),
    (["data.validation_fraction=0"], ["data.validation_fraction", "0"]),
    (["data.validation_fraction=0.001"], ["data.validation_fraction", "0.001"]),
    (["data.test_fraction=0.9"], ["data.test_fraction", "0.9"]),
    (["tracking=mlflow", "tracking.uri=foo://bar"], ["tracking.uri", "foo://bar"]),
    (["job=ui"], ["root", "mlflow.db"]),
]


@pytest.mark.parametrize(("settings", "named"), MISTAKES, ids=lambda v: " ".join(v))
def test_a_mistake_is_one_line_and_writes_nothing(
    settings: list[str], named: list[str], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = command.root.parent / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    told = command.call(*settings)
    assert told.code == 2, told
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith("tuner: ")
    assert len(line) < 300
    for word in named:
        assert word in line
    assert "provider=" not in line
    assert not command.root.exists()
    assert list(here.iterdir()) == []


def test_each_mistake_has_its_line(command: Command) -> None:
    told = command.call("budget.trials=0", "optimizer.adam.lr=-1", "threads=0")
    assert told.code == 2
    keys = {line.split(":")[1].strip() for line in told.err.splitlines()}
    assert keys == {"budget.trials", "optimizer.adam.lr", "threads"}


def test_a_mistake_prints_no_traceback_from_a_shell(command: Command) -> None:
    told = command.run("budget.trials=0")
    assert told.code == 2
    assert told.err == "tuner: budget.trials: 0: must be at least 1\n"


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_root_that_is_a_file_is_refused(below: str, command: Command) -> None:
    command.root.write_text("mine")
    told = command.call(f"root={command.root / below}")
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert line.startswith(f"tuner: root: {command.root}")
    assert command.root.read_text() == "mine"


def write_idx(path: Path, array: np.ndarray, kind: int = 8) -> None:
    sizes = np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(bytes([0, 0, kind, array.ndim]) + sizes + array.tobytes()))


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("one class", ["class 0", "two"]),
        ("floats", ["00000d"]),
        ("text", ["data.folder"]),
        ("lone class", ["class 1"]),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused(
    mistake: str, named: list[str], command: Command
) -> None:
    folder = command.root.parent / "images"
    folder.mkdir()
    for part in ("train", "t10k"):
        labels = np.zeros(40, np.uint8)
        labels[0 if mistake == "lone class" else slice(20)] = mistake != "one class"
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", np.zeros((40, 2, 2), np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    images = folder / "train-images-idx3-ubyte.gz"
    if mistake == "floats":
        write_idx(images, np.full((40, 2, 2), np.nan, ">f4"), kind=13)
    if mistake == "text":
        images.write_bytes(gzip.compress(b"these are strings"))
    told = command.call("data=fashion_mnist", f"data.folder={folder}")
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert all(word in line for word in named)
    assert not command.root.exists()


def test_what_an_answer_loads_is_kept_from_collections_which_go_on(
    interpreter: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    line = (
        "import gc; from tuner.cli import main; "
        "print(main(['optimizer.adam.lr=-1']), gc.isenabled(), gc.get_freeze_count() > 10_000)"
    )
    assert interpreter("-c", line).stdout.split() == ["2", "True", "True"]


def test_help_lists_all_there_is_without_loading_numpy() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tuner", "--help"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
    assert "numpy" not in done.stderr
    options = [p.stem for p in (PROJECT / "conf").glob("*/*.yaml")]
    jobs = [p.stem for p in (PROJECT / "tuner" / "jobs").glob("[!_]*.py")]
    assert len(options) > 20
    for name in options + jobs:
        assert name in done.stdout


def test_progress_is_plain_lines_where_there_is_no_terminal(command: Command) -> None:
    told = command.call()
    assert "\r" not in told.err
    assert "\x1b" not in told.err
    first, *more = told.err.splitlines()
    assert first.startswith("0/6 trials, 4 at epoch 0/4, ")
    (last,) = [line for line in more if line.startswith("6/6 trials, ")]
    assert all(word in last for word in ("pruned", "diverged", "best loss 0.", ", 0:0"))
    seeds = [line for line in more if "seeds" in line]
    assert ["other" in line for line in seeds] == [False, True]


@pytest.mark.slow
def test_progress_is_a_bar_that_moves_on_a_terminal(command: Command) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 160))
    # Long enough for some pictures of the bar, of which there are four a second.
    process = command.start("budget.trials=24", "budget.epochs=60", stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert ended(process).code == 0
    text = seen.decode()
    assert text.count("\x1b[2K") > 2
    assert " left" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert re.search(r"[\r\n]24/24 trials, \d+ pruned, .*, 0:\d\d\s", plain)


def test_what_goes_on_after_an_interruption_is_the_whole_command_fit_for_a_shell(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tuner.training.loop import Interrupted

    def interrupted(*_: object) -> int:
        raise Interrupted

    monkeypatch.setattr("tuner.jobs.tune.run", interrupted)
    given = ("--config-dir", str(tmp_path), "optimizer.adam.lr={low: 1e-3, high: 0.1, scale: log}")
    told = command.call(*given)
    assert told.code == 130
    (line,) = told.out.splitlines()
    again = shlex.split(line.partition("python -m tuner ")[2])
    assert again == command.arguments(given)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_that_is_not_at_work_yet_and_stops_one_that_is(
    number: signal.Signals, interpreter: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    line = (
        "import os, sys; from tuner.cli import Signals; own = Signals('Stopped.');"
        "sys.argv[2:] and own.begin(); os.kill(os.getpid(), int(sys.argv[1])); print(own.stop)"
    )
    done = interpreter("-c", line, str(int(number)))
    assert (done.returncode, done.stdout) == (128 + number, "Stopped.\n")
    done = interpreter("-c", line, str(int(number)), "at work")
    assert done.returncode == 0
    assert "set" in done.stdout
