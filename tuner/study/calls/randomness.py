"""The global generators of random, NumPy and PyTorch: each call of a function has them to itself.

Many training loops draw from them, PyTorch's dropout and shuffling among them. Calls take turns in
one process; what one of them draws must depend neither on which others are under way, nor on
whether it is run again. So a call finds them as it left them, at first seeded by its own seed.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

# Its types do not tell that the generator can be another one.
GLOBAL: Any = np.random


class Randomness:
    """The global generators as one call has left them.

    NumPy's forgets, between two steps, the second one of a pair that `np.random.randn` draws.

    Args:
        seed: that they begin with.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.python: Any = random.Random(seed).getstate()
        self.numpy = np.random.MT19937(np.random.SeedSequence(seed))
        self.torch: Any = None

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Meanwhile the generators are the call's; then they are as they were."""
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
    """The states of PyTorch's generators, None where nobody has imported it."""
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
