"""Promises of growth: a sampler, a pruner and a job are one file each, which is found."""

import sys
from collections.abc import Callable
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest

from tests.jobs.conftest import Command
from tuner.cli import help_page

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

    def ask(self, study, space, seed):
        rng = generator(study, seed)
        drawn = (rng.random(len(space.searched)) for _ in repeat(None))
        return add(study, space, (space.shares(self.share * numbers) for numbers in drawn))
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


@pytest.mark.parametrize(
    ("text", "found"), [("", 0), (SAMPLER + "\n\nclass Edge(Corner):\n    pass\n", 2)]
)
def test_a_file_that_holds_no_sampler_or_two_is_refused(
    text: str, found: int, command: Command, add: Add
) -> None:
    add("tuner.search.samplers", "odd", text)
    with pytest.raises(TypeError, match=rf"odd\.py: defines {found} concrete subclasses"):
        command.call("sampler=odd")
