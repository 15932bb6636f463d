"""Data files and settings that are wrong or hostile: tables, arrays, sparse rows and images."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

Make = Callable[[Path], list[str]]
ROWS = 60
ESCAPE, TURNED, LINES = "\x1b[2J", "\u202eb", "a\u2028b"


def cases() -> Iterator[tuple[str, Make]]:
    """The name of each, and what makes it in a folder and returns the settings."""
    for name, (content, settings) in TABLES.items():
        yield f"csv {name}", partial(file, "t.csv", content, ["data=csv", TARGET, *settings])
    for name, (ending, content) in PACKED.items():
        yield f"packed {name}", partial(file, f"t.{ending}", content, ["data=csv", TARGET])
    for name, settings in PATHS.items():
        yield f"path {name}", partial(settings_of, settings)
    for name, (columns, settings) in PARQUET.items():
        yield f"parquet {name}", partial(parquet, columns, ["data=csv", TARGET, *settings])
    for name, content in BROKEN_PARQUET.items():
        yield f"parquet {name}", partial(file, "t.parquet", content, ["data=csv", TARGET])
    for name, (arrays, settings) in ARRAYS.items():
        yield f"npz {name}", partial(npz, arrays, ["data=npz", *settings])
    for name, content in BROKEN_NPZ.items():
        yield f"npz {name}", partial(file, "t.npz", content, ["data=npz"])
    for name, (X, y) in PAIRS.items():
        yield f"npy {name}", partial(pair, X, y)
    for name, (content, settings) in LIBSVM.items():
        yield f"libsvm {name}", partial(file, "t.svm", content, ["data=libsvm", *settings])
    for name, files in IDX.items():
        yield f"idx {name}", partial(images, files)
    for settings in SETTINGS:
        yield f"data {' '.join(settings)}"[:80], partial(settings_of, settings)
    yield "npy same file by a link", linked
    yield "idx test files by a link", linked_images
    yield "path pipe", pipe


def settings_of(settings: list[str], folder: Path) -> list[str]:
    """Settings alone."""
    return [setting.replace("FOLDER", str(folder)) for setting in settings]


def file(name: str, content: Any, settings: list[str], folder: Path) -> list[str]:
    """A file, as data.path."""
    content = content() if callable(content) else content
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [*settings, f"data.path={folder / name}"]


def table(change: Callable[[int], str] = str, head: str = "a,b,y", end: str = "") -> str:
    """A table of two numbers and two classes, whose column b is made of the row's number."""
    rows = [f"{i % 7},{change(i)},{'pq'[i % 2]}" for i in range(ROWS)]
    return "\n".join([head, *rows, end])


def targets(change: Callable[[int], str]) -> str:
    """The same with targets that are made of the row's number."""
    return "\n".join(["a,b,y", *(f"{i % 7},{i},{change(i)}" for i in range(ROWS))])


def at(value: str, row: int = 7) -> Callable[[int], str]:
    """The row's number, but for one row."""
    return lambda i: value if i == row else str(i)


def wide(names: Callable[[int], str], cell: str, count: int = 100_000) -> Callable[[], str]:
    """A table of very many columns."""

    def made() -> str:
        head = ",".join(names(i) for i in range(count))
        return f"{head}\n" + (",".join([cell] * count) + "\n") * 2

    return made


TARGET = "data.target=y"
NAMED = ["data.features=[a,b]"]
TABLES: dict[str, tuple[Any, list[str]]] = {
    "empty": ("", []),
    "names alone": ("a,b,y\n", []),
    "blank lines": ("\n\n\n\n", []),
    "zero bytes": (bytes(1000), []),
    "noise": (np.random.default_rng(0).bytes(5000), []),
    "latin": (b"a,b,y\n1,\xe4,p\n", []),
    "utf-16": (table().encode("utf-16"), []),
    "alike names": (table(head="a,a,y"), []),
    "no name": (table(lambda i: "1", head="a,,y"), []),
    "two without a name": (table(head=",,y"), []),
    "alike names with an escape": (table(head=f"{ESCAPE},{ESCAPE},y"), []),
    "alike names that turn": (table(head=f"{TURNED},{TURNED},y"), []),
    "alike names in two lines": (table(head='"a\nb","a\nb",y'), []),
    "alike names of a line separator": (table(head=f"{LINES},{LINES},y"), []),
    "no target": (table(head=f"{ESCAPE},{TURNED},{LINES}"), []),
    "long row": (table(end="1,2,p,4"), []),
    "open quote": (table(end='1,"2,p'), []),
    "inf": (table(at("inf")), []),
    "huge": (table(at("1e300")), []),
    "huge without a scale": (table(at("-1e300")), ["data.scale=none"]),
    "huge by maxabs": (table(at("1e300")), ["data.scale=maxabs"]),
    "too large without a scale": (table(at("1e25")), ["data.scale=none"]),
    "huge at the end": (table(at("1e200", ROWS - 1)), []),
    "beyond float64": (table(at("1e999")), []),
    "date refused": (table(lambda i: f"2026-01-{i % 28 + 1:02}"), ["data.dates=refuse"]),
    "date that is none": (table(lambda i: f"2026-02-{i % 30 + 1:02}"), []),
    "date of the year 0": (table(lambda i: f"1.1.{i:04}"), []),
    "date of many letters": (table(lambda i: f"1.1.2026 {'9' * 100_000 if i == 50 else 1}"), []),
    "date of many blanks": (table(lambda i: f"1.1.2026{' ' * 50_000 if i == 50 else ''}x"), []),
    "date of two ways": (table(lambda i: f"{i % 12 + 1}/{i % 11 + 1}/2026"), []),
    "time of two ways": (table(lambda i: f"{i % 12 + 1}/{i % 11 + 1}/2026"), ["data.time=b"]),
    "dates of nothing": (table(), ["data.dates=sometimes"]),
    "day first of nothing": (table(), ["data.day_first=maybe"]),
    "names of rows": (table(lambda i: f"name{i}", end=table(lambda i: f"z{i}", "1,x,p")), NAMED),
    "gaps for targets": (targets(lambda i: ""), []),
    "target of None": (targets(lambda i: "None" if i % 2 else "pq"[i // 2 % 2]), []),
    "excluded target": (table(), ["data.exclude=y"]),
    "excluded nothing": (table(), ["data.exclude=[]"]),
    "excluded number": (table(), ["data.exclude=[2020]"]),
    "excluded mapping": (table(), ["data.exclude={a: b}"]),
    "excluded all": (table(), ["data.exclude=[a,b]"]),
    "excluded of an escape": (table(), [f"data.exclude=['{ESCAPE}']"]),
    "excluded of megabytes": (table(), [f"data.exclude=[{'x' * 1_000_000}]"]),
    "excluded of blanks": (table(head="a b,c,y"), ["data.exclude=[c b]"]),
    "excluded of commas": (table(head='"a, b",c,y'), ["data.exclude=[a, b]"]),
    "words of brackets": (table(head="a (b),c,y"), ["data.categorical=[a (b)]"]),
    "target of brackets": (table(head="a,c,y (b)"), ["data.target=y (b)"]),
    "target of commas": (table(head='a,c,"y, z"'), ["data.target=y, z"]),
    "words of the target": (table(), ["data.categorical=y"]),
    "numbers of words": (table(lambda i: "x"), ["data.numeric=b"]),
    "numbers of strange digits": (table(lambda i: "\u00b2"), ["data.numeric=b"]),
    "numbers that end": (table(at("1" * 100_000 + "x")), ["data.categorical=b", "data.numeric=b"]),
    "levels of a text": (table(), ["data.ordinal=b"]),
    "levels of a list": (table(), ["data.ordinal=[b]"]),
    "levels of numbers": (table(), ["data.ordinal={b: [2, 1]}"]),
    "levels of nothing": (table(), ["data.ordinal={b: null}"]),
    "levels of no column": (table(), ["data.ordinal={z: [1, 2]}"]),
    "levels of some": (table(lambda i: "xyz"[i % 3]), ["data.ordinal={b: [x, y]}"]),
    "levels of an escape": (table(lambda i: "xy"[i % 2]), [f"data.ordinal={{b: ['{ESCAPE}', y]}}"]),
    "levels of mappings": (table(), ["data.ordinal={b: [{x: y}]}"]),
    "levels as a range": (table(head="low,b,y"), ["data.ordinal={low: [1, 2], high: [1]}"]),
    "levels as choices": (table(), ["data.ordinal={choices: [1, 2]}"]),
    "no name and no count": (table(head=",b,y"), []),
    "inf target": (targets(lambda i: "inf" if i == 5 else f"{i}.5"), []),
    "huge target": (targets(lambda i: "1e300" if i == 5 else f"{i}.5"), []),
    "one class": (targets(lambda i: "p"), []),
    "one class with an escape": (targets(lambda i: ESCAPE), []),
    "rare class with an escape": (targets(lambda i: ESCAPE if i == 5 else "pq"[i % 2]), []),
    "rare class of megabytes": (targets(lambda i: "x" * 5_000_000 if i == 5 else "pq"[i % 2]), []),
    "huge whole targets": (targets(lambda i: str(10**400 + i)), []),
    "classes of a row each": (targets(lambda i: str(7 * i)), ["data.task=multiclass"]),
    "balanced rows": (targets(lambda i: str(7 * i)), ["data.class_weight=balanced"]),
    "many whole targets for classes": (targets(lambda i: str(7 * i)), ["model=softmax"]),
    "huge targets and a gap": (targets(lambda i: "" if i == 5 else str(10**400 + i)), []),
    "target among features": (table(), ["data.features=[a,y]"]),
    "target twice": (table(), ["data.target=[y,y]"]),
    "no features": (table(), ["data.features=[]"]),
    "feature twice": (table(), ["data.features=[a,a]"]),
    "unknown feature": (table(), ["data.features=[nope]"]),
    "unknown feature in lines": (table(), ["data.features=['a\nb']"]),
    "negative weight": (table(at("-1")), ["data.sample_weight=b"]),
    "missing weight": (table(at("")), ["data.sample_weight=b"]),
    "heavy weight": (table(at("1e30")), ["data.sample_weight=b"]),
    "light weights": (table(lambda i: "1e-300"), ["data.sample_weight=b"]),
    "no weight": (table(lambda i: "0"), ["data.sample_weight=b"]),
    "words as weights": (table(lambda i: "x"), ["data.sample_weight=b"]),
    "missing group": (table(at("")), ["data.group=b"]),
    "one group": (table(lambda i: "1"), ["data.group=b"]),
    "words as times": (table(lambda i: "soon"), ["data.time=b"]),
    "missing time": (table(at("")), ["data.time=b"]),
    "group and time": (table(), ["data.group=a", "data.time=b"]),
    "one row": ("a,b,y\n1,2,p\n", []),
    "one column": ("y\np\nq\n", []),
    "long name": (f"{'x' * 200_000},b,y\n1,2,p\n", []),
    "long names": (f"{'x' * 90_000},{'x' * 90_000},y\n1,2,p\n", []),
    "wide alike": (wide(lambda i: f"c{i % 99_999}", "1"), []),
    "wide words": (wide(lambda i: f"c{i}", "w", 6_000), ["data.target=c1"]),
    "wide without a target": (wide(lambda i: f"c{i}", "1", 20_000), []),
    "separator of none": (table(), ["data.separator='|'"]),
    "separator as expression": (table(), ["data.separator='(['"]),
    "separator of a line": (table(), ['data.separator="\n"']),
    "task of words": (table(), ["data.task=regression"]),
    "words of numbers": (table(), ["data.words={b: hash}"]),
    "words of no column": (table(), [f"data.words={{'{ESCAPE}': hash}}"]),
    "words by an unknown way": (table(lambda i: "uv"[i % 2]), ["data.words={b: pickle}"]),
    "words and none": (table(), ["data.words=target"]),
    "rare words and none": (table(), ["data.min_count=3"]),
    "buckets of nothing": (table(lambda i: "uv"[i % 2]), ["data.buckets=8"]),
    "too many buckets": (table(lambda i: "uv"[i % 2]), ["data.words=hash", "data.buckets=1e12"]),
    "text of numbers alone": (table(lambda i: f"{i % 3}"), ["data.text=b"]),
    "text of no column": (table(), ["data.text=nope"]),
    "text and category": (table(lambda i: "uv"[i % 2]), ["data.text=b", "data.categorical=b"]),
    "pairs of nothing": (table(), ["data.ngrams=2"]),
    "words of a row each": (table(lambda i: f"word{i}x"), ["data=text", "data.text=b"]),
}  # fmt: skip

PACKED: dict[str, tuple[str, Any]] = {
    "no gzip": ("csv.gz", b"a,b,y\n1,2,p\n"),
    "cut gzip": ("csv.gz", lambda: gzip.compress(table().encode())[:-20]),
    "gzip bomb": ("csv.gz", lambda: gzip.compress(bytes(1 << 26) + bytes(1 << 20))),
    "bzip2 bomb": ("csv.bz2", lambda: bz2.compress(b"\n" * (1 << 26) + b"1" * (1 << 20))),
    "xz bomb": ("csv.xz", lambda: lzma.compress(b"," * (1 << 26) + b"1" * (1 << 20), preset=0)),
    "no bzip2": ("csv.bz2", b"BZh9" + bytes(100)),
    "cut xz": ("tsv.xz", lambda: lzma.compress(table().encode())[:-9]),
    "zip": ("csv.zip", b"PK\3\4"),
    "pickle": ("csv", b"\x80\x04cposix\nsystem\n(S'touch owned'\ntR."),
    "tsv of commas": ("tsv", table()),
}

PATHS = {
    "folder": ["data=csv", TARGET, "data.path=FOLDER"],
    "nowhere": ["data=csv", TARGET, "data.path=FOLDER/nope.csv"],
    "zero": ["data=csv", TARGET, "data.path='FOLDER/a\0.csv'"],
    "escape": ["data=csv", TARGET, f"data.path='FOLDER/{ESCAPE}.csv'"],
    "lines": ["data=csv", TARGET, "data.path='FOLDER/a\nb.csv'"],
    "long": ["data=csv", TARGET, f"data.path=FOLDER/{'x' * 5000}.csv"],
    "device": ["data=csv", TARGET, "data.path=/dev/zero"],
    "user": ["data=csv", TARGET, "data.path='~nobody-of-this-name/t.csv'"],
    "npz zero": ["data=npz", "data.path='FOLDER/a\0.npz'"],
    "libsvm zero": ["data=libsvm", "data.path='FOLDER/a\0'"],
    "idx zero": ["data=idx", "data.folder='FOLDER/a\0'"],
}


def pipe(folder: Path) -> list[str]:
    """A pipe that nobody writes to."""
    os.mkfifo(folder / "t.csv")
    return ["data=csv", TARGET, f"data.path={folder / 't.csv'}"]


def parquet(
    columns: Callable[[Any], dict[str, Any]], settings: list[str], folder: Path
) -> list[str]:
    """A Parquet file of columns."""
    import pyarrow
    from pyarrow import parquet as writer

    own = columns(pyarrow)
    names, arrays = list(own), list(own.values())
    made = pyarrow.table(arrays, names=[name.rstrip("*") for name in names])
    writer.write_table(made, folder / "t.parquet")
    return [*settings, f"data.path={folder / 't.parquet'}"]


def words(letters: int, rows: int) -> Callable[[Any], dict[str, Any]]:
    """One long text that many rows share."""

    def made(pa: Any) -> dict[str, Any]:
        places = pa.array(np.zeros(rows, np.int32))
        text = pa.DictionaryArray.from_arrays(places, pa.array(["x" * letters]))
        return {"a": text.cast(pa.dictionary(pa.int32(), pa.string())), "y": np.arange(rows) % 2}

    return made


TWO = [i % 2 for i in range(ROWS)]
PARQUET: dict[str, tuple[Callable[[Any], dict[str, Any]], list[str]]] = {
    "lists": (lambda pa: {"a": [[1]] * ROWS, "y": TWO}, []),
    "nested": (lambda pa: {"a": [{"b": [{"c": 1}]}] * ROWS, "y": TWO}, []),
    "bytes": (lambda pa: {"a": [b"x"] * ROWS, "y": TWO}, []),
    "lists as targets": (lambda pa: {"a": TWO, "y": [[1]] * ROWS}, []),
    "nested weights": (
        lambda pa: {"a": TWO, "w": [{"x": 1}] * ROWS, "y": TWO}, ["data.sample_weight=w"]
    ),
    "alike names": (lambda pa: {"a": TWO, "a*": TWO, "y": TWO}, []),
    "inf": (lambda pa: {"a": [np.inf] * ROWS, "y": TWO}, []),
    "huge": (lambda pa: {"a": [1.0] * (ROWS - 1) + [1e300], "y": TWO}, []),
    "missing targets": (lambda pa: {"a": TWO, "y": [None] * ROWS}, []),
    "no rows": (lambda pa: {"a": pa.array([], pa.int64()), "y": pa.array([], pa.int64())}, []),
    "dates": (lambda pa: {"a": pa.array(TWO, pa.date32()), "y": TWO}, ["data.dates=refuse"]),
    "times of day": (lambda pa: {"a": pa.array(TWO, pa.time32("s")), "y": TWO}, []),
    "durations": (lambda pa: {"a": pa.array(TWO, pa.duration("s")), "y": TWO}, []),
    "excluded group of lists": (
        lambda pa: {"a": TWO, "w": [[1]] * ROWS, "y": TWO}, ["data.exclude=w", "data.group=w"]
    ),
    "no target": (lambda pa: {ESCAPE: TWO, TURNED: TWO}, []),
    "long text of many rows": (words(2_000_000, 1_000_000), []),
}  # fmt: skip
BROKEN_PARQUET: dict[str, bytes] = {
    "empty": b"",
    "marks alone": b"PAR1PAR1",
    "noise": b"PAR1" + np.random.default_rng(1).bytes(2000) + b"PAR1",
    "long footer": b"PAR1" + bytes(100) + b"\xff\xff\xff\x7fPAR1",
    "text": table().encode(),
}


def npz(arrays: Callable[[], dict[str, Any]], settings: list[str], folder: Path) -> list[str]:
    """An .npz of arrays; of bytes, the member as it is."""
    with zipfile.ZipFile(folder / "t.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays().items():
            archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy(array))
    (folder / "y.npy").write_bytes(npy(Y))
    return [*settings_of(settings, folder), f"data.path={folder / 't.npz'}"]


def npy(array: Any) -> bytes:
    """The bytes of an .npy file."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def header(shape: Any, dtype: str = "<f8", more: bytes = b"") -> bytes:
    """An .npy file that claims a shape."""
    said = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    said += b" " * (-(len(said) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + len(said).to_bytes(2, "little") + said + more


X, Y = np.random.default_rng(0).normal(size=(ROWS, 3)), np.arange(ROWS) % 2


def sparse(**change: Any) -> Callable[[], dict[str, Any]]:
    """A sparse X as scipy.sparse.save_npz writes it, but for some arrays."""
    own: dict[str, Any] = {
        "format": np.array("csr").astype("S"), "shape": np.array([ROWS, 3]),
        "data": np.ones(ROWS), "indices": np.zeros(ROWS, np.int32),
        "indptr": np.arange(ROWS + 1, dtype=np.int32),
    }  # fmt: skip
    return lambda: {**own, **change}


BESIDE = ["data.target=FOLDER/y.npy"]
ARRAYS: dict[str, tuple[Callable[[], dict[str, Any]], list[str]]] = {
    "X alone": (lambda: {"X": X}, []),
    "y alone": (lambda: {"y": Y}, []),
    "target is X": (lambda: {"X": X, "y": Y}, ["data.target=X"]),
    "objects": (lambda: {"X": X.astype(object), "y": Y}, []),
    "objects as targets": (lambda: {"X": X, "y": Y.astype(object)}, []),
    "objects as groups": (lambda: {"X": X, "y": Y, "group": Y.astype(object)}, []),
    "X of a claim": (lambda: {"X": header((10**12, 10)), "y": Y}, []),
    "y of a claim": (lambda: {"X": X, "y": header((10**12,))}, []),
    "group of a claim": (lambda: {"X": X, "y": Y, "group": header((2**62, 2**62))}, []),
    "negative shape": (lambda: {"X": header((-1, 3)), "y": Y}, []),
    "shape of words": (lambda: {"X": header("('a', 'b')"), "y": Y}, []),
    "nested header": (lambda: {"X": header("(" * 3000 + ")" * 3000), "y": Y}, []),
    "code as header": (lambda: {"X": header("__import__('os').system('touch owned')"), "y": Y}, []),
    "unknown type": (lambda: {"X": header((2, 2), "nope"), "y": Y}, []),
    "no array": (lambda: {"X": b"nothing", "y": Y}, []),
    "text": (lambda: {"X": X.astype(str), "y": Y}, []),
    "complex": (lambda: {"X": X.astype(complex), "y": Y}, []),
    "records": (lambda: {"X": np.zeros((ROWS, 2), "f8,i4"), "y": Y}, []),
    "no dimension": (lambda: {"X": np.float64(3), "y": Y}, []),
    "one dimension": (lambda: {"X": X[:, 0], "y": Y}, []),
    "no column": (lambda: {"X": X[:, :0], "y": Y}, []),
    "three dimensions of y": (lambda: {"X": X, "y": Y.reshape(-1, 1, 1)}, []),
    "short y": (lambda: {"X": X, "y": Y[1:]}, []),
    "nan": (lambda: {"X": X * np.nan, "y": Y}, []),
    "inf": (lambda: {"X": np.full_like(X, np.inf), "y": Y}, []),
    "huge": (lambda: {"X": X * 1e300, "y": Y}, []),
    "huge targets": (lambda: {"X": X, "y": X[:, 0] * 1e300}, []),
    "wide weights": (lambda: {"X": X, "y": Y, "sample_weight": X}, []),
    "name with an escape": (lambda: {ESCAPE: X, "y": Y}, []),
    "sparse without y": (sparse(), []),
    "sparse format": (sparse(format=np.array("nope").astype("S")), BESIDE),
    "sparse place": (sparse(indices=np.full(ROWS, 10**6, np.int32)), BESIDE),
    "sparse negative place": (sparse(indices=np.full(ROWS, -5, np.int32)), BESIDE),
    "sparse starts": (sparse(indptr=np.arange(ROWS + 1)[::-1].astype(np.int32)), BESIDE),
    "sparse shape": (sparse(shape=np.array([ROWS, 2**60])), BESIDE),
    "sparse rows": (sparse(shape=np.array([2**60, 3])), BESIDE),
    "sparse claim": (sparse(data=header((10**12,))), BESIDE),
    "sparse objects": (sparse(data=np.ones(ROWS).astype(object)), BESIDE),
}
BROKEN_NPZ: dict[str, Any] = {
    "empty": b"",
    "text": b"a,b\n",
    "cut": b"PK\3\4 and no more",
    "array alone": npy(X),
    "pickle": b"\x80\x04cposix\nsystem\n(S'touch owned'\ntR.",
}


def pair(X: Any, y: Any, folder: Path) -> list[str]:
    """X.npy, and y.npy unless it is None; of bytes, the file as it is."""
    for name, array in {"X": X, "y": y}.items():
        if array is not None:
            content = array if isinstance(array, bytes) else npy(array)
            (folder / f"{name}.npy").write_bytes(content)
    return ["data=npz", f"data.path={folder / 'X.npy'}", f"data.target={folder / 'y.npy'}"]


PAIRS: dict[str, tuple[Any, Any]] = {
    "y is not there": (X, None),
    "X is not there": (None, Y),
    "X of objects": (X.astype(object), Y),
    "y of objects": (X, Y.astype(object)),
    "X of a claim": (header((10**12, 3)), Y),
    "X of a claim beyond": (header((2**62, 2**62)), Y),
    "y of a claim": (X, header((10**12,))),
    "y of a claim beyond": (X, header((2**62,))),
    "X empty": (b"", Y),
    "X of no rows": (X[:0], Y[:0]),
    "y is text": (X, b"1\n2\n"),
    "short y": (X, Y[1:]),
    "X is huge": (X * 1e200, Y),
}


def linked(folder: Path) -> list[str]:
    """Targets that are the features under another name."""
    (folder / "X.npy").write_bytes(npy(X))
    os.link(folder / "X.npy", folder / "y.npy")
    return ["data=npz", f"data.path={folder / 'X.npy'}", f"data.target={folder / 'y.npy'}"]


def svm(last: str, more: str = "") -> str:
    """Lines of two classes, whose third ends in something else."""
    lines = [f"{i % 2} 1:{i % 5} 2:1" for i in range(ROWS)]
    lines[2] += f" {last}"
    return "\n".join([*lines, more])


LIBSVM: dict[str, tuple[Any, list[str]]] = {
    "empty": ("", []),
    "comments": ("# nothing\n# at all\n", []),
    "noise": (np.random.default_rng(2).bytes(3000), []),
    "words": ("one two three\n", []),
    "column 2**31": (svm(f"{2**31}:1"), []),
    "column 2**62": (svm(f"{2**62}:1"), []),
    "column 2**63": (svm(f"{2**63}:1"), []),
    "column 10**40": (svm(f"{10**40}:1"), []),
    "column below 0": (svm("-3:1"), []),
    "columns not in order": (svm("1:1"), []),
    "nan": (svm("3:nan"), []),
    "inf": (svm("3:inf"), []),
    "huge": (svm("3:1e300"), []),
    "no value": (svm("3:"), []),
    "columns=10**12": (svm("3:1"), ["data.columns=1000000000000"]),
    "columns=1e12": (svm("3:1"), ["data.columns=1e12"]),
    "columns=2**63": (svm("3:1"), [f"data.columns={2**63}"]),
    "columns=0": (svm("3:1"), ["data.columns=0"]),
    "columns=-1": (svm("3:1"), ["data.columns=-1"]),
    "columns=2": (svm("3:1"), ["data.columns=2"]),
    "nan target": (svm("3:1", "nan 1:1"), []),
    "huge target": (svm("3:1", "1e300 1:1"), []),
    "shifted": (svm("3:1"), ["data.scale=standard"]),
    "target alone": (svm("3:1", "7"), []),
}


def idx(array: np.ndarray, *shape: int) -> bytes:
    """An IDX file of bytes, gzipped; it may claim another shape."""
    sizes = np.array(shape or array.shape, ">u4").tobytes()
    whole = bytes([0, 0, 8, len(shape) or array.ndim]) + sizes + array.astype(np.uint8).tobytes()
    return gzip.compress(whole)


IMAGES, LABELS = np.arange(ROWS * 6).reshape(ROWS, 3, 2) % 251, np.arange(ROWS) % 2
GOOD = {
    "train-images-idx3-ubyte.gz": idx(IMAGES), "train-labels-idx1-ubyte.gz": idx(LABELS),
    "t10k-images-idx3-ubyte.gz": idx(IMAGES[:20]), "t10k-labels-idx1-ubyte.gz": idx(LABELS[:20]),
}  # fmt: skip
FIRST, SECOND = list(GOOD)[:2]


def images(files: dict[str, Any], folder: Path) -> list[str]:
    """A folder of IDX files; one that is None is left out."""
    for name, content in (GOOD | files).items():
        if content is not None:
            (folder / name).write_bytes(content() if callable(content) else content)
    return ["data=idx", f"data.folder={folder}"]


def linked_images(folder: Path) -> list[str]:
    """Test files that are the training files under another name."""
    settings = images({}, folder)
    for kind in ("images-idx3", "labels-idx1"):
        (folder / f"t10k-{kind}-ubyte.gz").unlink()
        (folder / f"t10k-{kind}-ubyte.gz").symlink_to(folder / f"train-{kind}-ubyte.gz")
    return settings


IDX: dict[str, dict[str, Any]] = {
    "no images": {FIRST: None},
    "no test labels": {"t10k-labels-idx1-ubyte.gz": None},
    "claim": {FIRST: idx(IMAGES, 60_000, 28, 28)},
    "claim beyond": {FIRST: idx(IMAGES, 2**32 - 1, 2**32 - 1, 2**32 - 1)},
    "claim below": {FIRST: idx(IMAGES, 2, 3, 2)},
    "bomb": {FIRST: lambda: gzip.compress(gzip.decompress(idx(IMAGES)) + bytes(1 << 26))},
    "two dimensions": {FIRST: idx(IMAGES[0])},
    "no gzip": {FIRST: b"nothing"},
    "cut": {FIRST: idx(IMAGES)[:-30]},
    "empty": {FIRST: b""},
    "fewer labels": {SECOND: idx(LABELS[1:])},
    "one class": {SECOND: idx(0 * LABELS)},
    "no image": {FIRST: idx(IMAGES[:0]), SECOND: idx(LABELS[:0])},
}

DEEP = "model.mlp.hidden=[100000,100000,100000]"
SETTINGS = [
    ["data=iris", DEEP],
    ["data=iris", "model.mlp.hidden={choices: [[8],[100000,100000,100000]]}"],
    ["data=iris", "model.mlp.hidden=[{low: 8, high: 100000},{low: 8, high: 100000}]"],
    ["data=csv"],
    ["data=csv", "data.path=x.csv"],
    ["data=csv", "data.path=3", TARGET],
    ["data=csv", "data.path=[a]", TARGET],
    ["data=csv", "data.path=x.csv", "data.target={a: 1}"],
    ["data=npz"],
    ["data=libsvm"],
    ["data=idx"],
    ["data=idx", "data.folder=FOLDER/nope"],
    ["data=iris", "data.reader=nope"],
    ["data=iris", "data.reader=../arrays"],
    ["data=iris", "data.reader=__init__"],
    ["data=iris", "data.name=nope"],
    ["data=iris", "data.name=../../x"],
    ["data=iris", "data.name='\x1b[2Ja'"],
    ["data=iris", "data.validation_fraction=0"],
    ["data=iris", "data.validation_fraction=1"],
    ["data=iris", "data.validation_fraction=nan"],
    ["data=iris", "data.validation_fraction=0.001"],
    ["data=iris", "data.validation_fraction=0.6", "data.test_fraction=0.6"],
    ["data=iris", "+data.folds=1"],
    ["data=iris", "+data.folds=100000000000"],
    ["data=iris", "+data.folds=100"],
    ["data=iris", "data.scale=nope"],
    ["data=iris", "+data.task=nope"],
    ["data=iris", "+data.task=binary"],
    ["data=iris", "+data.class_weight=nope"],
    ["data=diabetes", "+data.class_weight=balanced"],
    ["data=diabetes", "+data.target_transform=nope"],
    ["data=diabetes", "+data.target_transform=[log1p]"],
    ["data=diabetes", "+data.target_transform='\x1b[2J'"],
    ["data=diabetes", "+data.target_transform=log1p", "loss=poisson"],
    ["data=diabetes", "+data.target_transform=power", "loss=[squared_error,poisson]"],
    ["data=iris", "+data.target_transform=log1p"],
    ["data=none", "+experiment=quadratic", "+data.target_transform=log1p"],
    ["data=diabetes", "+data.task=multilabel"],
    ["data=iris", "+data.path=x.csv"],
    ["data=sklearn"],
    ["data=sklearn", "data.loader=nope"],
    ["data=sklearn", "data.loader=__class__"],
    ["data=sklearn", "data.loader=openml"],
    ["data=sklearn", f"data.loader='{ESCAPE}'"],
    ["data=sklearn", f"data.loader={'x' * 100_000}"],
    ["data=openml"],
    ["data=openml", "data.id=abc"],
    ["data=openml", "data.id=1e30"],
    ["data=openml", "data.id=-1"],
    ["data=openml", "data.id=0"],
]
