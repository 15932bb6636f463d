"""Promises of the winner's model: it stops at its best epoch, learns from all but the test part."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import make_classification, make_regression

from tests.jobs.conftest import Command
from tuner.composing import compose
from tuner.config import check
from tuner.search.best_epoch import best_epoch
from tuner.search.trials import Trial
from tuner.study.confirmation import JUDGING, fresh
from tuner.study.data import load_data
from tuner.study.ending import read_result
from tuner.study.journal import JournalRecord
from tuner.study.populations import Populations
from tuner.study.results import StudyResult
from tuner.study.winner import Retraining

# Few rows, much noise among the labels, a wide model: it overfits within some epochs.
STUDY = (
    *("+experiment=adam", "data=csv", "data.target=y", "model.mlp.hidden=[64]", "budget.epochs=20"),
    *("optimizer.adam.lr.low=0.01", "optimizer.adam.lr.high=0.05", "pruner=none"),
    "study.defaults=false",
    *("confirm.top=2", "metrics=[roc_auc,f1]"),
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = make_classification(500, 12, n_informative=4, flip_y=0.2, class_sep=0.8, random_state=0)
    return written(tmp_path_factory.mktemp("table") / "t.csv", X, ["no", "yes"], y)


def written(path: Path, X: Any, classes: Any, y: Any) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"x{i}" for i in range(X.shape[1])), "y"])
        writer.writerows(
            [*row, classes[own] if classes else own] for row, own in zip(X, y, strict=True)
        )
    return path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, table: Path) -> tuple[Command, StudyResult]:
    command = Command(tmp_path_factory.mktemp("winner") / "mlruns")
    return command, tuned(command, "best", table)


def tuned(command: Command, name: str, table: Path, *more: str) -> StudyResult:
    ended = command.call(*STUDY, f"data.path={table}", f"study.name={name}", *more)
    assert ended.code == 0, ended.err
    return result_of(command, name)


def result_of(command: Command, name: str) -> StudyResult:
    saved = read_result(command.folder(name) / "result.json")
    assert saved is not None
    return saved.result


def curves(command: Command, name: str) -> dict[int, Any]:
    with JournalRecord(command.folder(name), name) as record:
        return dict(record.curves())


@pytest.fixture(scope="module")
def training(found: tuple[Command, StudyResult]) -> Iterator[Populations]:
    command, _ = found
    config = check(yaml.safe_load((command.folder("best") / "config.yaml").read_text()))
    with Populations(config, load_data(config), 1, Event()) as made:
        yield made


def test_a_trial_counts_by_the_epoch_that_its_own_curve_says(
    found: tuple[Command, StudyResult],
) -> None:
    command, result = found
    own = curves(command, "best")
    stopped = [trial for trial in result.all if trial.stops_at is not None]
    assert len(stopped) >= 3
    for trial in result.all:
        losses = own[trial.number]["validation_loss"]
        assert trial.best_epoch == best_epoch(losses[1:])
        assert trial.value == trial.validation_loss == losses[trial.best_epoch]
        for name, score in trial.scores.items():
            assert score == own[trial.number][name][trial.best_epoch]
        assert trial.epochs == 20


def test_the_verdict_says_where_the_winner_stops_and_advises_no_stop(
    found: tuple[Command, StudyResult], table: Path
) -> None:
    command, result = found
    assert result.winning is not None
    at = result.winning.stops_at
    assert at is not None
    assert result.winner is not None
    assert result.winner.stops_at == at
    told = command.call("job=show", "study.name=best")
    assert f"stopped at epoch {at} of 20" in told.out.splitlines()[0]
    assert "or stop at" not in told.out
    assert "train shorter" not in told.out
    assert "train longer" not in told.out
    assert "budget.epochs" not in {key for f in result.findings for key in f.changes}


def test_fresh_seeds_judge_the_epoch_of_the_search_and_choose_none(
    found: tuple[Command, StudyResult], training: Populations
) -> None:
    _, result = found
    assert result.confirmation is not None
    assert result.winning is not None
    at = result.winning.stops_at
    assert at is not None
    trial = Trial(result.winning.number, result.winning.settings, 0)
    for seed, value in zip(fresh(0, JUDGING, 3), result.confirmation.judged.values, strict=True):
        (runner,) = training.runners([trial], {trial.number: [seed]})
        runner.start()
        for epoch in range(1, at + 1):
            loss = runner.epoch(epoch).metrics["validation_loss"][0]
        assert value == float(f"{loss:.9g}")


def test_a_refit_learns_from_all_but_the_test_part_for_as_many_steps(
    found: tuple[Command, StudyResult], training: Populations
) -> None:
    _, result = found
    assert result.winning is not None
    again = Retraining(training, result.winning)
    data = training.data
    assert data is not None
    rows = data.split
    assert len(again.problem.folds[0].train.y) == len(rows.rest) == 400
    steps = [-(-len(own) // 32) for own in (rows.folds[0][0], rows.rest)]
    at = result.winning.stops_at or 20
    assert abs(again.epochs * steps[1] - at * steps[0]) <= steps[1]
    assert abs(again.total * steps[1] - 20 * steps[0]) <= steps[1] / 2
    assert again.test() == result.test
    assert {"loss", "accuracy", "roc_auc", "f1"} == {*again.test()}
    # What prepares raw rows has seen all of them.
    mean = np.mean([row[0] for row in data.source.rows.iloc[rows.rest].to_numpy()])
    raw = data.refitted.recipe.rows.transformer().transform(data.source.rows.iloc[rows.rest])
    assert abs(np.asarray(raw)[:, 0].mean()) < 1e-6 * max(1.0, abs(mean))


@pytest.mark.slow
def test_without_a_refit_the_model_has_the_loss_of_the_search(
    found: tuple[Command, StudyResult], table: Path
) -> None:
    command, result = found
    plain = tuned(command, "best", table, "refit=false")  # a finished study: the model is made anew
    assert plain.all == result.all
    assert plain.winner == result.winner
    assert plain.confirmation == result.confirmation
    assert plain.test != result.test
    assert not [note for note in plain.notes if "all rows but the test part" in note]
    assert tuned(command, "best", table) == result


@pytest.mark.slow
def test_the_line_that_reproduces_stops_at_the_same_epoch(
    found: tuple[Command, StudyResult],
) -> None:
    command, result = found
    bare = Command(command.root, {})
    ended = bare.call("+best=best", "tracking=none")
    assert ended.code == 0, ended.err
    again = result_of(command, "best-best")
    assert again.winning is not None
    assert result.winning is not None
    assert again.winning.stops_at == result.winning.stops_at
    assert again.winning.value == result.winning.value
    assert again.test == result.test


def test_the_exported_code_trains_the_model_that_is_kept(
    found: tuple[Command, StudyResult], capsys: pytest.CaptureFixture[str]
) -> None:
    command, result = found
    code = command.call("job=export", "study.name=best").out
    space: dict[str, Any] = {}
    exec(compile(code, "exported", "exec"), space)
    estimator, data = space["estimator"], space["data"]
    assert estimator.n_iter_ == estimator.stop_after < estimator.max_iter
    test = data.source.rows.iloc[data.split.test]
    guess = space["model"].predict(test)
    truth = data.target.values[data.split.test]
    assert result.test is not None
    assert math.isclose(np.mean(guess == truth), result.test["accuracy"], rel_tol=1e-6)
    torch = command.call("job=export", "study.name=best", "format=torch").out
    assert f"STOP = {estimator.stop_after * 13}  # end here" in torch


@pytest.mark.slow
def test_turned_off_the_last_epoch_counts_and_nothing_else_is_another(
    found: tuple[Command, StudyResult], table: Path
) -> None:
    command, _ = found
    last = tuned(command, "last", table, "best_epoch=false", "confirm.top=0")
    own = curves(command, "last")
    for trial in last.all:
        assert trial.best_epoch is trial.stops_at is None
        assert trial.value == own[trial.number]["validation_loss"][-1]
    first = curves(command, "best")[0]
    assert own[0] == first
    assert "best_epoch" not in (command.folder("last") / "trials.csv").read_text()
    assert "best_epoch" in (command.folder("best") / "trials.csv").read_text()


@pytest.mark.slow
def test_folds_count_by_one_epoch_and_the_refit_has_as_many_steps(
    found: tuple[Command, StudyResult], table: Path
) -> None:
    command, _ = found
    result = tuned(command, "folds", table, "data.folds=4", "confirm.top=0", "budget.trials=3")
    own = curves(command, "folds")
    for trial in result.all:
        losses = own[trial.number]["validation_loss"]
        assert trial.best_epoch == best_epoch(losses[1:])
        values = [value for _, _, value in trial.members]
        assert len(values) == 4
        assert math.isclose(np.mean(values), trial.value or 0.0, rel_tol=1e-6)
    assert result.test is not None


@pytest.mark.slow
def test_a_regression_is_refitted_on_its_own_scale(tmp_path: Path) -> None:
    X, y = make_regression(300, 6, noise=20, random_state=0)
    table = written(tmp_path / "t.csv", X, None, y + 1000)
    command = Command(tmp_path / "mlruns")
    more = ("metrics=[r2,mae]", "confirm.top=0", "budget.trials=2", "optimizer.adam.lr.low=0.01")
    result = tuned(command, "numbers", table, *more)
    assert result.test is not None
    assert {"loss", "r2", "mae"} <= {*result.test}
    assert result.test["r2"] > 0.8
    assert 10 < result.test["mae"] < 60


def test_several_metrics_are_curves_columns_and_test_scores_and_one_decides(
    found: tuple[Command, StudyResult],
) -> None:
    command, result = found
    for own in curves(command, "best").values():
        assert {"validation_roc_auc", "validation_f1", "validation_accuracy"} <= {*own}
        assert len(own["validation_f1"]) == 21
    with (command.folder("best") / "trials.csv").open() as file:
        assert {"validation_roc_auc", "validation_f1"} <= {*next(csv.reader(file))}
    assert result.goal.curve == "validation_loss"
    best = yaml.safe_load((command.folder("best") / "best.yaml").read_text())
    assert best["metrics"] == ["roc_auc", "f1"]
    assert best["best_epoch"] is best["refit"] is True


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (("metrics=[nope]",), "metrics: nope: "),
        (("metrics=[accuracy,r2]",), "metrics: r2: does not fit"),
        (("metrics=[neg_log_loss]", "model=linear_svm"), "metrics: neg_log_loss: does not fit"),
        (("metric=neg_log_loss", "model=linear_svm"), "metric: neg_log_loss: does not fit"),
        (("metrics=accuracy",), "metrics: 'accuracy': "),
        (("metrics=[1]",), "metrics.0: 1: "),
        (("best_epoch=12",), "best_epoch: 12: "),
        (("refit=maybe",), "refit: 'maybe': "),
        (("+experiment=quadratic", "metrics=[accuracy]"), "metrics: accuracy: "),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    settings: tuple[str, ...], line: str, tmp_path: Path
) -> None:
    small = {"data": "breast_cancer", "tracking": "none"} if "quadratic" not in settings[0] else {}
    command = Command(tmp_path / "mlruns", small)
    ended = command.call(*settings)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert line in ended.err
    assert not command.root.exists()


def test_a_study_goes_on_with_the_epoch_and_the_metrics_that_it_was_begun_with(
    found: tuple[Command, StudyResult], table: Path
) -> None:
    command, _ = found
    for more in ("best_epoch=false", "metrics=[f1]"):
        given = [own for own in STUDY if not own.startswith(more.partition("=")[0])]
        ended = command.call(*given, f"data.path={table}", "study.name=best", more)
        assert ended.code == 2
        assert f"{more.partition('=')[0]}: " in ended.err
        assert "was begun with" in ended.err


def test_a_function_has_no_best_epoch_and_the_data_say_so_of_its_goal() -> None:
    from tuner.study.data import goal

    given = compose(["+experiment=quadratic", "tracking=none"], None)
    assert not goal(check(given), None).best_epoch


def test_a_winner_that_diverges_on_all_rows_keeps_the_model_of_the_training_part(
    found: tuple[Command, StudyResult], training: Populations, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result = found
    assert result.winning is not None
    whole = training.kept_trainer

    def diverging(settings: Any, epochs: int) -> Any:
        trainer = whole(settings, epochs)
        if training.refit:
            made = trainer.epoch

            def epoch(population: Any, number: int) -> Any:
                done = made(population, number)
                done.left[:] = True
                return done

            monkeypatch.setattr(trainer, "epoch", epoch)
        return trainer

    monkeypatch.setattr(training, "kept_trainer", diverging)
    monkeypatch.setattr(training, "refit", True)
    again = Retraining(training, result.winning)
    assert again.epochs == (result.winning.stops_at or 20)
    assert again.failed.endswith("the saved model was trained on the training part alone")


def test_a_winner_that_ends_above_its_start_on_all_rows_has_diverged(
    found: tuple[Command, StudyResult], training: Populations, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result = found
    assert result.winning is not None
    assert not Retraining(training, result.winning).failed
    high = {**result.winning.settings, "optimizer.adam.lr": 1e6}
    monkeypatch.setattr(training, "refit", True)
    again = Retraining(training, replace(result.winning, settings=high), exact=False)
    assert again.population.left_at[0] == 0  # every number of it is finite
    assert again.failed.startswith("trained on all but the test part, the winner diverged")
    # No fold's training part is the one that the search had.
    monkeypatch.setattr(training, "refit", True)
    monkeypatch.setattr(Populations, "folds", 3)
    again = Retraining(training, replace(result.winning, settings=high))
    assert again.failed.endswith("do not use the saved model")


@pytest.mark.slow
def test_the_headline_says_that_the_winner_diverged_when_it_was_trained_again(
    tmp_path: Path,
) -> None:
    command = Command(tmp_path / "mlruns", {})
    near = ("lr=3", "schedule.constant.warmup_linear={choices: [0.5]}")
    ended = command.call("+experiment=course", "study.name=near", *near)
    assert ended.code == 0, ended.err
    headline = ended.out.partition("\n\n")[0]
    result = result_of(command, "near")
    assert "the winner diverged" in result.failed_refit
    assert result.failed_refit in headline
    assert "Next: try gentler settings" in headline
    assert result.test is not None
    assert result.test["loss"] < 0.2
    assert "data.split.rest" not in command.call("job=export", "study.name=near").out


def test_a_result_of_an_earlier_version_is_read(found: tuple[Command, StudyResult]) -> None:
    command, _ = found
    path = command.folder("best") / "result.json"
    plain = json.loads(path.read_text())
    for trial in (*plain["result"]["all"], plain["result"]["best"]):
        del trial["best_epoch"]
    del plain["result"]["winner"]["stops_at"]
    del plain["result"]["goal"]["best_epoch"]
    copy = command.folder("best") / "copy.json"
    copy.write_text(json.dumps(plain))
    saved = read_result(copy)
    copy.unlink()
    assert saved is not None
    assert saved.result.winning is not None
    assert saved.result.winning.stops_at is None
