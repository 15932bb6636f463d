"""A data set ready for training: split and encoded, with a separate test part."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data import (
    checks,
    columns,
    digests,
    memory,
    metrics,
    readers,
    reshaping,
    scaling,
    scratch,
    sparse,
)
from tuner.data.encoding import Encoding
from tuner.data.labels import balanced
from tuner.data.preparation import FINAL, Asked, Recipe, prepare
from tuner.data.source import Source, is_sparse, is_table
from tuner.data.splits import Split, split
from tuner.data.targets import Target, find_positive, understand, undone
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.training.problems import Fold, Part
    from tuner.training.target_transforms import TargetTransform


@dataclass(frozen=True, eq=False, repr=False)
class DataSet:
    """Folds to train on, and a test part that is created on demand.

    Each fold has its own preparation, fitted to its own training part. X is (n, inputs), dense and
    C-contiguous, or sparse. y is (n,) int64 indices into `classes`, or (n, outputs) of the dtype of
    X: 0 and 1 for several labels, and for regression numbers, standardised by the training part,
    because targets in the hundreds would need other learning rates. Weights of training rows are
    sample weights times class weights; other rows have sample weights only, so that scores are
    about the data. Weights are None if all rows count equally.
    """

    name: str
    source: Source
    target: Target
    split: Split
    asked: Asked
    # Cache of the parts' X and of their preparations, shared with `unstandardised`.
    made: dict[Any, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The task: "binary", "multiclass", "multilabel" or "regression"."""
        return self.target.task

    @cached_property
    def classes(self) -> np.ndarray | None:
        """The labels as in the source, sorted; None unless each row has exactly one."""
        return self.target.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on how the data were understood, in words."""
        return (*self.source.notes, *self.target.notes(self.asked.positive))

    @cached_property
    def folds(self) -> "tuple[Fold, ...]":
        """The training and validation parts: one pair, or one pair per fold."""
        from tuner.training.problems import Fold

        return tuple(
            Fold(self._part(recipe, train, "train"), self._part(recipe, validation, "validation"))
            for recipe, (train, validation) in zip(self.recipes, self.split.folds, strict=True)
        )

    @cached_property
    def final(self) -> "Fold":
        """The data that the saved model is trained on.

        The only fold; with several folds, or for a refit, all rows but the test part, without a
        validation part.
        """
        from tuner.training.problems import Fold

        if len(self.split.folds) == 1 and not self.asked.refit:
            return self.folds[0]
        return Fold(self._part(self.recipe, self.split.rest, "train"), None)

    @cached_property
    def unstandardised(self) -> "DataSet":
        """The same data with raw regression targets, for losses that need them.

        X is shared.
        """
        return replace(self, asked=replace(self.asked, standardise=False))

    @cached_property
    def refitted(self) -> "DataSet":
        """The same data whose `final` is all but the test part, with a preparation fitted to it."""
        return replace(self, asked=replace(self.asked, refit=True))

    @cached_property
    def recipe(self) -> Recipe:
        """The preparation of `final` and of the test part."""
        if len(self.split.folds) == 1 and not self.asked.refit:
            return self.recipes[0]
        return self._fit(FINAL, self.split.rest)

    @cached_property
    def recipes(self) -> tuple[Recipe, ...]:
        """The preparation of each fold."""
        trains = [train for train, _ in self.split.folds]
        if len(trains) == 1:
            return (self._fit(0, trains[0]),)
        return tuple(self._fit(fold, train, self.recipe) for fold, train in enumerate(trains))

    @property
    def inputs(self) -> int:
        """Number of columns of X."""
        return self.recipe.rows.inputs

    @property
    def widest(self) -> tuple[str, int] | None:
        """The column of a wide table with the most columns of X, and their number; or None."""
        made = self.recipe.rows
        if not isinstance(made, columns.Columns) or made.filled is None:
            return None
        return made.widest

    @property
    def outputs(self) -> int:
        """Scores per row: 1 for two classes, else one per class, label or target."""
        if self.classes is None:
            return int(self.target.values.shape[1])
        return 1 if self.task == "binary" else len(self.classes)

    @property
    def target_mean(self) -> np.ndarray | None:
        """(outputs,) the mean subtracted from the targets of `final`, after `target_transform`;
        only for regression, else None."""
        return undone(self.recipe.targets)[0]

    @property
    def target_scale(self) -> np.ndarray | None:
        """(outputs,) the scale they were then divided by; only for regression, else None."""
        return undone(self.recipe.targets)[1]

    @property
    def target_transform(self) -> "TargetTransform | None":
        """The transform of the raw targets of `final`, applied first; None without one."""
        return undone(self.recipe.targets)[2]

    @property
    def example(self) -> Any:
        """Five raw training rows: (5, inputs) float64, a SciPy CSR matrix or a DataFrame."""
        rows: Any = self.recipe.fitted_to[:5]
        if is_table(self.source.rows):
            return self.source.rows.iloc[rows].reset_index(drop=True)
        taken = self.source.rows[rows].astype(np.float64)
        if is_sparse(taken):
            from scipy.sparse import csr_matrix

            return csr_matrix(taken)  # MLflow does not know the array of the same format
        return taken

    @cached_property
    def digest(self) -> str:
        """A SHA-256 of the data: values, names, targets, weights, and the split into parts.

        A test part with files of its own is excluded, because it is read only at the end.
        """
        return digests.of(self.source, self.target, self.split)

    def test(self) -> "Part":
        """The test part, prepared like `final`.

        It is created again in each call, so call this once, for the winner.

        Raises:
            UserError: the files of the test part are invalid.
        """
        if self.source.read_test is None:
            return self._part(self.recipe, self.split.test, "test")
        from tuner.training.problems import Part

        rows, targets = self.source.read_test()
        checks.check_test(rows, targets, inputs=self.inputs, classes=self.classes)
        every, dtype = np.arange(len(rows)), self.asked.dtype
        return Part(
            self.recipe.rows(rows, every, dtype), self.recipe.targets(targets, every, dtype)
        )

    def metric(self, name: str, loss: str | None = None) -> metrics.Metric:
        """A metric on raw scores of the test part.

        Args:
            name: the name of the metric.
            loss: the name of the trained loss, which defines the meaning of scores.

        Raises:
            UserError: the metric does not fit the task (the message lists those that do), or cannot
                be computed on a validation part.
        """
        self.fold_metrics(name, loss)
        return self._metric(self.recipe, name, loss)

    def fold_metrics(self, name: str, loss: str | None = None) -> tuple[metrics.Metric, ...]:
        """The metric on raw scores of each fold's validation part.

        Each fold standardises its targets by its own training part.
        """
        found = tuple(self._metric(recipe, name, loss) for recipe in self.recipes)
        for metric, fold in zip(found, self.folds, strict=True):
            if fold.validation is not None:
                self._try(metric, fold.validation)
        return found

    def _try(self, metric: metrics.Metric, part: "Part") -> None:
        """Raises UserError unless the metric of scores that are all 0 is a number on this part:
        such scores predict the mean, or no class before another."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # classes that are never predicted
            found = metric.function(np.zeros((len(part.y), self.outputs)), part.y, part.weights)
        if np.isnan(found):
            raise UserError(
                f"metric: {metric.name}: a validation part has not what it needs, as rows of "
                "every class; give another metric or other parts"
            )

    def _metric(self, recipe: Recipe, name: str, loss: str | None) -> metrics.Metric:
        shift, scale, own = undone(recipe.targets)
        positive = self.asked.positive
        return metrics.load(name, self.task, self.classes, shift, scale, loss, positive, own)

    def _fit(self, fold: int, train: np.ndarray, layout: Recipe | None = None) -> Recipe:
        """The preparation fitted to these rows; with a layout, it uses the layout's columns."""
        key = ("rows", fold)
        targets = self.target.encoding(train, self.asked.standardise, self.asked.target_transform)
        if key not in self.made:
            shared = None if layout is None else layout.rows
            y = targets(self.target.values, train, np.float64)
            self.made[key] = prepare(self.source, train, self.asked, y, shared)
        return Recipe(fold, train, self.made[key], targets)

    def _part(self, recipe: Recipe, chosen: np.ndarray, name: str) -> "Part":
        from tuner.training.problems import Part

        weights = None if self.source.weights is None else self.source.weights[chosen]
        if name == "train" and self.asked.class_weight is not None:
            own = balanced(self.target.values[chosen], weights)
            weights = own if weights is None else weights * own
        dtype = self.asked.dtype
        y = recipe.targets(self.target.values, chosen, dtype)
        weights = None if weights is None else np.ascontiguousarray(weights, dtype)
        return Part(self._X(recipe, chosen, name), y, weights)

    def _X(self, recipe: Recipe, chosen: np.ndarray, name: str) -> Any:
        """The chosen rows, prepared; cached, except for the test part."""
        key = (name, recipe.fold)
        if key in self.made:
            return self.made[key]
        rows, dtype, made = self.source.rows, self.asked.dtype, recipe.rows
        if isinstance(made, scaling.Scaling | reshaping.Reshaping):
            X: Any = made(rows, chosen, dtype, self._empty)
        elif isinstance(made, columns.Columns) and name == "train":
            X = made.training(rows, chosen, dtype)
        else:
            X = made(rows, chosen, dtype)
        if name != "test":
            self.made[key] = X
        return X

    @cached_property
    def _empty(self) -> Callable[..., np.ndarray]:
        """Allocates parts: in memory or, if they are too large and come from disk, on disk."""
        if isinstance(self.source.rows, np.memmap) and not memory.fits(self._needed()):
            return scratch.empty
        return np.empty

    def _needed(self) -> float:
        """Bytes of all X for training."""
        pieces = [len(train) + len(validation) for train, validation in self.split.folds]
        rows = sum(pieces) + (len(self.split.rest) if len(pieces) > 1 else 0)
        size = np.dtype(self.asked.dtype).itemsize
        if is_sparse(self.source.rows):
            share = rows / self.source.rows.shape[0]
            return float(share * self.source.rows.nnz * (size + 4))
        made = self.recipe.rows
        if isinstance(made, columns.Columns) and made.filled is not None:
            return float(rows * made.filled * (size + 4))
        return float(rows * self.inputs * size)

    def check_memory(self) -> None:
        """Refuses parts that would not fit into memory; memory-mapped rows are not counted.

        Raises:
            UserError: the parts would take more than half of the memory.
        """
        if isinstance(self.source.rows, np.memmap):
            return
        folds = len(self.split.folds)
        mend = "take fewer rows or columns, or give the rows as X.npy, which is read from disk"
        if folds > 1:
            mend = f"give fewer data.folds (each of the {folds} has its own copy), or {mend}"
        memory.check(self.source.where, self._needed(), mend)


def load(
    name: str,
    *,
    seed: int,
    dtype: DTypeLike,
    reader: str = "bundled",
    validation_fraction: float = 0.2,
    test_fraction: float | None = None,
    folds: int | None = None,
    scale: str | None = None,
    task: str | None = None,
    class_weight: str | None = None,
    positive: bool | int | float | str | None = None,
    words: str | Mapping[str, str] | None = None,
    min_count: int | None = None,
    buckets: int | None = None,
    ngrams: int | None = None,
    target_transform: str | None = None,
    **settings: Any,
) -> DataSet:
    """Reads, checks, splits and prepares a data set; the arguments are the keys of conf/data.

    Args:
        name: name of the data set.
        seed: seed of the split; the same seed gives the same parts.
        dtype: "float32" or "float64", of X, and of y unless y holds classes.
        reader: a file of tuner/data/readers, which takes the other settings.
        validation_fraction: share of all rows for validation, if there are no folds.
        test_fraction: 0.2 by default; must be None for IDX files, which have their own test part.
        folds: number of cross-validation folds; None for one part of validation_fraction.
        scale: "standard" (mean 0, standard deviation 1), "minmax" (0 to 1), "maxabs" (-1 to 1),
            "robust" (minus the median, over the interquartile range), "quantile" (ranks, mapped to
            a normal distribution), "power" (Yeo-Johnson, against skew) or "none", for each column
            of numbers; None is maxabs for sparse rows and standard otherwise.
        task: the task, if not the one inferred from the targets (tuner.data.targets.understand).
        class_weight: "balanced" gives all classes the same total weight in training.
        positive: the positive one of two classes, for metrics such as f1, if not clear from their
            names.
        words: encoding of categories, "one_hot", "hash" or "target", for all columns or by column.
        min_count: one-hot categories with fewer training rows share a column; words of a text with
            fewer rows are left out (2 by default).
        buckets: columns per hashed column, 256 by default.
        ngrams: the longest n-gram of words of a text that gets a column, 1 by default.
        target_transform: "log1p" or "power" for skewed numbers to predict, fitted to the training
            part; scores and predictions are in the unit of the targets nevertheless.
        settings: settings of the reader, such as `path`.

    Raises:
        UserError: settings or data cannot be trained on; in one line.
    """
    source = readers.read(name, reader, settings)
    scale = scale or (sparse.DEFAULT if is_sparse(source.rows) else scaling.DEFAULT)
    fractions = checks.shares(source, validation_fraction, test_fraction)
    checks.check_settings(fractions, scale, folds, class_weight)
    encoding = Encoding(words, min_count, buckets, ngrams)
    checks.check_source(source, encoding)
    mixed = is_table(source.rows) and class_weight is None
    target = understand(source.where, source.targets, task, source.number, mixed)
    target.check_transform(target_transform)
    place = find_positive(target, positive)
    if class_weight is not None and target.classes is None:
        raise UserError(f"data.class_weight: {class_weight}: there are no classes; give null")
    checks.check_classes(source, target, fractions, folds or 1)
    parts = split(
        target.strata,
        validation=validation_fraction,
        test=fractions.get("test", 0.0),
        folds=folds,
        groups=source.groups,
        times=source.times,
        seed=seed,
    )
    checks.check_split(source, target, fractions, parts, folds)
    if source.weights is not None:
        checks.check_weights(source.where, source.weights, target, parts)
    asked = Asked(np.dtype(dtype), scale, class_weight, positive=place, encoding=encoding)
    asked = replace(asked, target_transform=target_transform)
    data = DataSet(name, source, target, parts, asked)
    data.check_memory()
    assert data.folds
    return data
