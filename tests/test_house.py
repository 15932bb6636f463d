"""The house rules: who may import whom, what a config folder holds, what git keeps."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from tuner.composing import SEVERAL, compose, config_folder
from tuner.config import check
from tuner.config.schema import TrackingConfig
from tuner.config.space import MODELS
from tuner.errors import UserError
from tuner.jobs import names as jobs
from tuner.search import pruners, samplers
from tuner.training import optimizers, schedules

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "tuner"
CONF = config_folder()
GROUPS = sorted(p.name for p in CONF.iterdir() if p.is_dir() and p.name != "experiment")
OPTIONS = sorted(f"{p.parent.name}={p.stem}" for g in GROUPS for p in (CONF / g).glob("*.yaml"))
EXPERIMENTS = sorted(p.stem for p in (CONF / "experiment").glob("*.yaml"))

WINGS = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))
# What every file of the package may import from the top of it, and what few of them may.
COMMON = {"codec", "dated", "declarations", "deprecation", "discovery", "errors", "files"}
COMMON |= {"function", "yaml_files", "__version__"}
TOP = {path.stem for path in PACKAGE.glob("[!_]*.py")} - COMMON

COMPOSER = {"hydra", "omegaconf"}

# What a wing may know: other wings, and packages that only some of them may know.
MAY_KNOW = {
    "training": set(),
    "estimators": {"training", "sklearn"},
    "data": {"training", "sklearn"},
    "search": {"training", "optuna"},
    "config": {"training", "data", "search"},
    "study": {
        *("training", "estimators", "data", "search", "config", "processes"),
        *("optuna", "sklearn"),
    },
    "report": {"training", "search", "study", "config", "streams"},
    "tracking": {
        *("training", "search", "study", "config", "estimators", "processes"),
        "mlflow",
    },
    "processes": set(),
    "composing": COMPOSER,
    "model_selection": {*WINGS, *TOP, "optuna", "sklearn"} - {"jobs", "config"},
    "jobs": {*WINGS, *TOP, "optuna", "sklearn", "mlflow"},
}
GUARDED = {"mlflow", "optuna", "sklearn"}
# By their names, as they are imported.
NAMED = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in MODULES
}
# Lines of a file, and lines in all of them that know nothing of what a mapping holds.
LONGEST, UNTYPED = 400, 80

# Imports cost 0.5 to 2 s each, that of numpy.random 0.02: they wait until they are used.
SLOW = {"matplotlib", "mlflow", "numba", "optuna", "pandas", "rich", "scipy", "skops", "sklearn"}
SLOW |= {"jinja2", "numpy.random"}

Interpreter = Callable[..., subprocess.CompletedProcess[str]]


def known(path: Path) -> Iterator[str]:
    """Packages, and `tuner.<part>`, that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, _, rest = name.partition(".")
            yield f"tuner.{rest.split('.')[0]}" if first == "tuner" and rest else first


def forbidden(wing: str, allowed: set[str]) -> set[str]:
    """What a wing may not import: parts of `tuner`, and packages."""
    parts = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or p.name in WINGS}
    others = parts - COMMON - {"__init__", wing} - allowed
    return {f"tuner.{part}" for part in others} | ((COMPOSER | GUARDED) - allowed)


def reached(wing: str) -> set[str]:
    """What a wing may know, and what that may know in its turn."""
    seen, waiting = {wing}, [wing]
    while waiting:
        name = waiting.pop()
        path = PACKAGE / f"{name}.py"
        own = MAY_KNOW.get(name, set())
        if path.exists():
            own = {part.removeprefix("tuner.") for part in known(path) if part != "tuner"}
        waiting += own - seen
        seen |= own
    return seen


def test_every_wing_has_its_rule() -> None:
    assert set(WINGS) == set(MAY_KNOW)


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_names_only_what_it_may_know(wing: str) -> None:
    for path in (PACKAGE / wing).rglob("*.py"):
        assert not set(known(path)) & forbidden(wing, MAY_KNOW[wing]), path


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_is_imported_without_what_it_may_not_know(
    wing: str, interpreter: Interpreter
) -> None:
    modules = [name for name, path in NAMED.items() if path.is_relative_to(PACKAGE / wing)]
    blocked = sorted(forbidden(wing, reached(wing)))
    block = f"""
import importlib, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if any(name == f or name.startswith(f + ".") for f in {blocked!r}):
            raise ModuleNotFoundError(f"{{name}} is blocked", name=name)

sys.meta_path.insert(0, Block())
for module in {sorted(modules)!r}:
    importlib.import_module(module)
"""
    done = interpreter("-c", block)
    assert done.returncode == 0, done.stderr


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """What is in a file, but for what type checkers alone read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from statements(child)


def imported(path: Path) -> Iterator[tuple[str, str, str]]:
    """What a file imports of the package: a module, a name in it or "", and what it calls that."""
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        names = node.names if isinstance(node, ast.Import | ast.ImportFrom) else []
        for alias in names:
            whole, own = alias.name, ""
            if isinstance(node, ast.ImportFrom):
                whole, own = f"{node.module}.{alias.name}", alias.name
            if whole.partition(".")[0] != "tuner":
                continue
            if whole in NAMED:
                yield whole, "", alias.asname or own or whole
            else:
                yield str(getattr(node, "module", "")), own, alias.asname or own


def importing() -> dict[str, set[str]]:
    """The modules that each module imports, in its functions too."""
    return {name: {module for module, _, _ in imported(path)} for name, path in NAMED.items()}


def test_every_module_that_is_imported_is_there() -> None:
    assert set(chain(*importing().values())) <= NAMED.keys()


def test_no_modules_import_each_other_whatever_the_way_round() -> None:
    # What only imports what is left out already is left out; what remains stands in a circle.
    left = importing()
    while free := [name for name, own in left.items() if not own & left.keys()]:
        for name in free:
            del left[name]
    while ends := left.keys() - set(chain(*left.values())):
        for name in ends:
            del left[name]
    assert {name: sorted(own & left.keys()) for name, own in left.items()} == {}


def test_no_job_imports_a_job() -> None:
    for name, own in importing().items():
        if name.startswith("tuner.jobs."):
            assert not [module for module in own if module.startswith("tuner.jobs.")], name


def test_no_private_name_is_used_by_another_file() -> None:
    def private(name: str) -> bool:
        return name.startswith("_") and not name.startswith("__")

    found = []
    for path in MODULES:
        modules = set()
        for module, name, called in imported(path):
            found += [f"{path}: {module}.{name}"] if private(name) else []
            found += [f"{path}: {module}"] if private(module.rpartition(".")[2]) else []
            modules |= set() if name else {called}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and private(node.attr):
                whose = ast.unparse(node.value)
                found += [f"{path}: {whose}.{node.attr}"] if whose in modules else []
    assert found == []


def test_a_file_says_one_thing() -> None:
    lengths = {str(p): len(p.read_text(encoding="utf-8").splitlines()) for p in MODULES}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_types_say_what_a_mapping_holds_where_that_is_not_free() -> None:
    free = re.compile(r"(dict|Mapping)\[str, Any\]")
    lines = {
        str(path.relative_to(REPOSITORY)): len(
            [line for line in path.read_text(encoding="utf-8").splitlines() if free.search(line)]
        )
        for path in MODULES
    }
    assert sum(lines.values()) <= UNTYPED, {path: n for path, n in lines.items() if n}


def test_one_package_knows_hydra() -> None:
    knowing = {path.parent.name for path in MODULES if set(known(path)) & COMPOSER}
    assert knowing == {"composing"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["--version"], 0), (["nothing=1"], 2), (["optimizer.adam.lr=-1"], 2)],
)
def test_slow_packages_wait_until_they_are_used(
    arguments: list[str], code: int, interpreter: Interpreter
) -> None:
    line = (
        "import json, sys; from tuner.cli import main; "
        "print(json.dumps([main(sys.argv[1:]), *sys.modules]))"
    )
    done = interpreter("-c", line, *arguments)
    ended, *loaded = json.loads(done.stdout.splitlines()[-1])
    assert ended == code
    assert not SLOW & {*loaded, *(name.partition(".")[0] for name in loaded)}


def test_the_help_page_loads_no_other_package_than_tuner(interpreter: Interpreter) -> None:
    done = interpreter("-X", "importtime", "-m", "tuner", "--help")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    roots = {re.split(r"[^\w]", name)[0] for name in wanted} | {"hydra", "sklearn", "yaml"}
    assert not roots & loaded


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.slow
def test_every_option_goes_with_the_defaults_or_an_experiment(option: str) -> None:
    refusals = []
    for experiment in [[], *([f"+experiment={name}"] for name in EXPERIMENTS)]:
        try:
            check(compose([*experiment, option], None))
        except UserError as error:
            refusals.append(str(error))
        else:
            return
    group = option.partition("=")[0]
    needed = rf"({group}\.\w+: is missing.*\n?)+"  # what only a user knows, as the path of a file
    assert any(re.fullmatch(needed, refusal) for refusal in refusals), "\n".join(refusals)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_composes_and_bears_its_name(experiment: str) -> None:
    config = check(compose([f"+experiment={experiment}"], None))
    assert config.study.name == experiment
    assert config.job in jobs()


def options(group: str) -> dict[str, dict[str, object]]:
    """The options of a group with what their files hold."""
    files = sorted((CONF / group).glob("*.yaml"))
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) or {} for path in files}


def test_an_optimizer_is_a_rule_and_a_yaml_of_its_hyperparameters() -> None:
    for name, option in options("optimizer").items():
        rule = optimizers.load(name)
        assert rule.own.keys() <= option.keys() <= rule.hyperparameters.keys()
    assert options("optimizer").keys() == set(optimizers.names())


def test_a_schedule_is_a_function_and_a_yaml_of_its_hyperparameters() -> None:
    for name, option in options("schedule").items():
        known = schedules.schedule_hyperparameters(name)
        assert schedules.load(name).own.keys() <= option.keys() <= known.keys()
    assert options("schedule").keys() == set(schedules.names())


@pytest.mark.parametrize("name", sorted({name for group in SEVERAL for name in options(group)}))
def test_an_option_that_may_be_a_branch_sits_under_its_own_name(name: str) -> None:
    for path in chain(*(CONF.glob(f"{group}/{name}.yaml") for group in SEVERAL)):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# @package {path.parent.name}.{name}"


def test_a_model_is_a_yaml_of_its_settings() -> None:
    # Functions choose their data, none, in their defaults.
    assert {name: option.keys() - {"defaults"} for name, option in options("model").items()} == {
        name: set(settings) for name, settings in MODELS.items()
    }


def test_every_name_that_the_schema_allows_is_an_option() -> None:
    allowed = get_args(TrackingConfig.model_fields["name"].annotation)
    assert set(options("tracking")) == set(allowed)


@pytest.mark.parametrize("package", [samplers, pruners], ids=lambda p: p.__name__)
def test_a_file_of_a_sampler_or_pruner_gives_settings_that_it_takes(package: Any) -> None:
    for name, option in options(package.__name__.rpartition(".")[2].removesuffix("s")).items():
        settings = {key: value for key, value in option.items() if key != "name"}
        assert package.load(name)(**settings).name == option["name"] == name


@pytest.mark.parametrize("group", [g for g in GROUPS if g not in SEVERAL])
def test_an_option_bears_the_name_of_its_file(group: str) -> None:
    assert [option["name"] for option in options(group).values()] == list(options(group))


def test_every_file_of_conf_says_what_it_is() -> None:
    for path in CONF.rglob("*.yaml"):
        comments = [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.startswith("# ") and not line.startswith("# @package")
        ]
        assert comments, path


def test_every_python_file_begins_with_what_it_says(files_in_git: list[Path]) -> None:
    for path in files_in_git:
        if path.suffix == ".py":
            first = (REPOSITORY / path).read_text(encoding="utf-8").split("\n", 1)[0]
            assert re.fullmatch(r'"""\w.*\.(""")?', first), path


def test_tests_mirror_the_package(files_in_git: list[Path]) -> None:
    folders = {p.parts[1] for p in files_in_git if p.parts[0] == "tests" and len(p.parts) > 2}
    assert folders <= {*WINGS, "references", "hostile"}


def test_the_top_of_the_repository_holds_what_the_house_names(files_in_git: list[Path]) -> None:
    files = {
        *(".gitignore", "pyproject.toml", "constraints.txt", "LICENSE"),
        *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"),
    }
    folders = {
        ".ci",
        ".github",
        "conf",
        "mlruns",
        "benchmarks",
        "examples",
        "deploy",
        "docs",
        "tests",
        "tuner",
    }
    assert {path.parts[0] for path in files_in_git} <= files | folders


def test_git_keeps_nothing_of_what_runs_write(files_in_git: list[Path]) -> None:
    assert [p for p in files_in_git if p.parts[0] == "mlruns"] == [Path("mlruns/README.md")]


def test_git_keeps_no_large_file(files_in_git: list[Path]) -> None:
    sizes = {str(path): (REPOSITORY / path).stat().st_size for path in files_in_git}
    assert {path: size for path, size in sizes.items() if size > 1 << 20} == {}


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("a path of one machine", r"(?<![\w.])/(home|root|work|opt|Users|srv|mnt)/\w"),
        (
            "the host of a package registry",
            r"py[p]i\.|python[h]osted|npm[j]s|debian\.[o]rg|conda\.[o]rg",
        ),
        ("work left to do", r"\bTO[D]O\b|\bFIX[M]E\b|\bX{3}\b"),
    ],
)
def test_no_file_holds(what: str, pattern: str, files_in_git: list[Path]) -> None:
    for path in files_in_git:
        found = re.search(pattern, (REPOSITORY / path).read_text(encoding="utf-8", errors="ignore"))
        assert found is None, f"{path} holds {what}: {found.group()}"
