"""Promises of a command's audit: real studies whose findings are known, and their next rounds."""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from tests.jobs.conftest import Command
from tuner import session
from tuner.composing import compose
from tuner.config import check
from tuner.errors import UserError
from tuner.study.edge import known_runs

# Gradient descent on x**2 is stable below a rate of 1, and best at 0.5.
DESCENT = (
    *("model=quadratic", "optimizer=sgd", "schedule=constant", "sampler=random", "pruner=none"),
    *("dtype=float64", "budget.trials=24", "budget.epochs=20", "tracking=none", "threads=1"),
)
LR = "optimizer.sgd.lr"


def rates(low: float, high: float) -> str:
    return f"{LR}={{low: {low}, high: {high}, scale: log}}"


# By name: what is given, the checks that fail, and what the next round changes.
STUDIES: Mapping[str, tuple[tuple[str, ...], set[str], dict[str, Any]]] = {
    "bounds": (
        (rates(1e-4, 0.05),),
        {"bounds", "best epoch", "still improving"},
        {f"{LR}.high": 0.24},
    ),
    "wild": ((rates(0.01, 100.0),), {"divergence"}, {}),
    "lost": (
        (rates(2.0, 200.0), "study.defaults=false"),
        {"divergence"},
        {},
    ),
    "edge": (
        (f"{LR}={{choices: [0.1, 0.2, 0.3, 0.6]}}", "study.defaults=false"),
        {"edge of stability"},
        {"schedule.constant.warmup_linear": {"low": 0.0, "high": 0.2}},
    ),
    "slow": (
        (f"{LR}={{choices: [0.002, 0.004]}}", "study.defaults=false"),
        {"best epoch", "still improving"},
        {"budget.epochs": 40, "schedule.cosine": {"final": 0.0}},
    ),
    "calm": ((f"{LR}={{choices: [0.05, 0.1, 0.2, 0.3, 0.35, 0.8]}}",), set(), {}),
}


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """A root with all of STUDIES, finished."""
    command = Command(tmp_path_factory.mktemp("audit") / "mlruns", {})
    for name, (given, _, _) in STUDIES.items():
        ended = command.call(*DESCENT, *given, f"study.name={name}")
        assert ended.code == (3 if name == "lost" else 0), ended.err
    return command


def findings(command: Command, study: str) -> dict[str, dict[str, Any]]:
    """What the audit of a study found, by check; those that failed count."""
    told = command.result(study)["findings"]
    return {f["check"]: f for f in sorted(told, key=lambda f: not f["passed"])}


def next_round(command: Command, study: str) -> str:
    told = json.loads((command.folder(study) / "result.json").read_text())
    line: str = told["run"]["next_round"]
    return line


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_told_what_is_known_of_it(command: Command, name: str) -> None:
    _, failing, changes = STUDIES[name]
    told = findings(command, name)
    assert {check for check, f in told.items() if not f["passed"]} == failing
    made = {path: v for f in told.values() for path, v in f["changes"].items()}
    assert {path: made[path] for path in changes} == changes


@pytest.mark.parametrize("name", STUDIES)
def test_the_next_round_changes_what_was_found_and_nothing_else(
    command: Command, name: str
) -> None:
    line, failing = next_round(command, name), STUDIES[name][1]
    file = command.folder(name) / "round2.yaml"
    assert bool(line) == file.exists() == bool(failing)
    if not failing:
        return
    python, *given = shlex.split(line)
    assert (python, given[:3]) == ("python", ["-m", "tuner", f"+next={name}"])
    config = check(compose(given[2:], None))
    before = yaml.safe_load((command.folder(name) / "config.yaml").read_text())
    assert config.study.name == f"{name}-round2"
    assert config.study.warm_start == (None if name == "lost" else name)
    assert config.tracking.name == "none"
    changed = {
        path.rpartition(".")[0] if path.endswith((".low", ".high")) else path
        for f in findings(command, name).values()
        for path in f["changes"]
    }
    differing = _differing(before, config.plain)
    assert {p for p in differing if not p.startswith(("study.", "threads"))} == changed


def _differing(before: Any, now: Any, path: str = "") -> set[str]:
    """The paths at which two configs differ; a range is one value."""
    if before == now:
        return set()
    whole = not (isinstance(before, dict) and isinstance(now, dict)) or "low" in {*before, *now}
    if whole or path.endswith(".lr"):
        return {path.removeprefix(".")}
    keys = before.keys() | now.keys()
    return {p for k in keys for p in _differing(before.get(k), now.get(k), f"{path}.{k}")}


def test_the_next_round_runs_and_finds_what_lay_beyond_the_bound(command: Command) -> None:
    ended = command.call(*shlex.split(next_round(command, "bounds"))[3:], "threads=1")
    assert ended.code == 0, ended.err
    assert "of its 24 trials that trained to the end fit this space" in ended.out
    first, second = command.result("bounds"), command.result("bounds-round2")
    assert second["best"]["value"] < first["best"]["value"] / 10
    assert second["best"]["settings"][LR] > 0.05
    if line := next_round(command, "bounds-round2"):
        assert "+next=bounds-round2" in line
        third = command.folder("bounds-round2") / "round3.yaml"
        assert yaml.safe_load(third.read_text())["study"]["name"] == "bounds-round3"


def test_rates_below_those_that_all_diverged_train(command: Command) -> None:
    ended = command.call(*shlex.split(next_round(command, "lost"))[3:], "threads=1")
    assert ended.code == 0, ended.err
    assert command.result("lost-round2")["trials"] == {"complete": 24}


def test_a_next_round_that_is_not_there_or_is_none_is_one_line(
    command: Command, tmp_path: Path
) -> None:
    root = f"root={command.root}"
    for given, said in {
        ("+next=calm", root): "next: calm: must be one of",
        ("+next=slow", "optimizer=adam", root): "optimizer=adam: goes without +next=slow",
        ("+next=slow", "+experiment=adam", root): "goes without +next=slow",
        ("next=slow", root): "give +next=slow for",
        ("+next=slow", f"root={tmp_path}"): "there is none",
    }.items():
        with pytest.raises(UserError, match=re.escape(said)) as e:
            compose(list(given), None)
        assert len(e.value.args) == 1


@pytest.mark.parametrize(
    "text", ["", "[1]", "nothing: 1", "tracking: {name: none, uri: sqlite:///x}", "root: elsewhere"]
)
def test_a_strangers_next_round_says_nothing_that_belongs_to_the_command(
    text: str, tmp_path: Path
) -> None:
    folder = tmp_path / "studies" / "strange"
    folder.mkdir(parents=True)
    (folder / "round2.yaml").write_text(text)
    with pytest.raises(UserError, match=r"round2\.yaml"):
        compose(["+next=strange", f"root={tmp_path}"], None)


def test_numbers_of_the_command_count_more_than_those_of_the_next_round(command: Command) -> None:
    config = check(compose(["+next=slow", f"root={command.root}", "budget.epochs=7"], None))
    assert config.budget.epochs == 7
    assert set(config.space.branches["schedule"]) == {"constant", "cosine"}


def test_an_interrupted_study_is_not_audited_and_short_runs_are_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ("study.name=twice", f"root={tmp_path}")
    config = check(compose([*DESCENT, rates(0.01, 3.0), *root, "budget.trials=16"], None))
    stop, run, calls = Event(), session.edge.run_at_edge, []

    def stopping(*given: Any) -> None:
        calls.append(given[3].number)
        if len(calls) == 1:
            stop.set()
        run(*given)

    monkeypatch.setattr(session.edge, "run_at_edge", stopping)
    with session.opened(config, stop) as opened:
        first = opened.tune().result
    assert first.interrupted
    assert (first.findings, first.next_round) == ((), "")
    stop.clear()
    for more in (0, 0, 8):
        budget = config.budget.model_copy(update={"trials": 16 + more})
        with session.opened(config.model_copy(update={"budget": budget}), stop) as opened:
            saved = opened.tune()
            winner = saved.result.winning
            assert [r.factor for r in known_runs(opened.record, winner)] == [1, 2, 5, 10]
            assert "edge of stability" in {f.check for f in saved.result.findings}
    assert calls[:2] == [calls[0]] * 2
    assert len(calls) == 1 + len(set(calls))


def test_the_audit_of_data_knows_seeds_and_folds(tmp_path: Path) -> None:
    command = Command(tmp_path / "mlruns")
    given = ("model=softmax", "metric=accuracy", "data.folds=3", "budget.trials=16")
    ended = command.call(*given, "optimizer=[adam,sgd]", "budget.epochs=10", "study.cohort=16")
    assert ended.code == 0, ended.err
    told = command.result()["findings"]
    checks = {f["check"] for f in told}
    assert {"divergence", "edge of stability", "best epoch", "enough trials"} <= checks
    assert len([f for f in told if f["check"] == "divergence"]) == 2
