"""Data for the tests of searches: those of the estimators' tests."""

from tests.estimators.conftest import diabetes, iris

__all__ = ["diabetes", "iris"]
