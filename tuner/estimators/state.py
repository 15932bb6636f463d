"""The state that partial_fit keeps between calls, as plain data that can be saved."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tuner.training.population import Member, Population, keeps


def kept(population: Population, seed: int, epochs: int) -> dict[str, Any]:
    """A population of one row as plain data that can be saved.

    Args:
        population: has one row.
        seed: the seed of the row.
        epochs: number of epochs it was trained.
    """
    (optimizer, slots), arrays = next(iter(population.slots.items())), vars(population).copy()
    del arrays["members"], arrays["slots"]
    return {
        "optimizer": optimizer,
        "slots": list(slots),
        "seed": seed,
        "epochs": epochs,
        "arrays": arrays,
    }


def restored(state: Mapping[str, Any], member: Member) -> Population | None:
    """A copy of the stored population; training it does not change the state.

    Args:
        state: from `kept`, or without a population.
        member: the row with the estimator's current parameters.

    Returns:
        The population, or None if there is none, or if the optimizer or its transforms have
        changed.
    """
    if state.get("optimizer") != member.optimizer:
        return None
    arrays = dict(state["arrays"])
    kept = arrays.pop("kept")
    if set(keeps(member)) != set(kept):
        return None
    return Population(
        (member,),
        slots={member.optimizer: tuple(map(np.copy, state["slots"]))},
        kept={name: array.copy() for name, array in kept.items()},
        **{name: array.copy() for name, array in arrays.items()},
    )
