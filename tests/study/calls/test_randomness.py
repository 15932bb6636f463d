"""Promises of global generators: a call draws the same numbers, whoever takes turns with it."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tuner.function import declared
from tuner.study.calls.call import Call, Step, Task


def seeding(*, epochs: int, seed: int) -> Iterator[dict[str, float]]:
    np.random.seed(seed)
    random.seed(seed)
    for _ in range(epochs):
        yield {"validation_loss": np.random.rand() + random.random()}


def unseeded(*, epochs: int) -> Iterator[dict[str, float]]:
    for _ in range(epochs):
        yield {"validation_loss": np.random.normal() + random.random()}


def call(train: object, folder: Path, seed: int) -> Call:
    task = Task({}, seed, 0, 1, 3, None, "", folder)
    return Call(declared(train, "python train.py"), task)  # type: ignore[arg-type]


def losses(calls: list[Call]) -> list[list[float]]:
    """Of each call, one epoch of one after another."""
    found: list[list[float]] = [[] for _ in calls]
    for epoch in (1, 2, 3):
        for own, each in zip(calls, found, strict=True):
            came = own.step(epoch)
            assert isinstance(came, Step)
            each.append(came.metrics["validation_loss"])
            np.random.rand()
    for own in calls:
        own.close()
    return found


@pytest.mark.parametrize("train", [seeding, unseeded])
def test_a_call_draws_the_same_numbers_whoever_takes_turns_with_it(
    train: object, tmp_path: Path
) -> None:
    together = losses([call(train, tmp_path / f"{seed}", seed) for seed in (1, 2, 3)])
    for i, seed in enumerate((1, 2, 3)):
        assert losses([call(train, tmp_path / f"alone-{seed}", seed)]) == [together[i]]
    assert len({tuple(each) for each in together}) == 3


def test_what_is_outside_of_calls_draws_what_it_would_without_them(tmp_path: Path) -> None:
    def drawn(between: bool) -> list[float]:
        np.random.seed(5)
        random.seed(5)
        found = []
        for i in range(3):
            found += [np.random.rand(), random.random()]
            if between:
                losses([call(seeding, tmp_path / str(i), i)])
                np.random.seed(5 + i)
            else:
                np.random.rand(3)
                np.random.seed(5 + i)
        return found

    before = np.random.get_bit_generator()
    assert drawn(between=True) == drawn(between=False)
    assert np.random.get_bit_generator() is before


def test_generators_of_pytorch_are_a_calls_own_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch is not in every environment; in its place stands what has its four functions."""
    state = {"torch": 0, "cuda": 0}

    def put(key: str, value: int) -> None:
        state[key] = value

    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        get_rng_state_all=lambda: state["cuda"],
        set_rng_state_all=lambda value: put("cuda", value),
    )
    torch = SimpleNamespace(
        get_rng_state=lambda: state["torch"],
        set_rng_state=lambda value: put("torch", value),
        manual_seed=lambda value: state.update(torch=100 * value, cuda=100 * value),
        cuda=cuda,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]

    def train(*, epochs: int) -> Iterator[dict[str, float]]:
        for _ in range(epochs):
            state["torch"] += 1
            state["cuda"] += 2
            yield {"validation_loss": state["torch"] + state["cuda"]}

    calls = [call(train, tmp_path / str(seed), seed) for seed in (1, 2)]
    assert losses(calls) == [[203.0, 206.0, 209.0], [403.0, 406.0, 409.0]]
    assert state == {"torch": 0, "cuda": 0}
