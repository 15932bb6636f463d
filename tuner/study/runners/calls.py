"""One call of a user's function: a generator that is stepped, and the log that outlives it.

A live generator is only a cache. What it has yielded stands in the log of its folder, so a call
that was cut short is taken up where its checkpoint left it, or run again from its beginning, and
what it yields again is dropped.
"""

import json
import math
import shutil
import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from traceback import format_exc
from typing import Any

from tuner.codec import Settings
from tuner.function import ASKED, BRANCH, Branch, Function
from tuner.study.runners.factors import Factors

# The files of a call: what it has yielded, what it printed, why it failed; what it saves itself,
# what it logs, and the model that it keeps.
LOG, OUTPUT, TRACEBACK = "yields.jsonl", "output.txt", "traceback.txt"
CHECKPOINT, ARTIFACTS, MODEL = "checkpoint", "artifacts", "model"

# Under which a function says of what epoch a mapping is.
EPOCH = "epoch"

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

    @property
    def key(self) -> str:
        """Tells it from all other calls of a study."""
        return str(self.folder)

    def header(self) -> dict[str, Any]:
        """What the log begins with: of another one it is no log."""
        own = asdict(self)
        del own["folder"], own["keep"]
        plain: dict[str, Any] = json.loads(json.dumps(own, sort_keys=True))
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


class WrongYield(Exception):
    """What a function yields or returns is not what it must be."""


class Call:
    """One call of a function, new or taken up.

    Args:
        function: the user's, with its code.
        task: what it is called with.
    """

    def __init__(self, function: Function, task: Task) -> None:
        self.function, self.asks, self.task = function, function.asks, task
        self.generator: Generator[Any, None, Any] | None = None
        self.initial: Step | None = None
        self.steps: list[Step] = []
        self.over: End | Failure | None = None
        self.differs = False
        self.resumed = False
        self.at = 0
        task.folder.mkdir(parents=True, exist_ok=True)
        self._read()
        self.log = (task.folder / LOG).open("a", encoding="utf-8")
        self.output = (task.folder / OUTPUT).open("a", encoding="utf-8")

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
        """Ends the generator, whose `finally` runs, and closes the files."""
        if self.generator is not None:
            with self._inside():
                try:
                    self.generator.close()
                except Exception:  # what a user's `finally` raises changes nothing any more
                    print(format_exc(), file=sys.stderr)
            self.generator = None
        self.log.close()
        self.output.close()

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
                self.at = 0
            with self._inside():
                found = next(self.generator)
            self._take(found)
        except StopIteration as stop:
            self.generator = None
            try:
                self._end(stop.value)
            except WrongYield as error:
                self._fail(f"{type(error).__name__}: {error}", str(error))
        except WrongYield as error:
            self.close_generator()
            self._fail(str(error), str(error))
        except Exception as error:
            self.generator = None
            if self.resumed and self.at == 0:
                self._again()
                return
            line = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
            self._fail(line, format_exc())

    def _begin(self) -> Generator[Any, None, Any]:
        """The generator before its first step."""
        task = self.task
        checkpoint = task.folder / CHECKPOINT
        if "checkpoint" in self.asks:
            checkpoint.mkdir(exist_ok=True)
            self.resumed = any(checkpoint.iterdir())
        given: dict[str, Any] = {
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
                    f"yielded no {EPOCH}: a function that takes `checkpoint` must say of which "
                    "epoch, counted from 1, a mapping is"
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
            return  # it is known
        if self.at == 0 and self.resumed:
            if epoch > len(self.steps) + 1:
                self._again()
                return
            expected = epoch
        if epoch != expected:
            raise WrongYield(f"yielded {EPOCH} {epoch}, where {expected} was to come")
        self.at = epoch
        if epoch > self.task.epochs:
            self.close_generator()
            self._end(None)
        elif epoch <= len(self.steps):
            self.differs |= not same(metrics, self.steps[epoch - 1].metrics)
        else:
            self.steps.append(Step(epoch, metrics))
            self._write({"epoch": epoch, "metrics": metrics})

    def _again(self) -> None:
        """Forgets a checkpoint that is damaged or further than the log, and begins anew."""
        self.close_generator()
        shutil.rmtree(self.task.folder / CHECKPOINT, ignore_errors=True)
        self.resumed, self.at = False, 0

    def close_generator(self) -> None:
        """Ends the generator, whose `finally` runs."""
        generator, self.generator = self.generator, None
        if generator is not None:
            with self._inside():
                generator.close()

    def _end(self, returned: Any) -> None:
        """The generator has ended, and returned something."""
        final: Mapping[str, float] = {}
        if isinstance(returned, Mapping):
            final, _ = numbers(returned)
        elif returned is not None and self.task.keep:
            from tuner.study.runners.models import save

            save(returned, self.task.folder / MODEL)
        if not self.steps:
            raise WrongYield("ended without a mapping of an epoch")
        self.over = End(len(self.steps), final)
        self._write({"end": len(self.steps), "final": final})

    def _fail(self, line: str, traceback: str) -> None:
        self.over = Failure(line, traceback)
        (self.task.folder / TRACEBACK).write_text(traceback, encoding="utf-8")

    def _write(self, entry: Mapping[str, Any]) -> None:
        self.log.write(json.dumps(entry) + "\n")
        self.log.flush()

    def _read(self) -> None:
        """Takes up the log of an earlier process, if it is of this task."""
        path = self.task.folder / LOG
        entries: list[Any] = []
        try:
            text = path.read_text(encoding="utf-8")
            # What follows the last line break was cut short.
            entries = [json.loads(line) for line in text.split("\n")[:-1]]
        except (OSError, ValueError):
            entries = []
        if not entries or entries[0] != self.task.header():
            for name in (CHECKPOINT, ARTIFACTS, MODEL):
                shutil.rmtree(self.task.folder / name, ignore_errors=True)
            for name in (LOG, OUTPUT, TRACEBACK):
                (self.task.folder / name).unlink(missing_ok=True)
            path.write_text(json.dumps(self.task.header()) + "\n", encoding="utf-8")
            return
        whole = "".join(json.dumps(entry) + "\n" for entry in entries)
        if whole != text:
            path.write_text(whole, encoding="utf-8")
        for entry in entries[1:]:
            if "initial" in entry:
                self.initial = Step(0, entry["initial"])
            elif "metrics" in entry:
                self.steps.append(Step(entry["epoch"], entry["metrics"]))
            else:
                self.over = End(entry["end"], entry["final"])

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """While the user's code runs: what it prints goes to the call's file."""
        token = CURRENT.set(self.task)
        try:
            with redirect_stdout(self.output), redirect_stderr(self.output):
                yield
        finally:
            CURRENT.reset(token)
            self.output.flush()


def arguments(function: Function, settings: Settings) -> dict[str, Any]:
    """The settings as the function takes them: of a branch, the option with its own."""
    found: dict[str, Any] = {}
    for key, kind in function.kinds.items():
        value = found[key] = settings[key]
        if kind == BRANCH:
            below = f"{key}.{value}."
            own = {p[len(below) :]: v for p, v in settings.items() if p.startswith(below)}
            found[key] = Branch(value, own)
    return found


def numbers(found: Any) -> tuple[dict[str, float], int | None]:
    """A mapping of numbers, and the epoch that it says it is of.

    Raises:
        WrongYield: for anything else.
    """
    if not isinstance(found, Mapping):
        raise WrongYield(f"yielded {found!r:.100}: must be a mapping of numbers by name")
    metrics: dict[str, float] = {}
    epoch = None
    for key, value in found.items():
        if not isinstance(key, str) or not key.replace("_", "a").replace(".", "a").isalnum():
            raise WrongYield(f"yielded the name {key!r:.100}: must be of letters, digits, _ and .")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise WrongYield(f"yielded {key} {value!r:.100}: must be a number") from None
        if key == EPOCH:
            epoch = int(number)
        else:
            metrics[key] = number
    return metrics, epoch


def same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two mappings hold the same numbers; nan is nan."""
    return one.keys() == other.keys() and all(
        value == other[key] or (math.isnan(value) and math.isnan(other[key]))
        for key, value in one.items()
    )


class Log:
    """Keeps files of a trial, which MLflow shows with it.

    Args:
        folder: where they are kept, made when there is one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def text(self, name: str, text: str) -> None:
        """Keeps a text under this file name."""
        self._place(name).write_text(text, encoding="utf-8")

    def figure(self, name: str, figure: Any) -> None:
        """Keeps a matplotlib figure under this file name."""
        figure.savefig(self._place(name))

    def file(self, path: str | Path) -> None:
        """Keeps a copy of a file."""
        shutil.copyfile(path, self._place(Path(path).name))

    def _place(self, name: str) -> Path:
        if Path(name).name != name or name in ("", ".", ".."):
            raise ValueError(f"{name!r}: must be the name of a file, without a folder")
        self.folder.mkdir(exist_ok=True)
        return self.folder / name
