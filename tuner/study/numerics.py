"""Numerics: the versions and the hardware that the last digits of results depend on."""

from dataclasses import asdict, dataclass
from importlib.metadata import version

import tuner

# How far losses may differ, as a share, if a study was trained with several numerics.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Numerics:
    """The processor, the BLAS and the versions that a process computes with."""

    cpu: str
    features: str
    blas: str
    numpy: str
    numba: str
    scipy: str
    tuner: str

    def differences(self, other: "Numerics") -> str:
        """How the other one differs, in words."""
        mine, theirs = asdict(self), asdict(other)
        return ", ".join(
            f"{name} {_short(mine[name])}, then {_short(theirs[name])}"
            for name in mine
            if mine[name] != theirs[name]
        )


def numerics() -> Numerics:
    """The numerics of this process."""
    from llvmlite import binding
    from threadpoolctl import threadpool_info

    features = binding.get_host_cpu_features()
    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return Numerics(
        cpu=binding.get_host_cpu_name(),
        features=" ".join(sorted(name for name, there in features.items() if there)),
        blas="; ".join(
            sorted(
                f"{pool['internal_api']} {pool['version']} {pool.get('architecture') or ''}".strip()
                for pool in blas
            )
        ),
        numpy=version("numpy"),
        numba=version("numba"),
        scipy=version("scipy"),
        tuner=tuner.__version__,
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:36]} ..."
