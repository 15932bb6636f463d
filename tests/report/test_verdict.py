"""The verdict on any study: one winner, six lines, and no sentence against an interval."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import pytest

from tuner.report import verdict
from tuner.report.claim import Choice, Gain, claim
from tuner.report.reached import plus_minus
from tuner.search.statistics import Interval
from tuner.search.trials import Goal, State, TrialResult
from tuner.study.results import (
    INTERRUPTED,
    Confirmation,
    ConfirmedDefault,
    ConfirmedTrial,
    Finding,
    Repeated,
    StudyResult,
    counts,
    divergences,
    winner_of,
)  # fmt: skip

# By how much something is worse, with its interval; None: it diverged.
WORSE, EQUAL, BETTER = (Interval(m, m - 0.065, m + 0.065) for m in (0.0651, 0.061, -0.0651))
UNLIKE = Interval(0.3, 0.2, 0.4)
LOSS, SCORE = Goal(), Goal("validation_accuracy", True)
ORIGIN = {"default": "adam", "unlike": []}


def trial(number: int, state: State = "COMPLETE", default: bool = False) -> TrialResult:
    rate = {"optimizer.adam.lr": 0.01 * (number + 1)}
    return TrialResult(
        number=number, state=state, reason="", origin=ORIGIN if default else {},
        label="converged", evidence="e", advice="none needed",
        settings={"optimizer": "adam", "schedule": "cosine", **rate},
        epochs=4, diverged_at=None, start=2.0, value=0.1 + number / 100, rungs=(),
        validation_loss=0.1 + number / 100, scores={}, members=(),
    )  # fmt: skip


def study(trials: Sequence[TrialResult], confirmed: Confirmation | None = None, goal: Goal = LOSS,
          stopped: str = "it has its trials") -> StudyResult:  # fmt: skip
    complete = [t for t in trials if t.state == "COMPLETE"]
    best = complete[0] if complete else None
    return StudyResult(
        study="s", stopped=stopped, goal=goal, trials=counts(trials), best=best,
        confirmation=confirmed, test={"loss": 0.2}, divergence=divergences(trials),
        winner=None if stopped == INTERRUPTED else winner_of(goal, best, confirmed, trials),
        all=tuple(trials), searched=("optimizer.adam.lr",), unit="",
    )  # fmt: skip


def confirmation(
    others: Sequence[Interval | None], first: bool, simpler: bool, judged: bool,
    defaults: Sequence[Interval | None],
) -> Confirmation:  # fmt: skip
    """Of trial 0, others that are worse than it by so much, and the textbook's, numbered from 8.

    Args:
        others: None for one that diverged.
        first: whether trial 0 diverged on no seed that chose.
        simpler: whether trial 1 is the winner.
        judged: whether the winner diverged on no seed that judged.
        defaults: by how much each is worse than the winner, None for one that diverged.
    """
    mean = Interval(0.1, 0.05, 0.15)

    def repeated(number: int, known: bool) -> tuple[object, ...]:
        values = (0.1, 0.1, 0.1 if known else None)
        return number, "adam", 0.1, values, int(not known), mean if known else None

    ranked = [ConfirmedTrial(*repeated(0, first), None, True)]  # type: ignore[arg-type]
    for number, worse in enumerate(others, 1):
        alike = worse is not None and worse.holds_zero
        known = repeated(number, worse is not None)
        ranked.append(ConfirmedTrial(*known, worse, alike))  # type: ignore[arg-type]
    winner = int(simpler)
    return Confirmation(
        seeds=3, trials=tuple(ranked), winner=winner, why="there is less to it",
        judged=Repeated(*repeated(winner, judged), None),  # type: ignore[arg-type]
        defaults=tuple(
            ConfirmedDefault(*repeated(number, worse is not None or not judged),  # type: ignore[arg-type]
                             worse if judged else None, ORIGIN)
            for number, worse in enumerate(defaults, 8)
        ),
    )  # fmt: skip


def studies() -> Iterator[StudyResult]:
    """Every way in which a confirmation may come out, of up to three trials and two textbooks."""
    finalists = [
        (),
        *product([WORSE, EQUAL, None], repeat=1),
        *product([WORSE, EQUAL, None], repeat=2),
    ]
    books = [
        (),
        *((b,) for b in (UNLIKE, WORSE, EQUAL, BETTER, None)),
        (UNLIKE, EQUAL),
        (None, BETTER),
    ]
    for others, own, first, simpler, judged, default, goal in product(
        finalists,
        books,
        [True, False],
        [True, False],
        [True, False],
        [True, False],
        [LOSS, SCORE],
    ):
        if (simpler and others[:1] != (EQUAL,)) or (not first and any(others)):
            continue
        trials = [
            *map(trial, range(len(others) + 1)),
            *(trial(8 + i, default=True) for i, _ in enumerate(own)),
        ]
        winner = int(simpler)
        trials[winner] = trial(winner, default=default)
        yield study(trials, confirmation(others, first, simpler, judged, own), goal)


def said(result: StudyResult) -> list[str]:
    return [*verdict.headline(result), *verdict.evidence(result, {})]


NOISE = re.compile(
    r"as good as|within the noise"
    r"|settings .* are better by|is .* worse\.$"
)


def test_a_lead_is_said_to_be_no_noise_only_where_no_interval_beside_it_holds_zero() -> None:
    seen = set()
    for result in studies():
        made = claim(result)
        seen.add((made.choice, made.gain))
        text = "\n".join(said(result))
        assert ("exceeds the noise" in text) == made.is_lead
        assert result.confirmation is not None
        shown = [own.worse for own in (*result.confirmation.trials, *result.confirmation.defaults)]
        if "exceeds the noise" in text:
            assert not NOISE.search(text), text
            assert all(own is None or own.low > 0 for own in shown)
        for mean, half in re.findall(
            r"(?:worse by|is better than .* by|is) (\d+\.\d+) \+- (\d+\.\d+)", text
        ):
            assert float(mean) > float(half), text
    choices = set(Choice) - {Choice.NONE, Choice.SEARCH}
    assert seen == set(product(choices, Gain))


def test_the_winner_is_one_and_the_same_in_headline_table_and_evidence() -> None:
    for result in studies():
        assert result.winner is not None
        number = result.winner.number
        lines = said(result)
        assert lines[0].startswith(
            f"Study s: the winner is trial {number} (adam, cosine, learning rate "
        )
        assert {int(n) for n in re.findall(r"[Tt]rial (\d+) was chosen", "\n".join(lines))} == {
            number
        }
        assert f"Trial {number}, the winner:" in lines
        _, rows = verdict.table(result)
        assert (
            [row[0] for row in rows if "winner" in row[0]]
            == [rows[0][0]]
            == [f"{number}, the winner"]
        )


def test_a_headline_has_at_most_six_lines_and_each_is_one() -> None:
    failed = Finding("bounds", False, 1.0, 2.0, "the best is at the bound.", "widen lr.")
    for result in studies():
        full = replace(result, findings=(failed, failed), reproduce="python -m tuner ...")
        lines = verdict.headline(full)
        assert len(lines) <= 6
        assert not any("\n" in line for line in lines)
        assert lines[-2:] == ["Next: widen lr (and 1 more below).", "python -m tuner ..."]
        assert "Check bounds: failed: the best is at the bound; widen lr." in verdict.evidence(
            full, {}
        )


def test_all_is_well_only_where_nothing_speaks_against_the_winner() -> None:
    for result in studies():
        if "all is well" in "\n".join(said(result)):
            assert not claim(result).is_doubtful


def test_a_winner_that_diverged_when_its_model_was_trained_is_not_praised() -> None:
    failed = "trained on all but the test part, the winner diverged: do not use the model"
    for result in studies():
        for test in (result.test, {}):
            bad = replace(result, failed_refit=failed, test=test)
            lines = verdict.headline(bad)
            assert len(lines) <= 6
            assert any(line.endswith(f"{failed[1:]}.") for line in lines)
            assert "all is well" not in "\n".join(said(bad))


def test_the_interval_of_a_score_is_in_its_own_units_the_lower_end_first() -> None:
    own = confirmation([WORSE], True, False, True, [UNLIKE])
    minus = Interval(-0.9, -0.95, -0.85)
    own = replace(own, judged=replace(own.judged, mean=minus))
    first, *_ = verdict.headline(study([trial(0), trial(1), trial(8, default=True)], own, SCORE))
    assert (
        "accuracy 0.9, 95 % interval 0.85 to 0.95 on 3 fresh seeds; its lead exceeds the noise."
        in first
    )


def test_what_is_not_confirmed_is_said_not_to_be() -> None:
    lines = verdict.headline(study([trial(0), trial(1, default=True)]))
    assert lines[0].endswith("loss 0.1, the best of the search; not confirmed on fresh seeds.")
    assert lines[1] == (
        "In the search it is better than the textbook settings (trial 1, the defaults of adam) "
        "by 0.01."
    )
    assert "noise" not in "\n".join(lines)
    itself = verdict.headline(study([trial(0, default=True), trial(1)]))
    assert itself[1] == "It uses the defaults of adam: tuning found nothing better."


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        ([], "no trial has trained to the end yet, so there is no winner"),
        ([trial(0, "PRUNED")], "no trial has trained to the end yet, so there is no winner"),
        ([trial(0), trial(1, "INTERRUPTED")], "no winner yet; the best so far is trial 0 (adam, "),
        ([trial(0, "DIVERGED")], "every trial diverged: try learning rates below 0.001"),
    ],
)
def test_a_study_without_a_winner_says_why(trials: list[TrialResult], words: str) -> None:
    result = study(trials, stopped=INTERRUPTED)
    lines = said(result)
    assert words in lines[0]
    assert "the winner is" not in "\n".join(lines)
    assert not any("winner" in row[0] for row in verdict.table(result)[1])


def test_a_table_has_the_top_ten_and_what_trained_to_the_end_before_what_did_not() -> None:
    trials = [trial(0, "DIVERGED"), trial(1, "PRUNED"), *map(trial, range(2, 14))]
    head, rows = verdict.table(study(trials))
    assert len(rows) == 10
    assert {len(row) for row in rows} == {len(head)}
    assert [row[0].partition(",")[0] for row in rows] == [str(n) for n in range(2, 12)]
    assert [row[-1] for row in verdict.table(study(trials), 20)[1]][-2:] == [
        "pruned at epoch 4", "diverged at epoch 4",
    ]  # fmt: skip


def test_settings_of_one_name_keep_their_paths() -> None:
    own = replace(
        trial(0), settings={"optimizer.adam.gamma": 0.1, "schedule.cosine.gamma": 2.0, "x": 1}
    )
    paths = ("optimizer.adam.gamma", "schedule.cosine.gamma", "x")
    assert (
        verdict.settings_of(own, paths) == "optimizer.adam.gamma 0.1, schedule.cosine.gamma 2, x 1"
    )


def own(number: int, state: State = "COMPLETE") -> TrialResult:
    """A trial of a user's function, with many settings."""
    settings = {f"train.{name}": number + i for i, name in enumerate("abcdef")}
    reason = "ValueError: a is too large" if state == "FAILED" else ""
    return replace(trial(number, state), settings=settings, reason=reason)


def test_trials_that_failed_are_told_and_count_for_no_rate() -> None:
    trials = [own(0), own(1, "FAILED"), own(2), own(3, "FAILED")]
    result = replace(study(trials), test=None, setup={"function": {}}, searched=("train.a",))
    said = "2 of 4 trials failed, the first is trial 1: ValueError: a is too large."
    assert said in verdict.headline(result)
    assert "No trial diverged." in verdict.headline(result)
    assert result.divergence[0].trials == 2
    evidence = verdict.evidence(result, {})
    assert "Trial 3 failed: ValueError: a is too large." in evidence
    assert "The traceback of one: job=show trial=1." in evidence
    assert verdict.table(result)[1][-1][-1] == "failed at epoch 4"
    lost = replace(study([own(0, "FAILED")]), test=None, searched=("train.a",))
    assert verdict.headline(lost)[0] == "Study s: every trial failed, so there is no winner."


def test_a_function_of_many_settings_is_told_by_the_first_of_them() -> None:
    searched = tuple(f"train.{name}" for name in "abcdef")
    result = replace(study([own(0), own(1)]), test=None, searched=searched)
    assert "the winner is trial 0 (a 0, b 1, c 2, d 3, ...): loss" in verdict.headline(result)[0]


def test_a_difference_that_is_rounding_alone_has_no_digits() -> None:
    assert plus_minus(Interval(0.0152854, 0.0152854 - 1e-17, 0.0152854 + 1e-17)) == "0.015 +- 0"
