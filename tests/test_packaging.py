"""Packaging: what a wheel holds, that it works from anywhere, and the pins of a fresh set-up."""

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import tuner
from tuner.composing import config_folder

REPOSITORY = Path(__file__).resolve().parents[1]
TINY = ["+experiment=quadratic", "budget.epochs=2", "tracking=none", "threads=1"]


def run(folder: Path, *command: str | Path) -> str:
    """The output of a command that must succeed, started in this folder."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run(REPOSITORY, sys.executable, *build)
    (built,) = folder.glob("*.whl")
    return built


def environment(folder: Path, *install: str | Path) -> Path:
    """The folder of the commands of a new environment with `tuner`, and this one's dependencies."""
    venv.create(folder, with_pip=True)
    packages = sysconfig.get_path("purelib", vars={"base": str(folder)})
    # A line in a .pth file adds a folder, but not the .pth files (as of editable installs) in it.
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    run(folder, folder / "bin" / "python", *pip, "--ignore-installed", *install)
    return folder / "bin"


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment in which the wheel is installed."""
    return environment(tmp_path_factory.mktemp("installed"), wheel)


@pytest.fixture(scope="session")
def editable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment in which the checkout is installed as editable."""
    return environment(tmp_path_factory.mktemp("editable"), "-e", REPOSITORY)


@pytest.mark.slow
def test_a_wheel_holds_the_package_and_conf_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    modules = {str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("tuner/**/*.py")}
    configs = {f"tuner/{p.relative_to(REPOSITORY)}" for p in REPOSITORY.glob("conf/**/*.yaml")}
    pages = {str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("tuner/report/page/report.*")}
    assert len(pages) == 4
    # The mark by which type checkers take the package's own annotations (PEP 561).
    assert names == modules | configs | pages | {"tuner/py.typed"}


@pytest.mark.slow
def test_a_wheel_brings_the_command_and_finds_conf(installed: Path, tmp_path: Path) -> None:
    found = run(tmp_path, installed / "python", "-c", "import tuner; print(tuner.__file__)")
    assert not Path(found).is_relative_to(REPOSITORY)
    assert "quadratic" in run(tmp_path, installed / "tuner", "--help")
    assert tuner.__version__ in run(tmp_path, installed / "tuner", "--version")


@pytest.mark.slow
def test_a_wheel_runs_a_study_from_any_folder(installed: Path, tmp_path: Path) -> None:
    run(tmp_path, installed / "tuner", *TINY)
    told = json.loads((tmp_path / "mlruns" / "studies" / "quadratic" / "result.json").read_text())
    assert told["result"]["best"]["settings"]["optimizer.sgd.lr"] == 0.1
    assert "finished" in run(tmp_path, installed / "python", "-m", "tuner", *TINY)


@pytest.mark.slow
def test_an_editable_install_brings_the_command_and_finds_conf(
    editable: Path, tmp_path: Path
) -> None:
    found = run(tmp_path, editable / "python", "-c", "import tuner; print(tuner.__file__)")
    assert Path(found).is_relative_to(REPOSITORY)
    assert "low: " in run(tmp_path, editable / "tuner", "+experiment=adam", "--cfg")


def test_a_checkout_finds_its_conf(
    interpreter: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    assert config_folder().is_relative_to(Path(tuner.__file__).parents[1])
    done = interpreter("-m", "tuner", "+experiment=adam", "--cfg")
    assert done.returncode == 0, done.stderr
    assert "low: " in done.stdout


def pins() -> dict[str, str]:
    """The lines of constraints.txt by the name of their package (a package may have two)."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {canonicalize_name(Requirement(line).name): line for line in lines}


def test_constraints_pin_exact_versions_and_name_no_host() -> None:
    for line in pins().values():
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; [\w. <>='()!]+)?", line)


def test_constraints_pin_every_requirement_within_its_bounds() -> None:
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    for requirement in map(Requirement, wanted):
        pinned = Requirement(pins()[canonicalize_name(requirement.name)])
        (version,) = (specifier.version for specifier in pinned.specifier)
        assert version in requirement.specifier, f"{requirement} and {pinned}"
