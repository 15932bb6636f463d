"""Tuning from Python: what `tuner.tune` takes and gives, and what it leaves as it was."""

import io
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose as composed_by_hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore

import tuner
from tuner.cli import main
from tuner.composing import compose
from tuner.composing.compose import parse
from tuner.composing.written import written
from tuner.errors import CrashError, UserError
from tuner.report.page.cell import style
from tuner.tuned import TunedStudy
from tuner.tuning import configured

Yields = Iterator[dict[str, float]]

# How often a function was called, and how many of its generators are open.
CALLED, OPEN = [0], [0]


def descend(
    lr: float = tuner.range(1e-3, 1.5, scale="log"),
    momentum: float = 0.0,
    width: int = 3,
    *,
    epochs: int,
    seed: int,
) -> Yields:
    rng = np.random.default_rng(seed)
    w, v = rng.normal(size=width), np.zeros(width)
    CALLED[0] += 1
    OPEN[0] += 1
    try:
        for _ in range(epochs):
            v = momentum * v - lr * (w + 0.01 * rng.normal(size=width))
            w = w + v
            yield {"train_loss": w @ w, "validation_loss": w @ w + 0.1}
    finally:
        OPEN[0] -= 1


RULES = tuner.branch(plain={"lr": tuner.range(0.01, 1.0)}, fixed={})


def choose(rule: Any = RULES, *, epochs: int) -> Yields:
    for epoch in range(epochs):
        yield {"validation_loss": rule.get("lr", 0.5) / (epoch + 1)}


def needs(lr, *, epochs):  # type: ignore[no-untyped-def]
    for epoch in range(epochs):
        yield {"validation_accuracy": lr * epoch}


SMALL: dict[str, Any] = {"tracking": "none", "quiet": True, "confirm.top": 0}
CONFIRMED = {"confirm.top": 2, "confirm.seeds": 3}


def tune(what: Any, root: Path, **given: Any) -> TunedStudy:
    """A small study, which says nothing."""
    settings = {**SMALL, **given.pop("settings", {})}
    return tuner.tune(what, root=root, **({"trials": 4, "epochs": 4} | given), settings=settings)


def told(study: TunedStudy) -> dict[str, Any]:
    """What the seed determines of a study, as its folder has it."""
    result: dict[str, Any] = json.loads((study.folder / "result.json").read_text())["result"]
    return result


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> TunedStudy:
    """A confirmed study of a function; read it, do not change it."""
    root = tmp_path_factory.mktemp("tuned") / "mlruns"
    settings = CONFIRMED
    return tune(descend, root, trials=8, epochs=6, name="mine", settings=settings)


def test_a_study_has_its_winner_and_the_settings_as_the_function_takes_them(
    study: TunedStudy,
) -> None:
    assert study.name == "mine"
    assert study.winner is not None
    assert study.best == {"lr": study.winner.settings["descend.lr"], "momentum": 0.0, "width": 3}
    assert study.schedule is None
    *_, last = descend(**study.best, epochs=6, seed=0)
    searched = study.trials.loc[study.winner.number, "validation_loss"]
    assert last["validation_loss"] == pytest.approx(searched, rel=1e-8)


def test_a_study_has_a_row_for_each_trial_and_for_each_number_of_a_curve(
    study: TunedStudy,
) -> None:
    trials, curves = study.trials, study.curves
    assert list(trials.index) == list(range(8))
    assert set(trials["state"]) == {"COMPLETE", "PRUNED"}
    assert trials["winner"].sum() == 1
    assert trials["descend.lr"].between(1e-3, 1.5).all()
    assert trials.loc[trials["state"] == "PRUNED", "reason"].str.contains("not among").all()
    assert list(curves.columns) == ["trial", "epoch", "metric", "value"]
    assert set(curves["metric"]) == {"train_loss", "validation_loss"}
    own = curves[curves["metric"] == "validation_loss"].groupby("trial")
    assert (own["epoch"].max() == trials["epochs"]).all()
    assert np.allclose(own["value"].last(), trials["validation_loss"])


def test_a_study_shows_its_verdict_its_trials_and_a_chart(study: TunedStudy) -> None:
    assert repr(study).startswith(f"Study mine: the winner is trial {study.winner.number} ")
    html = study._repr_html_()
    assert "Study mine: the winner is trial" in html
    assert "The best trials" in html
    assert html.count("<figure>") == 1
    assert str(study.report()) in html
    assert study.report().read_text(encoding="utf-8").startswith("<!doctype html>")
    # Nothing of it reaches what else a notebook shows.
    assert style().startswith(".tuner-study {")
    assert ":root" not in style()
    assert "<script" not in html


def test_the_page_is_written_again_where_it_is_gone(study: TunedStudy) -> None:
    study.report().unlink()
    assert study.report().exists()


def test_the_same_call_shows_a_finished_study_and_more_trials_go_on(tmp_path: Path) -> None:
    first = tune(descend, tmp_path)
    before, called = told(first), CALLED[0]
    again = tune(descend, tmp_path)
    assert (told(again), CALLED[0]) == (before, called)
    assert again.trials.equals(first.trials)
    more = tune(descend, tmp_path, trials=6)
    assert more.trials.loc[:3, "descend.lr"].equals(first.trials["descend.lr"])
    assert len(more.trials) == 6


def test_models_of_tuners_own_are_tuned_by_the_name_of_an_experiment_or_an_optimizer(
    tmp_path: Path,
) -> None:
    found = tune("quadratic", tmp_path, trials=3, epochs=3)
    assert found.name == "quadratic"
    assert found.best is not None
    assert found.best["model"] == "quadratic"
    settings = {"model": "quadratic", "study.defaults": False}
    space = {"optimizer.lion.lr": [0.1, 0.5]}
    found = tune("lion", tmp_path, name="own", space=space, settings=settings)
    assert set(found.trials["optimizer.lion.lr"]) <= {0.1, 0.5}


@pytest.mark.parametrize(
    ("space", "searched"),
    [
        ({}, {"lr": {"low": 1e-3, "high": 1.5, "scale": "log"}}),
        ({"lr": 0.1, "width": [2, 3]}, {"width": {"choices": [2, 3]}}),
        ({"lr": tuner.range(0.1, 0.2)}, {"lr": {"low": 0.1, "high": 0.2, "scale": "linear"}}),
        ({"lr": {"low": 0.1, "high": 0.2}}, {"lr": {"low": 0.1, "high": 0.2}}),
        ({"lr": np.float64(0.1), "momentum": tuner.choices((0.0, 0.9))},
         {"momentum": {"choices": [0.0, 0.9]}}),
    ],
)  # fmt: skip
def test_a_space_stands_in_the_place_of_the_defaults(
    space: dict[str, Any], searched: dict[str, Any]
) -> None:
    plain = configured(descend, {}, space, {}).plain["descend"]
    assert {key: own for key, own in plain.items() if isinstance(own, dict)} == searched


def test_of_a_branch_options_are_chosen_or_given_anew(tmp_path: Path) -> None:
    one = tune(choose, tmp_path, name="one", space={"rule": "plain"})
    assert one.best is not None
    assert (one.best["rule"].name, one.best["rule"].keys()) == ("plain", {"lr"})
    both = configured(choose, {}, {"rule": ["plain", "fixed"]}, {})
    assert both.space.branches["choose.rule"] == ("plain", "fixed")
    new = tuner.branch(other={"lr": tuner.choices([0.1, 0.2])})
    other = tune(choose, tmp_path, name="other", space={"rule": new})
    assert other.best is not None
    assert other.best["rule"].lr == 0.1


def test_a_parameter_without_a_default_gets_its_space_from_the_call(tmp_path: Path) -> None:
    study = tune(needs, tmp_path, space={"lr": tuner.range(0.0, 1.0)}, metric="validation_accuracy")
    best = study.trials["validation_accuracy"].max()
    assert study.trials.loc[study.winner.number, "validation_accuracy"] == best


# What is wrong, and what the one line of the error must name.
MISTAKES: list[tuple[Any, dict[str, Any], list[str]]] = [
    ("adm", {}, ["adm", "did you mean", "adam", "an experiment or an optimizer"]),
    ("show", {}, ["show", "an experiment or an optimizer"]),
    (3, {}, ["3", "function"]),
    (lambda: 3, {}, ["function"]),
    (needs, {}, ["lr", "no default"]),
    (descend, {"trials": 0}, ["budget.trials", "0"]),
    (descend, {"trials": "many"}, ["budget.trials", "many"]),
    (descend, {"epochs": 1.5}, ["budget.epochs", "1.5"]),
    (descend, {"data": "digits"}, ["data", "descend"]),
    (descend, {"data": np.zeros(3)}, ["data", "ndarray", "TunerSearchCV"]),
    (descend, {"name": "a/b"}, ["study.name", "a/b"]),
    (descend, {"metric": "thing"}, ["metric", "thing", "direction"]),
    (descend, {"space": {"rate": 3}}, ["rate", "lr, momentum, width"]),
    (descend, {"space": {"lr": "fast"}}, ["descend.lr", "fast"]),
    (descend, {"space": {"width": [2, 2.5]}}, ["descend.width", "2.5"]),
    (descend, {"space": {"lr": object()}}, ["descend.lr", "object", "number"]),
    (descend, {"space": {"lr": tuner.range(1, 0.1)}}, ["descend.lr", "low"]),
    (descend, {"space": {"lr": 1}, "settings": {"descend.lr": 2}}, ["descend.lr", "twice"]),
    (descend, {"settings": {"budget.trials": 2}}, ["budget.trials", "twice"]),
    (descend, {"settings": {"budget.trails": 2}}, ["budget.trails", "trials"]),
    (descend, {"settings": {3: 2}}, ["settings", "3"]),
    (descend, {"settings": {"a b": 2}}, ["settings", "a b"]),
    (descend, {"settings": {"sampler": "tpee"}}, ["sampler", "tpee", "tpe"]),
    (descend, {"settings": {"job": "show"}}, ["job", "show", "commands"]),
    (descend, {"settings": {"output": "json"}}, ["output", "json", "commands"]),
    (descend, {"settings": {"model": "mlp"}}, ["model", "descend"]),
    (choose, {"space": {"rule": "other"}}, ["choose.rule", "other", "plain, fixed"]),
    ("adam", {"workers": 2}, ["workers", "2"]),
    ("adam", {"space": {"rate": 3}}, ["rate"]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "given", "named"), MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(
    what: Any, given: dict[str, Any], named: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        tune(what, tmp_path / "mlruns", **given)
    (line,) = caught.value.args
    assert [word for word in named if word not in line] == [], line
    assert not (tmp_path / "mlruns").exists()


def test_a_function_that_fails_at_once_is_an_error_with_the_last_line_of_its_traceback(
    tmp_path: Path,
) -> None:
    def fails(lr: float = tuner.range(0.0, 1.0), *, epochs: int) -> Yields:
        yield {"validation_loss": epochs / 0}

    with pytest.raises(CrashError, match="ZeroDivisionError: division by zero") as caught:
        tune(fails, tmp_path)
    assert 'yield {"validation_loss": epochs / 0}' in caught.value.__notes__[0]


def test_where_all_diverged_there_is_no_winner(tmp_path: Path) -> None:
    def explodes(lr: float = tuner.range(0.0, 1.0), *, epochs: int) -> Yields:
        yield {"validation_loss": float("nan")}

    study = tune(explodes, tmp_path)
    assert (study.winner, study.best, study.schedule) == (None, None, None)
    assert "diverged" in repr(study)
    assert "diverged" in study._repr_html_()


def test_the_schedule_of_the_winner_goes_with_its_settings(tmp_path: Path) -> None:
    def scheduled(lr: float = tuner.range(0.1, 1.0), *, epochs: int, schedule: Any) -> Yields:
        for epoch in range(epochs):
            yield {"validation_loss": lr * schedule(epoch)}

    study = tune(scheduled, tmp_path, settings={"schedule": "linear"})
    assert study.best is not None
    assert study.schedule is not None
    *_, last = scheduled(**study.best, epochs=4, schedule=study.schedule)
    searched = study.trials.loc[study.winner.number, "validation_loss"]
    assert last["validation_loss"] == pytest.approx(searched)


def interrupting(times: int, seconds: float = 0.0) -> Callable[..., Yields]:
    """A function that is interrupted so often as it trains its third epoch first."""
    left = [times]

    def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int, seed: int) -> Yields:
        OPEN[0] += 1
        try:
            for epoch in range(epochs):
                while epoch == 2 and left[0]:
                    left[0] -= 1
                    signal.raise_signal(signal.SIGINT)
                    time.sleep(seconds)
                yield {"validation_loss": lr * seed + lr / (epoch + 1)}
        finally:
            OPEN[0] -= 1

    return train


def test_an_interrupt_stops_closes_all_and_the_same_call_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    undisturbed, cut = interrupting(0), interrupting(1)
    with pytest.raises(KeyboardInterrupt):
        tune(cut, tmp_path / "cut", settings={"quiet": False})
    assert "Stopped. The same call continues." in capsys.readouterr().out
    assert OPEN == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    study = tune(cut, tmp_path / "cut")
    assert told(study) == told(tune(undisturbed, tmp_path / "undisturbed"))


def test_a_second_interrupt_stops_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tune(interrupting(2, 0.01), tmp_path)
    assert time.monotonic() - started < 10
    assert OPEN == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(tune(interrupting(0), tmp_path, name="train").trials) == 4


def test_a_handler_of_the_program_is_kept(tmp_path: Path) -> None:
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        tune(interrupting(1), tmp_path)
        assert heard == [1]
    finally:
        signal.signal(signal.SIGINT, before)


def test_threads_tune_one_after_another_with_the_same_results(tmp_path: Path) -> None:
    found: dict[int, TunedStudy] = {}
    with redirect_stdout(io.StringIO()) as out:
        threads = [
            threading.Thread(
                target=lambda i=i: found.update({i: tune(descend, tmp_path, name=f"thread{i}")})
            )
            for i in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sys.stdout is out
    alone = told(tune(descend, tmp_path, name="alone"))
    assert len(found) == 2
    for study in found.values():
        assert told(study) == {**alone, "study": study.name}


def test_a_program_that_uses_hydra_itself_may_tune(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine: 1\n", encoding="utf-8")
    groups = set(ConfigStore.instance().repo)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose(["+experiment=adam"], None)["study"]["name"] == "adam"
        assert composed_by_hydra("config") == {"mine": 1}
    assert set(ConfigStore.instance().repo) == groups


STATE = """
import gc, json, logging, os, random, signal, sys, threading, time, warnings
import numpy as np
import matplotlib
import optuna
import tuner

def train(lr: float = tuner.range(0.1, 1.0), *, epochs: int, seed: int):
    for epoch in range(epochs):
        yield {"validation_loss": lr / (epoch + 1) + seed % 7}

def state():
    until = time.monotonic() + 5
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.05)  # what watches for a stop looks around now and then
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGVTALRM]
    return {
        "signals": [str(signal.getsignal(number)) for number in numbers],
        "timers": [signal.getitimer(t) for t in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL)],
        "environment": {k: v for k, v in os.environ.items() if not k.startswith("KMP_")},
        "floats": np.geterr(),
        "printed": np.get_printoptions()["precision"],
        "drawn": [str(np.random.get_state()), str(random.getstate())],
        "warnings": [str(own) for own in warnings.filters],
        "logging": [logging.root.level, str(logging.root.handlers), logging.root.disabled],
        "optuna": optuna.logging.get_verbosity(),
        "matplotlib": {k: str(v) for k, v in matplotlib.rcParams.items() if k != "backend"},
        "streams": [str(sys.stdout), str(sys.stderr)],
        "path": sys.path, "folder": os.getcwd(), "hook": str(sys.excepthook),
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()],
        "threads": [thread.name for thread in threading.enumerate()],
        "descriptors": len(os.listdir("/proc/self/fd")),
    }

def differs(one, other, but=()):
    return {key: [one[key], other[key]] for key in one if one[key] != other[key] and key not in but}

given = {"trials": 4, "epochs": 3, "settings": {"confirm.seeds": 3, "confirm.top": 1}}
first = state()
tuner.tune(train, name="warm", **given)
second = state()
tuner.tune(train, **given)
third = state()
# What is imported opens files; SciPy adds a filter then, and scikit-learn sets variables KMP_*.
print(json.dumps([differs(second, third), differs(first, third, ["warnings", "descriptors"])]))
"""


@pytest.mark.slow
def test_it_leaves_the_process_as_it_was(interpreter: Callable[..., Any], tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(STATE, encoding="utf-8")
    done = interpreter(str(script))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [{}, {}]


@pytest.mark.parametrize(
    "value",
    [
        *(1, -3, 1e-05, 1e300, True, False, None, "adam", "a b", "16", "1e5", "", "null", "True"),
        *('q"x', "back\\", 'b\\"', "a\nb", "\\\n", "x=y", "{a}", "ä", "a,b", "[1]", " ", "\t"),
        *([1, 2.5, "a", None, [True]], [], {}, {"a": {"b": {"c": 1}}}),
        {"low": 1e-5, "high": 1, "scale": "log"},
    ],
)
def test_a_setting_given_from_python_is_read_as_it_was_given(value: Any) -> None:
    (override,) = parse(written({"a.b": value}))
    read = override.value()
    assert (read, type(read)) == (value, type(value))


def test_any_text_given_from_python_is_read_as_it_was_given() -> None:
    rng = random.Random(0)
    for _ in range(300):
        text = "".join(rng.choice("ab\\\"' ,:{}[]=#\n\t~+-.1e$") for _ in range(rng.randint(0, 8)))
        (override,) = parse(written({"a": text}))
        assert override.value() == text


def test_the_call_that_trains_the_winner_again_is_printed_and_does(study: TunedStudy) -> None:
    root = study.config.root
    line = f'tuner.tune(descend, root="{root}", settings={{"+best": "mine", "tracking": "none"}})'
    assert study.result.reproduce == line
    assert line in study.report().read_text(encoding="utf-8").replace("&#34;", '"')
    again = tune(descend, root, trials=8, epochs=6, name="mine", settings=CONFIRMED)
    assert again.result.reproduce == line
    best = eval(line, {"tuner": tuner, "descend": descend})
    assert best.name == "mine-best"
    assert best.best == study.best
    assert best.winner is not None
    assert study.winner is not None
    assert best.winner.value == study.winner.value


def test_a_root_of_any_name_is_a_text_in_the_call(tmp_path: Path) -> None:
    root = tmp_path / 'a "b" \\'
    study = tune(descend, root)
    assert "descend-best" in repr(eval(study.result.reproduce, globals()))


def test_what_looks_at_a_study_begins_with_tuners_own_command(
    study: TunedStudy, capsys: pytest.CaptureFixture[str]
) -> None:
    from tuner.tracking.command import shows

    at = f"study.name=mine root={study.config.root}"
    assert shows(study.config, "page") == f"python -m tuner job=ui {at}"
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        shown = main(["show", "mine", f"root={study.config.root}"])
        best = main(["+best=mine", f"root={study.config.root}"])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    told = capsys.readouterr()
    assert (shown, best) == (0, 2)
    assert told.out.startswith("Study mine: the winner is trial")
    assert told.err.count("\n") == 1
    assert f'give tuner.tune(descend, root="{study.config.root}", settings=' in told.err
