"""The ending of a user function's study: keeps and removes models, checkpoints and remarks.

It listens to the study. A recorded trial needs no checkpoint any more; models of losing trials are
removed; the winner's model becomes the study's. What it learns about the function is recorded, so a
kill changes nothing.
"""

import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tuner.search.runner import Row
from tuner.search.trials import Trial, TrialResult, best_of, rounded
from tuner.study.calls.call import DIFFERS, LOG, MODEL, Step, Task
from tuner.study.confirmation import TEST, Repeats
from tuner.study.events import Began, CohortEnded, Event, Listener, StageBegan, StageEpochEnded
from tuner.study.functions import Functions
from tuner.study.results import StudyResult
from tuner.study.study import Study
from tuner.study.trial_files import (
    REPEATS,
    folders,
    forget_checkpoints,
    forget_model,
)  # fmt: skip

# The record's keys of: the call whose model is the study's; the digests of the function's code,
# each with the number of trials recorded before it; the calls that yielded other numbers when run
# again.
KEPT, CODES, CHANCE = "model", "codes", "not deterministic"


class OwnEnding:
    """Manages the files that the calls of a study leave.

    Args:
        training: the study's training.
        study: the study.
        folder: the study's folder.
    """

    def __init__(self, training: Functions, study: Study, folder: Path) -> None:
        self.training, self.study, self.folder = training, study, folder
        self.record = study.record
        self.seen: set[int] = set()
        # Whether the requested confirmation was left out: then no call kept a model, and the winner
        # is trained again.
        self.unconfirmed = False

    def __call__(self, event: Event) -> None:
        match event:
            case Began(results):
                self.begin(results)
            case CohortEnded(results):
                self.tidy(results)

    def begin(self, results: Sequence[TrialResult]) -> None:
        """Called when a command starts or continues the study."""
        codes, code = self.record.get(CODES, list[tuple[str, int]]) or [], self.training.code
        if code and (not codes or codes[-1][0] != code):
            # Forget code that trained no recorded trial.
            earlier = [own for own in codes if own[1] < len(results)]
            self.record.put(CODES, [*map(list, earlier), [code, len(results)]])
        self.tidy(results)

    def tidy(self, results: Sequence[TrialResult]) -> None:
        """Removes what recorded trials no longer need."""
        best = None if self.training.config.confirm.most_top else best_of(results)
        for number in (result.number for result in results):
            if number not in self.seen:
                self.seen.add(number)
                self.look(folders(self.folder, number).values(), f"trial {number}")
                forget_checkpoints(self.folder, number)
            if best is None or number != best.number:
                forget_model(self.folder, number)

    def look(self, calls: Iterable[Path], what: str) -> None:
        """Records calls that yielded other numbers when run again."""
        for call in calls:
            log = call / LOG
            if log.exists() and f'"{DIFFERS}"' in log.read_text(encoding="utf-8"):
                known = self.record.get(CHANCE, list[str]) or []
                if what not in known:
                    self.record.put(CHANCE, [*known, what])

    def ended(self, result: StudyResult, judged: Repeats | None, tell: Listener) -> StudyResult:
        """Keeps the winner's model; returns the result with test scores and remarks.

        Args:
            result: the study's result.
            judged: the winner on the judging seeds, if there are any.
            tell: receives the events of the training.

        Raises:
            Interrupted: if training was stopped.
        """
        self.look(sorted((self.folder / REPEATS).glob("**/")), "a repeat")
        test = notes = None
        if result.winner is not None:
            self.keep_model(result.winner.number, judged, tell)
            test = self.test(result.winner.number, judged)
            notes = tuple(self.notes(judged))
        return replace(result, test=test or None, notes=notes or ())

    def test(self, winner: int, judged: Repeats | None) -> Mapping[str, float]:
        """The winner's test scores by name: means over the judging seeds."""
        if judged is not None:
            found = {name: math.fsum(own) / len(own) for name, own in judged.test.items() if own}
        else:
            curves = dict(self.study.curves()).get(winner, {})
            last = {name: numbers[-1] for name, numbers in curves.items() if numbers}
            found = {n: v for n, v in last.items() if n.startswith(TEST) and v is not None}
        shown = {name.removeprefix(TEST): rounded(number) for name, number in found.items()}
        return {name: number for name, number in shown.items() if number is not None}

    def notes(self, judged: Repeats | None) -> Iterator[str]:
        """Remarks on the function, one sentence each."""
        named = f"{self.training.function.name}()"
        if judged is not None and "seed" not in self.training.function.asks:
            yield f"{named} takes no seed: its repeats differ only by what no seed controls"
        if chance := self.record.get(CHANCE, list[str]):
            yield (
                f"{named} is not deterministic: {', '.join(chance)}, run again after it was cut "
                "short, yielded other numbers than at first; the first ones count"
            )
        codes = self.record.get(CODES, list[tuple[str, int]]) or []
        if len(codes) > 1:
            many = codes[-1][1]
            yield (
                f"the code of {named} was changed between two commands on the study: {many} of its "
                "trials were trained by an earlier one"
            )

    def keep_model(self, winner: int, judged: Repeats | None, tell: Listener) -> None:
        """Moves the model that the winner saved, if any, to the study's folder.

        If it was removed because another trial had won before, or is on another machine, the
        winner is trained again.
        """
        task = self.task(winner, judged)
        key, kept = str(task.folder.relative_to(self.folder)), self.record.get(KEPT, str)
        source, target = task.folder / MODEL, self.folder / MODEL
        lost = judged is not None and judged.values[0] is None
        here = source.is_dir() or (kept == key and target.is_dir())
        # For a trial that ran on another machine, the record does not say whether it saves a model.
        unknown = self.training.config.study.storage and not task.folder.exists()
        if not here and not lost and (kept is not None or unknown or self.unconfirmed):
            self.train(task, winner, tell)
        if source.is_dir() and not lost:
            self.record.put(KEPT, key)
            shutil.rmtree(target, ignore_errors=True)
            source.rename(target)
        elif kept not in (None, key) or lost:
            shutil.rmtree(target, ignore_errors=True)

    def task(self, winner: int, judged: Repeats | None) -> Task:
        """The call whose model is the study's."""
        (found,) = (result for result in self.study.results() if result.number == winner)
        trial, training = Trial(winner, found.settings, 0), self.training
        if judged is None:
            row = Row(winner, training.config.study.seed)
            return replace(training.task(trial, row, repeat=False), keep=True)
        return replace(training.task(trial, Row(winner, training.judge), repeat=True), keep=True)

    def train(self, task: Task, winner: int, tell: Listener) -> None:
        """Runs a call again from its beginning."""
        tell(StageBegan(f"training the winner, trial {winner}, once more to keep its model"))
        (task.folder / LOG).unlink(missing_ok=True)
        executor = self.training.executor
        executor.first(task)
        for epoch in range(1, task.epochs + 1):
            if not isinstance(executor.step(task, epoch), Step):
                break
            tell(StageEpochEnded(epoch, task.epochs))
        executor.drop(task)
