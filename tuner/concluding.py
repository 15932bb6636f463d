"""Concluding a command on a study: the promotion, the verdict and the exit code."""

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from tuner.codec import to_json
from tuner.errors import UserError, printable
from tuner.report import log, promotion, terminal
from tuner.report.outcome import FEW, outcome
from tuner.study.ending import plain_result
from tuner.study.promotion import Promotion
from tuner.study.results import SavedResult, StudyResult

if TYPE_CHECKING:
    from tuner.session import Session

# Exit codes of a finished command: no trial has a valid result; none reached the target; MLflow has
# not received everything yet.
NOTHING_SUCCEEDED, TARGET_MISSED, UNDELIVERED = 3, 4, 5


def end(session: "Session", saved: SavedResult) -> int:
    """Promotes the winner if requested, and shows the verdict; returns the exit code."""
    found, missed = promoted(session, saved)
    code = show(session, saved, found)
    if missed:
        say_not_promoted(missed)
        code = code or UNDELIVERED
    return code


def promoted(session: "Session", saved: SavedResult) -> tuple[Promotion | None, str]:
    """Promotes the winner if requested; returns the promotion, or why there was none."""
    result, name = saved.result, session.config.study.name
    if not session.config.promote.enabled or result.winner is None:
        return None, ""
    if code(session, result) == TARGET_MISSED:
        return (
            None,
            f"the target was missed; job=promote study.name={name} does it all the same",
        )
    again = "the same command, or job=promote, does it later"
    if session.tracking.undelivered:
        return None, f"MLflow has not taken everything yet: {again}"
    plan = session.decisions.plan
    if plan is not None and plan.unpromoted:
        return None, f"{plan.unpromoted}: {again}"
    from tuner.promoting import promote

    try:
        found = promote(session, saved)
    except UserError as error:
        return None, f"{error}: {again}"
    log.tell(session.config, "promoted", to_json(found))
    return found, ""


def show(session: "Session", saved: SavedResult, found: Promotion | None = None) -> int:
    """Shows the verdict, and how to open the curves; returns the exit code."""
    result, page = saved.result, saved.run.curves
    curves = session.study.drawn_curves() if len(result.all) <= FEW else {}
    told = outcome(result, curves, session.folder, session.tracking.shows(page) if page else "")
    plain = {} if found is None else {"promotion": to_json(found)}
    if found is not None:
        headline = [*told.headline, promotion.verdict(found)]
        told = replace(
            told, headline=headline, evidence=[*told.evidence, *promotion.evidence(found)]
        )
    terminal.show(session.config, lambda: {**plain_result(saved), **plain}, told)
    return code(session, result)


def code(session: "Session", result: StudyResult) -> int:
    """The exit code of a command that ends with this result."""
    if result.none_succeeded:
        return NOTHING_SUCCEEDED
    target, best = session.config.target, result.best
    if target is not None and (
        best is None or best.value is None or best.value > result.goal.turn(target)
    ):
        return TARGET_MISSED
    return UNDELIVERED if session.tracking.undelivered else 0


def say_not_promoted(missed: str) -> None:
    """Prints why a winner was not promoted."""
    print(printable(f"tuner: not promoted: {missed}"), file=sys.stderr)
