"""The audit of a study: each file holds one check, found by its name.

They are the checks that the Deep Learning Tuning Playbook (Godbole et al. 2023) recommends after a
round of experiments. A check is a pure function `check(study) -> findings`: it sees a study's
results, its winner's curves and its space. It yields nothing if it cannot judge.
"""

from tuner import discovery
from tuner.study.audited import Audited
from tuner.study.results import Finding


def findings(study: Audited) -> tuple[Finding, ...]:
    """The findings of all checks; those that did not pass come first.

    Args:
        study: an ended study.
    """
    found = [
        finding
        for name in discovery.names(__name__)
        for finding in discovery.load(__name__, name).check(study)
    ]
    return tuple(sorted(found, key=lambda finding: finding.passed))
