"""Promises of growth: a sampler, a pruner, a job and a runner are one file each, and found."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

import tuner.study.runners
from tests.jobs.conftest import Command
from tuner.cli import help_page
from tuner.discovery import load
from tuner.search.pruners.halving import Halving
from tuner.search.runner import Runner
from tuner.search.samplers.random import Random
from tuner.search.space import Range, Space
from tuner.search.trials import Goal, Trial, best_of
from tuner.study.journal import JournalRecord
from tuner.study.loop import Loop
from tuner.study.stopping import Limits, Stopping
from tuner.study.study import Study

SAMPLER = '''"""Corner: settings from the low end of every range."""

from dataclasses import dataclass
from itertools import repeat
from typing import Annotated

from pydantic import Field

from tuner.search.proposals import add, generator
from tuner.search.samplers import Sampler


@dataclass(frozen=True)
class Corner(Sampler):
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    def propose(self, study, untried, seed):
        rng, space = generator(study, seed), untried.space
        drawn = (rng.random(len(space.searched)) for _ in repeat(None))
        add(study, untried, (space.shares(self.share * numbers) for numbers in drawn))
'''
PRUNER = '''"""Sudden: after one epoch a few go on."""

from dataclasses import dataclass

from tuner.search.pruners import Pruner


@dataclass(frozen=True)
class Sudden(Pruner):
    left: int = 1

    def rule(self, cohort):
        return self

    def rungs(self, epochs):
        return [1] if epochs > 1 else []

    def survivors(self, epoch, values, entered):
        return set(sorted(values, key=values.get)[: self.left])

    def why(self, survivors):
        return f"is not among the first {survivors}"
'''
JOB = '''"""Say what would be trained."""


def run(config, stop):
    print(config.study.name, config.budget.trials)
    return 0
'''
RUNNER = '''"""Bisection: each trial halves its error in every epoch."""

import json

import numpy as np

from tuner.search.runner import Progress, Row, Runner


class BisectionRunner(Runner):
    steps = 1

    def __init__(self, errors):
        self.errors = dict(errors)

    @property
    def rows(self):
        return [Row(trial) for trial in self.errors]

    @property
    def momentum(self):
        return np.zeros(len(self.errors))

    def start(self):
        return {"validation_loss": np.array([*self.errors.values()])}

    def epoch(self, epoch):
        self.errors = {trial: error / 2 for trial, error in self.errors.items()}
        rows = len(self.errors)
        steps = np.full(rows, float(epoch))
        return Progress(self.start(), np.zeros(rows, bool), steps, np.zeros(rows))

    def keep(self, trials):
        self.errors = {trial: self.errors[trial] for trial in self.errors if trial in trials}

    def save(self, folder):
        (folder / "errors.json").write_text(json.dumps([*self.errors.items()]))

    def restore(self, folder):
        errors = dict(json.loads((folder / "errors.json").read_text()))
        if not errors.keys() <= self.errors.keys():
            raise ValueError(f"{folder}: holds other trials than these")
        self.errors = errors
'''
Add = Callable[[str, str, str], None]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command on a root that is not there yet."""
    return Command(tmp_path / "mlruns")


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Add:
    """Adds a module to a package, in a folder of its own, until the test is over."""

    def add(package: str, name: str, text: str) -> None:
        folder = tmp_path / package
        folder.mkdir()
        (folder / f"{name}.py").write_text(text)
        holder = import_module(package)
        monkeypatch.setattr(holder, "__path__", [*holder.__path__, str(folder)])
        # What importing it leaves behind goes when the test is over.
        monkeypatch.setitem(sys.modules, f"{package}.{name}", None)
        monkeypatch.delitem(sys.modules, f"{package}.{name}")
        monkeypatch.setattr(holder, name, None, raising=False)
        invalidate_caches()

    return add


def test_a_sampler_is_one_file(command: Command, add: Add) -> None:
    add("tuner.search.samplers", "corner", SAMPLER)
    rate = "optimizer.adam.lr={low: 0.001, high: 0.1, scale: log}"
    told = command.call("sampler=corner", "sampler.share=0.5", rate, "study.defaults=false")
    assert told.code == 0, told.err
    rates = [s["settings"]["optimizer.adam.lr"] for s in command.result()["all"]]
    assert len(set(rates)) == 6
    assert all(0.001 <= rate <= 0.01 for rate in rates)
    assert "corner" in help_page()
    assert "sampler: cornr: did you mean corner?" in command.call("sampler=cornr").err
    wide = command.call("sampler=corner", "sampler.share=2.0")
    assert wide.err == "tuner: sampler.share: 2.0: must be at most 1\n"


def test_a_pruner_is_one_file(command: Command, add: Add) -> None:
    add("tuner.search.pruners", "sudden", PRUNER)
    told = command.call("pruner=sudden", "pruner.left=2", "study.defaults=false")
    assert told.code == 0, told.err
    ended = command.result()["all"]
    assert [s["state"] for s in ended].count("COMPLETE") == 2 + 2
    reasons = {s["reason"].partition(" is ")[2] for s in ended if s["state"] == "PRUNED"}
    assert reasons == {"not among the first 2 at epoch 1"}
    assert "sudden" in help_page()


def test_a_job_is_one_file(command: Command, add: Add) -> None:
    add("tuner.jobs", "say", JOB)
    told = command.call("job=say")
    assert (told.code, told.out) == (0, "study 6\n")
    assert "say           Say what would be trained." in help_page()
    assert not command.root.exists()


def test_a_runner_is_one_file(tmp_path: Path, add: Add) -> None:
    add("tuner.study.runners", "bisection", RUNNER)
    make = load(tuner.study.runners.__name__, "bisection").BisectionRunner

    class Training:
        goal, epochs, has_seeds = Goal(), 10, False

        def runners(self, trials: Sequence[Trial], seeds: object = None) -> list[Runner]:
            return [make({trial.number: trial.settings["error"] for trial in trials})]

    space = Space({}, {"error": Range(1.0, 100.0, "log")}, {})
    with JournalRecord(tmp_path / "study", "study") as record:
        study, training = Study(record, space, Random(), 0), Training()
        stopping = Stopping(Limits(8), study, training, 0)
        assert Loop(study, training, Halving(), stopping, 4, lambda _: None).run()
        results = study.results()
    assert [r.number for r in results] == list(range(8))
    assert {r.state for r in results} == {"COMPLETE", "PRUNED"}
    assert all(r.value == pytest.approx(r.settings["error"] / 2**r.epochs) for r in results)
    best = min(results, key=lambda r: r.settings["error"])
    assert best_of(results) == best


@pytest.mark.parametrize(
    ("text", "found"), [("", 0), (SAMPLER + "\n\nclass Edge(Corner):\n    pass\n", 2)]
)
def test_a_file_that_holds_no_sampler_or_two_is_refused(
    text: str, found: int, command: Command, add: Add
) -> None:
    add("tuner.search.samplers", "odd", text)
    with pytest.raises(TypeError, match=rf"odd\.py: defines {found} concrete subclasses"):
        command.call("sampler=odd")
