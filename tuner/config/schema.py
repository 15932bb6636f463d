"""The schema: the keys of a composed config, with their types and bounds."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tuner.function import PROGRAM, Function
from tuner.search.pruners import Pruner
from tuner.search.samplers import Sampler
from tuner.search.space import Space

# A composed config, or a part of one, as plain data.
Plain = dict[str, Any]

# The keys of the space: the settings of a trial, and the conditions between them.
KEYS = ("optimizer", "schedule", "model", "loss", "batch_size", "where")

# The value of study.warm_start for the newest study of the pattern in study.name.
LATEST = "latest"

# A number of trials, epochs and so on; more would take years.
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Share = Annotated[float, Field(gt=0, lt=1)]

# Valid names of studies; @data becomes the digest of the data once these are read.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
ASKED_NAME = r"^(?:[A-Za-z0-9]|@data)(?:[A-Za-z0-9._-]|@data)*$"

# More threads than any machine has, and more seeds than any mean needs.
THREADS, SEEDS = 4096, 10_000

# Characters that no name in MLflow's registry may contain.
NO_MODEL = ("/", ":", "'", '"')

# Fewer seeds than LEAST_SEEDS say nothing. By default, at most MOST_TOP of the best trials are
# confirmed, on at most MOST_SEEDS seeds.
LEAST_SEEDS, MOST_TOP, MOST_SEEDS = 3, 5, 10
TOP = 1000

STORES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")
SCHEDULERS = ("tcp", "tls")


def _folder(root: Path) -> Path:
    if root == Path() or "\0" in str(root):
        raise ValueError("must be the path of a folder")
    return root


def _printed(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must hold no control characters")
    return text


def _model(name: str) -> str:
    if not name.strip(" .") or any(letter in name for letter in NO_MODEL):
        raise ValueError(f"must hold a letter or a digit, and no {' or '.join(NO_MODEL)}")
    return _printed(name)


def _store(uri: str) -> str:
    scheme = uri.partition("://")[0]
    known = scheme if scheme.startswith(("http", "sqlite")) else scheme.partition("+")[0]
    if known not in STORES or not uri.isprintable() or " " in uri:
        raise ValueError(f"must be a URI of {', '.join(STORES)}, as http://127.0.0.1:5000")
    parts = urlsplit(uri)
    if scheme == "sqlite":
        inside = uri.removeprefix("sqlite:///").partition("?")[0]
        if inside == uri or not inside.strip("/") or ":memory:" in inside or Path(inside).is_dir():
            raise ValueError("must name a file, as sqlite:///mlflow.db")
        return uri
    if not parts.hostname or parts.port == 0:  # urllib raises for an invalid port
        raise ValueError("must name a host, as http://127.0.0.1:5000")
    if not scheme.startswith("http"):
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            make_url(uri).get_dialect().import_dbapi()
        except (ImportError, ArgumentError) as error:
            raise ValueError(f"needs its driver, which is not installed ({error})") from None
    return uri


def _scheduler(address: str) -> str:
    scheme, _, rest = address.partition("://")
    try:
        parts = urlsplit(address)
        known = scheme in SCHEDULERS and parts.hostname and parts.port
    except ValueError:  # an invalid port
        known = False
    if not known or "@" in rest or not address.isprintable() or " " in address:
        raise ValueError(f"must be {' or '.join(SCHEDULERS)}://host:port, as tcp://127.0.0.1:8786")
    return address


def _storage(uri: str) -> str:
    if not uri.isprintable() or " " in uri or not uri.startswith(("postgresql://", "postgres://")):
        raise ValueError("must be as postgresql://host:5432/database, user and @ before the host")
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        said = str(error).partition("\n")[0]
        raise ValueError(f"needs psycopg, pip install 'tuner[postgresql]' ({said})") from None
    try:
        conninfo_to_dict(uri)
        port = urlsplit(uri).netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
        if not all(own.isdigit() for own in port.split(",") if own):
            raise ValueError
    except (ProgrammingError, ValueError):
        # The driver's message may contain a part of a password.
        raise ValueError(
            "must be as postgresql://host:5432/database, user and @ before the host; in a "
            "password, / is %2F and @ is %40"
        ) from None
    return uri


class Strict(BaseModel):
    """A part of the config: exactly these keys, with strict types."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class StudyConfig(Strict):
    """study: its name, its randomness, and what it tries first."""

    name: Annotated[str, Field(pattern=ASKED_NAME, max_length=100)]
    project: Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_printed)]
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    cohort: Count
    defaults: bool = True
    warm_start: Annotated[str, Field(pattern=NAME)] | None = None
    pattern: str | None = None
    storage: Annotated[str, AfterValidator(_storage)] | None = None


class BudgetConfig(Strict):
    """budget: how much a study may spend."""

    trials: Count
    epochs: Count
    seconds: Annotated[float, Field(gt=0)] | None
    deadline: Annotated[float, Field(gt=0, le=10**7)] | None = None
    epochs_total: Annotated[int, Field(ge=1, le=10**15)] | None
    failures: Count = 3


class CheckpointConfig(Strict):
    """checkpoint: how often the running cohort is saved to disk."""

    seconds: Annotated[float, Field(gt=0)] = 30.0


class StopConfig(Strict):
    """stop: what may end a study early."""

    when_noise: bool


class ConfirmConfig(Strict):
    """confirm: how many of the best trials are trained again, on how many seeds; null: open."""

    top: Annotated[int, Field(ge=0, le=TOP)] | None = None
    seeds: Annotated[int, Field(ge=LEAST_SEEDS, le=SEEDS)] | None = None
    trials: list[Annotated[int, Field(ge=0)]] | None = None

    @property
    def most_top(self) -> int:
        """The most trials that are confirmed."""
        return MOST_TOP if self.top is None else self.top

    @property
    def most_seeds(self) -> int:
        """The most seeds that they are confirmed on."""
        return MOST_SEEDS if self.seeds is None else self.seeds


class CompareConfig(Strict):
    """compare: settings of job=compare.

    by is a group, such as optimizer, or the path of a setting with choices; null: the only one.
    data holds the composed data sets of `data=[...]`; null if there is only one.
    """

    by: Annotated[str, Field(min_length=1), AfterValidator(_printed)] | None
    within: Share
    target: float | None
    data: list[Plain] | None = None


class PromoteConfig(Strict):
    """promote: whether a tune promotes its winner, and the model's name in the registry."""

    enabled: bool = False
    model: Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_model)] | None = None


class RangeConfig(Strict):
    """range: settings of job=range_test."""

    epochs: Count
    confirm_epochs: Count
    seeds: Annotated[int, Field(ge=1, le=SEEDS)]
    per_decade: Annotated[int, Field(ge=1, le=100)]
    widen: Annotated[float, Field(ge=1, le=1e6)]
    ramp_steps: Annotated[int, Field(ge=20, le=100_000)]


Words = Literal["one_hot", "hash", "target"]


class DataConfig(Strict):
    """data: settings of all data sets; those of the reader are added (`found.data`)."""

    name: str
    reader: str = "bundled"
    validation_fraction: Share = 0.2
    test_fraction: Share | None = None
    folds: Annotated[int, Field(ge=2, le=1000)] | None = None
    scale: Literal["standard", "minmax", "maxabs", "none", "robust", "quantile", "power"] | None = (
        None
    )
    task: Literal["binary", "multiclass", "multilabel", "regression"] | None = None
    class_weight: Literal["balanced"] | None = None
    positive: bool | int | float | str | None = None
    words: Words | dict[str, Words] | None = None
    min_count: Annotated[int, Field(ge=1, le=10**9)] | None = None
    buckets: Annotated[int, Field(ge=2, le=10**6)] | None = None
    ngrams: Annotated[int, Field(ge=1, le=5)] | None = None
    target_transform: Literal["log1p", "power"] | None = None


class UiConfig(Strict):
    """ui: where job=ui serves MLflow's pages."""

    host: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printed)]
    port: Annotated[int, Field(ge=1, le=65535)] | None


class TrackingConfig(Strict):
    """tracking: where curves are stored, and how long the end of a command waits for them."""

    name: Literal["mlflow", "none"]
    uri: Annotated[str, AfterValidator(_store)] | None = None
    patience: Annotated[float, Field(gt=0, le=3600)] = 60


class ExecutorConfig(Strict):
    """executor: what trains: threads of this process, or Dask workers."""

    name: Literal["threads", "dask"] = "threads"
    address: (
        Annotated[str, Field(min_length=1, max_length=250), AfterValidator(_scheduler)] | None
    ) = None
    dashboard: Annotated[int, Field(ge=1, le=65535)] | None = None
    patience: Annotated[float, Field(gt=0, le=10**7)] = 300

    @property
    def dask(self) -> bool:
        """Whether Dask workers train; an address implies it."""
        return self.name == "dask" or self.address is not None


class Config(Strict):
    """A whole composed config; `space` holds all settings of trials.

    `function` is the user function, None for tuner's models; it has code only in that function's
    own command. `auto` lists the paths whose values the data determine.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        strict=True,
        arbitrary_types_allowed=True,
    )

    job: str
    root: Annotated[Path, Field(strict=False), AfterValidator(_folder)]
    threads: Annotated[int, Field(ge=1, le=THREADS)] | None
    workers: Annotated[int, Field(ge=1, le=THREADS)] = 1
    wait: Annotated[float, Field(ge=0, le=10**7)] = 0
    keep: Annotated[int, Field(ge=1, le=10**6)] | None = None
    fix: bool = False
    yes: bool = False
    quiet: bool = False
    output: Literal["text", "json"] = "text"
    log: Literal["plain", "json"] | None = None
    format: Literal["python", "yaml", "torch"] = "python"
    trial: Annotated[int, Field(ge=0)] | None = None
    dtype: Literal["float32", "float64"]
    study: StudyConfig
    budget: BudgetConfig
    metric: Annotated[str, Field(min_length=1)] | None
    metrics: Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=100)] = []
    best_epoch: bool = True
    refit: bool = True
    direction: Literal["minimize", "maximize"] | None = None
    target: float | None
    checkpoint: CheckpointConfig
    stop: StopConfig
    confirm: ConfirmConfig
    compare: CompareConfig
    promote: PromoteConfig = PromoteConfig()
    range: RangeConfig
    ui: UiConfig = UiConfig(host="127.0.0.1", port=None)
    data: DataConfig
    sampler: Sampler
    pruner: Pruner
    tracking: TrackingConfig
    executor: ExecutorConfig = ExecutorConfig()
    function: Function | None = None
    space: Space
    plain: Plain
    auto: tuple[str, ...] = ()

    @property
    def thread_count(self) -> int:
        """How many threads train: as given, or one for each core that the process may use."""
        return self.threads or len(os.sched_getaffinity(0))

    @property
    def program(self) -> str:
        """How the command begins, as people type it (`tuner.function.typed`)."""
        return PROGRAM if self.function is None else self.function.command

    @property
    def given(self) -> Plain:
        """The config as it was composed; in `plain`, passwords of addresses are masked."""
        tracking = {**self.plain["tracking"], "uri": self.tracking.uri}
        study = {**self.plain["study"], "storage": self.study.storage}
        return {**self.plain, "tracking": tracking, "study": study}
