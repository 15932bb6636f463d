"""The audit of a study: each file is a check, found by its name, that tells what it finds.

They are the checks that the Deep Learning Tuning Playbook (Godbole et al. 2023) asks for after a
round of experiments. A check is a function `check(study) -> findings`, pure: it sees a study's
results, its winner's curves and its space. It yields nothing where it cannot judge.
"""

from tuner import discovery
from tuner.study.audited import Audited
from tuner.study.results import Finding


def findings(study: Audited) -> tuple[Finding, ...]:
    """What all checks find, those that did not pass first.

    Args:
        study: as it ended.
    """
    found = [
        finding
        for name in discovery.names(__name__)
        for finding in discovery.load(__name__, name).check(study)
    ]
    return tuple(sorted(found, key=lambda finding: finding.passed))
