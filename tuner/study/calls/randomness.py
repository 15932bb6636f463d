"""The global generators of random, NumPy and PyTorch, isolated for each call of a function.

Many training loops draw from them, as PyTorch's dropout and shuffling do. Calls take turns in one
process. What a call draws must depend neither on the other running calls, nor on whether it is run
again. So each call finds the generators in the state in which it left them; at first, they are
seeded with its own seed.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# NumPy's type hints do not have `set_bit_generator`.
GLOBAL: Any = np.random


class Randomness:
    """The states of the global generators of one call.

    Between two steps, NumPy's generator forgets the second number of a pair that `np.random.randn`
    draws.

    Args:
        seed: the seed that they begin with.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.python: Any = random.Random(seed).getstate()
        self.numpy = np.random.MT19937(np.random.SeedSequence(seed))
        self.torch: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Within the context the generators have the call's states; then their former ones."""
        python, numpy, torch = random.getstate(), GLOBAL.get_bit_generator(), _of_torch()
        random.setstate(self.python)
        GLOBAL.set_bit_generator(self.numpy)
        if torch is not None and self.torch is None:
            sys.modules["torch"].manual_seed(self.seed)
        else:
            _give_torch(self.torch)
        try:
            yield
        finally:
            self.python, self.torch = random.getstate(), _of_torch()
            random.setstate(python)
            GLOBAL.set_bit_generator(numpy)
            _give_torch(torch)


def _of_torch() -> Any:
    """The states of PyTorch's generators; None if PyTorch is not imported."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "get_rng_state"):
        return None
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    return torch.get_rng_state(), cuda


def _give_torch(states: Any) -> None:
    if states is not None:
        torch: Any = sys.modules["torch"]
        torch.set_rng_state(states[0])
        if states[1] is not None:
            torch.cuda.set_rng_state_all(states[1])
