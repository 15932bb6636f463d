"""Studies of a user's function that fails, logs, saves and is killed: what becomes of all that."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tuner
from tests.jobs.conftest import Command, Ended
from tuner.cli import main
from tuner.concluding import NOTHING_SUCCEEDED
from tuner.errors import CrashError
from tuner.function import declared
from tuner.study.calls.call import Task
from tuner.study.confirmation import JUDGING, fresh
from tuner.study.functions import Functions
from tuner.study.runners.function import Failures

SMALL = ("budget.trials=8", "budget.epochs=4", "study.cohort=4", "confirm.top=2", "confirm.seeds=3")


class Own:
    """The command of a function, inside this process."""

    def __init__(self, function: Callable[..., Any], root: Path) -> None:
        self.function, self.root = function, root

    def __call__(self, *settings: str) -> Ended:
        given = {setting.partition("=")[0] for setting in settings}
        small = [s for s in (*SMALL, "tracking=none") if s.partition("=")[0] not in given]
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        own = declared(self.function, "python train.py")
        try:
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
                code = main([*settings, *small, f"root={self.root}"], own)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return Ended(code, out.getvalue(), err.getvalue())

    @property
    def folder(self) -> Path:
        return self.root / "studies" / self.function.__name__

    @property
    def result(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads((self.folder / "result.json").read_text())["result"]
        return plain


def failing(
    lr: float = tuner.range(0.01, 1.5),
    width: int = tuner.choices([2, 3]),
    *,
    epochs: int,
    seed: int,
    checkpoint: Path,
    log: Any,
) -> Iterator[Any]:
    """Fails at some settings in its third epoch; prints, logs, saves, and returns a test score."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=width)
    for epoch in range(1, epochs + 1):
        w = w - lr * w
        if width == 3 and epoch == 3:
            raise ValueError(f"width {width} is wrong")
        print("at epoch", epoch)
        (checkpoint / "state").write_text(str(epoch))
        yield {"epoch": epoch, "train_loss": w @ w, "validation_loss": w @ w + 1}
    log.text("notes.txt", f"width {width}")
    tuner.save(w)
    return {"test_loss": w @ w + 2}


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Own, Ended]:
    """A study some of whose trials failed. Read it, do not change it."""
    own = Own(failing, tmp_path_factory.mktemp("failed") / "mlruns")
    return own, own("pruner=none")


def test_a_study_goes_on_where_trials_fail_and_ends_with_its_budget(
    failed: tuple[Own, Ended],
) -> None:
    own, ended = failed
    assert ended.code == 0, ended.err
    result = own.result
    lost = [trial for trial in result["all"] if trial["state"] == "FAILED"]
    assert lost
    assert result["trials"]["failed"] == len(lost)
    assert len(result["all"]) == 8
    assert {(trial["settings"]["failing.width"], trial["reason"]) for trial in lost} == {
        (3, "ValueError: width 3 is wrong")
    }
    which = f"{'the first is trial' if len(lost) > 1 else 'trial'} {lost[0]['number']}"
    assert f"{len(lost)} of 8 trials failed, {which}: ValueError: width 3 is wrong." in ended.out
    assert f", {len(lost)} failed, " in ended.err
    assert result["winner"]["settings"]["failing.width"] == 2


def test_the_model_and_the_test_score_are_the_winners_on_the_seeds_that_judge(
    failed: tuple[Own, Ended], tmp_path: Path
) -> None:
    own, ended = failed
    winner = own.result["winner"]
    settings = {key.partition(".")[2]: value for key, value in winner["settings"].items()}

    def trained(seed: int) -> np.ndarray:
        w = np.random.default_rng(seed).normal(size=settings["width"])
        for _ in range(4):
            w = w - settings["lr"] * w
        return w

    judges = fresh(0, JUDGING, 3)
    with np.load(own.folder / "model" / "model.npz") as kept:
        assert kept["arr_0"].tolist() == trained(judges[0]).tolist()
    scores = [trained(seed) @ trained(seed) + 2 for seed in judges]
    assert own.result["test"] == {"loss": pytest.approx(np.mean(scores), rel=1e-8)}
    assert "Test: loss 2" in ended.out
    assert "the mean of 3 fresh seeds." in ended.out
    assert f"Model: what the winner saved is in {own.folder / 'model'}." in ended.out


def test_what_is_on_record_leaves_no_checkpoint_no_repeat_and_no_other_model(
    failed: tuple[Own, Ended],
) -> None:
    own, _ = failed
    names = {path.name for path in own.folder.rglob("*") if path.is_dir()}
    assert {"checkpoint", "repeats", "checkpoints"} & names == set()
    assert [path.parent for path in own.folder.rglob("model")] == [own.folder]


def test_a_trial_is_shown_with_all_that_it_left(failed: tuple[Own, Ended]) -> None:
    own, _ = failed
    by_state = {trial["state"]: trial for trial in own.result["all"]}
    assert by_state.keys() == {"COMPLETE", "FAILED"}
    for trial in by_state.values():
        number = trial["number"]
        shown = own("job=show", f"trial={number}")
        assert shown.code == 0
        head = shown.out.splitlines()[0]
        assert head.startswith(f"Trial {number} of study failing")
        assert trial["reason"] in head
        for path, value in trial["settings"].items():
            assert f"    {path} = {value}\n" in shown.out
        assert "    at epoch 1\n" in shown.out
        assert ("Traceback (most recent call last)" in shown.out) == (trial["state"] == "FAILED")
        assert ("notes.txt" in shown.out) == (trial["epochs"] == 4)
        plain = json.loads(own("job=show", f"trial={number}", "output=json").out)
        assert plain["trial"] == trial
        assert plain["curves"]["validation_loss"][1] == trial["validation_loss"]
        assert bool(plain["traceback"]) == (trial["state"] == "FAILED")


def test_a_trial_that_is_not_there_is_named_and_so_are_those_that_are(
    failed: tuple[Own, Ended],
) -> None:
    own, _ = failed
    ended = own("job=show", "trial=8")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "tuner: trial: 8: study failing has no such trial: 0 to 7\n"


def test_a_trial_of_tuners_own_models_is_shown(command: Command) -> None:
    few = ("budget.trials=2", "budget.epochs=2", "study.cohort=2", "confirm.top=0")
    assert command.call(*few).code == 0
    for trial in command.result()["all"]:
        shown = command.call("job=show", f"trial={trial['number']}")
        assert shown.code == 0, shown.err
        assert trial["reason"].removesuffix(".") in shown.out.splitlines()[0]
        assert "validation_loss" in shown.out
        assert "    optimizer = adam\n" in shown.out


def test_the_first_trial_of_all_ends_the_study_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"

    def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int, seed: int) -> Iterator[Any]:
        if not data.exists():
            raise KeyError("no data")
        for epoch in range(epochs):
            yield {"train_loss": lr / (epoch + 1), "validation_loss": lr / (epoch + 1)}

    own = Own(train, tmp_path / "mlruns")
    ended = own()
    assert ended.code == 1
    assert "winner" not in ended.out
    line = ended.err.splitlines()[-1]
    assert line == (
        "tuner: trial 0 failed, the first one of the study: KeyError: 'no data'; its traceback "
        "and output "
        f"are in {own.folder / 'trials' / '0'}; correct the function, and the same command "
        "continues"
    )
    assert "in train\n" in (own.folder / "trials" / "0" / "traceback.txt").read_text()
    data.touch()
    assert own().code == 0
    other = Own(train, tmp_path / "other")
    assert other().code == 0
    assert own.result == other.result
    assert own.result["notes"] == []


def test_a_study_without_the_metric_says_what_there_is(tmp_path: Path) -> None:
    def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int) -> Iterator[Any]:
        for _ in range(epochs):
            yield {"train_loss": lr, "score": lr}

    own = Own(train, tmp_path / "mlruns")
    ended = own("metric=accuracy")
    assert ended.code == 1
    line = "yielded no accuracy in epoch 1, but train_loss, score: yield accuracy, or give "
    assert f"{line}metric=... one of these; its traceback" in ended.err
    kept = (own.folder / "trials" / "0" / "traceback.txt").read_text()
    assert kept.startswith(line)


def test_what_depends_on_chance_and_takes_no_seed_is_said(tmp_path: Path) -> None:
    disk = tmp_path / "disk"

    def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int) -> Iterator[Any]:
        for epoch in range(epochs):
            if epoch == 2 and not disk.exists():
                raise OSError("no disk")
            loss = lr + np.random.default_rng().random()
            yield {"train_loss": loss, "validation_loss": loss}

    own = Own(train, tmp_path / "mlruns")
    settings = ("pruner=none", "budget.trials=4")
    ended = own(*settings)
    assert ended.code == 1
    assert "3 trainings in a row failed, the last of them trial 2: OSError: no disk; " in ended.err
    disk.touch()
    ended = own(*settings)
    assert ended.code == 0
    chance, seed = sorted(own.result["notes"])
    assert seed == "train() takes no seed: its repeats differ only by what no seed controls"
    assert chance == (
        "train() is not deterministic: trial 0, trial 1, trial 2, trial 3, run again after it was "
        "cut short, yielded other numbers than at first; the first ones count"
    )
    assert f"Note: {chance}." in ended.out


def test_a_change_of_the_code_is_said_once_trials_are_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, few = Own(failing, tmp_path / "mlruns"), ("confirm.top=0",)
    assert own(*few, "budget.trials=4").code == 0
    assert own.result["notes"] == []
    monkeypatch.setattr(Functions, "code", "another")
    assert own(*few).code == 0
    assert own.result["notes"] == [
        "the code of failing() was changed between two commands on the study: 4 of its trials were "
        "trained by an earlier one"
    ]


@pytest.mark.slow
def test_a_model_that_was_removed_is_trained_again_when_its_trial_wins(tmp_path: Path) -> None:
    own = Own(failing, tmp_path / "mlruns")
    models = {}
    for top in ("0", "2", "0"):
        assert own(f"confirm.top={top}").code == 0
        with np.load(own.folder / "model" / "model.npz") as kept:
            models.setdefault(top, kept["arr_0"].tolist())
            assert kept["arr_0"].tolist() == models[top]
        assert [path.parent for path in own.folder.rglob("model")] == [own.folder]
    assert models["0"] != models["2"]


def test_the_model_is_kept_of_a_winner_that_a_deadline_left_unconfirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuner.study.plan.Plan.share", lambda *given: None)
    own = Own(failing, tmp_path / "mlruns")
    done = own("budget.deadline=100000")
    assert done.code == 0, done.err
    assert own.result["left_out"] == ["the confirmation"]
    assert "Left out because of budget.deadline: the confirmation." in done.out
    assert (own.folder / "model" / "model.npz").exists()


def test_a_repeat_that_fails_is_not_said_to_have_diverged(tmp_path: Path) -> None:
    bad = fresh(0, 2, 3)[1]

    def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int, seed: int) -> Iterator[Any]:
        if seed == bad:
            print("about to fail")
            raise ValueError("a bad seed")
        for _ in range(epochs):
            yield {"train_loss": lr, "validation_loss": lr}

    own = Own(train, tmp_path / "mlruns")
    ended = own()
    assert ended.code == 0, ended.err
    assert "failed on 1 of 3 seeds" in ended.out
    assert "diverged on" not in ended.out
    assert "it failed on the fewest seeds" in ended.out
    assert own("job=confirm", "confirm.trials=[0,1]").code == 0
    trials = own.result["confirmation"]["trials"]
    assert {(own["diverged"], own["failed"]) for own in trials} == {(0, 1)}
    left = [path.name for path in (own.folder / "repeats").rglob("*") if path.is_file()]
    assert set(left) == {"traceback.txt", "output.txt", "yields.jsonl"}


def test_a_study_all_of_whose_trials_fail_has_nothing_to_show(tmp_path: Path) -> None:
    def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int) -> Iterator[Any]:
        yield {"train_loss": lr, "validation_loss": lr}
        raise ValueError("always")

    own = Own(train, tmp_path / "mlruns")
    ended = own("budget.failures=100", "pruner=none", "budget.trials=4")
    assert ended.code == NOTHING_SUCCEEDED
    assert "every trial failed, so there is no winner." in ended.out


def task(number: int) -> Task:
    return Task({}, 0, 0, 1, 4, None, "", Path("folder"), what=f"trial {number}")


@pytest.mark.parametrize(
    ("events", "says"),
    [
        # A number is a training that comes past that epoch, a negative one fails in it.
        ([-1], "trial 0 failed, the first one of the study"),
        ([1, -1, -1], None),
        ([1, -1, -1, -1], "3 trainings in a row failed, the last of them trial 3"),
        ([1, -1, -1, 1, -1, -1], None),
        ([1, -4, 1, 2, -4, 1, -4], "3 trainings in a row failed, the last of them trial 6"),
        ([1, -4, -4, 4, -4], None),
        ([1, -2, -4, 3, -1], "3 trainings in a row failed, the last of them trial 4"),
    ],
)
def test_trainings_fail_in_a_row_where_no_other_came_as_far(
    events: list[int], says: str | None
) -> None:
    failures = Failures(3)
    for number, epoch in enumerate(events):
        if epoch > 0:
            failures.passed(epoch)
        else:
            failures.failed(task(number), -epoch, "why")
    if says is None:
        failures.check()
    else:
        with pytest.raises(CrashError, match=f"^{says}: why; its traceback"):
            failures.check()


@pytest.mark.slow
def test_mlflow_has_what_a_trial_logged_and_why_it_failed(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    own = Own(failing, tmp_path / "mlruns")
    assert own("tracking=mlflow").code == 0
    client = MlflowClient(f"sqlite:///{own.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    states = {str(trial["number"]): trial for trial in own.result["all"]}
    for run in client.search_runs([experiment.experiment_id]):
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        trial = states.get(run.data.tags.get("tuner.trial", ""))
        if trial is None:
            assert "model" in files
            (model,) = client.list_artifacts(run.info.run_id, "model")
            assert model.path == "model/model.npz"
            assert run.data.metrics["test_loss"] == own.result["test"]["loss"]
        elif trial["state"] == "FAILED":
            assert files == {"traceback.txt", "output.txt"}
            assert run.info.status == "FAILED"
            assert run.data.tags["tuner.reason"] == "ValueError: width 3 is wrong"
        else:
            assert files == ({"notes.txt"} if trial["epochs"] == 4 else set())
    assert own("job=doctor", "tracking=mlflow").code == 0


SCRIPT = """
import json, os, time
import numpy as np
import tuner

PAUSE = float(os.environ.get("PAUSE", "0"))

def train(lr: float = tuner.range(1e-3, 3.0, scale="log"), width: int = tuner.choices([2, 4]), *,
          epochs: int, seed: int{checkpoint}):
    rng = np.random.default_rng(seed)
    start, w = 0, rng.normal(size=width)
    {load}
    for epoch in range(start, epochs):
        time.sleep(PAUSE)
        w = w - lr * (w + 0.01 * rng.normal(size=width))
        if width == 4 and lr < 0.1 and epoch == 2:
            raise ValueError("wrong")
        {save}
        yield {{"epoch": epoch + 1, "train_loss": w @ w, "validation_loss": w @ w + 0.1}}
    tuner.save(w)
    return {{"test_loss": w @ w + 0.2}}

if __name__ == "__main__":
    tuner.main(train)
"""
LOAD = """file = checkpoint / "w.json"
    if file.exists():
        start, w, rng.bit_generator.state = json.loads(file.read_text())
        w = np.array(w)"""
SAVE = "file.write_text(json.dumps([epoch + 1, w.tolist(), rng.bit_generator.state]))"


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_study_that_is_killed_again_and_again_ends_as_one_that_is_not(
    checkpoint: bool, tmp_path: Path
) -> None:
    script = tmp_path / "train.py"
    parts = {"checkpoint": ", checkpoint", "load": LOAD, "save": SAVE}
    script.write_text(SCRIPT.format(**parts if checkpoint else dict.fromkeys(parts, "")))

    def start(trials: int, root: str, pause: str = "0") -> "subprocess.Popen[bytes]":
        settings = [f"budget.trials={trials}", "budget.epochs=6", f"root={root}", *SMALL[2:]]
        return subprocess.Popen(
            [sys.executable, script.name, "tracking=none", *settings],
            cwd=tmp_path,
            env={**os.environ, "PAUSE": pause},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def found(root: str) -> tuple[Any, bytes]:
        folder = tmp_path / root / "studies" / "train"
        result = json.loads((folder / "result.json").read_text())["result"]
        return result, (folder / "model" / "model.npz").read_bytes()

    kills = [(1.5, signal.SIGKILL), (2.5, signal.SIGTERM), (2.0, signal.SIGKILL)]
    for trials in (8, 12):
        process = start(trials, "undisturbed")
        process.communicate(timeout=120)
        assert process.returncode == 0
        for seconds, number in kills:
            process = start(trials, "killed", pause="0.01")
            time.sleep(seconds)
            process.send_signal(number)
            process.communicate(timeout=60)
            assert process.returncode in (-signal.SIGKILL, 128 + number, 0)
        process = start(trials, "killed")
        process.communicate(timeout=120)
        assert process.returncode == 0
        kills = [(2.0, signal.SIGINT)]
        mine, own = found("killed"), found("undisturbed")
        assert mine[0] == own[0]
        assert mine[1] == own[1]
