"""Promises of budget.deadline to whoever runs commands, and of what a confirmation costs."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.jobs.conftest import Command
from tuner.config.schema import ConfirmConfig
from tuner.study import decisions
from tuner.study.plan import Plan
from tuner.study.sharing import Share

OPEN = ("confirm.top=null", "confirm.seeds=null", "pruner=none", "budget.trials=4")


def but_for_the_run(folder: Path) -> Any:
    return json.loads((folder / "result.json").read_text())["result"]


def test_a_deadline_that_is_far_away_changes_nothing(command: Command) -> None:
    assert command.call("study.name=a").code == 0
    done = command.call("study.name=a", "budget.deadline=100000", f"root={command.root}-b")
    assert done.code == 0, done.err
    first, second = (but_for_the_run(Path(f"{command.root}{end}/studies/a")) for end in ("", "-b"))
    assert first == second
    assert second["left_out"] == []


def test_a_confirmation_that_was_shared_out_is_the_same_after_a_stop(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    less = Share(2, 3)
    deadline = "budget.deadline=100000"
    with monkeypatch.context() as patched:
        patched.setattr(Plan, "share", lambda self, share, results: less)
        whole = command.call(deadline, *OPEN, f"root={command.root}-whole")
        assert whole.code == 0, whole.err

        def broken(*given: Any) -> None:
            raise ZeroDivisionError

        patched.setattr("tuner.session.Session.run_at_edge", broken)
        assert command.call(deadline, *OPEN).code == 1
    # With all the time in the world, it goes on as was decided.
    assert command.call(deadline, *OPEN).code == 0
    own = command.result()
    assert own == but_for_the_run(Path(f"{command.root}-whole") / "studies" / "study")
    assert own["confirmation"]["seeds"] == 3
    assert own["setup"]["confirm"] == {"top": 2, "seeds": 3}
    (left,) = own["left_out"]
    assert left.startswith("part of the confirmation (the best 2 trials on 3 seeds in place of")
    told = command.call("job=show")
    assert f"Left out because of budget.deadline: {left}." in told.out
    # With its result the decision is spent: the next command does what was left out.
    assert command.call(deadline, *OPEN).code == 0
    assert command.result()["left_out"] == []
    assert command.result()["confirmation"]["seeds"] == 10


def test_a_share_that_is_cut_is_told_and_is_that_of_the_winner_trained_again(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "little", lambda training: 0.0)
    done = command.call(*OPEN, "budget.trials=12", "study.cohort=12")
    assert done.code == 0, done.err
    own = command.result()
    assert own["confirmation"]["seeds"] == 4
    assert len(own["confirmation"]["trials"]) == 1
    asked = "confirm.top=5 confirm.seeds=10 asks for more"
    assert f"pays for the best trial on 4 seeds, but not the textbook settings; {asked}" in done.out
    best = (command.folder() / "best.yaml").read_text()
    assert "confirm:\n  top: 1\n  seeds: 4\n" in best


@pytest.mark.slow
def test_a_command_ends_by_its_deadline(command: Command) -> None:
    began = time.monotonic()
    done = command.call(
        "data=digits", "budget.deadline=20", "budget.trials=5000", "budget.epochs=30",
        "study.cohort=16", "confirm.seeds=10",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert time.monotonic() - began < 20 * 1.25
    own = command.result()
    assert own["stopped"].startswith("budget.deadline: 20 s")
    assert own["winner"] is not None
    assert own["left_out"][0].endswith("of 5000 trials")


def test_what_was_asked_is_the_most_that_is_confirmed() -> None:
    assert decisions.asked(ConfirmConfig()) == Share(5, 10)
    assert decisions.asked(ConfirmConfig(top=2, seeds=4)) == Share(2, 4)
