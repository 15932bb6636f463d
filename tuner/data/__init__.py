"""Data sets, ready to train on: read, checked, split, scaled."""

from tuner.data.dataset import DataSet, load

__all__ = ["DataSet", "load"]
