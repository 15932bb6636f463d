"""What partial_fit keeps from one call to the next, as plain data that can be saved."""

from collections.abc import Mapping
from typing import Any

from tuner.training.population import Member, Population


def kept(population: Population, seed: int, epochs: int) -> dict[str, Any]:
    """A population of one row as plain data, which can be saved."""
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
    """The population that was kept, if its optimizer is still the member's."""
    if state.get("optimizer") != member.optimizer:
        return None
    slots = {member.optimizer: tuple(state["slots"])}
    return Population((member,), slots=slots, **state["arrays"])
