"""How tuner understood a data set, in numbers and words, before training."""

from dataclasses import dataclass

import numpy as np

from tuner.data.columns import Columns
from tuner.data.dataset import DataSet
from tuner.data.source import is_sparse, is_table
from tuner.data.suspicions import suspicions
from tuner.errors import printable

# So many classes are named, the largest first, and so many letters of each.
NAMED, LETTERS = 5, 30


@dataclass(frozen=True)
class Understood:
    """What a data set was taken for.

    Attributes:
        name: of the set.
        task: as `DataSet.task`.
        training, validation: rows of each; with folds, those that take turns, and 0.
        test: rows of the test part; None where nothing has read it yet.
        folds: how many take turns; 1 where there is one validation part.
        by: what the parts are split by: "time", "group" or "".
        weighted: whether rows have weights.
        classes: labels with their rows outside a test part of its own, the largest class first;
            empty unless each row has one label.
        positive: the label of the positive class, or None.
        outputs: how many labels or numbers are predicted for a row; 1 for classes.
        lowest, highest: of the numbers to predict; 0 for other tasks.
        numbers, words, levels, dates, texts: columns of features of each kind.
        filled: values that are not 0, where rows are sparse; None where they are not.
        notes: what else there is to know of how the set was read, in words.
        suspicions: what in it may spoil the study, in words.
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
        """Two lines, and one for each note and each suspicion, printable as they are."""
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
        """The classes with their rows, or what else is predicted."""
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
        """What is predicted from."""
        if self.filled is not None:
            return (
                f"{counted(self.numbers, 'sparse column')} with {self.filled} values that are not 0"
            )
        kinds = {"numbers": self.numbers, "words": self.words, "levels in an order": self.levels}
        kinds |= {"dates": self.dates, "text": self.texts}
        *said, last = [f"{counted(n, 'column')} of {kind}" for kind, n in kinds.items() if n]
        return f"{', '.join(said)} and {last}" if said else last


def understood(data: DataSet) -> Understood:
    """What a data set was taken for."""
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
    """What to say of a table that became very many columns."""
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
    """A number of things, as "1 column" and "3 columns"."""
    return f"{count} {what}{'s' * (count != 1)}"


def shortened(label: str) -> str:
    """A label that fits into a line of several."""
    return label if len(label) <= LETTERS else f"{label[: LETTERS - 3]}..."
