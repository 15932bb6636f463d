"""Promises of putting a study to use: its winner is trained again exactly, and exported."""

import ast
import csv
import io
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.jobs.conftest import PROJECT, Command, Ended
from tuner.composing import compose
from tuner.config import check
from tuner.report import trials_csv
from tuner.search.trials import Goal, TrialResult
from tuner.session import Session
from tuner.study.ending import read_result
from tuner.study.journal import JournalRecord
from tuner.study.reproduce import reproducing
from tuner.study.results import StudyResult, counts

STUDY = (
    *("study.name=first", "optimizer=[momentum,adam]", "schedule=[cosine,one_cycle]"),
    *("metric=accuracy", "study.seed=3", "dtype=float64", "data.scale=minmax"),
    *("budget.trials=10", "budget.epochs=12", "pruner=none", "confirm.top=2", "refit=false"),
    *("optimizer.adam.clip_norm={low: 0.1, high: 10, scale: log}", "tracking=none"),
    *("optimizer.adam.lr.low=0.01", "optimizer.momentum.lr.low=0.01", "study.cohort=10"),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, StudyResult]:
    """A study of several optimizers and schedules, in a folder whose name must be quoted."""
    command = Command(tmp_path_factory.mktemp("use") / "my runs")
    done = command.call(*STUDY)
    assert done.code == 0, done.err
    return command, result_of(command, "first")


def result_of(command: Command, name: str) -> StudyResult:
    saved = read_result(command.folder(name) / "result.json")
    assert saved is not None
    return saved.result


def curves(command: Command, name: str, number: int) -> Any:
    with JournalRecord(command.folder(name), name) as record:
        return dict(record.curves())[number]


def bare(command: Command) -> Command:
    """The command with no settings but its root."""
    return Command(command.root, {})


def winner(result: StudyResult) -> TrialResult:
    assert result.winning is not None
    return result.winning


def printed(command: Command, *settings: str) -> Ended:
    return bare(command).call("job=export", "study.name=first", *settings)


def test_best_yaml_holds_the_winner_to_the_last_digit(study: tuple[Command, StudyResult]) -> None:
    command, result = study
    text = (command.folder("first") / "best.yaml").read_text()
    assert result.winner is not None
    assert text.splitlines()[0].startswith(
        f"# Study first: its winner, trial {result.winner.number}: "
    )
    assert f"accuracy {result.winner.value!r} on fresh seeds" in text.splitlines()[0]
    config = check(compose(bare(command).arguments(("+best=first",)), None))
    assert not config.space.searched
    assert config.space.fixed == winner(result).settings
    assert {**yaml.safe_load(text), "confirm": None} == {
        **yaml.safe_load(text),
        "confirm": None,
        "dtype": "float64",
        "metric": "accuracy",
        "study": {"seed": 3},
        "budget": {"epochs": 12},
    }


@pytest.fixture(scope="module")
def again(study: tuple[Command, StudyResult]) -> tuple[Command, StudyResult]:
    """What the line that reproduces the winner made, run by a shell as it stands."""
    command, result = study
    python, *rest = shlex.split(result.reproduce)
    assert python == "python"
    done = subprocess.run(
        [sys.executable, *rest],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        cwd=command.root.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return command, result_of(command, "first-best")


def test_the_reproducing_line_trains_the_winner_to_the_same_digits(
    study: tuple[Command, StudyResult], again: tuple[Command, StudyResult]
) -> None:
    (command, old), (_, new) = study, again
    assert old.reproduce.startswith("python -m tuner +best=first ")
    (only,) = new.all
    before = winner(old)
    assert only.settings == before.settings
    assert (only.value, only.validation_loss) == (before.value, before.validation_loss)
    assert curves(command, "first-best", 0) == curves(command, "first", before.number)
    # It is judged on the same seeds, too.
    assert old.winner is not None
    assert new.winner is not None
    assert (new.winner.value, new.winner.low) == (old.winner.value, old.winner.low)
    assert new.stopped == "the only setting of the space was tried"
    assert not only.origin


def test_the_first_study_is_left_as_it_was(
    study: tuple[Command, StudyResult], again: tuple[Command, StudyResult]
) -> None:
    command, result = study
    assert result_of(command, "first") == result
    assert len(again[1].all) == 1


def test_what_the_command_gives_wins_over_the_winner(study: tuple[Command, StudyResult]) -> None:
    command, result = study
    best = yaml.safe_load((command.folder("first") / "best.yaml").read_text())
    composed = bare(command).arguments(
        ("+best=first", "data=wine", "schedule=constant", "budget.epochs=5", "study.name=mine",
         "batch_size=7")
    )  # fmt: skip
    plain = compose(composed, None)
    assert plain["data"]["name"] == "wine"
    assert plain["data"]["scale"] == "standard"
    assert list(plain["schedule"]) == ["constant"]
    assert plain["optimizer"] == best["optimizer"]
    assert plain["budget"]["epochs"] == 5
    assert plain["study"] == {**plain["study"], "name": "mine", "seed": 3}
    assert plain["batch_size"] == 7
    name = winner(result).optimizer
    ranged = compose([*composed, f"optimizer.{name}.lr={{low: 0.001, high: 1, scale: log}}"], None)
    assert list(check(ranged).space.searched) == [f"optimizer.{name}.lr"]
    # An experiment comes before it.
    plain = compose(bare(command).arguments(("+experiment=sgd", "+best=first")), None)
    assert list(plain["optimizer"]) == [name]
    assert plain["study"]["name"] == "first-best"


def test_a_study_that_is_not_there_or_has_no_winner_is_a_line(
    study: tuple[Command, StudyResult], tmp_path: Path
) -> None:
    command, _ = study
    (command.root / "studies" / "begun").mkdir(exist_ok=True)
    strange = command.root / "studies" / "strange"
    strange.mkdir(exist_ok=True)
    for text, said in {
        "tracking: {uri: http://example.org}\n": "is not as a study writes it",
        "study: {seed: 1, project: x}\n": "is not as a study writes it",
        "- 1\n": "is not as a study writes it",
        "": "is not as a study writes it",
        "optimizer: {adam: {lr: '${oc.env:HOME}'}}\n": "must refer by a plain",
        "optimizer: 3\n": "must name one or more",
        "optimizer: {adam: {lr: -1}}\n": "optimizer.adam.lr: -1: must be above 0",
    }.items():
        (strange / "best.yaml").write_text(text)
        told = bare(command).call("+best=strange")
        assert (told.code, said in told.err) == (2, True), told.err
    (strange / "best.yaml").unlink()
    for setting, said in {
        "+best=firs": "did you mean first?",
        "+best=begun": "has no winner in",
        "best=first": "give +best=first for the winner's settings",
        "+best=007": "best: 007: must be one of first",
    }.items():
        told = bare(command).call(setting)
        assert (told.code, len(told.err.splitlines())) == (2, 1), told.err
        assert said in told.err
    assert not (command.root / "studies" / "strange-best").exists()
    told = Command(tmp_path / "empty", {}).call("+best=first")
    assert "there is none in" in told.err
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ((), "python -m tuner +best=study"),
        (("study.name=a.b",), "python -m tuner +best=a.b"),
        (("study.name='007'",), "python -m tuner '+best=\"007\"'"),
        (("study.name='null'",), "python -m tuner '+best=\"null\"'"),
        (("root=runs/x",), "python -m tuner +best=study root=runs/x"),
        (('root="it\'s, {x}"',), "python -m tuner +best=study 'root=\"it'\"'\"'s, {x}\"'"),
        (("tracking=none",), "python -m tuner +best=study tracking=none"),
    ],
)
def test_the_reproducing_line_is_short_and_quoted(settings: tuple[str, ...], line: str) -> None:
    config = check(compose(list(settings), None))
    tracked = config.tracking.name != "none"
    assert reproducing(config.study.name, config.root, tracked) == line
    given = [a for a in shlex.split(line)[3:] if a.startswith("root=")]
    assert check(compose(given, None)).root == config.root


def test_yaml_is_best_yaml_and_nothing_else(study: tuple[Command, StudyResult]) -> None:
    told = printed(study[0], "format=yaml")
    assert told == Ended(0, (study[0].folder("first") / "best.yaml").read_text(), "")


@pytest.mark.slow
def test_python_trains_to_the_loss_of_the_winner(study: tuple[Command, StudyResult]) -> None:
    command, result = study
    told = printed(command)
    assert (told.code, told.err) == (0, "")
    done = subprocess.run(
        [sys.executable, "-c", told.out],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        cwd=command.root.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    name, _, loss = done.stdout.strip().rpartition(" ")
    assert name == "validation_loss"
    assert float(f"{float(loss):.9g}") == winner(result).validation_loss


def test_torch_has_the_winners_rates(study: tuple[Command, StudyResult]) -> None:
    command, result = study
    told = printed(command, "format=torch")
    assert (told.code, told.err) == (0, "")
    own = winner(result)
    code = told.out[: told.out.index("model = torch")].replace("import torch", "")
    space: dict[str, Any] = {}
    exec(compile(code, "exported", "exec"), space)
    assert own.learning_rate == space["LR"]
    measured = curves(command, "first", own.number)["learning_rate"][1:]
    last = [space["LR"] * space["factor"](t) for t in range(space["STEPS"])]
    per_epoch = space["STEPS"] // own.epochs
    np.testing.assert_allclose(last[per_epoch - 1 :: per_epoch], measured, rtol=1e-8)


def test_what_a_stranger_wrote_into_a_result_is_not_run(
    study: tuple[Command, StudyResult], tmp_path: Path
) -> None:
    other = Command(tmp_path / "mlruns", {})
    shutil.copytree(study[0].folder("first"), other.folder("first"))
    file = other.folder("first") / "result.json"
    whole, hostile = json.loads(file.read_text()), 'x"""\nraise SystemExit("run")\n"""'

    def told(format: str) -> Ended:
        file.write_text(json.dumps(whole))
        return other.call("job=export", "study.name=first", f"format={format}")

    whole["result"]["study"] = whole["result"]["goal"]["curve"] = hostile
    for way in ("python", "torch"):
        code = told(way)
        assert code.code == 0, code.err
        assert not [n for n in ast.walk(ast.parse(code.out)) if isinstance(n, ast.Raise)]
    assert yaml.safe_load(told("yaml").out)["batch_size"] == 32
    (number,) = {whole["result"]["winner"]["number"]}
    own = next(t for t in whole["result"]["all"] if t["number"] == number)["settings"]
    for path, value in {"optimizer": "nobody", "batch_size": hostile, "model": hostile}.items():
        before, own[path] = own[path], value
        for way in ("python", "torch"):
            refused = told(way)
            assert (refused.code, refused.out, len(refused.err.splitlines())) == (2, "", 1)
            assert "its result.json is damaged" in refused.err
        own[path] = before


def test_a_study_without_a_winner_is_not_exported(
    study: tuple[Command, StudyResult], tmp_path: Path
) -> None:
    command, _ = study
    told = bare(command).call("job=export", "study.name=firs")
    assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 1)
    assert "no such study" in told.err
    other = Command(tmp_path / "mlruns")
    lost = ("optimizer=sgd", "optimizer.sgd.lr=1e30", "schedule=constant")
    assert other.call(*lost).code == 3
    assert not (other.folder() / "best.yaml").exists()
    assert result_of(other, "study").reproduce == ""
    for way in ("python", "yaml", "torch"):
        told = other.call("job=export", f"format={way}")
        assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 1)
        assert "study.name: study: has no winner yet" in told.err
    assert "has no winner in" in other.call("+best=study").err


def test_a_function_is_trained_again_and_exported_as_what_it_is(command: Command) -> None:
    function = ("+experiment=quadratic", "optimizer.sgd.lr=0.1", "tracking=none")
    own = bare(command)
    assert own.call(*function).code == 0
    assert own.call("+best=quadratic", "tracking=none").code == 0
    before, after = result_of(own, "quadratic"), result_of(own, "quadratic-best")
    assert winner(before).value == winner(after).value
    told = own.call("job=export", "study.name=quadratic")
    assert (told.code, told.out) == (2, "")
    assert "which no estimator learns" in told.err
    told = own.call("job=export", "study.name=quadratic", "format=torch")
    assert "torch.optim.SGD(" in told.out
    assert "batches" not in told.out


@pytest.mark.slow
def test_a_table_in_folds_is_exported_with_where_it_lies(command: Command, tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(60, 3)).round(3)
    lines = [f"{a},{b},{'red' if a > 0 else 'blue'},{a - b}" for a, b, _ in numbers]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,hue,price", *lines]) + "\n")
    with chdir(tmp_path):
        table = ("data=csv", "data.path=t.csv", "data.target=price", "model=linear")
        table += ("budget.trials=2", "budget.epochs=3")
        done = command.call(*table, "data.folds=3", "confirm.top=0")
        assert done.code == 0, done.err
        own, result = bare(command), result_of(command, "study")
        assert "confirm.top" not in result.reproduce
        assert own.call(*shlex.split(result.reproduce)[3:]).code == 0
        assert winner(result_of(own, "study-best")).value == winner(result).value
        told = own.call("job=export")
        assert told.code == 0, told.err
        assert "path='t.csv'" in told.out
        assert "scale=" not in told.out  # the usual one
        with redirect_stdout(io.StringIO()) as said:
            space: dict[str, Any] = {}
            exec(compile(told.out, "exported", "exec"), space)
        assert said.getvalue().startswith("train_loss ")
        # The study's own model, which takes raw rows.
        from tuner.estimators import load

        rows = space["data"].source.rows
        kept = load(command.folder() / "model" / "model.skops")
        np.testing.assert_allclose(
            space["model"].predict(rows), np.ravel(kept.predict(rows)), rtol=1e-4, atol=1e-4
        )


def test_a_winner_is_gone_with_the_ranges_that_it_was_found_in(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = ("+experiment=quadratic", "tracking=none", "study.defaults=false", "sampler=random")
    own, best = bare(command), command.folder("quadratic") / "best.yaml"
    assert own.call(*function, "optimizer.sgd.lr={low: 0.01, high: 0.1}").code == 0
    assert best.exists()

    class Killed(BaseException):
        """In place of a kill."""

    def killed(*arguments: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Session, "loop", killed)
        with pytest.raises(Killed):
            own.call(*function, "optimizer.sgd.lr={low: 0.2, high: 0.3}")
    assert not best.exists()
    assert own.call(*function, "optimizer.sgd.lr={low: 0.2, high: 0.3}").code == 0
    assert best.exists()


def test_trials_csv_is_read_by_pandas_as_it_was(study: tuple[Command, StudyResult]) -> None:
    command, result = study
    table = pd.read_csv(command.folder("first") / "trials.csv")
    assert list(table["number"]) == [t.number for t in result.all]
    assert list(table["state"]) == [t.state for t in result.all]
    assert list(table["epochs"]) == [t.epochs for t in result.all]
    assert list(table["validation_accuracy"]) == [
        t.scores["validation_accuracy"] for t in result.all
    ]
    assert list(table["validation_loss"]) == [t.validation_loss for t in result.all]
    assert list(table.loc[table["winner"], "number"]) == [winner(result).number]
    assert list(table.columns[8:]) == list(result.searched)
    for path in result.searched:
        for value, trial in zip(table[path], result.all, strict=True):
            expected = trial.settings.get(path, math.nan)
            assert value == expected or (pd.isna(value) and pd.isna(expected))


def test_no_text_of_trials_csv_is_a_formula() -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "fine", 'a "quoted", one\nof two lines']
    trials = tuple(
        TrialResult(
            number=i,
            state="COMPLETE",
            reason="",
            origin={},
            label=text,
            evidence="",
            advice="",
            settings={"=path": text, "widths": [64, 32]},
            epochs=1,
            diverged_at=None,
            start=-1.0,
            value=-1.5,
            rungs=(),
            validation_loss=-1.5,
            scores={"@score": None},
            members=(),
        )
        for i, text in enumerate(texts)
    )
    result = StudyResult(
        study="s",
        stopped="",
        goal=Goal(),
        trials=counts(trials),
        winner=None,
        best=trials[0],
        confirmation=None,
        test=None,
        divergence=(),
        all=trials,
        searched=("=path", "widths"),
        unit="",
    )
    head, *rows = csv.reader(io.StringIO(trials_csv.text(result), newline=""))
    assert head[-3:] == ["'@score", "'=path", "widths"]
    told = ["'=1+1", "'+1", "'-1", "'@x", "\\tx", "\\rx", "fine", 'a "quoted", one\\nof two lines']
    assert [row[3] for row in rows] == [row[-2] for row in rows] == told
    # A number below 0 is a number.
    assert {row[5] for row in rows} == {"-1.5"}
    assert {row[-1] for row in rows} == {"[64, 32]"}
    assert {row[-3] for row in rows} == {""}
