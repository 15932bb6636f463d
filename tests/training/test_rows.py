"""Promises of the population: rows never meet."""

import numpy as np
import pytest

from tests.training.conftest import (
    SHAPED_PAIRS,
    TYPED_PAIRS,
    TYPED_RULES,
    assert_identical,
    everything,
    member,
    mixed_members,
    rules_of,
    supervised,
    train,
    trained,
)
from tuner.training import blocks, loop
from tuner.training.population import create, join, take

ALONE = (0, 13, 31, 47, 63)


@pytest.mark.parametrize(("activation", "task", "dtype", "hidden"), SHAPED_PAIRS)
def test_a_row_alone_is_bit_identical_to_the_same_row_among_63_others(
    activation: str, task: str, dtype: type, hidden: tuple[int, ...]
):
    problem = supervised(task, hidden, activation, dtype)
    members = mixed_members(64, rules=rules_of(activation, task, dtype))
    together = everything(*trained(problem, members))
    for trial in ALONE:
        alone = everything(*trained(problem, [members[trial]]))
        assert_identical(alone[trial], together[trial])


@pytest.mark.parametrize(("activation", "task", "dtype"), TYPED_PAIRS)
def test_one_thread_and_two_give_the_same_bits(activation: str, task: str, dtype: type):
    problem = supervised(task, (6,), activation, dtype)
    members = mixed_members(64, rules=rules_of(activation, task, dtype))
    one, two = (everything(*trained(problem, members, threads=threads)) for threads in (1, 2))
    for trial in one:
        assert_identical(one[trial], two[trial])


@pytest.mark.parametrize(("dtype", "rules"), TYPED_RULES)
def test_rows_of_the_size_of_real_networks_never_meet(dtype: type, rules: list[str]):
    problem = supervised(
        "multiclass", (33, 17), dtype=dtype, samples=150, features=64, batch_size=32
    )
    members = mixed_members(64, rules=rules)
    together = everything(*trained(problem, members, epochs=2, threads=2))
    for trial in ALONE:
        alone = everything(*trained(problem, [members[trial]], epochs=2))
        assert_identical(alone[trial], together[trial])


@pytest.mark.parametrize("block_bytes", [1, 3000, 1 << 30])
@pytest.mark.parametrize("smallest", [1, 7])
def test_blocks_of_any_size_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, block_bytes: int, smallest: int
):
    problem, members = supervised(hidden=(6,)), mixed_members(23, seeds=(0, 1, 2))
    as_usual = everything(*trained(problem, members))
    monkeypatch.setattr(loop, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(loop, "SMALLEST_BLOCK", smallest)
    for threads in (1, 2, 3):
        otherwise = everything(*trained(problem, members, threads=threads))
        for trial in as_usual:
            assert_identical(otherwise[trial], as_usual[trial])


@pytest.mark.parametrize("ahead", [1, 100])
def test_what_is_laid_out_ahead_is_what_each_epoch_would_find(
    monkeypatch: pytest.MonkeyPatch, ahead: int
):
    problem, members = supervised(hidden=(6,)), mixed_members(34, rules=["adam", "momentum"])
    wild = member("sgd", trial=100, lr=1e30)
    far_ahead = everything(*trained(problem, [*members, wild], epochs=6))
    monkeypatch.setattr(blocks, "AHEAD", ahead)
    otherwise = everything(*trained(problem, [*members, wild], epochs=6))
    for trial in far_ahead:
        assert_identical(otherwise[trial], far_ahead[trial])


def test_rows_that_are_put_back_take_the_same_epochs_again():
    problem, members = supervised(hidden=(6,)), mixed_members(34, rules=["adam", "momentum"])
    population = create(problem, members)
    arrays = [population.theta, population.step, population.left_at, population.schedule_state]
    arrays += population.kept.values()
    arrays += [slot for slots in population.slots.values() for slot in slots]
    with loop.Trainer(problem, 6) as trainer:
        trainer.epoch(population, 1)
        kept = [array.copy() for array in arrays]
        first = everything(population, [trainer.epoch(population, e) for e in (2, 3, 4, 5)])
        for array, old in zip(arrays, kept, strict=True):
            array[:] = old
        again = everything(population, [trainer.epoch(population, e) for e in (2, 3, 4, 5)])
    for trial, row in first.items():
        assert_identical(again[trial], row)


def test_rows_that_stay_do_not_notice_those_that_leave():
    problem, members = supervised(hidden=(6,)), mixed_members(24, seeds=(0, 1))
    whole = everything(trained(problem, members, epochs=4)[0])
    population, _ = trained(problem, members, epochs=2)
    fewer = take(population, range(1, 24, 3))
    train(problem, fewer, (3, 4))
    assert len(fewer.members) == 8
    for trial, row in everything(fewer).items():
        assert_identical(row, whole[trial])


def test_rows_that_join_later_go_on_from_their_own_step():
    problem, members = supervised(hidden=(6,)), mixed_members(20, seeds=(0, 1))
    early, late = members[::2], members[1::2]
    first, _ = trained(problem, early, epochs=2)
    both = join(first, create(problem, late))
    train(problem, both, (3, 4))
    rows = everything(both)
    alone = create(problem, late)
    train(problem, alone, (3, 4))
    for trial, row in everything(trained(problem, early, epochs=4)[0]).items():
        assert_identical(rows[trial], row)
    for trial, row in everything(alone).items():
        assert row["step"] == 2 * problem.steps
        assert_identical(rows[trial], row)


def test_joined_rows_keep_the_order_by_seed_and_optimizer():
    problem, members = supervised(), mixed_members(12, seeds=(1, 0))
    both = join(create(problem, members[:5]), create(problem, members[5:]))
    order = [(m.seed, m.optimizer) for m in both.members]
    assert order == sorted(order)
    assert {m.trial for m in both.members} == set(range(12))
    assert both.theta.flags.c_contiguous


def test_taking_rows_copies_them():
    problem, members = supervised(), mixed_members(6)
    population = create(problem, members)
    before = population.theta.copy()
    part = take(population, [0, 3])
    train(problem, part, (1,))
    np.testing.assert_array_equal(population.theta, before)


def test_rows_of_one_seed_start_alike_and_other_seeds_start_otherwise():
    problem = supervised(hidden=(6,))
    population = create(problem, [member(trial=i, seed=i % 2) for i in range(4)])
    starts = {m.trial: theta for m, theta in zip(population.members, population.theta, strict=True)}
    np.testing.assert_array_equal(starts[0], starts[2])
    np.testing.assert_array_equal(starts[1], starts[3])
    assert not np.array_equal(starts[0], starts[1])


def test_the_order_of_batches_changes_with_the_epoch_and_with_the_seed():
    problem = supervised()
    orders = [
        tuple(np.concatenate(problem.batches(seed, epoch))) for seed in (0, 1) for epoch in (0, 1)
    ]
    assert len(set(orders)) == 4
    again = tuple(np.concatenate(problem.batches(0, 0)))
    assert again == orders[0]


def test_an_epoch_takes_every_sample_once():
    problem = supervised(samples=61, batch_size=16)
    batches = problem.batches(3, 2)
    assert [len(b) for b in batches] == [16, 16, 16, 13]
    assert len(batches) == problem.steps
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(61))


def test_a_population_of_several_seeds_equals_runs_of_one_seed_each():
    problem = supervised(hidden=(6,))
    members = mixed_members(18, seeds=(0, 1, 2))
    together = everything(*trained(problem, members))
    for seed in (0, 1, 2):
        own = everything(*trained(problem, [m for m in members if m.seed == seed]))
        for trial, row in own.items():
            assert_identical(row, together[trial])


def test_the_losses_before_the_first_step_are_those_of_each_rows_own_start():
    problem = supervised(hidden=(6,))
    population = create(problem, mixed_members(9, seeds=(0, 1, 2)))
    with loop.Trainer(problem, 1) as trainer:
        start = trainer.start(population)
        for row in range(9):
            alone = trainer.start(take(population, [row]))
            for name, values in alone.metrics.items():
                assert values[0] == start.metrics[name][row]
    assert len(set(start.metrics["train_loss"])) == 3
