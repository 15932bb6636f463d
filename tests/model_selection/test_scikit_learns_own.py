"""Scikit-learn's own tests of its searches, each of them run against TunerSearchCV."""

import importlib.util
import sys
import warnings
from inspect import isfunction
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import sklearn.model_selection

from tuner.model_selection import TunerSearchCV

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

SUITE = "sklearn.model_selection.tests.test_search"


class Plain(TunerSearchCV):
    """A search that fits all samples and halves nothing, as scikit-learn's do."""

    resource: ClassVar = "n_samples"
    max_resources: ClassVar = "auto"
    epochs: ClassVar = None
    keep: ClassVar = 1
    cohort: ClassVar = 64
    first_rung: ClassVar = 0.1
    tracking: ClassVar = None


class Grid(Plain):
    """In the words of GridSearchCV."""

    sampler: ClassVar = "grid"
    n_candidates: ClassVar = 100
    random_state: ClassVar = 0

    def __init__(
        self, estimator: Any, param_grid: Any, *, scoring: Any = None, n_jobs: Any = None,
        refit: Any = True, cv: Any = None, verbose: int = 0, pre_dispatch: Any = None,
        error_score: Any = np.nan, return_train_score: bool = False,
    ) -> None:  # fmt: skip
        self.param_grid, self.scoring, self.n_jobs, self.refit = param_grid, scoring, n_jobs, refit
        self.estimator, self.cv, self.verbose, self.pre_dispatch = (
            estimator, cv, verbose, pre_dispatch)  # fmt: skip
        self.error_score, self.return_train_score = error_score, return_train_score

    @property
    def space(self) -> Any:
        alone = isinstance(self.param_grid, list) and len(self.param_grid) == 1
        return self.param_grid[0] if alone else self.param_grid


class Randomized(Plain):
    """In the words of RandomizedSearchCV."""

    sampler: ClassVar = "random"

    def __init__(
        self, estimator: Any, param_distributions: Any, *, n_iter: int = 10, scoring: Any = None,
        n_jobs: Any = None, refit: Any = True, cv: Any = None, verbose: int = 0,
        pre_dispatch: Any = None, random_state: Any = None, error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:  # fmt: skip
        self.param_distributions, self.n_iter, self.scoring = param_distributions, n_iter, scoring
        self.estimator, self.n_jobs, self.refit, self.cv = estimator, n_jobs, refit, cv
        self.verbose, self.pre_dispatch, self.random_state = verbose, pre_dispatch, random_state
        self.error_score, self.return_train_score = error_score, return_train_score

    @property
    def space(self) -> Any:
        return self.param_distributions

    @property
    def n_candidates(self) -> Any:
        return self.n_iter


SEARCHES = {"GridSearchCV": Grid, "RandomizedSearchCV": Randomized}


def suite() -> ModuleType:
    """A copy of scikit-learn's module, whose searches are these."""
    found = importlib.util.find_spec(SUITE)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("sklearn.experimental.enable_halving_search_cv")
        for name, kind in SEARCHES.items():
            patch.setattr(sklearn.model_selection, name, kind)
        # A mark that this project does not know.
        patch.setitem(vars(pytest.mark), "thread_unsafe", lambda test: test)
        # Its classes are pickled by their names.
        sys.modules[SUITE] = module
        found.loader.exec_module(module)
    return module


OWN = suite()
TESTS = {
    name: test for name, test in vars(OWN).items() if name.startswith("test_") and isfunction(test)
}
# What scikit-learn tests and this search does not promise: the reason, and the tests, or the cases
# of a test whose names begin so. They are run, too: one that passes is no exception.
REASONS = {
    "it gives one score: several are refused": """
        test_no_refit test_refit_callable_multi_metric test_grid_search_cv_results_multimetric
        test_random_search_cv_results_multimetric test_unsupported_sample_weight_scorer
        test_callable_multimetric_confusion_matrix test_callable_multimetric_same_as_list_of_strings
        test_callable_single_metric_same_as_single_string
        test_callable_multimetric_error_on_invalid_key test_callable_multimetric_error_failing_clf
        test_multi_metric_search_forwards_metadata test_unsupervised_grid_search""",
    "it keeps no scores on what is trained on": """
        test_search_default_iid test_search_cv_results_rank_tie_breaking test_custom_run_search
        test_grid_search_cv_splits_consistency
        test_searchcv_raise_warning_with_non_finite_score[Grid-specialized_params0-True
        test_searchcv_raise_warning_with_non_finite_score[Randomized-specialized_params1-True""",
    "its space is one mapping, in words of its own": """
        test_grid_search_bad_param_grid test_grid_search_cv_results
        test_random_search_cv_results""",
    "it prints a line for each cohort, not for each fold": "test_search_cv_verbose_3",
    "its callbacks hear of cohorts, not of candidates and folds": """
        test_search_callbacks_no_propagation[search0 test_search_callbacks_no_propagation[search1
        test_search_callbacks_propagation[search0 test_search_callbacks_propagation[search1
        test_search_callbacks_receive_sample_weight
        test_search_callbacks_with_partial_fit_failures""",
}
EXCEPTIONS = {name: reason for reason, names in REASONS.items() for name in names.split()}
# It needs arrays of other libraries, which are not installed.
NOT_RUN = {"test_array_api_search_cv_classifier"} & TESTS.keys()

globals().update({name: test for name, test in TESTS.items() if name not in NOT_RUN})


def test_every_exception_is_of_a_test_that_there_is() -> None:
    assert {name.partition("[")[0] for name in EXCEPTIONS} <= TESTS.keys() - NOT_RUN


@pytest.fixture(autouse=True)
def _excepted(request: pytest.FixtureRequest) -> None:
    """Expects what is excepted to fail."""
    name, test = request.node.name, request.node.originalname
    reason = EXCEPTIONS.get(test) or next(
        (EXCEPTIONS[own] for own in EXCEPTIONS if "[" in own and name.startswith(own)), None
    )
    if reason is not None:
        request.node.add_marker(pytest.mark.xfail(strict=True, reason=reason))
