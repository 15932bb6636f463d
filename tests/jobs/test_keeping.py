"""Promises of keep=N: the newest studies of a pattern stay, and what is not to be removed does."""

from pathlib import Path
from threading import Event

import pytest

from tests.jobs.conftest import Command
from tuner.composing import compose
from tuner.config import check
from tuner.keeping import tidy
from tuner.processes.lock import owned

SMALL = ("data=iris", "budget.trials=2", "budget.epochs=2", "study.cohort=2", "confirm.top=0")


def night(command: Command, day: int, *more: str) -> None:
    done = command.call(f"study.name=n-2026-01-{day:02}", *SMALL, *more)
    assert done.code == 0, done.err


def tidied(root: Path, keep: int = 1, *more: str) -> set[str]:
    """The studies that are left after a night of the pattern n-@date ends."""
    config = check(compose([f"root={root}", "study.name=n-@date", f"keep={keep}", *more], None))
    tidy(config, Event())
    return {path.name for path in (root / "studies").iterdir()}


@pytest.mark.slow
def test_the_newest_stay_and_so_do_unfinished_busy_and_other_studies(command: Command) -> None:
    for day in (1, 2, 3, 4):
        night(command, day)
    command.call("study.name=other", *SMALL)
    root = command.root
    (root / "studies" / "n-2026-01-01" / "result.json").unlink()  # as after a kill
    with owned(root / "studies" / "n-2026-01-02"):
        left = tidied(root, 1, "tracking=none")
    assert left == {"n-2026-01-01", "n-2026-01-02", "n-2026-01-04", "other"}
    assert tidied(root, 1, "tracking=none") == {"n-2026-01-01", "n-2026-01-04", "other"}
    assert tidied(root, 5, "tracking=none") == {"n-2026-01-01", "n-2026-01-04", "other"}


def test_a_command_keeps_as_many_as_it_says(command: Command) -> None:
    night(command, 1)
    night(command, 2)
    done = command.call("study.name=n-@date", *SMALL, "keep=2", "study.seed=1")
    assert done.code == 0, done.err
    assert "keep=2: removed n-2026-01-01." in done.err
    assert len(list((command.root / "studies").iterdir())) == 2


@pytest.mark.slow
def test_runs_go_with_their_study_but_not_the_champions(command: Command) -> None:
    from tuner.tracking.deleting import TAG_KEY
    from tuner.tracking.recorded_study import KEY
    from tuner.tracking.store import Store

    for day in (1, 2, 3):
        night(command, day, "tracking=mlflow")
    root = command.root
    client = Store(root, None).open()
    (experiment,) = [e for e in client.search_experiments() if e.name == "tuner"]
    where, asked = [experiment.experiment_id], "tags.`tuner.study` = 'n-2026-01-{:02}'"
    (of_first, *_) = client.search_runs(where, asked.format(1))
    key = of_first.data.tags[f"tuner.{KEY}"]
    client.create_registered_model("tuner")
    made = client.create_model_version("tuner", str(root / "studies" / "n-2026-01-01" / "model"))
    client.set_model_version_tag("tuner", made.version, TAG_KEY, key)
    client.set_registered_model_alias("tuner", "champion", made.version)
    assert tidied(root, 1) == {"n-2026-01-01", "n-2026-01-03"}
    assert client.search_runs(where, asked.format(1))
    assert not client.search_runs(where, asked.format(2))
    client.delete_registered_model_alias("tuner", "champion")
    assert tidied(root, 1) == {"n-2026-01-03"}
    assert not client.search_runs(where, asked.format(1))
