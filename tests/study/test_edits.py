"""Promises of edited ranges: the record keeps every trial, those that fit count and teach."""

from pathlib import Path
from typing import Any

import pytest

from tests.search.conftest import outcome
from tuner.search.samplers import Sampler
from tuner.search.samplers.quasi_random import QuasiRandom
from tuner.search.samplers.random import Random
from tuner.search.samplers.tpe import TPE
from tuner.search.space import Choices, Range, Space
from tuner.study.journal import JournalRecord
from tuner.study.study import Study

# The same two settings, in ranges of every kind, one edit after another.
EDITS: list[dict[str, Any]] = [
    {"a": Range(0.0, 1.0), "b": Choices((16, 32))},
    {"a": Range(0.2, 3.0, "log"), "b": Choices((16, 32, 64))},
    {"a": Range(0.2, 0.99, "reverse_log"), "b": Range(8, 64, integer=True)},
    {"a": Choices((0.1, 0.2)), "b": Range(8, 64, "log", integer=True)},
    {"a": Range(0.0, 3.0, step=0.1), "b": Range(8, 64, step=8, integer=True)},
    {"a": Range(0.0, 3.0), "b": Choices((16, 32, 64))},
]


def opened(folder: Path, space: Space, sampler: Sampler) -> Study:
    with JournalRecord(folder, "edited") as record:
        return Study(record, space, sampler, 0)


@pytest.mark.parametrize("sampler", [TPE(2), Random(), QuasiRandom()])
def test_ranges_may_be_edited_in_any_way(sampler: Sampler, tmp_path: Path):
    asked: list[dict[str, Any]] = []
    for searched in EDITS:
        study = opened(tmp_path, Space({}, searched, {}), sampler)
        unfit = [
            number
            for number, settings in enumerate(asked)
            if not all(searched[path].holds(value) for path, value in settings.items())
        ]
        assert sorted(study.left_out) == unfit
        assert study.finished == len(asked) - len(unfit) == len(study.results())
        if asked:
            many = f"{len(asked) - len(unfit)} of {len(asked)}"
            fit = f"{many} earlier trials lie in the new ranges and count"
            assert study.refitted().startswith(fit)
        for trial in study.cohort(4):
            asked.append(dict(trial.settings))
            assert all(searched[path].holds(value) for path, value in trial.settings.items())
            study.tell(outcome(trial, "COMPLETE", [trial.settings["a"]]))
    assert len(asked) == 4 * len(EDITS)


def test_a_cohort_cut_short_after_an_edit_is_asked_as_it_would_have_been(tmp_path: Path):
    asked = []
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        begun = opened(folder, Space({}, EDITS[0], {}), TPE(2))
        for trial in begun.cohort(4):
            begun.tell(outcome(trial, "COMPLETE", [trial.settings["a"]]))
        study = opened(folder, Space({}, EDITS[1], {}), TPE(2))
        trials = study.cohort(4)
        if name == "killed":
            study = opened(folder, Space({}, EDITS[1], {}), TPE(2))
            trials = study.cohort(4)
        asked.append([(t.number, t.settings) for t in trials])
    assert asked[0] == asked[1]
    assert [number for number, _ in asked[0]] == [4, 5, 6, 7]
