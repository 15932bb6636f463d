"""A recorded study sent to MLflow again, whole or where something is missing."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tuner.codec import Settings
from tuner.config import Config
from tuner.search.trials import Goal
from tuner.study.builder import DATA, open_study, state
from tuner.study.calls.call import MODEL
from tuner.study.data import goal, load_data
from tuner.study.ending import read_result
from tuner.study.events import Confirmed
from tuner.study.record import Record as StudyRecord
from tuner.study.results import SavedResult, StudyResult
from tuner.study.times import cut_short, ended_ms, started_ms
from tuner.tracking.provenance import SOURCE
from tuner.tracking.records import NOTE, Artifact, Points, Record, RunBegins, RunEnds, now_ms
from tuner.tracking.study_records import (
    BestSoFar,
    advised,
    begun,
    confirmed,
    ended,
    judged,
    left,
    params_of,
)  # fmt: skip

# Keys of the record: the study's key in MLflow, its start, its goal, its confirmation, the
# confirmations that were made later, and a digest for each result that was sent to MLflow.
KEY, STARTED, GOAL, CONFIRMED = "key", "started_ms", "goal", "confirmed"
CONFIRMATIONS, VERDICTS = "confirmations", "verdicts"

RESULT = "result.json"


@dataclass(frozen=True)
class RecordedStudy:
    """Makes the records of a study for MLflow from the files on disk.

    Args:
        config: the study's config.
        record: the study's record, which this process owns.
        folder: the study's folder, with its result, its pictures and its model.
        note: makes the description of a result, in Markdown.
    """

    config: Config
    record: StudyRecord
    folder: Path
    note: Callable[[StudyResult], str]

    @property
    def result_file(self) -> Path:
        """The file of the result."""
        return self.folder / RESULT

    @property
    def has_function(self) -> bool:
        """Whether the study trains a user's function."""
        return self.config.function is not None

    def goal(self) -> Goal:
        """What the study minimises."""
        return self.record.get(GOAL, Goal) or goal(self.config, load_data(self.config))

    def saved(self) -> SavedResult | None:
        """The result, if it was made from the current record."""
        return read_result(self.result_file, self.state)

    def shown(self, settings: Settings) -> Settings:
        """The settings of a trial that the study does not fix, the choices of groups first."""
        fixed, branches = self.config.space.fixed, self.config.space.branches
        own = [path for path in settings if path not in fixed or fixed[path] != settings[path]]
        order = sorted(own, key=lambda path: path not in branches)
        return {path: settings[path] for path in order}

    def verdict(self, result: StudyResult) -> Iterator[Record]:
        """The records of a result that was made from the current record."""
        yield from advised(result)
        yield from judged(result, self.folder, self.step(), self.note(result), self.has_function)

    def step(self) -> int:
        """The step of the winner's numbers on the curves of the study's run.

        It comes after the steps of all trials, and grows by one with each result that was sent:
        MLflow shows the number of the greatest step.
        """
        told = self.record.get(VERDICTS, list[str]) or []
        known = told[-1:] == [self.state]
        return len(self.record.trials()) + len(told) - known

    def count_verdict(self) -> None:
        """Records the digest of the result that is sent next."""
        told, now = self.record.get(VERDICTS, list[str]) or [], self.state
        if told[-1:] != [now]:
            self.record.put(VERDICTS, [*told, now])

    @cached_property
    def state(self) -> str:
        """A digest of the record, computed on first use; slow for many trials."""
        return state(self.config, open_study(self.config, self.record))

    def begins(self) -> RunBegins:
        """The record that begins the study's run."""
        params, note = about(self.config)
        name, started = self.config.study.name, self.record.get(STARTED, int) or 0
        digest = self.record.get(DATA, str)
        data = {"name": self.config.data.name, "digest": digest} if digest else {}
        tags = {NOTE: note} | ({SOURCE: self.config.program} if self.config.function else {})
        return RunBegins(None, name, started, params, tags, data)

    def trials(self, numbers: Collection[int]) -> Iterator[tuple[int, list[Record]]]:
        """All records of each of these trials, trial by trial."""
        asked, results = self.record.trials(), self.record.results()
        wanted, saved = set(numbers) & set(results), self.saved()
        advice = {tags.number: tags for tags in advised(saved.result)} if saved else {}
        for number, curves in self.record.curves():
            # A trial that was trained again after a kill may occur twice, with the same curves.
            if number in wanted:
                wanted.remove(number)
                own, trial = results[number], asked[number]
                first = begun(number, started_ms(trial), own.settings, self.shown(own.settings))
                more = [advice[number]] if number in advice else []
                told = ended(own, curves, ended_ms(trial))
                yield number, [first, *told, *left(self.folder, own), *more]
        for trial in asked:
            if trial.number in numbers and trial.number not in results:
                end = RunEnds(trial.number, "INTERRUPTED", cut_short(trial), ended_ms(trial))
                yield trial.number, [begun(trial.number, started_ms(trial), {}), end]

    def curves(self) -> Iterator[Points]:
        """The curve of the study's run, and the curves that confirmations add to trials."""
        results, minimised = self.record.results(), self.goal()
        yield from BestSoFar(minimised).after([results[n] for n in sorted(results)])
        own = self.record.get(CONFIRMED, Confirmed)
        more = self.record.get(CONFIRMATIONS, list[Confirmed]) or []
        for found in [*([own] if own else []), *more]:
            yield from confirmed(found, minimised)

    def rest(self) -> Iterator[Record]:
        """The winner's model and scores, the files, and the end of the study's run."""
        saved = self.saved()
        if saved is not None:
            note = self.note(saved.result)
            yield from judged(saved.result, self.folder, self.step(), note, self.has_function)
        yield from files(self.folder, self.has_function)
        if saved is None or saved.result.interrupted:
            yield RunEnds(None, "INTERRUPTED", "interrupted", now_ms())
        else:
            yield RunEnds(None, "COMPLETE", "finished", modified_ms(self.result_file))


def files(folder: Path, has_function: bool) -> list[Artifact]:
    """The files of a study's folder that are for people to read, to be copied to MLflow.

    Args:
        folder: the study's folder.
        has_function: whether the study trains a user's function: then its model files are included;
            tuner's own models are logged as models instead.
    """
    names = ("*.yaml", "*.json", "*.png", "*.csv", "*.html")
    found = sorted(file for name in names for file in folder.glob(name))
    own = [Artifact(None, str(f.resolve())) for f in found if f.name != "owner.json"]
    model = (folder / MODEL).rglob("*") if has_function else ()
    for file in sorted(path for path in model if path.is_file()):
        own.append(Artifact(None, str(file.resolve()), str(file.parent.relative_to(folder))))
    return own


def about(config: Config) -> tuple[dict[str, object], str]:
    """The params of a study's run, and its description in MLflow."""
    branches = {group: ", ".join(own) for group, own in config.space.branches.items()}
    own = config.function
    of: dict[str, object] = {"function": own.name} if own else {"data": config.data.name}
    params: dict[str, object] = {
        **of,
        **branches,
        "sampler": config.sampler.name,
        "pruner": config.pruner.name,
        "epochs": config.budget.epochs,
        "seed": config.study.seed,
    }
    params = {**params_of(config.space.fixed), **params}
    what = f"the function {own.name}" if own else f"{branches['model']} on {config.data.name}"
    return params, f"{what}; the trials are the child runs"


def modified_ms(path: Path) -> int:
    """When a file was written, in milliseconds since 1970."""
    return path.stat().st_mtime_ns // 1_000_000
