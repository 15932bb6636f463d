"""Promises of the shell's completion: bash and zsh offer what a command may say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tuner import jobs
from tuner.completion import completions, script
from tuner.composing import compose, config_folder, options
from tuner.errors import UserError
from tuner.training import optimizers

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def tuner(tmp_path: Path) -> dict[str, str]:
    """An environment in which `tuner` is this checkout's."""
    command = tmp_path / "bin" / "tuner"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tuner "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY)}


def in_bash(line: str, environment: dict[str, str], folder: Path) -> list[str]:
    """What bash offers at the end of a line, as it would put it in place of the last word."""
    shell = """
        eval "$(tuner --completion bash)"
        COMP_LINE="$1" COMP_POINT="${#1}"
        COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _tuner
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", shell, "bash", line],
        env=environment, cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_bash_offers_what_follows_the_last_equals_sign(
    tuner: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "mlruns" / "studies" / "nightly").mkdir(parents=True)
    (tmp_path / "other" / "studies" / "mine").mkdir(parents=True)
    assert in_bash("tuner optimizer=ada", tuner, tmp_path) == [
        f"{name} " for name in sorted(optimizers.names()) if name.startswith("ada")
    ]
    assert in_bash("tuner +experiment=f", tuner, tmp_path) == ["fashion_mlp ", "fashion_softmax "]
    assert in_bash("tuner optimizer.adam.l", tuner, tmp_path) == ["optimizer.adam.lr="]
    assert in_bash("tuner study.name=", tuner, tmp_path) == ["nightly "]
    assert in_bash("tuner root=other +best=", tuner, tmp_path) == ["mine "]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_takes_its_script(tuner: dict[str, str]) -> None:
    loaded = 'autoload -U compinit; compinit -u; eval "$(tuner --completion zsh)"; whence _tuner'
    done = subprocess.run(
        ["zsh", "-f", "-c", loaded], env=tuner, capture_output=True, text=True, check=True
    )
    assert "_tuner" in done.stdout


def test_every_setting_of_the_config_and_every_option_is_offered() -> None:
    offered = set(completions("tuner "))
    assert {f"{job} " for job in jobs.names()} <= offered
    groups = [path.name for path in config_folder().iterdir() if path.is_dir()]
    for group in set(groups) - {"experiment"}:
        assert f"{group}=" in offered
        values = completions(f"tuner {group}=")
        assert values == sorted(f"{group}={name} " for name in options(group, [config_folder()]))
    plain = compose(["optimizer=[adam,sgd]"], None)
    for key, value in plain.items():
        if key not in groups:
            below = [f"{key}.{name}=" for name in value] if isinstance(value, dict) else [f"{key}="]
            assert set(below) <= offered
    for name, own in plain["optimizer"].items():
        written = (config_folder() / "optimizer" / f"{name}.yaml").read_text()
        for setting in own:
            if f"\n{setting}:" in written:
                assert f"optimizer.{name}.{setting}=" in offered


def test_yes_or_no_is_offered_where_that_is_asked() -> None:
    assert completions("tuner stop.when_noise=") == [
        "stop.when_noise=false ",
        "stop.when_noise=true ",
    ]
    assert completions("tuner budget.trials=") == []
    assert completions("tuner --completion ") == ["bash ", "zsh "]


def test_another_shell_is_refused_in_a_line() -> None:
    with pytest.raises(UserError, match="--completion: fish: must be bash or zsh"):
        script("fish")


def test_nothing_slow_is_imported_for_it() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "tuner", "--complete", "tuner optimizer."],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not {"numpy", "hydra", "omegaconf", "pydantic", "optuna", "yaml"} & imported
    assert "optimizer.adam.lr=" in done.stdout.splitlines()
