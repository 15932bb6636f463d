"""A call of a user function: a generator that is stepped, and the log that outlives it.

A live generator is only a cache: all that it has yielded is in the log of its folder. So an
interrupted call resumes from its checkpoint, or runs again from its beginning, and what it yields a
second time is dropped.
"""

import json
import os
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from traceback import format_exception
from typing import Any

from tuner.codec import Settings
from tuner.config.schema import Plain
from tuner.errors import masked
from tuner.function import ASKED, Function
from tuner.study.calls import models
from tuner.study.calls.factors import Factors
from tuner.study.calls.output import Output
from tuner.study.calls.randomness import Randomness
from tuner.study.calls.yields import EPOCH, Log, WrongYield, arguments, numbers, same
from tuner.training.loop import Interrupted

# The files of a call: its yields, its output and its traceback; its checkpoints, its logged
# artifacts and its model.
LOG, OUTPUT, TRACEBACK = "yields.jsonl", "output.txt", "traceback.txt"
CHECKPOINT, ARTIFACTS, MODEL = "checkpoint", "artifacts", "model"

# The key of a log entry: the first epoch at which a function yielded other numbers when run again.
DIFFERS = "differs"

# The most characters of the line that says why a call failed.
LONGEST = 300

# The task of the call that runs in this context, for `tuner.save`.
CURRENT: ContextVar["Task"] = ContextVar("call")


@dataclass(frozen=True)
class Task:
    """The arguments of a call, and the folder of its files.

    Attributes:
        settings: by path below the function's name, such as `lr`, `optimizer`, `optimizer.sgd.lr`.
        seed, fold, folds, epochs: as in `tuner.study.runners.function`.
        schedule: its name and its settings; None if the function requests none.
        code: a digest of the function's source; yields of other code are discarded.
        folder: the folder of the call.
        keep: whether a model that it saves is kept.
        what: the call in words, such as "trial 7".
    """

    settings: Settings
    seed: int
    fold: int
    folds: int
    epochs: int
    schedule: tuple[str, Settings] | None
    code: str
    folder: Path
    keep: bool = field(default=False, compare=False)
    what: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """The key of the call among all calls of a study."""
        return str(self.folder)

    def header(self) -> Plain:
        """The first line of the log; a log with another header belongs to another task."""
        own = asdict(self)
        del own["folder"], own["keep"], own["what"]
        plain: Plain = json.loads(json.dumps(own, sort_keys=True))
        return plain


@dataclass(frozen=True)
class Step:
    """What a call yielded after an epoch; epoch 0 is before the first one."""

    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class End:
    """The call has ended after `epoch` epochs, with final results."""

    epoch: int
    final: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """The call raised an error.

    Attributes:
        line: the last line of its traceback.
        traceback: the whole traceback.
    """

    line: str
    traceback: str


Came = Step | End | Failure


class Call:
    """One call of a function, new or resumed.

    Args:
        function: the user function, with its code.
        task: the call's arguments and its folder.

    Attributes:
        differs: the first epoch at which it yielded other numbers than its log when it was run
            again; None if there is none.
    """

    def __init__(self, function: Function, task: Task) -> None:
        self.function, self.asks, self.task = function, function.asks, task
        self.generator: Generator[Any, None, Any] | None = None
        self.initial: Step | None = None
        self.steps: list[Step] = []
        self.over: End | Failure | None = None
        self.differs: int | None = None
        # Whether it resumes from a checkpoint, and the epoch that the generator has reached.
        self.resumed, self.at = False, 0
        self.randomness = Randomness(task.seed)
        task.folder.mkdir(parents=True, exist_ok=True)
        self.output = Output(task.folder / OUTPUT)
        self._read()

    def first(self) -> Step | None:
        """The step before the first epoch; None if its first mapping is of epoch 1."""
        self._until(0)
        return self.initial

    def step(self, epoch: int) -> Came:
        """What it yields after an epoch, counted from 1, or how it ended before that."""
        self._until(epoch)
        failed_last = epoch == self.task.epochs and isinstance(self.over, Failure)
        if epoch <= len(self.steps) and not failed_last:
            return self.steps[epoch - 1]
        assert self.over is not None
        return self.over

    def close(self) -> None:
        """Closes the generator, which runs its `finally` blocks."""
        generator, self.generator = self.generator, None
        if generator is not None:
            with self._inside():
                try:
                    generator.close()
                except (Exception, SystemExit) as error:
                    # An error in a user's `finally` no longer matters; it is only printed.
                    print(told(error), file=sys.stderr)

    def _until(self, epoch: int) -> None:
        """Steps until an epoch is known: for 0, to the first yield; for the last, to the end."""
        last = epoch == self.task.epochs
        while self.over is None:
            if epoch == 0 and (self.initial is not None or self.steps):
                return
            if 0 < epoch <= len(self.steps) and not last:
                return
            self._advance()

    def _advance(self) -> None:
        """Runs the generator to its next yield."""
        try:
            if self.generator is None:
                self.generator = self._begin()
            with self._inside():
                found = next(self.generator)
            self._take(found)
        except StopIteration as stop:
            self.generator = None
            if self.resumed and self.at == 0 and len(self.steps) < self.task.epochs:
                # The checkpoint is from the end of the call, but the log is incomplete.
                self._again()
                return
            try:
                self._end(stop.value)
            except WrongYield as error:
                self._fail(str(error), str(error))
        except WrongYield as error:
            self.close()
            self._fail(str(error), str(error))
        except Interrupted:
            self.generator = None
            raise
        except (Exception, SystemExit) as error:
            self.generator = None
            if self.resumed and self.at == 0:
                self._again()
                return
            said = masked(" ".join(str(error).split()))
            self._fail(f"{type(error).__name__}: {said}".rstrip(": "), told(error))

    def _begin(self) -> Generator[Any, None, Any]:
        """The generator before its first step."""
        task, self.at = self.task, 0
        checkpoint = task.folder / CHECKPOINT
        (task.folder / TRACEBACK).unlink(missing_ok=True)
        if "checkpoint" in self.asks:
            checkpoint.mkdir(exist_ok=True)
            self.resumed = any(checkpoint.iterdir())
        if not self.resumed:
            # It will print, log and save everything again.
            with suppress(FileNotFoundError):  # not deleted: a worker may have it open
                os.truncate(task.folder / OUTPUT, 0)
            for name in (ARTIFACTS, MODEL):
                shutil.rmtree(task.folder / name, ignore_errors=True)
        given: Plain = {
            "epochs": task.epochs,
            "seed": task.seed,
            "fold": task.fold,
            "folds": task.folds,
            "schedule": Factors(*task.schedule, task.epochs) if task.schedule else None,
            "checkpoint": checkpoint,
            "log": Log(task.folder / ARTIFACTS),
        }
        assert set(given) == set(ASKED)
        own = {key: value for key, value in given.items() if key in self.asks}
        assert self.function.call is not None
        with self._inside():
            made = self.function.call(**arguments(self.function, task.settings), **own)
        if not isinstance(made, Generator):
            raise WrongYield(
                f"{self.function.name}() returned {type(made).__name__}: it must yield a "
                "mapping of numbers after each epoch"
            )
        return made

    def _take(self, found: Any) -> None:
        """Takes a yielded mapping and writes it to the log, unless the log has it already."""
        metrics, said = numbers(found)
        if said is None:
            if "checkpoint" in self.asks:
                raise WrongYield(
                    f"yielded no {EPOCH}: a function that takes `checkpoint` must yield "
                    f"{EPOCH}, counted from 1, with every mapping"
                )
            epoch = self.at + 1
        else:
            epoch = said
        expected = self.at + 1
        if self.at == 0 and epoch == 0 and not self.steps and self.initial is None:
            self.initial = Step(0, metrics)
            self._write({"initial": metrics})
            return
        if self.at == 0 and epoch == 0:
            if self.initial is not None and not same(metrics, self.initial.metrics):
                self._differ(0)
            return
        if self.at == 0 and self.resumed:
            if epoch > len(self.steps) + 1:
                self._again()
                return
            expected = epoch
        if epoch != expected:
            raise WrongYield(f"yielded {EPOCH} {epoch}: the next one must be {expected}")
        self.at = epoch
        if epoch > self.task.epochs:
            self.close()
            self._end(None)
        elif epoch > len(self.steps):
            self.steps.append(Step(epoch, metrics))
            self._write({"epoch": epoch, "metrics": metrics})
        elif not same(metrics, self.steps[epoch - 1].metrics):
            self._differ(epoch)

    def _differ(self, epoch: int) -> None:
        """Notes in the log that the function is not deterministic; its first numbers count."""
        if self.differs is None:
            self.differs = epoch
            self._write({DIFFERS: epoch})

    def _again(self) -> None:
        """Deletes a checkpoint that is damaged or ahead of the log, and begins anew."""
        self.close()
        shutil.rmtree(self.task.folder / CHECKPOINT, ignore_errors=True)
        self.resumed, self.at = False, 0
        self.randomness = Randomness(self.task.seed)

    def _end(self, returned: Any) -> None:
        """Takes the value that the generator returned."""
        final: Mapping[str, float] = {}
        if isinstance(returned, Mapping) and not models.is_model(returned):
            final, _ = numbers(returned, "returned")
        elif returned is not None:
            if wrong := models.refusal(returned):
                raise WrongYield(f"returned {wrong}; or return a mapping of numbers")
            if self.task.keep:
                try:
                    models.save(returned, self.task.folder / MODEL)
                except Exception as error:  # of the model's library
                    raise WrongYield(f"returned a model that cannot be saved: {error}") from None
        if not self.steps:
            raise WrongYield("ended before it yielded the mapping of an epoch")
        self.over = End(len(self.steps), final)
        self._write({"end": len(self.steps), "final": final})

    def _fail(self, line: str, traceback: str) -> None:
        """Ends the call as failed and writes its traceback; the log does not record failures."""
        line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
        self.over = Failure(line, traceback)
        (self.task.folder / TRACEBACK).write_text(f"{traceback.rstrip()}\n", encoding="utf-8")

    def _write(self, entry: Plain) -> None:
        with (self.task.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def _read(self) -> None:
        """Reads the log of an earlier process, if it belongs to this task."""
        path = self.task.folder / LOG
        text, whole = "", f"{json.dumps(self.task.header())}\n"
        with suppress(OSError, ValueError):
            text = path.read_text(encoding="utf-8")
        if not text.startswith(whole):
            for name in (CHECKPOINT, ARTIFACTS, MODEL):
                shutil.rmtree(self.task.folder / name, ignore_errors=True)
            for name in (OUTPUT, TRACEBACK):
                (self.task.folder / name).unlink(missing_ok=True)
            path.write_text(whole, encoding="utf-8")
            return
        for line in text.removeprefix(whole).splitlines(keepends=True):
            # An incomplete line is dropped, and so is everything after it.
            if not line.endswith("\n") or not self._known(line):
                path.write_text(whole, encoding="utf-8")
                break
            whole += line

    def _known(self, line: str) -> bool:
        """Takes a line of the log; returns whether it is a valid next entry."""
        try:
            entry = json.loads(line)
            if "initial" in entry:
                self.initial = Step(0, entry["initial"])
            elif DIFFERS in entry:
                self.differs = entry[DIFFERS]
            elif "end" in entry:
                self.over = End(entry["end"], entry["final"])
            elif entry["epoch"] == len(self.steps) + 1:
                self.steps.append(Step(entry["epoch"], entry["metrics"]))
            elif entry["epoch"] > len(self.steps):
                return False  # a repeat comes from a second worker: the first counts
        except (ValueError, LookupError, TypeError):
            return False
        return True

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """The context of running user code: its output goes to the call's file."""
        token = CURRENT.set(self.task)
        try:
            with self.randomness(), redirect_stdout(self.output), redirect_stderr(self.output):
                yield
        finally:
            CURRENT.reset(token)
            self.output.rest()


def told(error: BaseException) -> str:
    """The traceback of an error in user code, starting at that code."""
    own = error.__traceback__
    while own is not None and own.tb_frame.f_code.co_filename == __file__:
        own = own.tb_next
    return masked("".join(format_exception(type(error), error, own)))


def save(model: Any) -> None:
    """Saves the model of the current trial. The winner's model ends up in the study's folder.

    A function that is called without tuner saves nothing here.

    Args:
        model: the path of a file or a folder, an array or a mapping of arrays, a PyTorch module,
            a booster, or a scikit-learn estimator.

    Raises:
        TypeError: for any other object.
    """
    if wrong := models.refusal(model):
        raise TypeError(wrong)
    task = CURRENT.get(None)
    if task is not None and task.keep:
        models.save(model, task.folder / MODEL)
