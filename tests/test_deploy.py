"""What runs tuner at night: units of systemd, a line for cron, a CronJob, a container."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tuner.composing import compose
from tuner.config import check

REPOSITORY = Path(__file__).resolve().parents[1]
DEPLOY = REPOSITORY / "deploy"
SMALL = ("data=iris", "budget.trials=2", "budget.epochs=2", "confirm.top=0", "tracking=none")


def commands() -> Iterator[tuple[str, list[str]]]:
    """The settings of every command in deploy/, by the file."""
    for path in sorted(p for p in DEPLOY.rglob("*") if p.is_file()):
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"(?m)^[^#\n]*/bin/tuner ([^>\n]*)", text):
            yield path.name, shlex.split(found[1])
        for found in re.finditer(r"(?m)^CMD (\[.*\])$", text):
            yield path.name, json.loads(found[1])
        if path.suffix == ".yaml":
            for document in yaml.safe_load_all(text):
                if document["kind"] == "CronJob":
                    (container,) = pod(document)["containers"]
                    yield path.name, container["args"]


def pod(cronjob: dict) -> dict:
    """The specification of a CronJob's pod."""
    return cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]


COMMANDS = list(commands())


def test_each_way_to_run_at_night_has_a_command() -> None:
    assert {name for name, _ in COMMANDS} == {
        *("Dockerfile", "cronjob.yaml", "tuner-nightly", "tuner-nightly.service")
    }


@pytest.mark.parametrize(("name", "settings"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_each_command_is_a_whole_config(name: str, settings: list[str]) -> None:
    config = check(compose(settings, None))
    assert config.study.pattern == "nightly-@date"
    assert config.log is not None


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_in_its_units(tmp_path: Path) -> None:
    tuner = Path(sys.executable).parent / "tuner"
    for path in (DEPLOY / "systemd").iterdir():
        text = path.read_text(encoding="utf-8").replace("/usr/local/bin/tuner", str(tuner))
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    wrong = [line for line in done.stderr.splitlines() if "tuner-nightly" in line]
    assert (done.returncode, wrong) == (0, [])


def test_the_cronjob_is_what_kubernetes_takes() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    text = (DEPLOY / "kubernetes/cronjob.yaml").read_text(encoding="utf-8")
    for document in yaml.safe_load_all(text):
        validate.validate(document, "1.30", strict=True)


def test_the_cronjob_keeps_studies_on_a_volume_and_gives_time_to_close() -> None:
    text = (DEPLOY / "kubernetes/cronjob.yaml").read_text(encoding="utf-8")
    claim, cronjob = yaml.safe_load_all(text)
    own = pod(cronjob)
    (container,), (volume,) = own["containers"], own["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert container["volumeMounts"][0]["name"] == volume["name"]
    folder = re.search(r"(?m)^WORKDIR (/results)$", (DEPLOY / "Dockerfile").read_text())
    assert folder is not None
    assert container["volumeMounts"][0]["mountPath"] == folder[1]
    assert own["terminationGracePeriodSeconds"] > 10


def test_what_the_container_is_built_from_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for copied in re.findall(r"(?m)^COPY (.*) \S+$", text):
        assert all((REPOSITORY / name).exists() for name in copied.split())


@pytest.mark.slow
def test_the_container_s_command_runs_without_an_environment_a_home_or_a_terminal(
    tmp_path: Path,
) -> None:
    settings = dict(COMMANDS)["Dockerfile"]
    done = subprocess.run(
        ["env", "-i", sys.executable, "-m", "tuner", *settings, *SMALL],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (study,) = (tmp_path / "mlruns/studies").iterdir()
    assert re.fullmatch(r"nightly-\d{4}-\d\d-\d\d", study.name)
    assert all("time" in json.loads(line) for line in done.stderr.splitlines())
