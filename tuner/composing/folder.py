"""The user's own config folder: checks its files before Hydra reads them."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from tuner.composing.ranges import check_ranges
from tuner.errors import UserError
from tuner.yaml_files import check_file, reading


def is_default(entry: Any) -> bool:
    """Whether an entry of a defaults list is a config's name, or a mapping of group to option."""
    return isinstance(entry, str) or (
        isinstance(entry, dict) and all(isinstance(group, str) for group in entry)
    )


class FolderSource(FileConfigSource):
    """Hydra's file source, for folders with any name and for untrusted files."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        self.path = unquote(self.path)

    @staticmethod
    def scheme() -> str:
        """The scheme in the search path, before `://`."""
        return "folder"

    def load_config(self, config_path: str) -> ConfigResult:
        """Loads a config file as Hydra does, after checking it.

        Raises:
            UserError: for a file that is refused.
        """
        path = Path(self.path) / self._normalize_file_name(config_path)
        check_file(path, Path(self.path))
        with reading(path):
            found = super().load_config(config_path)
        plain: Any = OmegaConf.to_container(found.config, resolve=False)
        check_ranges(str(path), plain)
        if isinstance(plain, dict) and "hydra" in {*plain, found.header.get("package")}:
            raise UserError(f"{path}: hydra: tuner composes with Hydra, but does not run under it")
        defaults = plain.get("defaults", []) if isinstance(plain, dict) else None
        if not isinstance(defaults, list) or not all(map(is_default, defaults)):
            raise UserError(f"{path}: must be a mapping; its defaults, a list of group: option")
        return found


def search_path(folder: str) -> str:
    """The override that adds a folder to Hydra's search path."""
    Plugins.instance().register(FolderSource)
    return f"hydra.searchpath=['{FolderSource.scheme()}://{quote(str(Path(folder).resolve()))}']"
