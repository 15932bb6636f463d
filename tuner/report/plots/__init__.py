"""Plots: the pictures of a study, one kind a file."""

from tuner.files import elsewhere

with elsewhere():  # it reads matplotlibrc, which may be a stranger's
    import matplotlib  # noqa: F401
