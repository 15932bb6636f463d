"""How tuner understood a data set, in numbers and words, before training."""

from dataclasses import dataclass

import numpy as np

from tuner.data.columns import Columns
from tuner.data.dataset import DataSet
from tuner.data.source import is_sparse, is_table
from tuner.data.suspicions import suspicions
from tuner.errors import printable

# The maximum number of classes that are named, the largest first, and of letters of a name.
NAMED, LETTERS = 5, 30


@dataclass(frozen=True)
class Understood:
    """How a data set was understood.

    Attributes:
        name: name of the data set.
        task: as `DataSet.task`.
        training, validation: number of rows of each part; with folds, the rows of all folds, and 0.
        test: number of rows of the test part; None if it is a separate one, not read yet.
        folds: number of folds; 1 for one validation part.
        by: what the parts are split by: "time", "group" or "".
        weighted: whether rows have weights.
        classes: labels with their number of rows, without a separate test part, the largest class
            first; empty unless each row has exactly one label.
        positive: the label of the positive class, or None.
        outputs: number of labels or numbers to predict per row; 1 for classes.
        lowest, highest: range of the numbers to predict; 0 for other tasks.
        numbers, words, levels, dates, texts: number of feature columns of each kind.
        filled: number of non-zeros of sparse rows; None for dense rows.
        notes: other notes on how the data were read, in words.
        suspicions: what may spoil the study, in words.
    """

    name: str
    task: str
    training: int
    validation: int
    test: int | None
    folds: int
    by: str
    weighted: bool
    classes: tuple[tuple[str, int], ...]
    positive: str | None
    outputs: int
    lowest: float
    highest: float
    numbers: int
    words: int
    levels: int
    dates: int
    texts: int
    filled: int | None
    notes: tuple[str, ...]
    suspicions: tuple[str, ...]

    def lines(self) -> list[str]:
        """Two lines, and one for each note and each suspicion, safe to print."""
        said = [f"{self.name}, {self.task}: {self.parts()}", f"{self.targets()}; {self.features()}"]
        told = [f"Data: {printable(line)}." for line in (*said, *self.notes)]
        return [*told, *(f"Data: suspicious: {printable(line)}." for line in self.suspicions)]

    def parts(self) -> str:
        """The rows of each part."""
        weights = "; rows have weights" if self.weighted else ""
        by = f", split by {self.by}" if self.by else ""
        test = "a test part of its own" if self.test is None else f"{self.test} for the test"
        if self.folds > 1:
            return (
                f"{self.training} rows in {self.folds} folds that take turns, {test}{by}{weights}"
            )
        rows = f"{self.training} rows for training, {self.validation} for validation"
        return f"{rows}, {test}{by}{weights}"

    def targets(self) -> str:
        """The classes with their number of rows, or the kind of the targets."""
        if not self.classes:
            if self.task == "multilabel":
                return counted(self.outputs, "label")
            what = counted(self.outputs, "number")
            return f"{what} to predict, from {self.lowest:.4g} to {self.highest:.4g}"
        named = [
            f"{shortened(label)} ({rows}{', positive' * (label == self.positive)})"
            for label, rows in self.classes
        ]
        rest = len(named) - NAMED
        if rest > 1:
            few = self.classes[-1][1]
            named = [*named[:NAMED], f"and {rest} more of {few} rows or more"]
        return f"{len(self.classes)} classes: {', '.join(named)}"

    def features(self) -> str:
        """The features."""
        if self.filled is not None:
            return (
                f"{counted(self.numbers, 'sparse column')} with {self.filled} values that are not 0"
            )
        kinds = {"numbers": self.numbers, "words": self.words, "levels in an order": self.levels}
        kinds |= {"dates": self.dates, "text": self.texts}
        *said, last = [f"{counted(n, 'column')} of {kind}" for kind, n in kinds.items() if n]
        return f"{', '.join(said)} and {last}" if said else last


def understood(data: DataSet) -> Understood:
    """How a data set was understood."""
    source, target, split = data.source, data.target, data.split
    several = len(split.folds) > 1
    train, validation = split.folds[0]
    values, rows = np.asarray(target.values), source.rows
    regression = data.task == "regression"
    kinds = source.kinds
    place = data.asked.positive
    return Understood(
        name=data.name,
        task=data.task,
        training=len(split.rest if several else train),
        validation=0 if several else len(validation),
        test=len(split.test) if source.read_test is None else None,
        folds=len(split.folds),
        by="time" if source.times is not None else "group" if source.groups is not None else "",
        weighted=source.weights is not None,
        classes=_classes(data),
        positive=None if place is None or data.classes is None else str(data.classes[place]),
        outputs=1 if data.classes is not None else data.outputs,
        lowest=float(values.min()) if regression else 0.0,
        highest=float(values.max()) if regression else 0.0,
        numbers=len(kinds.numbers) if is_table(rows) else rows.shape[1],
        words=len(kinds.words),
        levels=len(kinds.levels),
        dates=len(kinds.dates),
        texts=len(kinds.texts),
        filled=int(rows.nnz) if is_sparse(rows) else None,
        notes=(*source.notes, *target.notes(None), *_wide(data)),
        suspicions=suspicions(source, target, split),
    )


def _wide(data: DataSet) -> tuple[str, ...]:
    """A note on a table with very many encoded columns."""
    made, widest = data.recipe.rows, data.widest
    if widest is None or not isinstance(made, Columns):
        return ()
    name, count = widest
    return (
        f"{made.inputs} columns, of which a row fills {made.filled:.0f}, are stored sparse; column "
        f"{name} makes {count} of them, data.min_count makes them fewer",
    )


def _classes(data: DataSet) -> tuple[tuple[str, int], ...]:
    if data.classes is None:
        return ()
    labels, rows = np.unique(data.target.values, return_counts=True)
    order = np.argsort(-rows, kind="stable")
    return tuple((str(labels[i]), int(rows[i])) for i in order)


def counted(count: int, what: str) -> str:
    """A number of things, such as "1 column" and "3 columns"."""
    return f"{count} {what}{'s' * (count != 1)}"


def shortened(label: str) -> str:
    """A label, cut to LETTERS characters."""
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 3]}..."
