"""Faults at random instants: whether a study ends as if nothing had happened, and how soon.

Each fault happens to its own small real study, two studies at a time. The plain command then runs
the study to its end, which is compared with an undisturbed study. The exit code is 1 after a
violation.

    python benchmarks/faults.py --kills 20 [--seed 0] [--only 7] [--keep folder] [--json]
"""

import argparse
import inspect
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

from _faults import checks, damages, kills, surroundings
from _faults.cases import Case, References
from _faults.proxy import Server

# How many seconds longer than the whole undisturbed command one after a fault may take.
ASKED = 2.0

Kind = Callable[[Case], None]


@dataclass(frozen=True)
class Fault:
    """A fault and its effect on the study.

    Args:
        number: its number among the faults of the seed.
        kind: the kind's name.
        told: what was done, in words.
        violations: what is wrong, a line each.
        recovery: how many seconds longer the finishing command took than the undisturbed one.
    """

    number: int
    kind: str
    told: list[str]
    violations: list[str]
    recovery: float


def kinds() -> dict[str, Kind]:
    """The kinds of faults: functions of one argument, a case, with a docstring of one line."""
    return {
        name: kind
        for module in (kills, damages, surroundings)
        for name, kind in sorted(inspect.getmembers(module, inspect.isfunction))
        if kind.__module__ == module.__name__
        and list(inspect.signature(kind).parameters) == ["case"]
    }


def kind_of(seed: int, number: int) -> str:
    """The kind of a fault: all kinds in random order, then again in another order."""
    names = sorted(kinds())
    turn, place = divmod(number, len(names))
    return Random(f"{seed} {turn}").sample(names, len(names))[place]


def inject(seed: int, number: int, folder: Path, references: References) -> Fault:
    """Injects one fault into a study, runs the study to its end and checks the result."""
    kind = kind_of(seed, number)
    folder.mkdir(parents=True)
    case = Case(folder, Random(f"{seed} {number} {kind}"), references)
    recovery = 0.0
    try:
        kinds()[kind](case)
        done = case.study.run(case.trials)
        recovery = done.wall - case.reference.wall
        case.told.append("the same command again")
        case.expect(done, [0])
        case.wrong += checks.of_study(case.study, case.trials, case.reference, case.database)
    except Exception as error:
        case.wrong.append(f"{type(error).__name__}: {error}")
    return Fault(number, kind, case.told, case.wrong, recovery)


def measure(seed: int, numbers: list[int], root: Path, keep: bool, told: bool) -> list[Fault]:
    """Injects these faults, two at a time.

    A recovery that was slow beside another fault is measured again, alone.
    """
    server = Server(root / "server")
    references = References(root, server)
    found = []
    try:
        with ThreadPoolExecutor(2) as pool:
            folders = {n: root / f"fault{n}" for n in numbers}
            runs = [pool.submit(inject, seed, n, folders[n], references) for n in numbers]
            for run in as_completed(runs):
                fault = run.result()
                found.append(fault)
                if told:
                    show_one(seed, fault)
                if not (keep and fault.violations):
                    discard(folders[fault.number])
        for place, fault in enumerate(found):
            if fault.recovery > ASKED:
                folder = root / f"fault{fault.number}-alone"
                again = inject(seed, fault.number, folder, references)
                found[place] = replace(
                    again,
                    told=[*fault.told, f"again alone, {fault.recovery:.1f} s beside another fault"],
                    violations=[*fault.violations, *again.violations],
                )
                if told:
                    show_one(seed, found[place])
                if not (keep and again.violations):
                    discard(folder)
    finally:
        server.stop()
    return sorted(found, key=lambda fault: fault.number)


def discard(folder: Path) -> None:
    """Deletes the folder of a study and its disk."""
    if (folder / "results").is_mount():
        subprocess.run(["umount", str(folder / "results")], check=True)
    shutil.rmtree(folder, ignore_errors=True)


def show_one(seed: int, fault: Fault) -> None:
    print(f"{fault.number:4} {fault.kind}: {', '.join(fault.told)}", flush=True)
    for line in fault.violations:
        print(f"     VIOLATION (--seed {seed} --only {fault.number}): {line}", flush=True)


def show(seed: int, faults: list[Fault]) -> None:
    counted = Counter(fault.kind for fault in faults)
    print(f"\n{'kind':<30}{'faults':>8}{'violated':>10}   to repeat with --seed {seed}")
    for kind in sorted(counted):
        bad = [fault for fault in faults if fault.kind == kind and fault.violations]
        again = "  ".join(f"--only {fault.number}" for fault in bad)
        print(f"{kind:<30}{counted[kind]:8}{len(bad):10}   {again}")
    worst = max(faults, key=lambda fault: fault.recovery)
    print(f"\n{len(faults)} faults, {sum(bool(f.violations) for f in faults)} violated a promise")
    over = [fault for fault in faults if fault.recovery > ASKED]
    missed = "" if worst.recovery <= ASKED else "   missed"
    print(
        f"worst recovery: {worst.recovery:.1f} s beyond an undisturbed command, at most "
        f"{ASKED:g} s{missed} ({worst.kind}, --only {worst.number}); {len(over)} of {len(faults)} "
        "took longer"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="how many faults")
    parser.add_argument("--seed", type=int, default=0, help="decides kinds and instants")
    parser.add_argument("--only", type=int, help="the number of the one fault to repeat")
    parser.add_argument("--keep", type=Path, help="a folder that keeps studies with violations")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    given = parser.parse_args()
    numbers = list(range(given.kills)) if given.only is None else [given.only]
    keep = given.keep is not None
    if keep:
        given.keep.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(dir=given.keep))
    try:
        faults = measure(given.seed, numbers, root, keep, told=not given.json)
    finally:
        if not keep:
            shutil.rmtree(root)
    if given.json:
        print(json.dumps({"seed": given.seed, "faults": [asdict(fault) for fault in faults]}))
    else:
        show(given.seed, faults)
    return int(any(fault.violations for fault in faults))


if __name__ == "__main__":
    sys.exit(main())
