"""Jobs: one file each, named as `job=<name>`; a job's `run` wires the other wings."""

from pathlib import Path


def names() -> list[str]:
    """Names of all jobs: the files of this folder that do not start with an underscore."""
    return sorted(p.stem for p in Path(__file__).parent.glob("[!_]*.py"))
