"""What people type means what they meant, or one line says what to type."""

import pytest
import yaml

from tests.jobs.conftest import Command
from tuner import jobs, words
from tuner.cli import main
from tuner.composing import compose
from tuner.errors import UserError

MEANT = {
    "adam": ["+experiment=adam"],
    "experiment=adam": ["+experiment=adam"],
    "adam budget.trials=3": ["+experiment=adam", "budget.trials=3"],
    "list": ["job=list"],
    "ui ui.port=5001": ["job=ui", "ui.port=5001"],
    "show adam": ["job=show", "study.name=adam"],
    "job=show mine.2": ["job=show", "study.name=mine.2"],
    "confirm list": ["job=confirm", "study.name=list"],
    "range_test adam": ["job=range_test", "+experiment=adam"],
    "compare optimizers": ["job=compare", "+experiment=optimizers"],
    "study=adam": ["study.name=adam"],
    "study={name: a}": ["study={name: a}"],
    "+optimizer.adam.lr.low=1": ["+optimizer.adam.lr.low=1"],
    "--cfg": ["--cfg"],
}


@pytest.mark.parametrize("typed", MEANT)
def test_words_are_the_settings_that_they_stand_for(typed: str) -> None:
    arguments = [typed] if "{" in typed else typed.split()
    assert words.meant(arguments) == MEANT[typed]


def test_every_job_is_a_word() -> None:
    for name in jobs.names():
        assert words.meant([name]) == [f"job={name}"]


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("adm", ["adm", "adam", "--help"]),
        ("lst", ["lst", "list"]),
        ("wine", ["give data=wine"]),
        ("-m", ["-m", "{low: 1e-4, high: 1, scale: log}"]),
        ("--multirun", ["--multirun", "{choices: [...]}"]),
    ],
)
def test_what_means_nothing_is_told_what_to_type(typed: str, named: list[str]) -> None:
    with pytest.raises(UserError) as told:
        words.meant([typed])
    (line,) = told.value.args
    assert all(word in line for word in named)


@pytest.mark.parametrize(
    ("typed", "mend"),
    [
        ("optimizer.adam.lr=0.1,0.01", "'optimizer.adam.lr={choices: [0.1,0.01]}'"),
        ("optimizer.adam.lr=choice(0.1,0.01)", "'optimizer.adam.lr={choices: [0.1,0.01]}'"),
        ("optimizer=adam,sgd", "optimizer=[adam,sgd]"),
        ("optimizer.adam.lr=interval(1e-4,1)", "'optimizer.adam.lr={low: ..., high: ...}'"),
        ("epochs=5", "budget.epochs=5 or range.epochs=5"),
    ],
)
def test_a_list_for_several_runs_is_told_what_to_type(typed: str, mend: str) -> None:
    with pytest.raises(UserError) as told:
        compose([typed], None)
    (line,) = told.value.args
    assert mend in line


def test_what_a_line_says_to_type_is_what_was_meant() -> None:
    searched = compose(["optimizer.adam.lr={choices: [0.1,0.01]}"], None)
    assert searched["optimizer"]["adam"]["lr"] == {"choices": [0.1, 0.01]}


def test_the_end_of_a_path_will_do_where_it_is_clear() -> None:
    composed = compose(["lr=0.1", "beta1={low: 0.8, high: 0.9}", "cohort=7", "hidden=[3]"], None)
    assert composed["optimizer"]["adam"]["lr"] == 0.1
    assert composed["optimizer"]["adam"]["beta1"] == {"low": 0.8, "high": 0.9}
    assert composed["study"]["cohort"] == 7
    assert composed["model"]["mlp"]["hidden"] == [3]
    with pytest.raises(UserError, match=r"optimizer\.adam\.lr=0\.1 or optimizer\.sgd\.lr=0\.1"):
        compose(["optimizer=[adam,sgd]", "lr=0.1"], None)


@pytest.mark.parametrize("arguments", [[], ["help"]])
def test_no_settings_show_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    assert "key=value" in capsys.readouterr().out


def test_words_reach_the_config_as_settings_do(command: Command) -> None:
    told = command.call("adam", "study=other", "lr=0.25", "--cfg")
    composed = yaml.safe_load(told.out)
    assert composed["study"]["name"] == "other"
    assert composed["optimizer"]["adam"]["lr"] == 0.25
    assert composed["schedule"].keys() == {"exponential"}


@pytest.fixture
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The command on a root that is not there yet."""
    return Command(tmp_path_factory.mktemp("words") / "mlruns")
