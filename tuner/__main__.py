"""The command line: composes a config with Hydra, checks it, runs the job that it names."""

import gc
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import tuner
from tuner.errors import UserError, did_you_mean

QUOTES = '"'

# So many options of a group are named in an error; of more, --help tells.
FEW = 12

# The groups of which several options are branches of the search.
SEVERAL = ("optimizer", "schedule", "model", "loss")

# The group of which job=compare takes several options, one after another.
DATA = "data"

# +range=<study> takes the rates that job=range_test found for it.
RANGE = "range"

HELP = """\
tuner finds the learning rate, its decay and the optimizer for models trained by gradient descent.

    python -m tuner +experiment=adam            tune Adam on scikit-learn's digits
    python -m tuner +experiment=adam            again: goes on with the study, or says it is done
    python -m tuner job=ui                      open the curves of all trials in MLflow's pages

A command is made of settings, key=value, in any order:

    budget.trials=100 budget.epochs=50          how much to spend
    optimizer=sgd  data=wine  model=softmax     choose one option of a group
    optimizer=[adam,sgd]                        let the search choose among several
    optimizer.adam.lr=0.01                      fix a number
    'optimizer.adam.lr={{low: 1e-4, high: 1, scale: log}}'    search a range
    'batch_size={{choices: [16, 32, 64]}}'        search a list
    root=results  study.name=mine  study.seed=1   where it is kept, its name, its randomness
    threads=1  tracking=none                    how it runs
    +range=NAME                                 the rates that job=range_test found for NAME

Experiments, whole jobs to start from (+experiment=NAME):
{experiments}
Groups and their options (GROUP=OPTION):
{groups}
Jobs (job=NAME):
{jobs}
Flags:
    --help, -h      this page
    --cfg           print the composed config and stop
    --config-dir DIR   look for options and experiments in this folder too
    --version       print the version

Exit codes: 0 done; 2 a setting or the data are wrong, nothing was written; 3 every trial diverged;
75 another process is at work on the study; 130 stopped by Ctrl-C, 143 by SIGTERM: the same command
goes on.
"""


def config_folder() -> Path:
    """The folder conf/: in the package of an installed wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return next(p for p in (package / "conf", package.parent / "conf") if p.is_dir())


def first_comment(path: Path) -> str:
    """What a file of conf/ says it is: its first comment that is not for Hydra."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = (line[1:].strip() for line in lines if line.startswith("#"))
    return next((c for c in comments if not c.startswith("@package")), "")


def help_page() -> str:
    conf = config_folder()
    folders = sorted(p for p in conf.iterdir() if p.is_dir() and p.name != "experiment")
    groups = ""
    for folder in folders:
        groups += (
            f"    {folder.name:<13} {', '.join(sorted(p.stem for p in folder.glob('*.yaml')))}\n"
        )
    experiments = ""
    for path in sorted((conf / "experiment").glob("*.yaml")):
        experiments += f"    {path.stem:<13} {first_comment(path)}\n"
    jobs = ""
    for path in sorted((Path(tuner.__file__).parent / "jobs").glob("[!_]*.py")):
        with path.open(encoding="utf-8") as file:
            jobs += f"    {path.stem:<13} {file.readline().strip().strip(QUOTES)}\n"
    return HELP.format(experiments=experiments, groups=groups, jobs=jobs)


def compose(overrides: Sequence[str], extra_folder: str | None) -> dict[str, Any]:
    """The composed config as plain data.

    Hydra chooses the options of the groups; values are then set here, so that a mapping replaces
    the one there is (Hydra would merge a range given whole into another), and so that an unknown
    key reaches the schema, which knows what is allowed. Raises UserError in one line.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    folders = [config_folder(), *([Path(extra_folder)] if extra_folder else [])]
    search = [f"hydra.searchpath=[file://{Path(extra_folder).resolve()}]"] if extra_folder else []
    try:
        parser, parsed = OverridesParser.create(), []
        for text in overrides:
            try:
                parsed.append(parser.parse_override(text))
            except HydraException as error:
                said = one_line(error).partition(" See https")[0]
                raise UserError(f"{text}: is not key=value as Hydra reads it: {said}") from None
        if several := [o for o in parsed if many_data(o.key_or_group, o.value())]:
            return compose_each(overrides, several[-1], extra_folder)
        values, choices, ranges = {}, [], []
        for override in parsed:
            key = str(override.key_or_group)
            if key == RANGE and not isinstance(override.value(), dict | None):
                ranges.append(range_name(str(override.input_line), override.value()))
                continue
            if not key:
                raise UserError(f"{override.input_line}: must begin with a key")
            if key.startswith("hydra"):
                raise UserError(f"{key}: tuner composes with Hydra, but does not run under it")
            options = {p.stem for f in folders for p in (f / key).glob("*.yaml")}
            if override.type is not OverrideType.DEL and options:
                check_options(key, override.value(), options)
            if override.type is not OverrideType.CHANGE or options:
                choices.append(str(override.input_line))
            elif override.is_sweep_override():
                raise UserError(
                    f"{key}: {override.value()}: give a range as {{low: ..., high: ...}} "
                    "or a list as {choices: [...]}"
                )
            else:
                values[key] = override.value()
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            config = compose("config", overrides=[*choices, *search])
        for name in ranges:
            apply_range(config, name, str(values.get("root", config.root)))
        for key, value in values.items():
            above = key.rpartition(".")[0]
            holder = OmegaConf.select(config, above) if above else config
            if holder is None:
                raise UserError(f"{key}: {value}: there is no {above} in this config")
            if not OmegaConf.is_dict(holder):
                raise UserError(f"{above}: {holder}: must be a mapping, to hold {key}")
            try:
                OmegaConf.update(config, key, value, merge=False, force_add=True)
            except (OmegaConfBaseException, ValueError, AssertionError):
                raise UserError(f"{key}: {value}: does not fit there") from None
        # A config may refer to itself, but it reads no environment and runs no code.
        for resolver in ("oc.env", "oc.decode", "oc.create", "oc.deprecated"):
            OmegaConf.clear_resolver(resolver)
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError) as error:
        raise UserError(one_line(error)) from None
    assert isinstance(plain, dict)
    compared = plain.get("compare")
    if isinstance(compared, dict) and compared.get("data") is not None:
        raise UserError(f"compare.data: {compared['data']}: give {DATA}=[...] for several data")
    return {str(key): value for key, value in plain.items()}


def many_data(key: Any, value: Any) -> bool:
    """Whether an override names several data sets, which job=compare takes one by one."""
    return key == DATA and isinstance(value, list) and len(value) > 1


def compose_each(overrides: Sequence[str], chosen: Any, extra_folder: str | None) -> dict[str, Any]:
    """The config of the first of several data sets, with those of all in compare.data."""
    names = [str(name) for name in chosen.value()]
    others = [text for text in overrides if text != str(chosen.input_line)]
    each = [compose([*others, f"{DATA}={name}"], extra_folder) for name in names]
    first = each[0]
    if first.get("job") != "compare":
        raise UserError(f"{DATA}: {names}: choose one; several go with job=compare")
    if len(set(names)) < len(names):
        raise UserError(f"{DATA}: {names}: must name each once")
    # What else stands there the schema refuses.
    if isinstance(first.get("compare"), dict):
        first["compare"]["data"] = [plain[DATA] for plain in each]
    return first


def range_name(line: str, value: Any) -> str:
    """The study whose range `+range=<study>` asks for."""
    if not line.startswith("+"):
        raise UserError(f"{RANGE}: {value}: give +{RANGE}={value} for what job=range_test found")
    return str(value)


def apply_range(config: Any, name: str, root: str) -> None:
    """Puts the learning rates that job=range_test found for a study in the config's place.

    Raises UserError for a study without a range, and for one of other optimizers.
    """
    import yaml
    from omegaconf import OmegaConf

    found = {path.parts[-3]: path for path in Path(root).glob("studies/*/range/range.yaml")}
    if name not in found:
        hint = did_you_mean(name, sorted(found), 3)
        known = f"must be one of {', '.join(sorted(found))}" if found else "there is none"
        raise UserError(
            f"{RANGE}: {name}: {hint}{known} in {root}: job=range_test study.name={name} makes one"
        )
    try:
        ranges: Any = OmegaConf.to_container(OmegaConf.load(found[name]))
        rates = {optimizer: own["lr"] for optimizer, own in ranges["optimizer"].items()}
    except (OSError, ValueError, TypeError, LookupError, AttributeError, yaml.YAMLError):
        raise UserError(f"{RANGE}: {found[name]}: is not as job=range_test writes it") from None
    chosen = [str(optimizer) for optimizer in config.optimizer]
    if not set(chosen) & set(rates):
        raise UserError(
            f"{RANGE}: {name}: is of optimizer={','.join(rates)}, not of {', '.join(chosen)}"
        )
    for optimizer in set(chosen) & set(rates):
        OmegaConf.update(config, f"optimizer.{optimizer}.lr", rates[optimizer], merge=False)


def check_options(group: str, chosen: Any, options: set[str]) -> None:
    """The options chosen of a group are there, and one only where one is meant."""
    several = group in SEVERAL
    if isinstance(chosen, list) and not several:
        raise UserError(
            f"{group}: {chosen}: choose one; several go with {' and '.join(SEVERAL)} alone"
        )
    names = chosen if isinstance(chosen, list) else [chosen]
    if not names:
        raise UserError(f"{group}: []: must name one or more: --help lists them")
    for name in names:
        if str(name) not in options:
            hint = did_you_mean(name, sorted(options), 5, 0.4)
            known = ", ".join(sorted(options)) if len(options) <= FEW else "those in --help"
            raise UserError(f"{group}: {name}: {hint}must be one of {known}")


def one_line(error: Exception) -> str:
    """Hydra's message without its line breaks and its advice on sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    noise = ("full_key", "object_type", "Config search path", "provider=", "reference_type")
    return " ".join(line for line in lines if line and not line.startswith(noise))


class Signals:
    """SIGINT and SIGTERM ask to stop at the next step; a second one stops at once."""

    def __init__(self) -> None:
        self.stop = Event()
        self.number = signal.SIGINT
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.receive)

    def receive(self, number: int, frame: FrameType | None) -> None:
        self.number = signal.Signals(number)
        self.stop.set()
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def uncollected() -> Iterator[None]:
    """What is imported and composed meanwhile stays to the end, and no collection looks at it.

    Those at the end of the process, which go through all there is, take a fifth of a short command.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if {"--help", "-h"} & set(arguments):
        print(help_page(), end="")
        return 0
    if "--version" in arguments:
        print(f"tuner {tuner.__version__}")
        return 0
    try:
        return command(arguments)
    except UserError as error:
        for line in str(error).splitlines():
            print(f"tuner: {line}", file=sys.stderr)
        return error.exit_code


def command(arguments: list[str]) -> int:
    # Before all that takes time: an exception in the middle of Hydra's work becomes another one.
    signals = Signals()
    # One BLAS thread a worker, also in the processes that are started from here. NumPy, when it is
    # imported, would start others, which keeps a core busy for a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    again = shlex.join(arguments)
    extra_folder = None
    if "--config-dir" in arguments:
        at = arguments.index("--config-dir")
        if at + 1 == len(arguments) or not Path(arguments[at + 1]).is_dir():
            raise UserError("--config-dir: must be followed by a folder")
        extra_folder = arguments.pop(at + 1)
        arguments.pop(at)
    show = "--cfg" in arguments
    flags = [a for a in arguments if a.startswith("-") and a != "--cfg"]
    if flags:
        raise UserError(f"{flags[0]}: there is no such flag: see --help")
    with uncollected():
        plain = compose([a for a in arguments if a != "--cfg"], extra_folder)
        if show:
            import yaml

            print(yaml.safe_dump(plain, sort_keys=False), end="")
            return 0
        from tuner.config import check
        from tuner.jobs import names

        config = check(plain)
        if config.job not in names():
            raise UserError(f"job: {config.job!r}: must be one of {', '.join(names())}")
        from tuner.training.loop import Interrupted

        run = import_module(f"tuner.jobs.{config.job}").run
    try:
        if signals.stop.is_set():
            raise Interrupted
        code: int = run(config, signals.stop)
    except Interrupted:
        print(f"Stopped. The same command goes on: python -m tuner {again}")
        code = 128 + signals.number
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        # Whoever read the output has gone: nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
