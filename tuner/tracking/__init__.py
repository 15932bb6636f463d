"""Tracking: a study's runs, curves and model in MLflow; training never waits for it."""

from tuner.tracking.records import Artifact, Model, Points, Record, RunBegins, RunEnds
from tuner.tracking.store import Store
from tuner.tracking.writer import Writer

__all__ = ["Artifact", "Model", "Points", "Record", "RunBegins", "RunEnds", "Store", "Writer"]
