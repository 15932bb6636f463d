"""One call of a user's function: a generator that is stepped, and the log that outlives it.

A live generator is only a cache. What it has yielded stands in the log of its folder, so a call
that was cut short is taken up where its checkpoint left it, or run again from its beginning, and
what it yields again is dropped.
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

# The files of a call: what it has yielded, what it printed, why it failed; what it saves itself,
# what it logs, and the model that it keeps.
LOG, OUTPUT, TRACEBACK = "yields.jsonl", "output.txt", "traceback.txt"
CHECKPOINT, ARTIFACTS, MODEL = "checkpoint", "artifacts", "model"

# Of an entry of a log: from which epoch on a function that was run again yielded other numbers.
DIFFERS = "differs"

# Characters of the line that says why a call failed.
LONGEST = 300

# The folder of the call that is under way in this thread of work, for `tuner.save` and `log`.
CURRENT: ContextVar["Task"] = ContextVar("call")


@dataclass(frozen=True)
class Task:
    """What a function is called with, and where the call leaves its files.

    Attributes:
        settings: by path below the function's name, as `lr`, `optimizer` and `optimizer.sgd.lr`.
        seed, fold, folds, epochs: as in `tuner.study.runners.function`.
        schedule: its name and its settings, None where the function asks for none.
        code: a digest of the function's source: what other code has yielded is forgotten.
        folder: of the call.
        keep: whether a model that it saves is kept.
        what: it is, in words, as "trial 7".
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
        """Tells it from all other calls of a study."""
        return str(self.folder)

    def header(self) -> Plain:
        """What the log begins with: of another one it is no log."""
        own = asdict(self)
        del own["folder"], own["keep"], own["what"]
        plain: Plain = json.loads(json.dumps(own, sort_keys=True))
        return plain


@dataclass(frozen=True)
class Step:
    """What a call yielded after an epoch; before the first one, of epoch 0."""

    epoch: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class End:
    """The call is over after so many epochs, with final results."""

    epoch: int
    final: Mapping[str, float]


@dataclass(frozen=True)
class Failure:
    """The call raised an error.

    Attributes:
        line: the last one of its traceback.
        traceback: all of it.
    """

    line: str
    traceback: str


Came = Step | End | Failure


class Call:
    """One call of a function, new or taken up.

    Args:
        function: the user's, with its code.
        task: what it is called with.

    Attributes:
        differs: the first epoch of which it yielded other numbers, run again, than stand in its
            log; None where it did not.
    """

    def __init__(self, function: Function, task: Task) -> None:
        self.function, self.asks, self.task = function, function.asks, task
        self.generator: Generator[Any, None, Any] | None = None
        self.initial: Step | None = None
        self.steps: list[Step] = []
        self.over: End | Failure | None = None
        self.differs: int | None = None
        # Whether it goes on from a checkpoint, and the epoch that the generator is at.
        self.resumed, self.at = False, 0
        self.randomness = Randomness(task.seed)
        task.folder.mkdir(parents=True, exist_ok=True)
        self.output = Output(task.folder / OUTPUT)
        self._read()

    def first(self) -> Step | None:
        """What it knows before the first epoch; None where its first mapping is of that."""
        self._until(0)
        return self.initial

    def step(self, epoch: int) -> Came:
        """What it yields after an epoch, counted from 1, or how it ended before."""
        self._until(epoch)
        failed_last = epoch == self.task.epochs and isinstance(self.over, Failure)
        if epoch <= len(self.steps) and not failed_last:
            return self.steps[epoch - 1]
        assert self.over is not None
        return self.over

    def close(self) -> None:
        """Ends the generator, whose `finally` runs."""
        generator, self.generator = self.generator, None
        if generator is not None:
            with self._inside():
                try:
                    generator.close()
                except (Exception, SystemExit) as error:
                    # What a user's `finally` raises changes nothing any more.
                    print(told(error), file=sys.stderr)

    def _until(self, epoch: int) -> None:
        """Steps until an epoch is known; with 0 until the first yield, the last one to its end."""
        last = epoch == self.task.epochs
        while self.over is None:
            if epoch == 0 and (self.initial is not None or self.steps):
                return
            if 0 < epoch <= len(self.steps) and not last:
                return
            self._advance()

    def _advance(self) -> None:
        """One step of the generator."""
        try:
            if self.generator is None:
                self.generator = self._begin()
            with self._inside():
                found = next(self.generator)
            self._take(found)
        except StopIteration as stop:
            self.generator = None
            if self.resumed and self.at == 0 and len(self.steps) < self.task.epochs:
                # Its checkpoint is of the end, the log is not.
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
            # What it printed, logged and saved it does again.
            with suppress(FileNotFoundError):  # emptied, for a worker's descriptors may lead there
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
        """A mapping that was yielded: it goes on record, unless it is there."""
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
        """It is not deterministic: what it yielded first counts, and the log says so."""
        if self.differs is None:
            self.differs = epoch
            self._write({DIFFERS: epoch})

    def _again(self) -> None:
        """Forgets a checkpoint that is damaged or further than the log, and begins anew."""
        self.close()
        shutil.rmtree(self.task.folder / CHECKPOINT, ignore_errors=True)
        self.resumed, self.at = False, 0
        self.randomness = Randomness(self.task.seed)

    def _end(self, returned: Any) -> None:
        """The generator has ended, and returned something."""
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
        """It is over; what it did stands in its log no more than that it failed."""
        line = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
        self.over = Failure(line, traceback)
        (self.task.folder / TRACEBACK).write_text(f"{traceback.rstrip()}\n", encoding="utf-8")

    def _write(self, entry: Plain) -> None:
        with (self.task.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    def _read(self) -> None:
        """Takes up the log of an earlier process, if it is of this task."""
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
            # What was cut short is none, nor is what follows it.
            if not line.endswith("\n") or not self._known(line):
                path.write_text(whole, encoding="utf-8")
                break
            whole += line

    def _known(self, line: str) -> bool:
        """Takes up a line of a log; whether it is the next of one."""
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
                return False  # else two workers wrote it: the first counts
        except (ValueError, LookupError, TypeError):
            return False
        return True

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """While the user's code runs: what it prints goes to the call's file."""
        token = CURRENT.set(self.task)
        try:
            with self.randomness(), redirect_stdout(self.output), redirect_stderr(self.output):
                yield
        finally:
            CURRENT.reset(token)
            self.output.rest()


def told(error: BaseException) -> str:
    """The traceback of an error in a user's code, from that code on."""
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
