"""A study: the seed decides its result, a budget bounds it, the same command continues with it."""

import json
from pathlib import Path

import pytest

from tests.jobs.conftest import TWO_OPTIMIZERS, Command, Ended

pytestmark = pytest.mark.slow

CONF = Path(__file__).parents[2] / "conf"


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def dealt(group: str) -> list[list[str]]:
    """The options of a group, eight to a study."""
    names = options(group)
    return [names[i : i + 8] for i in range(0, len(names), 8)]


def files(root: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("threads", [1, 2])
def test_neither_threads_nor_tracking_nor_the_root_change_a_result(
    threads: int, command: Command, finished: tuple[Command, Ended]
) -> None:
    elsewhere, told = finished
    assert told.code == 0, told.err
    assert command.call(*TWO_OPTIMIZERS, f"threads={threads}").code == 0
    assert command.result("adam") == elsewhere.result("adam")


def test_another_seed_gives_another_result(command: Command) -> None:
    results = []
    for seed in (0, 1):
        assert command.call(f"study.seed={seed}", f"study.name=s{seed}").code == 0
        results.append([s["validation_loss"] for s in command.result(f"s{seed}")["all"]])
    assert results[0] != results[1]


def test_the_main_command_gives_one_result(tmp_path: Path) -> None:
    results = []
    for i, own in enumerate(("tracking=mlflow", "threads=1", "threads=2")):
        command = Command(tmp_path / str(i) / "mlruns")
        command.root.parent.mkdir()
        main = ("+experiment=adam", "study.seed=1", "data=digits", "model.mlp.hidden=[64]")
        budget = ("budget.trials=24", "budget.epochs=12", "study.cohort=16")
        assert command.run(*main, *budget, own).code == 0
        results.append(command.result("adam"))
    assert results[0] == results[1] == results[2]


def test_the_result_holds_what_the_seed_decides_and_the_run_the_rest(
    finished: tuple[Command, Ended],
) -> None:
    command, _ = finished
    told = json.loads((command.folder("adam") / "result.json").read_text())
    assert set(told) == {"format", "result", "run", "made_from"}
    assert {"seconds", "finished", "host"} <= set(told["run"])
    assert set(command.states("adam").values()) == {"COMPLETE", "PRUNED", "DIVERGED"}


def test_a_finished_study_says_so_and_trains_nothing(command: Command) -> None:
    first = command.call()
    before = files(command.root)
    again = command.call()
    assert (first.code, again.code) == (0, 0)
    assert "finished" in again.out
    assert "epoch" not in again.err
    after = files(command.root)
    assert {p: b for p, b in after.items() if p.name != "lock"} == {
        p: b for p, b in before.items() if p.name != "lock"
    }


def test_a_larger_budget_goes_on_with_the_old_trials_kept(command: Command) -> None:
    command.call("budget.trials=4")
    old = command.result()["all"]
    assert command.call("budget.trials=8").code == 0
    assert command.result()["all"][:4] == old
    assert sum(command.result()["trials"].values()) == 8


def test_a_study_in_pieces_ends_as_one_in_a_piece(command: Command) -> None:
    for trials in (4, 8):
        command.call("study.name=pieces", f"budget.trials={trials}")
    command.call("study.name=whole", "budget.trials=8")
    assert command.result("pieces")["all"] == command.result("whole")["all"]


@pytest.fixture(scope="module")
def begun_study(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A study of four trials, from which no refused command takes a byte."""
    command = Command(tmp_path_factory.mktemp("begun") / "mlruns")
    assert command.call("budget.trials=4").code == 0
    return command


@pytest.mark.parametrize(
    ("setting", "begun"),
    [
        ("study.seed=7", "0"),
        ("budget.epochs=5", "4"),
        ("optimizer.adam.beta1=0.9", "0.5"),
        ("data=wine", "iris"),
        ("optimizer=sgd", "adam"),
    ],
)
def test_a_study_is_not_gone_on_with_under_other_settings(
    setting: str, begun: str, begun_study: Command
) -> None:
    command = begun_study
    before = files(command.folder())
    told = command.call("budget.trials=6", setting)
    key, _, value = setting.partition("=")
    assert told.code == 2
    (line,) = told.err.splitlines()
    assert line.startswith(f"tuner: {key}")
    assert value in line
    assert begun in line
    assert files(command.folder()) == before


def test_a_budget_of_seconds_ends_a_study_and_is_told(command: Command) -> None:
    told = command.call("budget.seconds=0.5", "budget.trials=100000", "budget.epochs=50")
    assert told.code == 0
    assert "budget.seconds" in told.err + told.out
    assert "RUNNING" not in command.states().values()


def test_a_study_in_which_all_diverges_exits_3_and_names_a_rate_to_try(command: Command) -> None:
    rates = "optimizer.sgd.lr={low: 1e25, high: 1e30, scale: log}"
    told = command.call("optimizer=sgd", rates)
    assert told.code == 3
    assert set(command.states().values()) == {"DIVERGED"}
    assert "try learning rates below 1e+24" in told.out


def test_a_grid_that_ends_before_the_budget_says_so(command: Command) -> None:
    grid = ("sampler=grid", "optimizer=sgd", "optimizer.sgd.lr={choices: [0.1, 0.01]}")
    for _ in range(2):
        told = command.call(*grid, "budget.trials=5")
        assert told.code == 0, told.err
        assert "all 2 settings of the space were tried" in told.err
        assert sum(command.result()["trials"].values()) == 2


@pytest.mark.parametrize("name", options("sampler"))
def test_every_sampler_fills_a_budget(name: str, command: Command) -> None:
    choices = "{choices: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]}"
    grid = ["optimizer=sgd", f"optimizer.sgd.lr={choices}"] if name == "grid" else []
    told = command.call(f"sampler={name}", *grid)
    assert told.code == 0, told.err
    assert sum(command.result()["trials"].values()) == 6


@pytest.mark.parametrize("names", dealt("schedule"), ids=" ".join)
def test_every_schedule_trains(names: list[str], command: Command) -> None:
    many = "budget.trials=48", "study.cohort=48", "sampler=random"
    told = command.call(f"schedule=[{','.join(names)}]", *many, "pruner=none", "confirm.top=0")
    assert told.code == 0, told.err
    assert {s["settings"]["schedule"] for s in command.result()["all"]} == set(names)


@pytest.mark.parametrize("names", dealt("optimizer"), ids=" ".join)
def test_every_optimizer_trains(names: list[str], command: Command) -> None:
    """The textbook's trial of each comes before all others."""
    many = f"budget.trials={len(names)}", f"study.cohort={len(names)}"
    told = command.call(f"optimizer=[{','.join(names)}]", *many, "pruner=none", "confirm.top=0")
    assert told.code == 0, told.err
    assert [s["settings"]["optimizer"] for s in command.result()["all"]] == names


@pytest.mark.parametrize("name", options("pruner"))
def test_every_pruner_leaves_a_winner(name: str, command: Command) -> None:
    assert command.call(f"pruner={name}").code == 0
    states = set(command.states().values())
    # Optuna's median spares the first five trials, and there are six in two cohorts.
    spares = name in ("none", "optuna")
    assert states == ({"COMPLETE"} if spares else {"COMPLETE", "PRUNED"})


@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("mlp", "wine"),
        ("mlp", "diabetes"),
        ("softmax", "iris"),
        ("logistic", "breast_cancer"),
        ("linear", "diabetes"),
    ],
)
def test_models_train_on_the_data_they_are_for(model: str, data: str, command: Command) -> None:
    told = command.call(f"model={model}", f"data={data}", "budget.trials=2")
    assert told.code == 0, told.err
    assert command.result()["test"]


def test_a_choice_may_set_the_structure(command: Command) -> None:
    told = command.call(
        "batch_size={choices: [8, 16]}",
        "model.mlp.hidden={choices: [[4], [8, 4]]}",
        "dtype=float64",
        "pruner=none",
        "budget.trials=8",
    )
    assert told.code == 0, told.err
    settings = [s["settings"] for s in command.result()["all"]]
    assert {s["batch_size"] for s in settings} == {8, 16}
    assert {tuple(s["model.mlp.hidden"]) for s in settings} == {(4,), (8, 4)}


def test_a_branch_has_its_own_settings_alone(finished: tuple[Command, Ended]) -> None:
    command, _ = finished
    for trial in command.result("adam")["all"]:
        taken = trial["settings"]["optimizer"]
        below = {p.split(".")[1] for p in trial["settings"] if p.startswith("optimizer.")}
        assert below == {taken}


def test_a_reversed_log_range_reaches_close_to_1(command: Command) -> None:
    told = command.call(
        "optimizer.adam.beta2={low: 0.9, high: 0.999999, scale: reverse_log}",
        "sampler=random",
        "pruner=none",
        "budget.trials=32",
        "study.cohort=32",
        "budget.epochs=1",
    )
    assert told.code == 0, told.err
    values = [s["settings"]["optimizer.adam.beta2"] for s in command.result()["all"]]
    assert all(0.9 <= v <= 0.999999 for v in values)
    # Uniform in 1 - beta2's logarithm: two fifths of the values lie above 0.9999.
    assert sum(v > 0.9999 for v in values) > 6
