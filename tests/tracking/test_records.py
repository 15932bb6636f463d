"""Records are plain data: they come back from a line of JSON as they went in."""

import numpy as np
import pytest

from tuner.tracking import Artifact, Model, Points, RunBegins, RunEnds
from tuner.tracking.records import from_line, to_line


@pytest.mark.parametrize(
    "record",
    [
        RunBegins(None, "adam", 1, {"seed": 0}, {"tag": "x"}),
        Points(3, [0, 1], {"loss": [0.5, 0.25]}),
        RunEnds(3, "PRUNED", "lost at rung 2", 5),
        Artifact(None, "result.json", "report"),
        Model(None, "model", "best", {"lr": 0.1}, {"trial": "3"}),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_survives_its_line(record):
    line = to_line(record)
    assert line.count("\n") == 1
    assert from_line(line) == record


@pytest.mark.parametrize("line", ["", '{"type": "Poi', '{"type": "Song"}', '{"type": "Points"}'])
def test_what_is_no_record_is_a_value_error(line):
    with pytest.raises(ValueError, match=r".*"):
        from_line(line)


def test_numpy_values_are_welcome():
    points = Points(np.int64(3), np.arange(2), {"loss": np.array([0.5, 0.25], dtype=np.float32)})
    assert from_line(to_line(points)) == Points(3, [0, 1], {"loss": [0.5, 0.25]})


def test_a_metric_has_one_value_a_step():
    with pytest.raises(ValueError, match="loss: 1 values for 2 steps"):
        Points(0, [0, 1], {"loss": [0.5]})
