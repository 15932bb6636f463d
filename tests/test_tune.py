"""Tuning from Python: what `tuner.tune` takes and gives, and what it leaves as it was."""

from pathlib import Path

from hydra import compose as composed_by_hydra
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore

from tuner.composing import compose


def test_a_program_that_uses_hydra_itself_may_tune(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mine: 1\n", encoding="utf-8")
    groups = set(ConfigStore.instance().repo)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert compose(["+experiment=adam"], None)["study"]["name"] == "adam"
        assert composed_by_hydra("config") == {"mine": 1}
    assert set(ConfigStore.instance().repo) == groups
