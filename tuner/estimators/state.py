"""The state that partial_fit keeps between calls, as plain data that can be saved."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tuner.training.population import Member, Population, keeps


def kept(population: Population, seed: int, epochs: int) -> dict[str, Any]:
    """A population of one row as plain data, which can be saved.

    Args:
        population: of one row.
        seed: of the row.
        epochs: through which it was trained.
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
    """A copy of the population that was kept; training it leaves the state as it is.

    Args:
        state: as `kept` made it, or without a population.
        member: the row as the estimator's parameters have it now.

    Returns:
        None if there is no population, or if the optimizer or what surrounds its rule is another.
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
