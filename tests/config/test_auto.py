"""The word auto: what follows from the data stands in its place, and what is given wins."""

from pathlib import Path

import numpy as np
import pytest

from tuner.composing import compose
from tuner.config import auto, check
from tuner.config.auto import Seen, settled
from tuner.errors import UserError
from tuner.search.space import Choices, Range
from tuner.study.data import loaded

TABLE = ["data=csv", "data.target=y"]
SEEN = [Seen(rows, columns, 3) for rows in (1, 60, 1_000, 30_000, 10**7) for columns in (1, 50_000)]


def table(folder: Path, rows: int, **columns: list[int]) -> Path:
    """A table whose classes depend on a column of numbers."""
    random = np.random.default_rng(rows)
    x = random.normal(size=rows)
    own = {"x": x, "y": np.where(x > random.normal(size=rows) / 2, "up", "down"), **columns}
    lines = [",".join(map(str, row)) for row in zip(*own.values(), strict=True)]
    path = folder / f"{rows}.csv"
    path.write_text("\n".join([",".join(own), *lines]) + "\n")
    return path


def test_a_table_takes_auto_where_no_experiment_is_named() -> None:
    plain = compose([*TABLE, "data.path=a.csv"], None)
    assert set(auto.open_in(plain)) == {*auto.FOUND, auto.FOLDS}
    assert plain["study"]["name"] == "study"


@pytest.mark.parametrize(
    "given",
    [
        ["data=digits"],
        [*TABLE, "data.path=a.csv", "+experiment=adam"],
        [*TABLE, "data.path=a.csv", "job=compare", "optimizer=[sgd,adam]"],
        [*TABLE, "data.path=a.csv", "job=range_test"],
    ],
)
def test_nothing_else_takes_it(given: list[str]) -> None:
    assert check(compose(given, None)).auto == ()


@pytest.mark.parametrize("path", [*auto.FOUND, auto.FOLDS])
def test_what_a_command_gives_wins(path: str) -> None:
    given = "5" if path == auto.FOLDS else "[8]" if path.endswith("hidden") else "1"
    given = "0.25" if path.endswith(("dropout", "lr", "l2")) else given
    config = check(compose([*TABLE, "data.path=a.csv", f"{path}={given}"], None))
    assert path not in config.auto
    assert set(config.auto) == {*auto.FOUND, auto.FOLDS} - {path}


def test_options_that_a_command_chooses_win() -> None:
    plain = compose([*TABLE, "data.path=a.csv", "optimizer=sgd", "model=logistic"], None)
    assert list(plain["optimizer"]) == ["sgd"]
    assert list(plain["model"]) == ["logistic"]
    assert set(check(plain).auto) == {"batch_size", "budget.epochs", auto.FOLDS}


def test_several_schedules_are_searched_and_the_rest_stays_open() -> None:
    plain = compose([*TABLE, "data.path=a.csv", "schedule=[cosine,constant,linear]"], None)
    config = check(plain)
    assert set(config.space.branches["schedule"]) == {"cosine", "constant", "linear"}
    assert set(config.auto) == {*auto.FOUND, auto.FOLDS}


@pytest.mark.parametrize("seen", SEEN, ids=str)
def test_a_config_is_whole_whatever_the_data(seen: Seen) -> None:
    plain = compose([*TABLE, "data.path=a.csv"], None)
    config = check(settled(plain, seen))
    assert config.auto == ()
    assert settled(config.plain, Seen(5, 5, 5)) == config.plain
    hidden = config.space.searched["model.mlp.hidden"]
    assert isinstance(hidden, Choices)
    assert [] in hidden.options  # a linear model is always among them


def test_more_rows_mean_fewer_epochs_but_more_steps() -> None:
    few, many = Seen(1_000, 10, 1), Seen(64_000, 10, 1)
    assert auto.epochs(few) > auto.epochs(many)
    assert few.rows * auto.epochs(few) < many.rows * auto.epochs(many)


@pytest.mark.parametrize(
    "given",
    ["batch_size=autos", "optimizer.adam.beta1=auto", "budget.trials=auto", "data.scale=auto"],
)
def test_elsewhere_the_word_is_refused(given: str) -> None:
    with pytest.raises(UserError, match=given.partition("=")[0]):
        check(compose([*TABLE, "data.path=a.csv", given], None))


def test_a_function_to_minimise_has_nothing_to_follow_from() -> None:
    config = check(compose(["model=beale", "batch_size=auto"], None))
    with pytest.raises(UserError, match="batch_size: auto: follows from data"):
        loaded(config)


def test_few_rows_are_judged_in_folds_and_many_are_not(tmp_path: Path) -> None:
    for rows, folds in ((200, 5), (auto.SMALL, None)):
        given = [*TABLE, f"data.path={table(tmp_path, rows)}"]
        config, data = loaded(check(compose(given, None)))
        assert data is not None
        assert config.data.folds == folds
        assert config.plain["data"]["folds"] == folds
        assert len(data.folds) == (folds or 1)
        assert auto.FOLDS in config.auto
        rate = config.space.searched["optimizer.adam.lr"]
        assert isinstance(rate, Range)


def test_folds_keep_groups_together_and_follow_time(tmp_path: Path) -> None:
    rows = 300
    path = table(tmp_path, rows, who=[i % 30 for i in range(rows)], day=list(range(rows)))
    for key, column in (("group", "who"), ("time", "day")):
        given = [*TABLE, f"data.path={path}", f"data.{key}={column}"]
        config, data = loaded(check(compose(given, None)))
        assert data is not None
        assert config.data.folds == auto.FEW_FOLDS
        for train, validation in data.split.folds:
            if key == "time":
                assert train.max() < validation.min() < data.split.test.min()
            else:
                assert not {i % 30 for i in train} & {i % 30 for i in validation}


@pytest.mark.parametrize("key", ["group", "time"])
def test_too_few_groups_or_times_for_folds_leave_one_validation_part(
    tmp_path: Path, key: str
) -> None:
    path = table(tmp_path, 120, c=[i % 4 for i in range(120)])
    given = [*TABLE, f"data.path={path}", f"data.{key}=c"]
    config, data = loaded(check(compose(given, None)))
    assert data is not None
    assert config.data.folds is None
    assert len(data.folds) == 1


def test_the_network_without_hidden_layers_may_be_given_alone() -> None:
    config = check(compose(["model.mlp.hidden=[]"], None))
    assert not any(path.startswith("model.mlp.hidden") for path in config.space.fixed)
