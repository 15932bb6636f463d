"""Promises of the initial trials: textbook settings first, another study's best where they fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.search.conftest import outcome
from tuner.composing import compose
from tuner.config import Config, check
from tuner.errors import UserError
from tuner.search import initial_trials
from tuner.search.constraints import parse
from tuner.search.initial_trials import InitialTrial, ask_initial
from tuner.search.samplers import Sampler
from tuner.search.samplers.quasi_random import QuasiRandom
from tuner.search.samplers.random import Random
from tuner.search.samplers.tpe import TPE
from tuner.search.space import Choices, Range, Space
from tuner.search.untried import Untried
from tuner.study import builder
from tuner.study.journal import JournalRecord
from tuner.study.study import Study
from tuner.training import optimizers

LR = Range(1e-5, 1.0, "log")
SPACE = Space(
    fixed={"model": "mlp", "schedule": "cosine", "optimizer.adam.eps": 1e-8},
    searched={
        "optimizer": Choices(("adam", "sgd")),
        "optimizer.adam.lr": LR,
        "optimizer.adam.beta1": Range(0.5, 0.98, "reverse_log"),
        "optimizer.sgd.lr": LR,
        "schedule.cosine.warmup_linear": Range(0.0, 0.3),
        "batch_size": Choices((16, 64)),
    },
    branches={"optimizer": ("adam", "sgd"), "schedule": ("cosine",), "model": ("mlp",)},
)
OWN = {
    f"optimizer.{name}.{key}": hyperparameter.default
    for name in ("adam", "sgd")
    for key, hyperparameter in optimizers.load(name).own.items()
}
SPACE = replace(
    SPACE, fixed={**{p: v for p, v in OWN.items() if p not in SPACE.searched}, **SPACE.fixed}
)


def sub(space: Space, **searched: Any) -> Space:
    return replace(space, searched={**space.searched, **searched})


def test_the_textbook_settings_are_the_rules_own_defaults():
    adam, sgd = initial_trials.textbook(SPACE)
    assert adam.settings["optimizer.adam.lr"] == 1e-3
    assert adam.settings["optimizer.adam.beta1"] == 0.9
    assert adam.settings["schedule.cosine.warmup_linear"] == 0.0
    assert sgd.settings["optimizer.sgd.lr"] == 0.01
    assert {s.settings["batch_size"] for s in (adam, sgd)} == {16}
    assert [q.origin for q in (adam, sgd)] == [
        {"default": "adam", "unlike": []}, {"default": "sgd", "unlike": []}
    ]  # fmt: skip
    assert initial_trials.described(sgd.origin) == "the defaults of sgd"


@pytest.mark.parametrize("name", optimizers.names())
def test_every_optimizer_has_textbook_settings(name: str):
    own = {f"optimizer.{name}.{k}": h.default for k, h in optimizers.load(name).own.items()}
    lr = f"optimizer.{name}.lr"
    space = Space({**own, "schedule": "constant"}, {lr: LR}, {"optimizer": (name,)})
    space = replace(
        space, fixed={p: v for p, v in space.fixed.items() if p != lr} | {"optimizer": name}
    )
    (trial,) = initial_trials.textbook(space)
    assert trial.settings == {**space.fixed, lr: own[lr]}
    assert not trial.origin["unlike"]


def test_a_default_outside_its_range_is_the_nearest_and_says_so():
    narrow = sub(SPACE, **{"optimizer.adam.lr": Range(0.01, 0.1, "log")})
    adam, _ = initial_trials.textbook(narrow)
    assert adam.settings["optimizer.adam.lr"] == 0.01
    assert adam.origin["unlike"] == ["optimizer.adam.lr"]
    said = "the defaults of adam, as near as the ranges allow (optimizer.adam.lr)"
    assert initial_trials.described(adam.origin) == said


@pytest.mark.parametrize(
    ("setting", "value", "nearest"),
    [
        (Range(0.0, 1.0, step=0.25), 0.4, 0.5),
        (Range(0.0, 1.0, step=0.3), 7.0, 0.9),
        (Range(8, 64, step=8, integer=True), 30, 32),
        (Range(1, 100, "log", integer=True), 2.6, 3),
        (Range(0.5, 0.9, "reverse_log"), 0.99, 0.9),
        (Range(0.0, 1.0), None, 0.5),
        (Choices((0.1, 0.01)), 0.001, 0.01),
        (Choices(("relu", "tanh")), "tanh", "tanh"),
        (Choices(("relu", "tanh")), None, "relu"),
        (Choices(([8], [8, 8])), 3, [8]),
    ],
)
def test_the_nearest_value_of_a_setting(setting: Any, value: Any, nearest: Any):
    assert setting.nearest(value) == nearest
    assert setting.holds(nearest)
    assert setting.holds(value) == (value == nearest)


def test_defaults_that_the_conditions_forbid_are_left_out():
    condition = parse("lr < 0.005", SPACE.kinds(), SPACE.branches)
    (adam,) = initial_trials.textbook(replace(SPACE, conditions=(condition,)))
    assert adam.origin["default"] == "adam"


def test_where_nothing_is_searched_there_are_no_defaults():
    assert initial_trials.textbook(replace(SPACE, searched={})) == []


def test_a_constant_schedule_goes_with_the_defaults_where_it_is_searched():
    options = ("cosine", "constant")
    space = replace(
        sub(SPACE, schedule=Choices(options)), branches={**SPACE.branches, "schedule": options}
    )
    assert {q.settings["schedule"] for q in initial_trials.textbook(space)} == {"constant"}


@dataclass
class Given(Sampler):
    """Proposes adam with one rate after another."""

    rates: Iterator[float]
    name = "given"

    def propose(self, study: optuna.Study, untried: Untried, seed: int) -> None:
        def choose(path: str, s: Any) -> Any:
            near = s.nearest(initial_trials.default(path))
            return {"optimizer": "adam", "optimizer.adam.lr": rate}.get(path, near)

        rate, space = next(self.rates), untried.space
        study.add_trial(space.trial(space.settings(choose)))


def made(folder: Path, space: Space, losses: Mapping[float, Sequence[float]]) -> None:
    """A study `other` of adam trials by their rates; without a loss one was pruned."""
    with JournalRecord(folder, folder.name) as record:
        study = Study(record, space, Given(iter(losses)), 0)
        for trial in study.cohort(len(losses)):
            curve = losses[trial.settings["optimizer.adam.lr"]]
            # What was pruned was the best of all until then.
            state, rungs = ("COMPLETE", {}) if curve else ("PRUNED", {1: 0.01})
            study.tell(outcome(trial, state, curve, rungs=rungs))


def config(root: Path, *settings: str) -> Config:
    return check(compose([f"root={root}", *settings], None))


def warm(space: Space, root: Path, name: str = "other") -> tuple[list[InitialTrial], str]:
    """What a study in this root starts with if it is to start from that one."""
    return initial_trials.warm(space, builder.results_of(config(root), name), name)


RATES = {0.1: [1.0], 0.2: [0.5], 0.01: [0.7], 0.3: [], 0.02: [0.6]}


def test_the_best_of_another_study_are_tried_first_best_first(tmp_path: Path):
    made(tmp_path / "studies" / "other", SPACE, RATES)
    best, line = warm(SPACE, tmp_path)
    assert [q.settings["optimizer.adam.lr"] for q in best] == [0.2, 0.02, 0.01, 0.1]
    assert best[0].origin == {"study": "other", "trial": 1}
    assert initial_trials.described(best[0].origin) == "trial 1 of study other"
    assert "4 of its 4 trials that trained to the end fit" in line
    assert "left out" not in line


def test_only_a_few_of_another_study_are_tried(tmp_path: Path):
    made(tmp_path / "studies" / "other", SPACE, {0.01 * i: [1.0 / i] for i in range(1, 20)})
    best, line = warm(SPACE, tmp_path)
    assert len(best) == initial_trials.FEW
    assert best[0].settings["optimizer.adam.lr"] == 0.01 * 19
    assert f"the best {initial_trials.FEW} are tried first" in line


def test_what_does_not_fit_is_left_out_and_named(tmp_path: Path):
    made(tmp_path / "studies" / "other", SPACE, RATES)
    narrow = sub(SPACE, **{"optimizer.adam.lr": Range(1e-5, 0.1, "log")})
    best, line = warm(narrow, tmp_path)
    assert [q.settings["optimizer.adam.lr"] for q in best] == [0.02, 0.01, 0.1]
    assert "3 of its 4 trials" in line
    assert "left out: trial 1, optimizer.adam.lr is 0.2, here 1e-05 to 0.1" in line


def test_a_study_that_does_not_fit_at_all_is_one_line(tmp_path: Path):
    made(tmp_path / "studies" / "other", SPACE, RATES)
    sgd = replace(
        SPACE,
        fixed={**SPACE.fixed, "optimizer": "sgd"},
        searched={p: s for p, s in SPACE.searched.items() if p != "optimizer"},
        branches={**SPACE.branches, "optimizer": ("sgd",)},
    )
    with pytest.raises(UserError) as caught:
        warm(sgd, tmp_path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("study.warm_start: other: none of its 4 trials")
    assert "optimizer is adam, here sgd" in line


def test_an_unknown_study_is_told_its_like(tmp_path: Path):
    with pytest.raises(UserError, match=r"othr: no such study in .*: there is none yet"):
        warm(SPACE, tmp_path, "othr")
    made(tmp_path / "studies" / "other", SPACE, RATES)
    with pytest.raises(UserError, match=r"othr: no such study in .*: did you mean other\?"):
        warm(SPACE, tmp_path, "othr")


def test_reading_another_study_changes_nothing_in_it(tmp_path: Path):
    folder = tmp_path / "studies" / "other"
    made(folder, SPACE, RATES)
    journal = folder / "optuna.journal"
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "tor')  # as its process writes, or was killed
    before = {p: p.read_bytes() for p in folder.iterdir()}
    assert len(warm(SPACE, tmp_path)[0]) == 4
    assert {p: p.read_bytes() for p in folder.iterdir()} == before


def first(space: Space, *trials: InitialTrial) -> list[InitialTrial]:
    return [InitialTrial(searched(t, space), t.origin) for t in trials]


def searched(trial: InitialTrial, space: Space) -> dict[str, Any]:
    return {p: v for p, v in trial.settings.items() if p in space.searched}


def ask(study: optuna.Study, sampler: Sampler, count: int, space: Space = SPACE) -> None:
    """Asks so many trials: the initial ones, and then the sampler's."""
    entries = first(SPACE, *initial_trials.textbook(SPACE))
    for _ in range(count):
        assert ask_initial(study, space, entries) or sampler.ask(study, space, 0)


@pytest.mark.parametrize("at", range(4))
def test_initial_trials_are_asked_first_whole_or_in_pieces(at: int):
    whole, part, resumed = (optuna.create_study() for _ in range(3))
    ask(whole, QuasiRandom(), 6)
    ask(part, QuasiRandom(), at)
    resumed.add_trials(part.get_trials())
    ask(resumed, QuasiRandom(), 6 - at)
    asked = [[SPACE.settings_of(t) for t in s.get_trials()] for s in (whole, resumed)]
    assert asked[0] == asked[1]
    assert [s["optimizer"] for s in asked[0][:2]] == ["adam", "sgd"]
    origins = [t.user_attrs.get("origin", {}).get("default") for t in resumed.get_trials()]
    assert origins == ["adam", "sgd", None, None, None, None]


@pytest.mark.parametrize("sampler", [QuasiRandom(), TPE(4)], ids=lambda s: s.name)
def test_initial_trials_take_no_point_from_the_sampler_after_them(sampler: Sampler):
    plain, after = optuna.create_study(), optuna.create_study()
    for _ in range(4):
        sampler.ask(plain, SPACE, 0)
    ask(after, sampler, 6)
    assert [t.params for t in after.get_trials()[2:]] == [t.params for t in plain.get_trials()]


def test_an_initial_trial_that_failed_is_asked_again():
    study = optuna.create_study()
    for number in range(5):
        ask(study, QuasiRandom(), 1)
        if number in (0, 2):
            study.tell(number, state=optuna.trial.TrialState.FAIL)
    origins = [t.user_attrs.get("origin", {}).get("default") for t in study.get_trials()]
    assert origins == ["adam", "adam", "sgd", "sgd", None]


def test_what_no_longer_fits_is_not_asked():
    narrow = sub(SPACE, **{"optimizer.adam.lr": Range(0.01, 0.1, "log")})
    study = optuna.create_study()
    ask(study, Random(), 1, narrow)
    assert study.get_trials()[0].user_attrs["origin"]["default"] == "sgd"


def test_the_same_settings_are_tried_once(tmp_path: Path):
    default = initial_trials.textbook(SPACE)[0].settings["optimizer.adam.lr"]
    made(tmp_path / "studies" / "other", SPACE, {default: [0.1], 0.5: [0.2]})
    best, _ = warm(SPACE, tmp_path)
    entries = initial_trials.kept([*initial_trials.textbook(SPACE), *best], SPACE)
    rates = [e.settings.get("optimizer.adam.lr") for e in entries]
    assert sorted(r for r in rates if r) == [default, 0.5]


def test_a_study_starts_with_what_it_is_asked_to_start_with(tmp_path: Path):
    made(tmp_path / "studies" / "other", SPACE, RATES)
    none = "study.defaults=false"
    assert builder.initial(config(tmp_path, none)) == ([], "")
    entries, _ = builder.initial(config(tmp_path))
    assert [entry.origin["default"] for entry in entries] == ["adam"]
    own = ("batch_size=16", "schedule=cosine", "model=mlp", "study.warm_start=other")
    entries, line = builder.initial(config(tmp_path, none, *own))
    assert [entry.origin["trial"] for entry in entries] == [4, 2, 0]
    assert "3 of its 4 trials" in line
