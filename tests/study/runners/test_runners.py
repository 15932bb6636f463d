"""Promises of the runners: rows in order, and a saved one goes on as if nothing had happened."""

import atexit
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from importlib import import_module
from inspect import isclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from joblib import Parallel
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import get_scorer

import tuner.study.runners
from tests.training.conftest import member, supervised
from tuner import discovery
from tuner.model_selection.judge import Judge
from tuner.search.runner import Row, Runner
from tuner.study.judgements import Judgements
from tuner.study.runners.fitting import FitRunner, Stage
from tuner.study.runners.folds import FoldsRunner
from tuner.study.runners.partial_fit import PartialFitRunner, Samples
from tuner.study.runners.population import PopulationRunner
from tuner.study.runners.recorded import RecordedRunner, Run
from tuner.study.runners.spread import Bounds, SpreadRunner
from tuner.study.workers.pool import Pool
from tuner.training.loop import Trainer
from tuner.training.problems import Supervised

EPOCHS, FOLDS = 6, 2
# By trial: several optimizers and schedules, averages of either kind, Lookahead, and one diverges.
MEMBERS = [
    member("adam", schedule="cosine", lr=0.01),
    member("sgd", schedule="reduce_on_plateau", lr=0.1),
    member("sgd", lr=1e30),
    member("momentum", lookahead_rate=0.5, lookahead_steps=3.0),
    member("adam", ema=0.9, weight_decay=0.01),
    member("schedule_free_sgd", lr=0.1),
    member("muon", tail_average=0.5),
]
TRIALS = range(len(MEMBERS))
Make = Callable[[Collection[int]], Runner]


def population(stack: ExitStack, trials: Collection[int]) -> Runner:
    trainer = stack.enter_context(Trainer(supervised(hidden=(6,), folds=FOLDS), EPOCHS, 1))
    members = [replace(MEMBERS[t], trial=t, fold=f) for t in trials for f in range(FOLDS)]
    return PopulationRunner(trainer, members)


@cache
def pool() -> Pool:
    """Two workers that all tests share."""
    folder = Path(tempfile.mkdtemp())
    own = Pool(2, 1, Event(), folder / "workers")
    atexit.register(own.close)
    return own


@cache
def shared() -> Supervised:
    """A problem whose data are brought to the workers once."""
    return supervised(hidden=(6,), folds=FOLDS)


def spread(stack: ExitStack, trials: Collection[int]) -> Runner:
    trainer = stack.enter_context(Trainer(shared(), EPOCHS, 1))
    members = [replace(MEMBERS[t], trial=t, fold=f) for t in trials for f in range(FOLDS)]
    return SpreadRunner(trainer, members, "one", pool(), Bounds({}))


def recorded(stack: ExitStack, trials: Collection[int]) -> Runner:
    curves = np.random.default_rng(0).random((len(TRIALS), 2, EPOCHS + 1))
    curves[2, :, 2:] = np.nan
    return RecordedRunner({t: Run(*curves[t], steps=3) for t in trials})


def partial_fit(stack: ExitStack, trials: Collection[int]) -> Runner:
    X, y = make_classification(60, random_state=0)
    halves = [Samples(X[i::2], y[i::2], None, X[1 - i :: 2], y[1 - i :: 2]) for i in range(FOLDS)]
    rows = [Row(t, 0, fold) for t in trials for fold in range(FOLDS)]
    estimators = {row: SGDClassifier(alpha=0.1**row.trial, random_state=0) for row in rows}
    pool = stack.enter_context(Parallel(n_jobs=1))
    samples = {row: halves[row.fold] for row in rows}
    return PartialFitRunner(
        estimators, samples, Judge(get_scorer("accuracy"), "raise"), 5, pool, Judgements()
    )


def folds(stack: ExitStack, trials: Collection[int]) -> Runner:
    """Two folds of seven features and, between them, one of five."""
    parts = []
    for numbers, features in (((0, 2), 7), ((1,), 5)):
        problem = supervised(features=features, folds=len(numbers), samples=50)
        trainer = stack.enter_context(Trainer(problem, EPOCHS, 1))
        members = [
            replace(MEMBERS[t], trial=t, fold=f) for t in trials for f in range(len(numbers))
        ]
        parts.append((numbers, PopulationRunner(trainer, members)))
    return FoldsRunner(parts)


def fitting(stack: ExitStack, trials: Collection[int]) -> Runner:
    """Trees that are grown on, trees that are not, and one that cannot be fitted."""
    X, y = make_classification(60, random_state=0)
    halves = [Samples(X[i::2], y[i::2], None, X[1 - i :: 2], y[1 - i :: 2]) for i in range(FOLDS)]

    def stage(epoch: int) -> Stage:
        return Stage(halves, 2 * epoch, {"n_estimators": 2 * epoch}, epoch == EPOCHS)

    def estimator(trial: int) -> Any:
        stops = {"n_iter_no_change": 2} if trial == 1 else {}
        rate = -1.0 if trial == 2 else 0.5**trial
        return GradientBoostingClassifier(learning_rate=rate, random_state=0, **stops)

    rows = {Row(t, 0, fold): estimator(t) for t in trials for fold in range(FOLDS)}
    pool = stack.enter_context(Parallel(n_jobs=1))
    return FitRunner(rows, stage, Judge(get_scorer("accuracy"), np.nan), pool, Judgements())


KINDS = {
    "population": population, "folds": folds, "recorded": recorded, "partial_fit": partial_fit,
    "fitting": fitting, "spread": spread,
}  # fmt: skip
# A runner of a user's function has but one trial: tests of functions make their promises.
OF_ONE = {"function"}


def runners() -> list[str]:
    """The modules that have a runner of several trials."""
    names = discovery.names(tuner.study.runners.__name__)
    modules = {name: import_module(f"{tuner.study.runners.__name__}.{name}") for name in names}
    own = {
        name
        for name, module in modules.items()
        for value in vars(module).values()
        if isclass(value) and Runner in value.__mro__ and value.__module__ == module.__name__
    }
    return sorted(own - OF_ONE)


@pytest.fixture(params=runners())
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes fresh runners of one kind."""
    with ExitStack() as stack:
        yield lambda trials: KINDS[request.param](stack, trials)


def numbers(metrics: Mapping[str, Any], rows: Collection[Row]) -> dict[str, dict[Row, float]]:
    """Metrics by row."""
    return {name: dict(zip(rows, values, strict=True)) for name, values in metrics.items()}


def trained(runner: Runner, epochs: Collection[int]) -> list[Any]:
    """All that these epochs say of each row."""
    said = []
    for epoch in epochs:
        p, rows = runner.epoch(epoch), list(runner.rows)
        own = {"left": p.left, "steps": p.steps, "left_at": p.left_at}
        said.append((rows, numbers({**p.metrics, **own}, rows)))
    return said


def test_all_arrays_are_in_the_order_of_the_rows(make: Make) -> None:
    runner = make(TRIALS)
    rows = list(runner.rows)
    assert {row.trial for row in rows} == set(TRIALS)
    assert len(set(rows)) == len(rows)
    assert runner.steps >= 1
    assert runner.momentum.shape == (len(rows),)
    start, progress = runner.start(), runner.epoch(1)
    assert start.keys() <= progress.metrics.keys()
    for values in (*start.values(), *progress.metrics.values(), progress.steps, progress.left_at):
        assert (values.shape, values.dtype) == ((len(rows),), np.float64)
    assert (progress.left.shape, progress.left.dtype) == ((len(rows),), np.bool_)
    assert list(runner.rows) == rows


def test_rows_that_stay_train_as_if_none_had_left(make: Make) -> None:
    whole, part = make(TRIALS), make(TRIALS)
    whole.start(), part.start()
    np.testing.assert_equal(trained(whole, [1, 2]), trained(part, [1, 2]))
    stay = {0, 3, 5}
    part.keep(stay)
    assert list(part.rows) == [row for row in whole.rows if row.trial in stay]
    assert part.momentum.shape == (len(part.rows),)
    for (_, among), (_, alone) in zip(trained(whole, [3, 4]), trained(part, [3, 4]), strict=True):
        kept = {k: {row: n for row, n in v.items() if row.trial in stay} for k, v in among.items()}
        np.testing.assert_equal(alone, kept)


@pytest.mark.parametrize("epochs", [0, 1, 4])
@pytest.mark.parametrize("stay", [TRIALS, [0, 3, 4], [1, 6], [2]], ids=str)
def test_a_saved_runner_goes_on_to_the_last_bit(
    epochs: int, stay: Collection[int], make: Make, tmp_path: Path
) -> None:
    runner, again = make(TRIALS), make(TRIALS)
    runner.start()
    trained(runner, range(1, epochs + 1))
    runner.keep(stay)
    runner.save(tmp_path)
    again.restore(tmp_path)
    assert list(again.rows) == list(runner.rows)
    rest = range(epochs + 1, EPOCHS + 1)
    np.testing.assert_equal(trained(again, rest), trained(runner, rest))


def test_what_is_saved_is_plain_data(make: Make, tmp_path: Path) -> None:
    runner = make(TRIALS)
    runner.start()
    runner.epoch(1)
    runner.save(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".npz"}
    for path in tmp_path.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)


@pytest.mark.parametrize("others", [[3, 4], [1], [1, 2]], ids=str)
def test_a_folder_of_other_trials_is_refused(
    others: Collection[int], make: Make, tmp_path: Path
) -> None:
    runner = make([0, 1])
    runner.start()
    runner.epoch(1)
    runner.save(tmp_path)
    with pytest.raises(ValueError, match="holds other trials than these"):
        make(others).restore(tmp_path)


def test_a_population_of_another_structure_is_refused(tmp_path: Path) -> None:
    with ExitStack() as stack:
        runner = population(stack, [0])
        runner.start()
        runner.save(tmp_path)
        trainer = stack.enter_context(Trainer(supervised(hidden=(7,), folds=FOLDS), EPOCHS, 1))
        other = PopulationRunner(trainer, [replace(MEMBERS[0], fold=f) for f in range(FOLDS)])
        with pytest.raises(ValueError, match="theta does not fit these trials"):
            other.restore(tmp_path)
        averaged = [replace(MEMBERS[4], trial=0, fold=f) for f in range(FOLDS)]
        with pytest.raises(ValueError, match="holds other arrays"):
            PopulationRunner(runner.trainer, averaged).restore(tmp_path)
