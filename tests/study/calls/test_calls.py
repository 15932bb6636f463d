"""Promises of a call: its log is the truth, whenever it is cut short and whatever it does."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tuner
from tuner.function import declared
from tuner.study.calls import models
from tuner.study.calls.call import (
    LOG,
    LONGEST,
    MODEL,
    OUTPUT,
    TRACEBACK,
    Call,
    End,
    Failure,
    Step,
    Task,
)
from tuner.training.loop import Interrupted

EPOCHS = 6


def task(folder: Path, **more: Any) -> Task:
    own: dict[str, Any] = {
        "settings": {"lr": 0.1},
        "seed": 3,
        "fold": 0,
        "folds": 1,
        "epochs": EPOCHS,
        "schedule": None,
        "code": "a",
        "folder": folder,
    }
    return Task(**own | more)


def call(function: Callable[..., Any], folder: Path, **more: Any) -> Call:
    return Call(declared(function, "python train.py"), task(folder, **more))


def whole(call: Call) -> list[Any]:
    """All that a call tells, to its end."""
    found: list[Any] = [call.first()]
    for epoch in range(1, EPOCHS + 2):
        found.append(call.step(epoch))
        if not isinstance(found[-1], Step):
            break
    call.close()
    return found


def plain(lr: float = 0.1, *, epochs: int, seed: int) -> Iterator[Any]:
    rng = np.random.default_rng(seed)
    yield {"epoch": 0, "train_loss": 2.0}
    for epoch in range(epochs):
        print("epoch", epoch)
        yield {"train_loss": lr / (epoch + 1) + rng.random()}
    return {"test_loss": rng.random()}


def by_global_generators(lr: float = 0.1, *, epochs: int) -> Iterator[Any]:
    for _ in range(epochs):
        yield {"train_loss": random.random() + np.random.rand()}


def falling(lr: float, epochs: int, checkpoint: Path, early: bool) -> Iterator[Any]:
    file = checkpoint / "state.json"
    epoch, value = json.loads(file.read_text()) if file.exists() else (0, 1.0)
    while epoch < epochs:
        epoch, value = epoch + 1, value * 0.7 + lr
        if early:  # what is saved before it is yielded may be ahead of the log
            file.write_text(json.dumps([epoch, value]))
        yield {"epoch": epoch, "train_loss": value}
        file.write_text(json.dumps([epoch, value]))


def checkpointing(lr: float = 0.1, *, epochs: int, checkpoint: Path) -> Any:
    yield from falling(lr, epochs, checkpoint, early=False)


def saving_early(lr: float = 0.1, *, epochs: int, checkpoint: Path) -> Any:
    yield from falling(lr, epochs, checkpoint, early=True)


def ending_early(lr: float = 0.1, *, epochs: int, checkpoint: Path) -> Any:
    yield from falling(lr, 3, checkpoint, early=True)


@pytest.mark.parametrize(
    "function", [plain, by_global_generators, checkpointing, saving_early, ending_early]
)
@pytest.mark.parametrize("torn", [0, 1, 20])
def test_a_call_that_is_cut_short_anywhere_ends_as_one_that_is_not(
    function: Callable[..., Any], torn: int, tmp_path: Path
) -> None:
    undisturbed = whole(call(function, tmp_path / "whole"))
    assert isinstance(undisturbed[-1], End)
    for cut in range(EPOCHS + 1):
        for again in {0, cut // 2, cut}:
            folder = tmp_path / f"{cut}-{again}"
            for reached in (cut, again):
                # As a kill leaves it: nothing is closed, the last line of the log may be torn.
                killed = call(function, folder)
                killed.first()
                if reached:
                    killed.step(reached)
                log = folder / LOG
                log.write_bytes(log.read_bytes()[: -torn or None])
            assert whole(call(function, folder)) == undisturbed, (cut, again)


def test_a_log_is_taken_up_to_its_first_damage(tmp_path: Path) -> None:
    undisturbed = whole(call(plain, tmp_path / "whole"))
    killed = call(plain, tmp_path / "own")
    killed.step(4)
    log = tmp_path / "own" / LOG
    lines = log.read_text().splitlines()
    log.write_text("\n".join([*lines[:3], "\0\0\0", *lines[4:], ""]))
    taken_up = call(plain, tmp_path / "own")
    assert len(taken_up.steps) == 1
    assert whole(taken_up) == undisturbed


@pytest.mark.parametrize("other", [{"seed": 4}, {"settings": {"lr": 0.2}}, {"code": "b"}])
def test_what_another_call_left_is_forgotten(other: dict[str, Any], tmp_path: Path) -> None:
    whole(call(checkpointing, tmp_path, **other))
    own = call(checkpointing, tmp_path)
    assert own.steps == []
    assert own.over is None
    assert isinstance(own.step(1), Step)
    own.close()


def test_calls_that_take_turns_draw_as_they_do_alone(tmp_path: Path) -> None:
    alone = [whole(call(by_global_generators, tmp_path / f"{i}", seed=i)) for i in range(2)]
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    both = [call(by_global_generators, tmp_path / f"{i} again", seed=i) for i in range(2)]
    found: list[list[Any]] = [[own.first()] for own in both]
    for epoch in range(1, EPOCHS + 2):
        for own, told in zip(both, found, strict=True):
            told.append(own.step(epoch))
    assert found == alone
    assert alone[0] != alone[1]
    after = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    assert after == before


def test_a_function_that_is_not_deterministic_is_told_and_its_first_numbers_count(
    tmp_path: Path,
) -> None:
    def by_chance(lr: float = 0.1) -> Iterator[Any]:
        for _ in range(EPOCHS):
            yield {"train_loss": np.random.default_rng().random()}

    killed = call(by_chance, tmp_path)
    first = [killed.step(epoch) for epoch in (1, 2, 3)]
    again = whole(call(by_chance, tmp_path))
    assert again[1:4] == first
    assert call(by_chance, tmp_path).differs == 1
    assert call(plain, tmp_path / "other").differs is None


def test_what_it_prints_is_in_its_file_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = call(plain, tmp_path)
    killed.step(3)
    whole(call(plain, tmp_path))
    assert (tmp_path / OUTPUT).read_text() == "".join(f"epoch {i}\n" for i in range(EPOCHS))
    assert capsys.readouterr().out == ""


def failing(how: Callable[[], Any]) -> Callable[..., Any]:
    def train(lr: float = 0.1) -> Iterator[Any]:
        yield {"train_loss": 1.0}
        yield how()

    return train


def raising(error: BaseException) -> Callable[[], Any]:
    def how() -> Any:
        raise error

    return how


def test_an_error_is_told_by_its_last_line_and_its_traceback(tmp_path: Path) -> None:
    own = call(failing(raising(ValueError("two\nlines of http://me:secret@host"))), tmp_path)
    assert own.step(1) == Step(1, {"train_loss": 1.0})
    failure = own.step(2)
    assert isinstance(failure, Failure)
    assert failure.line == "ValueError: two lines of http://***@host"
    kept = (tmp_path / TRACEBACK).read_text()
    assert kept.startswith("Traceback (most recent call last):\n")
    assert "in how\n" in kept
    assert "calls/call.py" not in kept
    assert "secret" not in kept
    # It is run again: what made it fail may be mended outside of it.
    assert call(plain, tmp_path).over is None


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (raising(SystemExit(3)), "SystemExit: 3"),
        (raising(MemoryError()), "MemoryError"),
        (lambda: 3, "yielded 3: must be a mapping of numbers by name"),
        (lambda: {"a": "1.5"}, "yielded a '1.5': must be a number"),
        (lambda: {"a": np.ones(2)}, "yielded a array([1., 1.]): must be a number"),
        (lambda: {"a b": 1}, "yielded the name 'a b': must consist of letters, digits, _ and ."),
        (lambda: {3: 1}, "yielded the name 3: must consist of letters, digits, _ and ."),
        (lambda: {"epoch": 4}, "yielded epoch 4: the next one must be 2"),
        (lambda: {"epoch": 1.5}, "yielded epoch 1.5: must be a whole number, 0 or more"),
        (lambda: {"epoch": float("nan")}, "yielded epoch nan: must be a whole number, 0 or more"),
    ],
)
def test_what_a_function_does_wrong_fails_its_trial_in_one_line(
    how: Callable[[], Any], line: str, tmp_path: Path
) -> None:
    failure = call(failing(how), tmp_path).step(2)
    assert isinstance(failure, Failure)
    assert failure.line == line


def test_a_long_error_is_cut(tmp_path: Path) -> None:
    failure = call(failing(raising(ValueError("long " * 1000))), tmp_path).step(2)
    assert isinstance(failure, Failure)
    assert len(failure.line) == LONGEST
    assert len(failure.traceback) > 5000


def test_finally_runs_where_a_call_is_dropped_or_stopped(tmp_path: Path) -> None:
    said: list[str] = []

    def train(lr: float = 0.1) -> Iterator[Any]:
        try:
            yield {"train_loss": 1.0}
            raise Interrupted
        finally:
            said.append("finally")
            raise OSError("while it ends")

    own = call(train, tmp_path)
    own.step(1)
    own.close()
    own.close()
    assert said == ["finally"]
    assert "OSError: while it ends" in (tmp_path / OUTPUT).read_text()


def test_a_signal_in_the_users_code_is_no_failure(tmp_path: Path) -> None:
    own = call(failing(raising(Interrupted())), tmp_path)
    own.step(1)
    with pytest.raises(Interrupted):
        own.step(2)
    assert own.over is None
    assert not (tmp_path / TRACEBACK).exists()


@pytest.mark.parametrize(
    ("model", "file"),
    [
        (np.ones(3), "model.npz"),
        ({"w": np.ones(3), "b": np.zeros(1)}, "model.npz"),
    ],
)
@pytest.mark.parametrize("returned", [True, False])
def test_a_model_is_kept_where_it_is_asked_for(
    model: Any, file: str, returned: bool, tmp_path: Path
) -> None:
    def train(lr: float = 0.1) -> Any:
        yield {"train_loss": 1.0}
        if returned:
            return model
        tuner.save(model)
        return {"test_loss": 1.0}

    for keep in (True, False):
        own = call(train, tmp_path / str(keep), keep=keep)
        assert isinstance(own.step(2), End)
        assert (tmp_path / str(keep) / MODEL / file).exists() is keep
    list(train())  # by hand nothing is kept, and nothing is wrong


@pytest.mark.slow
def test_a_file_and_an_estimator_are_models(tmp_path: Path) -> None:
    from sklearn.linear_model import Ridge

    models.save(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "model")
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["model.skops"]
    (tmp_path / "weights.bin").write_bytes(b"w")
    models.save(tmp_path / "weights.bin", tmp_path / "model")
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["weights.bin"]


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_no_model_is_refused_wherever_it_is_returned(keep: bool, tmp_path: Path) -> None:
    def train(lr: float = 0.1) -> Any:
        yield {"train_loss": 1.0}
        return [1, 2]

    failure = call(train, tmp_path, keep=keep).step(2)
    assert isinstance(failure, Failure)
    assert failure.line.startswith("returned list: tuner saves files, arrays, ")
