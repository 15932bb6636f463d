"""Promises of checkpoints: a kill costs seconds, and the numbers are those of a whole training."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.search.conftest import EPOCHS, Racer, race  # noqa: F401 (a fixture)
from tuner.search.pruners.halving import Halving
from tuner.search.racing import Race
from tuner.search.trials import Outcome
from tuner.study.checkpoints import Checkpoints, is_whole

RATES = [0.001, 0.3, 0.01, 1e300, 0.1, 0.03, 1.0, 0.003, 3.0, 0.2]
KEYS = [(0, 0), (1, 0)]


class Killed(Exception):
    """In place of a kill."""


def kept(folder: Path, every: int) -> Checkpoints:
    """Checkpoints after every so many epochs, whose clock counts epochs."""
    now = iter(range(10_000))
    return Checkpoints(folder, every, clock=lambda: next(now))


@pytest.fixture
def racing(race: Racer, tmp_path: Path) -> Callable[..., list[Outcome]]:  # noqa: F811
    """Races these trials, from a checkpoint if there is one, and dies after an epoch."""

    def run(killed_after: int | None = None, key: str = "cohort", every: int = 1) -> list[Outcome]:
        checkpoints = kept(tmp_path / "checkpoints", every)

        def on_epoch(epoch: int, own: Race) -> None:
            checkpoints.after(own, key)
            if epoch == killed_after:
                raise Killed

        own = checkpoints.begin(lambda: race(RATES, Halving(), keys=KEYS, on_epoch=on_epoch), key)
        run.began_at = own.epoch  # type: ignore[attr-defined]
        return own.run()

    return run


def plain(outcomes: list[Outcome]) -> list[Any]:
    return [(o.result(), o.curves, o.initial) for o in outcomes]


@pytest.mark.parametrize("epochs", [(1,), (3,), (7, 8, 12), tuple(range(1, EPOCHS - 1))])
def test_a_race_killed_at_any_epoch_ends_as_if_it_had_not_been(
    epochs: tuple[int, ...],
    racing: Any,
    race: Racer,  # noqa: F811
) -> None:
    whole = race(RATES, Halving(), keys=KEYS).run()
    for epoch in epochs:
        with pytest.raises(Killed):
            racing(epoch)
    outcomes = racing()
    assert racing.began_at == max(epochs)
    assert plain(outcomes) == plain(whole)
    assert {o.state for o in outcomes} == {"COMPLETE", "PRUNED", "DIVERGED"}


def test_a_race_that_is_shorter_than_the_seconds_writes_nothing(
    racing: Any, tmp_path: Path
) -> None:
    racing(every=10 * EPOCHS)
    assert not (tmp_path / "checkpoints").exists()


def test_a_checkpoint_of_something_else_is_forgotten(racing: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        racing(5)
    racing(key="another cohort")
    assert racing.began_at == 0


@pytest.mark.parametrize("damage", ["cut", "gone", "changed", "no list"])
def test_a_damaged_checkpoint_is_set_aside_with_a_line(
    damage: str, racing: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], race: Racer  # noqa: F811
) -> None:  # fmt: skip
    with pytest.raises(Killed):
        racing(5)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    file = checkpoint / "0" / "population.npz"
    whole = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(whole[:100])
        case "gone":
            file.unlink()
        case "changed":
            file.write_bytes(whole[:-200] + bytes(200))
        case "no list":
            (checkpoint / "manifest.json").unlink()
    assert not is_whole(checkpoint)
    outcomes = racing()
    assert racing.began_at == 0
    assert plain(outcomes) == plain(race(RATES, Halving(), keys=KEYS).run())
    (line,) = capsys.readouterr().err.splitlines()
    assert "is damaged" in line
    assert "set aside" in line
    assert (tmp_path / "checkpoints" / "damaged-00000005").exists()


def test_a_checkpoint_holds_plain_arrays_and_json_alone(racing: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        racing(5)
    files = [p for p in (tmp_path / "checkpoints").rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".json", ".npz"}
    assert not any(b"pickle" in p.read_bytes() for p in files)


@pytest.mark.parametrize("part", ["population.npz", "members.json", "guard.npz"])
def test_what_only_restoring_finds_wrong_leaves_no_trace_in_the_race(
    part: str, racing: Any, tmp_path: Path, race: Racer  # noqa: F811
) -> None:  # fmt: skip
    with pytest.raises(Killed):
        racing(5)
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    (own,) = checkpoint.rglob(part)
    own.write_bytes(b"[]")
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    name = own.relative_to(checkpoint).as_posix()
    manifest["files"][name] = hashlib.sha256(own.read_bytes()).hexdigest()
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    assert is_whole(checkpoint)
    outcomes = racing()
    assert racing.began_at == 0
    assert plain(outcomes) == plain(race(RATES, Halving(), keys=KEYS).run())
