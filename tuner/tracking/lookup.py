"""Finding a study's runs in MLflow by their tags, read-only."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tuner.tracking.calls import again

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DUPLICATE, UNKNOWN = "DUPLICATE", "UNKNOWN"  # states of closed runs, which are ignored


class Lookup:
    """The runs of one study.

    Args:
        client, experiment_id: the experiment that holds the runs.
        key: identifies the study among the studies of all users of the server.
    """

    def __init__(self, client: "MlflowClient", experiment_id: str, key: str) -> None:
        self.client, self.experiment_id, self.key = client, experiment_id, key

    def all(self) -> dict[int | None, list["Run"]]:
        """The runs by trial, and of the study under None; the run with the most data is first."""
        found: dict[int | None, list[Run]] = {}
        for run in self._search():
            found.setdefault(number_of(run), []).append(run)
        for runs in found.values():
            if len(runs) > 1:
                runs.sort(key=self._fullness, reverse=True)
        return found

    def one(self, number: int | None) -> "Run | None":
        """The run of a trial, or of the study for None; None if MLflow has none."""
        more = "" if number is None else f" AND tags.`tuner.trial` = '{number}'"
        return next((run for run in self._search(more) if number_of(run) == number), None)

    def points(self, run: "Run", metric: str) -> dict[int, float]:
        """A curve by step; the last point of each step counts."""
        history = again(self.client.get_metric_history, run.info.run_id, metric)
        return {point.step: point.value for point in history}

    def _fullness(self, run: "Run") -> tuple[int, int, int, str]:
        """A sort key: greater for the run that was written to than for an empty duplicate."""
        points = sum(len(self.points(run, metric)) for metric in run.data.metrics)
        return points, len(run.data.params), -run.info.start_time, run.info.run_id

    def _search(self, more: str = "") -> Iterator["Run"]:
        """The runs of the study and its trials without the retired ones; `more` filters them."""
        asked, page = f"tags.`tuner.key` = '{self.key}'{more}", None
        while page != "":
            found = again(self.client.search_runs, [self.experiment_id], asked, page_token=page)
            for run in found:
                if run.data.tags.get("tuner.state") not in (DUPLICATE, UNKNOWN):
                    yield run
            page = found.token or ""


def number_of(run: "Run") -> int | None:
    """The number of a run's trial; None for the study's run."""
    number = run.data.tags.get("tuner.trial")
    return None if number is None else int(number)
