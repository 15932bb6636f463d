"""The study that `tuner.tune` returns: its winner, its trials, its curves and its report."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from tuner.codec import Settings
from tuner.config import Config
from tuner.config.function_space import SCHEDULE
from tuner.config.schema import Plain
from tuner.report import page, terminal, trials_csv
from tuner.report.outcome import outcome
from tuner.report.page import cell
from tuner.search.space import Space
from tuner.search.trials import Curves
from tuner.study.calls.factors import Factors
from tuner.study.calls.yields import arguments
from tuner.study.populations import below
from tuner.study.results import StudyResult, Winner
from tuner.study.study import drawn


class TunedStudy:
    """A study as `tuner.tune` returns it. Printed, it shows its verdict. In a notebook it also
    shows its best trials and a chart of their curves.

    Args:
        config: the config of the study.
        result: the results of the study. Values in it are to be minimised.
        curves: the curves of each trial, by the trial's number.
        space: the search space.
        times: when each trial began and ended, in milliseconds since 1970, by its number.
        shown: the URL or the command that opens the curves in MLflow; "" without MLflow.

    Attributes:
        result: the given result; see `tuner.study.results.StudyResult` for its fields.
        curves_by_trial: the given curves.
        folder: the absolute path of the study's folder.
    """

    def __init__(
        self,
        config: Config,
        result: StudyResult,
        curves: Mapping[int, Curves],
        space: Space,
        times: Mapping[int, tuple[int, int]],
        shown: str = "",
    ) -> None:
        self.config, self.result, self.curves_by_trial = config, result, curves
        self.space, self.times, self.shown = space, times, shown
        self.folder = (config.root / "studies" / config.study.name).resolve()

    @property
    def name(self) -> str:
        """The name of the study. A call with the same name continues it."""
        return self.result.study

    @property
    def winner(self) -> Winner | None:
        """The winning trial; None if every trial diverged or failed.

        It has a `number`, its `settings` by path, its `value` on the fresh seeds that judged it,
        and the bounds `low` and `high` of the 95 % interval of that value.
        """
        return self.result.winner

    @property
    def best(self) -> Plain | None:
        """The winner's settings as arguments of the function: `train(**study.best, ...)`.

        For tuner's own models, the settings by path. None if there is no winner.
        """
        if self.winner is None:
            return None
        function, settings = self.config.function, self.winner.settings
        if function is None:
            return dict(settings)
        return arguments(function, below(f"{function.name}.", settings))

    @property
    def schedule(self) -> Factors | None:
        """The winner's schedule as a function takes it: it gives the factor of each step."""
        if self.winner is None or self.config.function is None:
            return None
        settings: Settings = self.winner.settings
        name = settings.get(SCHEDULE)
        if name is None:
            return None
        return Factors(name, below(f"{SCHEDULE}.{name}.", settings), self.config.budget.epochs)

    @cached_property
    def trials(self) -> Any:
        """A pandas DataFrame with a row for each trial, indexed by its number.

        Columns: how it ended (state, reason, label), its epochs, its last measured values, and the
        searched settings by path. A setting that a trial does not have is a missing value.
        """
        from pandas import DataFrame

        head, rows = trials_csv.table(self.result)
        frame = DataFrame(rows, columns=head).set_index(head[0])
        reasons = [trial.reason for trial in self.result.all]
        frame.insert(frame.columns.get_loc("state") + 1, "reason", reasons)
        return frame

    @cached_property
    def curves(self) -> Any:
        """A pandas DataFrame with a row for each point of a curve: trial, epoch, metric, value.

        Epoch 0 is before the training, for metrics that are known then. A value that is not
        finite is a missing value.
        """
        from pandas import DataFrame

        rows = [
            (trial, epoch, metric, float("nan") if value is None else value)
            for trial, own in self.curves_by_trial.items()
            for metric, values in own.items()
            for epoch, value in enumerate(values)
            if epoch > 0 or value is not None
        ]
        return DataFrame(rows, columns=["trial", "epoch", "metric", "value"])

    def report(self) -> Path:
        """The path of the study's page, which any browser opens."""
        path = self.folder / page.REPORT
        if not path.exists():
            page.write(self.result, self._drawn, path, self.space, self.times)
        return path

    def __repr__(self) -> str:
        return "\n".join(terminal.plain(self._told))

    def _repr_html_(self) -> str:
        where = {"Report": str(self._said / page.REPORT)}
        where |= {"All curves": self.shown} if self.shown else {}
        return cell.text(self.result, self._drawn, self.space, where)

    @property
    def _drawn(self) -> Mapping[int, Curves]:
        """The curves to show."""
        return drawn(self.curves_by_trial.items(), self.result.goal.curve)

    @property
    def _told(self) -> terminal.Told:
        """The outcome in the form that a command prints."""
        return outcome(self.result, self._drawn, self._said, self.shown)

    @property
    def _said(self) -> Path:
        """The folder below the root as the caller gave it."""
        return self.config.root / "studies" / self.name
