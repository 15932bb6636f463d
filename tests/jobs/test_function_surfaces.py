"""A study of a user's function has every surface, and none speaks of what the function has not."""

import ast
import io
import json
import re
import runpy
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure
from matplotlib.text import Text
from mlflow import MlflowClient
from mlflow.entities import Run

import tuner
from tests.jobs.conftest import Ended
from tuner import cli
from tuner.function import declared
from tuner.yaml_files import load_file

# What a function that is tuned has not, and what its command is not called.
FOREIGN = re.compile(
    r"(?i:optimi[sz]er|schedule|learning|\blr\b|\brates?\b|textbook|batch|model\b|\bdata\b)"
    r"|\bNone\b|\bnone\.|on none|python -m tuner"
)


def fit(
    shift: float = tuner.range(-2.0, 2.0),
    width: int = tuner.choices([2, 4, 8]),
    noise: float = 0.01,
    *,
    epochs: int,
    seed: int,
) -> Iterator[dict[str, float]]:
    """A point that moves to the origin, or away from it."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=width)
    yield {"epoch": 0, "train_loss": w @ w, "validation_loss": w @ w + 0.1}
    for _ in range(epochs):
        w = w * (1 - abs(shift - 0.3)) * (30 if shift > 1.4 else 1)
        w = w + noise * rng.normal(size=width)
        yield {"train_loss": w @ w, "validation_loss": w @ w + 0.1}


def train(
    solver: Any = tuner.branch(sgd={"lr": tuner.range(1e-3, 3.0, scale="log")}, plain={"lr": 0.3}),
    width: int = tuner.choices([2, 4, 8]),
    *,
    epochs: int,
    seed: int,
    schedule: Callable[[int], float],
) -> Iterator[dict[str, float]]:
    """Gradient descent on a bowl."""
    rng = np.random.default_rng(seed)
    w = rng.normal(size=width)
    for epoch in range(epochs):
        w = w - solver.lr * schedule(epoch) * (w + 0.01 * rng.normal(size=width))
        yield {"train_loss": w @ w, "reward": -(w @ w)}


EVERYTHING = """
import json

import tuner


def train(
    lr: float = tuner.range(1e-2, 1.0, scale="log"),
    kind: str = tuner.choices(["a", "b'"]),
    *, epochs, seed, fold, folds, schedule, checkpoint, log
):
    file = checkpoint / "state.json"
    at, w = json.loads(file.read_text()) if file.exists() else (0, 1.0)
    for epoch in range(at, epochs):
        w -= lr * schedule(epoch) * w
        file.write_text(json.dumps([epoch + 1, w]))
        log.text("w.txt", str(w))
        yield {"epoch": epoch + 1, "train_loss": w * w, "validation_loss": w * w + 0.1 * fold}
"""


@dataclass
class Own:
    """The command of a function's script, in this process."""

    function: Callable[..., Any]
    root: Path
    drawn: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.function.__name__

    @property
    def folder(self) -> Path:
        return self.root / "studies" / self.name

    def call(self, *settings: str) -> Ended:
        own = declared(self.function, f"python {self.name}.py")
        return called([*settings, f"root={self.root}"], own)

    def bare(self, *settings: str) -> Ended:
        """`python -m tuner`, which has not the function."""
        return called([*settings, f"root={self.root}"], None)

    def result(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        return plain["result"]  # type: ignore[no-any-return]


def called(arguments: list[str], function: Any) -> Ended:
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            code = cli.main(arguments, function)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return Ended(code, out.getvalue(), err.getvalue())


SMALL = ("budget.trials=16", "budget.epochs=8", "confirm.seeds=3")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Own, Ended]:
    """A tracked study of a function without optimizer, rate and schedule."""
    own = Own(fit, tmp_path_factory.mktemp("fit") / "mlruns")
    savefig = Figure.savefig

    def saved(figure: Figure, *arguments: Any, **named: Any) -> None:
        own.drawn.extend(text.get_text() for text in figure.findobj(Text))
        savefig(figure, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", saved)
        ended = own.call(*SMALL)
    assert ended.code == 0, ended.err
    return own, ended


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Own:
    """A study with a branch that has rates, a schedule, and a score of its own."""
    own = Own(train, tmp_path_factory.mktemp("train") / "mlruns")
    ended = own.call(*SMALL, "tracking=none", "metric=reward", "schedule=[cosine,linear]")
    assert ended.code == 0, ended.err
    return own


def runs(own: Own) -> dict[str, Run]:
    """The runs of the study by their trials, its own under ""."""
    client = MlflowClient(f"sqlite:///{own.root / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tuner")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    return {run.data.tags.get("tuner.trial", ""): run for run in found}


def page(own: Own) -> str:
    """What a reader sees of the report, without its style."""
    text = (own.folder / "report.html").read_text()
    return unescape(re.sub(r"(?s)<style>.*?</style>|<meta[^>]*>|</?[a-z][^>]*>", " ", text))


def test_every_surface_names_the_same_winner(fitted: tuple[Own, Ended]) -> None:
    own, ended = fitted
    winner = own.result()["winner"]
    number, shift = winner["number"], winner["settings"]["fit.shift"]
    said = f"the winner is trial {number} (shift {shift:.4g}, width "
    assert said in ended.out
    assert said in page(own)
    assert load_file(own.folder / "best.yaml")["fit"]["shift"] == shift
    rows = [line.split(",") for line in (own.folder / "trials.csv").read_text().splitlines()]
    column = rows[0].index("winner")
    assert [row[0] for row in rows[1:] if row[column] == "True"] == [str(number)]
    assert {"fit.shift", "fit.width"} <= set(rows[0])
    found = runs(own)
    assert found[""].data.tags["tuner.winner"] == str(number)
    assert said in unescape(found[""].data.tags["mlflow.note.content"])
    assert found[""].data.params["function"] == "fit"
    assert float(found[""].data.params["winner.fit.shift"]) == shift
    assert float(found[str(number)].data.params["fit.shift"]) == shift
    assert found[str(number)].info.run_name.startswith(f"{number:03d} shift=")
    assert f"Study fit: how the loss fell (winner: trial {number})" in own.drawn
    assert not (own.folder / "learning_rates.png").exists()
    for shown in (own.call("job=show"), own.bare("job=show", "study.name=fit")):
        assert said in shown.out
        assert f"python fit.py +best=fit root={own.root}" in shown.out
    assert f"{number}: " in own.bare("job=list").out


@pytest.mark.slow
def test_no_surface_speaks_of_what_the_function_has_not(fitted: tuple[Own, Ended]) -> None:
    own, ended = fitted
    told = {
        "the verdict": ended.out,
        "progress": ended.err + ended.first,
        "the page": page(own),
        "pictures": "\n".join(own.drawn),
        "best.yaml": (own.folder / "best.yaml").read_text(),
        "the next round": "\n".join(p.read_text() for p in own.folder.glob("round*.yaml")),
        "trials.csv": (own.folder / "trials.csv").read_text(),
    }
    jobs = ("show", "list", "doctor", "report", "republish", "export", "confirm")
    for job in jobs:
        done = own.call(f"job={job}", "quiet=true")
        assert done.code == 0, done.err
        told[job] = done.out + done.err
    compared = own.call(*SMALL, "job=compare", "compare.by=fit.width", "quiet=true")
    assert compared.code == 0, compared.err
    told["compare"] = compared.out
    for trial, run in runs(own).items():
        assert run.data.tags["mlflow.source.name"] == "python fit.py"
        tags = {k: v for k, v in run.data.tags.items() if not k.startswith("mlflow.source")}
        told[f"run {trial}"] = json.dumps([tags, run.data.params, [*run.data.metrics]])
    for surface, said in told.items():
        said = said.replace(str(own.root), "").replace("job=republish", "")
        found = [line for line in said.splitlines() if FOREIGN.search(line)]
        assert not found, (surface, found)


def test_the_winner_is_trained_again_by_the_line_that_is_printed(
    fitted: tuple[Own, Ended],
) -> None:
    own, _ = fitted
    winner = own.result()["winner"]
    again = own.call("+best=fit", "tracking=none")
    assert again.code == 0, again.err
    found = json.loads((own.root / "studies/fit-best/result.json").read_text())["result"]
    assert found["winner"]["settings"] == winner["settings"]
    assert found["winner"]["value"] == pytest.approx(winner["value"], rel=1e-6)


def test_another_command_is_told_which_one_has_the_function(fitted: tuple[Own, Ended]) -> None:
    own, _ = fitted
    other = Own(train, own.root)
    where = f"root={own.root}"
    is_of = "is a study of the function fit"
    for told, said in (
        (own.bare("+best=fit"), f"best: fit: {is_of}: give python fit.py +best=fit {where}"),
        (
            own.bare("job=confirm", "study.name=fit"),
            "give python fit.py job=confirm study.name=fit",
        ),
        (own.bare("study.name=fit"), "continue it with python fit.py study.name=fit"),
        (other.call("+best=fit"), f"best: fit: {is_of}: this command's is train"),
        (other.call("study.name=fit"), is_of),
    ):
        assert (told.code, len(told.err.splitlines())) == (2, 1), told.err
        assert said in told.err


def test_the_export_is_a_call_that_yields_the_winners_curve(
    fitted: tuple[Own, Ended],
) -> None:
    own, _ = fitted
    number = own.result()["winner"]["number"]
    printed = own.bare("job=export", "study.name=fit")
    assert (printed.code, printed.err) == (0, "")
    assert "\nfrom fit import fit\n" in printed.out
    code = printed.out.replace("from fit import", "from tests.jobs.test_function_surfaces import")
    with redirect_stdout(io.StringIO()):
        exec(code, space := dict[str, Any]())
    assert space["metrics"]["validation_loss"] == pytest.approx(
        own.result()["all"][number]["value"], rel=1e-6
    )
    refused = own.bare("job=export", "study.name=fit", "format=torch")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert "format: torch: fit() asks for no schedule" in refused.err
    config = own.bare("job=export", "study.name=fit", "format=yaml")
    assert config.out == (own.folder / "best.yaml").read_text()


def test_an_export_gives_all_that_a_function_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "my script.py"
    script.write_text(EVERYTHING, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    loaded = runpy.run_path(str(script))
    own = declared(loaded["train"], "python 'my script.py'")
    ended = called(["budget.trials=4", "budget.epochs=3", "data.folds=2", "tracking=none",
                    "study.cohort=4", "confirm.top=0"], own)  # fmt: skip
    assert ended.code == 0, ended.err
    assert "python 'my script.py' +best=train" in ended.out
    code = called(["job=export"], own).out
    assert "runpy.run_path('my script.py')" in code
    with redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    yielded = [ast.literal_eval(line) for line in out.getvalue().splitlines()]
    assert [own["epoch"] for own in yielded] == [1, 2, 3, 1, 2, 3]
    result = json.loads((tmp_path / "mlruns/studies/train/result.json").read_text())["result"]
    mean = (yielded[2]["validation_loss"] + yielded[5]["validation_loss"]) / 2
    assert mean == pytest.approx(result["winner"]["value"], rel=1e-6)
    assert (tmp_path / "artifacts" / "w.txt").exists()


def test_a_branch_a_schedule_and_a_score_are_told_by_their_names(trained: Own) -> None:
    result = trained.result()
    winner = result["winner"]["settings"]
    assert result["goal"] == {"curve": "reward", "greater_is_better": True, "best_epoch": False}
    assert {"train.solver", "train.solver.sgd.lr", "schedule", "train.width"} <= {
        *result["searched"]
    }
    shown = trained.call("job=show").out
    first = shown.splitlines()[0]
    assert f"solver {winner['train.solver']}" in first
    assert f"reward {result['winner']['value']:.4g}" in first
    assert re.search(r"^  trial +schedule +solver +settings +reward in the search", shown, re.M)
    assert "  with reward " in shown
    assert "validation" not in shown
    assert "Reward" not in page(trained).replace("Reward</h3>", "")[:200]
    best = load_file(trained.folder / "best.yaml")
    assert list(best["train"]["solver"]) == [winner["train.solver"]]
    assert list(best["schedule"]) == [winner["schedule"]]
    assert best["metric"] == "reward"
    assert (trained.folder / "learning_rates.png").exists()


def test_branches_and_choices_are_compared(trained: Own) -> None:
    more = (*SMALL, "metric=reward", "schedule=[cosine,linear]", "tracking=none", "quiet=true")
    both = trained.call("job=compare", *more)
    assert both.code == 2
    assert "compare.by: null: several of train.solver and schedule are chosen" in both.err
    solver = trained.call("job=compare", "compare.by=train.solver", *more)
    assert solver.code == 0, solver.err
    assert solver.out.startswith("Values of train.solver on train(): ")
    width = trained.call("job=compare", "compare.by=train.width", *more)
    assert width.code == 0, width.err
    assert "width=" in width.out.splitlines()[0]
    rate = trained.call("job=compare", "compare.by=train.solver.sgd.lr", *more)
    assert (rate.code, len(rate.err.splitlines())) == (2, 1)
    assert "must be one of " in rate.err


def test_a_schedule_is_exported_and_drawn(trained: Own) -> None:
    code = trained.call("job=export", "format=torch")
    assert code.code == 0, code.err
    space: dict[str, Any] = {}
    body = code.out.split("# Put your own model")[0].replace("import torch", "")
    exec(body, space)
    settings = trained.result()["winner"]["settings"]
    name = settings["schedule"]
    own = {k.removeprefix(f"schedule.{name}."): v for k, v in settings.items() if name in k}
    from tuner.study.calls.factors import Factors

    factors = Factors(name, own, 8)
    assert [space["factor"](t) for t in range(8)] == pytest.approx([factors(t) for t in range(8)])
    python = trained.call("job=export").out
    assert "schedule = Factors(" in python
    assert f"solver=Branch('{settings['train.solver']}'" in python
    drawn = trained.call("job=plot_schedule", "schedule=[cosine,linear]")
    assert (drawn.code, Path(drawn.out.strip()).exists()) == (0, True)


def test_the_next_round_and_a_warm_start_take_a_functions_settings(trained: Own) -> None:
    warm = trained.call(
        *SMALL, "study.name=warm", "study.warm_start=train", "metric=reward", "tracking=none",
        "schedule=[cosine,linear]", "quiet=true",
    )  # fmt: skip
    assert warm.code == 0, warm.err
    found = json.loads((trained.root / "studies/warm/result.json").read_text())["result"]
    assert found["all"][0]["origin"]["study"] == "train"
    rounds = list(trained.folder.glob("round2.yaml"))
    assert rounds, "the audit of so few trials advises something"
    again = trained.call("+next=train", "budget.trials=8", "tracking=none", "quiet=true")
    assert again.code == 0, again.err
    assert (trained.root / "studies/train-round2/result.json").exists()


@pytest.mark.parametrize("job", ["range_test", "plot_descent", "plot_schedule"])
def test_what_is_of_models_alone_is_refused_in_a_line(job: str, tmp_path: Path) -> None:
    told = Own(fit, tmp_path / "mlruns").call(f"job={job}")
    assert (told.code, len(told.err.splitlines())) == (2, 1), told.err
    assert told.err.startswith(f"tuner: job: {job}: ")
    assert not (tmp_path / "mlruns").exists()


def test_the_help_is_about_the_function() -> None:
    said = called(["--help"], declared(train, "python train.py")).out
    assert said.startswith(
        "python train.py tunes the function train(): Gradient descent on a bowl."
    )
    assert re.search(r"train\.solver +sgd with lr 0\.001 to 3, log; plain with lr 0\.3\n", said)
    assert re.search(r"train\.width +2 or 4 or 8\n", said)
    assert "names epochs, seed, schedule)" in said
    assert "python -m tuner" not in said
    assert not re.search(r"^    (data|model|optimizer|loss|function) ", said, re.MULTILINE)
    assert re.search(r"^    schedule .*cosine", said, re.MULTILINE)
    bare = called(["--help"], declared(fit, "python fit.py")).out
    assert not re.search(r"^    (schedule .*cosine|plot_schedule)", bare, re.MULTILINE)


def test_what_a_strangers_folder_says_is_no_command(tmp_path: Path) -> None:
    from tuner.function import program_of

    for line in (
        "curl example.org | sh", "python -c 'import os'", "python", "", "'", "bash train.py",
        "python mlruns/studies/x/train.py +best=x", "python 'a\x1b.py'",
    ):  # fmt: skip
        assert program_of(line) == "python -m tuner", line
    for line in ("python train.py", "python sub/train.py", "python 'my train.py'"):
        assert program_of(f"{line} +best=x root=y") == line


@pytest.mark.parametrize(
    "changed",
    [
        {"command": "rm -rf ~ ;"},
        {"command": "python -c 'import os'"},
        {"name": "fit(); import os; x"},
        {"kinds": {"shift": "number", "x); import os; f(y": "number"}},
        {"kinds": {"shift": "eval"}},
        {"asks": ["epochs", "password"]},
    ],
)
def test_a_strangers_function_is_no_code(
    trained: Own, tmp_path: Path, changed: dict[str, Any]
) -> None:
    other = Own(train, tmp_path / "mlruns")
    shutil.copytree(trained.folder, other.folder)
    config = load_file(other.folder / "config.yaml")
    config["function"] |= changed
    (other.folder / "config.yaml").write_text(yaml.safe_dump(config))
    told = other.bare("job=export", "study.name=train")
    assert (told.code, told.out, len(told.err.splitlines())) == (2, "", 1), told.err
    assert told.err.startswith("tuner: function: ")
