"""Targets: their task, and their encoding for a loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tuner.data.labels import Labels
from tuner.data.scaling import LARGEST, Scaling, fit
from tuner.errors import UserError
from tuner.training import target_transforms
from tuner.training.target_transforms import TargetTransform

# The second of each of these pairs is the positive class; case is ignored.
CLEAR = (
    *(("0", "1"), ("-1", "1"), ("-1", "+1"), ("-", "+"), ("false", "true"), ("f", "t")),
    *(("no", "yes"), ("n", "y"), ("negative", "positive"), ("neg", "pos")),
)
LETTERS = 1000  # maximum length of a label
MOST = 30  # integer classes in a table; with more, integers are numbers to predict
TASKS = ("binary", "multiclass", "multilabel", "regression")


@dataclass(frozen=True)
class Indicators:
    """Encodes several labels per row as 0 or 1, of the dtype; `labels` is their number."""

    labels: int

    def __call__(self, targets: np.ndarray, chosen: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """The chosen labels: (chosen, labels), C-contiguous."""
        return np.ascontiguousarray(targets[chosen], dtype)


@dataclass(frozen=True, eq=False)
class Transformed:
    """Encodes numbers: first transformed, then standardised."""

    transform: TargetTransform
    scaling: Scaling

    def __call__(self, targets: np.ndarray, chosen: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """The chosen numbers: (chosen, outputs), C-contiguous."""
        return self.scaling(self.transform(targets[chosen]), np.arange(len(chosen)), dtype)


Encoding = Labels | Indicators | Scaling | Transformed


@dataclass(frozen=True, eq=False)
class Target:
    """Raw targets of a known task.

    Attributes:
        task: one of TASKS.
        values: (n,) labels of any dtype but float, (n, labels) of 0 and 1, or (n, outputs) float64.
        bare: whether spaces around the labels were removed.
        whole: number of different integers, if they were inferred to be numbers to predict, not
            classes; else 0.
    """

    task: str
    values: np.ndarray
    bare: bool = False
    whole: int = 0

    @property
    def classes(self) -> np.ndarray | None:
        """The labels that occur, sorted; None unless each row has one."""
        return np.unique(self.values) if self.task in ("binary", "multiclass") else None

    @property
    def strata(self) -> np.ndarray:
        """(n,) the strata of a split: the labels, or zeros if rows do not have exactly one."""
        one = self.values.ndim == 1
        return self.values if one else np.zeros(len(self.values))

    def notes(self, positive: int | None) -> list[str]:
        """Notes on the targets, in words; `positive` is as returned by `find_positive`."""
        found = ["blanks around the labels are left out"] if self.bare else []
        if self.whole:
            found.append(
                f"the target holds {self.whole} different whole numbers and is taken for a number "
                "to predict; data.task=multiclass takes them for classes"
            )
        if self.classes is not None and positive is not None:
            found.append(f"{self.classes[positive]} is the positive class")
        return found

    def encoding(
        self, chosen: np.ndarray, standardise: bool, transform: str | None = None
    ) -> Encoding:
        """The encoder of y, fitted to the chosen rows only, except for the classes.

        Args:
            chosen: numbers of the training rows.
            standardise: whether numbers get mean 0 and standard deviation 1.
            transform: name of a transform of tuner.training.target_transforms that is applied
                first, or None.

        Raises:
            UserError: the transform does not fit them.
        """
        if self.classes is not None:
            return Labels(self.classes)
        if self.task == "multilabel":
            return Indicators(self.values.shape[1])
        method = "standard" if standardise else "none"
        if transform is None:
            return replace(fit(self.values, chosen, method), key="data.target")
        values = self.values[chosen]
        try:
            own = target_transforms.fit(transform, values)
        except ValueError as error:
            raise UserError(f"data.target_transform: {transform}: {error}") from None
        scaling = fit(own(values), np.arange(len(values)), method)
        return Transformed(own, replace(scaling, key="data.target_transform"))

    def check_transform(self, transform: str | None) -> None:
        """Refuses a transform that does not fit the targets of all parts.

        Raises:
            UserError: they are not numbers, or the logarithm of one is undefined.
        """
        if transform is None:
            return
        where = f"data.target_transform: {transform}"
        if transform not in target_transforms.NAMES:
            raise UserError(f"{where}: must be one of {', '.join(target_transforms.NAMES)}")
        if self.task != "regression":
            mend = "give null, or data.task=regression"
            raise UserError(f"{where}: is for regression, not for {self.task}; {mend}")
        try:
            target_transforms.check_domain(transform, self.values)
        except ValueError as error:
            raise UserError(f"{where}: {error}") from None


def understand(
    where: str,
    raw: np.ndarray,
    asked: str | None,
    number: Callable[[int], int] = int,
    mixed: bool = False,
) -> Target:
    """Infers the task of raw targets and converts them for it.

    Integers, texts and booleans are labels; floats are numbers to predict. Several columns are
    labels if they hold only 0 and 1, otherwise numbers to predict. Integers of a table may also be
    quantities such as prices: more than MOST different ones are numbers to predict, unless they are
    0 to k - 1 or 1 to k, as classes are numbered.

    Args:
        where: the config key and value that named the source, for errors.
        raw: (n,) or (n, outputs).
        asked: the task from the config, or None to infer it.
        number: returns the number of a row in its file.
        mixed: whether integers may be quantities, as in a table.

    Raises:
        UserError: the task does not allow these targets.
    """
    if asked is not None and asked not in TASKS:
        raise UserError(f"data.task: {asked!r}: must be one of {', '.join(TASKS)}")
    raw = _plain(raw)
    _check_present(where, raw, number)
    several = raw.ndim == 2 and raw.shape[1] > 1
    if mixed and asked is None and not several and (whole := _uncounted(raw)):
        return Target("regression", _numbers(where, raw), whole=whole)
    task = asked or _task(raw, several)
    if several and task in ("binary", "multiclass"):
        raise UserError(f"data.task: {task}: takes one target, the data have {raw.shape[1]}")
    if task == "multilabel":
        return Target(task, _indicators(where, raw))
    if task == "regression":
        return Target(task, _numbers(where, raw))
    return _labels(where, raw.reshape(len(raw)), asked)


def with_target(
    where: str, rows: Any, targets: Any, names: Sequence[str]
) -> tuple[Any, np.ndarray, tuple[str, ...]]:
    """The rows of a table without missing targets, their targets, and notes on rows left out.

    pandas converts a target of integers with missing values to float; it becomes integer again.

    Args:
        where: the config key and value that named the source, for errors.
        rows: a DataFrame.
        targets: (n,) or (n, outputs), of pandas.
        names: the names of the targets.

    Raises:
        UserError: no row has all targets.
    """
    gaps = np.asarray(targets.isna()).reshape(len(targets), -1).any(axis=1)
    if not gaps.any():
        return rows, np.asarray(targets), ()
    if gaps.all():
        raise UserError(f"{where}: no row has a target, {', '.join(names)}")
    count, left = int(gaps.sum()), "are left out" if gaps.sum() > 1 else "is left out"
    said = f"{count} row{'s' * (count != 1)} without a target ({', '.join(names)}) {left}"
    kept = np.asarray(targets[~gaps])
    return rows[~gaps], _whole(kept) if kept.ndim == 1 else kept, (said,)


def find_positive(target: Target, asked: bool | int | float | str | None) -> int | None:
    """The index of the positive one of two classes, as given or as clear from their names.

    Args:
        target: targets of any task.
        asked: the class as written in the data, or None.

    Returns:
        The index; None if it is not clear, and for all tasks but two classes.

    Raises:
        UserError: there is no such class, or the task is not two classes.
    """
    if target.task != "binary" or target.classes is None:
        if asked is not None:
            raise UserError(f"data.positive: {asked}: needs two classes; give null")
        return None
    names = [str(label) for label in target.classes]
    folded = [name.casefold() for name in names]
    clear = [folded.index(pair[1]) for pair in CLEAR if sorted(pair) == sorted(folded)]
    if asked is None:
        return clear[0] if clear else None
    if str(asked).strip() in names:
        return names.index(str(asked).strip())
    if isinstance(asked, bool) and clear:  # YAML reads yes, on and true as a bool
        return clear[0] if asked else 1 - clear[0]
    raise UserError(f"data.positive: {asked}: must be one of the classes {', '.join(names)}")


def _plain(raw: np.ndarray) -> np.ndarray:
    """An object array of one type, as an array of that dtype."""
    if raw.dtype.kind != "O":
        return raw
    present = [value for value in raw.flat if value is not None and value == value]
    if len(present) == raw.size and all(isinstance(v, bool | np.bool_) for v in present):
        return raw.astype(bool)
    if all(isinstance(v, int | float | np.number) and not _is_large(v) for v in present):
        whole = len(present) == raw.size and all(
            isinstance(v, int | np.integer) and -(2**63) <= v < 2**63 for v in present
        )
        return raw.astype(np.int64 if whole else np.float64)
    return raw


def _task(raw: np.ndarray, several: bool) -> str:
    if several:
        return "multilabel" if np.isin(raw, (0, 1)).all() else "regression"
    return "regression" if raw.dtype.kind == "f" else "multiclass"  # or binary; `_labels` decides


def _uncounted(raw: np.ndarray) -> int:
    """The number of different integers, or 0 if they may number classes."""
    if raw.dtype.kind not in "iu":
        return 0
    different = np.unique(raw)
    count, lowest = len(different), int(different[0])
    counts_up = lowest in (0, 1) and int(different[-1]) - lowest == count - 1
    return 0 if count <= MOST or counts_up else count


def _check_present(where: str, raw: np.ndarray, number: Callable[[int], int]) -> None:
    if raw.dtype.kind not in "OUSbiuf":
        raise UserError(f"{where}: the targets hold {raw.dtype} values; must be numbers or text")
    if not raw.size:
        raise UserError(f"{where}: the targets are empty, of shape {raw.shape}")
    if raw.dtype.kind == "O":
        bad = np.array([v is None or v != v or _is_large(v) for v in raw.flat]).reshape(raw.shape)
    elif raw.dtype.kind == "f":
        bad = ~(np.abs(raw) <= LARGEST)
    else:
        return
    if bad.any():
        row = number(int(np.argwhere(bad)[0][0]))
        value: Any = raw[tuple(np.argwhere(bad)[0])]
        missing = value is None or value != value
        said = "is missing" if missing else f"is {value}"
        mend = "" if missing else f"; must be {LARGEST:g} at most"
        raise UserError(
            f"{where}: the target {said} in row {row} (counted from 0): leave such rows out{mend}"
        )


def _is_large(value: Any) -> bool:
    """Whether it is a number that is too large to compute with."""
    return isinstance(value, int | float) and bool(abs(value) > LARGEST)


def _labels(where: str, raw: np.ndarray, asked: str | None) -> Target:
    if raw.dtype.kind == "O":
        kinds = {type(value) for value in raw}
        if kinds != {str}:
            named = ", ".join(sorted(kind.__name__ for kind in kinds))
            raise UserError(f"{where}: the targets mix {named}; must be of one kind")
        longest = max(map(len, raw))
        if longest > LETTERS:  # every label would take as much memory as the longest
            raise UserError(
                f"{where}: a target is a text of {longest} characters; must be {LETTERS} at most"
            )
        raw = raw.astype(str)
    bare = False
    if raw.dtype.kind == "U":
        stripped = np.strings.strip(raw)
        raw, bare = stripped, bool((stripped != raw).any())
    raw = _whole(raw)
    count = len(np.unique(raw))
    if count < 2:
        raise UserError(f"{where}: every row is of class {raw[0]}; must hold two or more")
    if asked == "binary" and count > 2:
        raise UserError(f"data.task: binary: the targets hold {count} classes; give multiclass")
    return Target(asked or ("binary" if count == 2 else "multiclass"), raw, bare)


def _whole(raw: np.ndarray) -> np.ndarray:
    """Floats that are all integers below 2**53, as int64; other arrays unchanged."""
    if raw.dtype.kind == "f" and (raw == np.rint(raw)).all() and np.abs(raw).max() < 2**53:
        return raw.astype(np.int64)
    return raw


def _indicators(where: str, raw: np.ndarray) -> np.ndarray:
    values = raw.reshape(len(raw), -1)
    if raw.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise UserError(f"data.task: multilabel: the targets of {where} must hold 0 and 1 alone")
    for label in range(values.shape[1]):
        if len(np.unique(values[:, label])) < 2:
            raise UserError(
                f"{where}: label {label} (counted from 0) is {values[0, label]} in every row; "
                "leave it out"
            )
    return values


def _numbers(where: str, raw: np.ndarray) -> np.ndarray:
    if raw.dtype.kind not in "biuf":
        raise UserError(f"{where}: the targets hold text; must be numbers for data.task=regression")
    return raw.reshape(len(raw), -1).astype(np.float64)


def undone(
    encoding: Encoding,
) -> tuple[np.ndarray | None, np.ndarray | None, TargetTransform | None]:
    """How to decode regression targets: shift and scale (outputs,), and the transform applied
    before, or None. For other tasks all three are None."""
    transform = encoding.transform if isinstance(encoding, Transformed) else None
    made = encoding.scaling if isinstance(encoding, Transformed) else encoding
    return (made.shift, made.scale, transform) if isinstance(made, Scaling) else (None, None, None)
