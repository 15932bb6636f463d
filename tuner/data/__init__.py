"""Data sets, ready for training: read, checked, split, scaled."""

from tuner.data.dataset import DataSet, load

__all__ = ["DataSet", "load"]
