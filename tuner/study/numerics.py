"""Numerics: what the last digits of a training depend on beside its config and its data."""

from importlib.metadata import version
from typing import Any

import tuner

# How far losses may differ, as a share, where a study has been trained with several numerics.
TOLERANCE = 0.01


def fingerprint() -> dict[str, Any]:
    """The processor, the BLAS and the versions that this process computes with."""
    from llvmlite import binding
    from threadpoolctl import threadpool_info

    features = binding.get_host_cpu_features()
    blas = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return {
        "cpu": binding.get_host_cpu_name(),
        "features": " ".join(sorted(name for name, there in features.items() if there)),
        "blas": sorted(
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
            for pool in blas
        ),
        **{package: version(package) for package in ("numpy", "numba", "scipy")},
        "tuner": tuner.__version__,
    }


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """In words, in what two fingerprints differ."""
    return ", ".join(
        f"{name} {_short(one.get(name))} then {_short(other.get(name))}"
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    )


def _short(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
