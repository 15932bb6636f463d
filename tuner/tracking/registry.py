"""The registry: a project's champion and its challengers, as versions of one model in MLflow."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock

from tuner.config import Config
from tuner.config.schema import NO_MODEL
from tuner.tracking.calls import again
from tuner.tracking.logged_models import is_ready
from tuner.tracking.model import FORMAT, describe_saved
from tuner.tracking.recorded_study import KEY
from tuner.tracking.serving import FILE
from tuner.tracking.store import Store

# The aliases that tuner sets.
CHAMPION, CHALLENGER = "champion", "challenger"

# The name of a version's model in the experiment, and the file with the keys of its training rows.
PROMOTED, SEEN = "promoted", "seen_rows.npy"

# Tags of a version: its study and trial, the digests of its data and its model, and the verdict.
TAG_KEY, TAG_STUDY, TAG_TRIAL = f"tuner.{KEY}", "tuner.study", "tuner.trial"
TAG_DATA, TAG_MODEL, TAG_VERDICT = "tuner.data", "tuner.model", "tuner.verdict"

# MLflow's error codes for a missing model or alias.
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "ENDPOINT_NOT_FOUND")


@dataclass(frozen=True)
class Version:
    """A version of the registered model.

    Attributes:
        number: from 1.
        tags: the version's tags.
        aliases: the aliases that point to it.
    """

    number: int
    tags: Mapping[str, str]
    aliases: tuple[str, ...]

    @property
    def study(self) -> str:
        """The name of the study whose winner it is; "" if tuner did not make the version."""
        return self.tags.get(TAG_STUDY, "")


class Registry:
    """The versions of one model in MLflow's registry.

    Args:
        store: the store of MLflow's data, with its own registry.
        project: the experiment that holds the models.
        name: the model's name.

    Raises:
        MlflowException: here and in all methods, if MLflow cannot be reached.
        OSError: likewise.
    """

    def __init__(self, store: Store, project: str, name: str) -> None:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        self.store, self.name = store, name
        self.client = store.open()
        self.experiment_id = store.experiment(self.client, project)

    def lock(self) -> FileLock:
        """The lock to hold while comparing and moving an alias, against other commands.

        It protects commands of one root only. For others on the same server, read `champion` again.
        """
        name = hashlib.sha256(self.name.encode()).hexdigest()[:16]
        self.store.root.mkdir(parents=True, exist_ok=True)
        return FileLock(self.store.root / f"promote-{name}.lock")

    def champion(self) -> Version | None:
        """The version that the champion's alias points to; None if there is none."""
        from mlflow.exceptions import MlflowException

        try:
            found = again(self.client.get_model_version_by_alias, self.name, CHAMPION)
        except MlflowException as error:
            if error.error_code in NOT_THERE:
                return None
            raise
        return None if found is None else self.version(found.version)

    def version(self, number: Any) -> Version:
        """The version with that number, with its aliases."""
        found = again(self.client.get_model_version, self.name, str(number))
        return Version(int(found.version), dict(found.tags), tuple(found.aliases))

    def known(self, tags: Mapping[str, str]) -> Version | None:
        """The newest version with these tags; None if there is none."""
        asked = " AND ".join([f"name = '{_quoted(self.name)}'", *_conditions(tags)])
        found = again(self.client.search_model_versions, asked)
        numbers = [int(own.version) for own in found]
        return self.version(max(numbers)) if numbers else None

    def register(
        self, folder: Path, seen: bytes, tags: Mapping[str, str], key: str, about: str
    ) -> Version:
        """Registers a saved model as a version, unless a version with these tags exists.

        The version has its own copy of the files, which stays when the study is deleted.

        Args:
            folder: the model's folder, as written by `tuner.tracking.model.save`.
            seen: the contents of the file with the keys of its training rows.
            tags: the version's tags, which identify it.
            key: the study's key in MLflow.
            about: the description, in Markdown.
        """
        if known := self.known(tags):
            return known
        self._make_model()
        logged = self._logged(folder, seen, tags)
        # A registry in a database would look up a model's id in another database.
        server = self.store.is_server
        source = f"models:/{logged.model_id}" if server else logged.artifact_location
        own = f"tags.`{TAG_KEY}` = '{key}'"
        runs = again(self.client.search_runs, [self.experiment_id], own)
        parents = [run.info.run_id for run in runs if "tuner.trial" not in run.data.tags]

        def create() -> Any:
            if known := self.known(tags):  # the call succeeded, but its answer was lost
                return known.number
            return self.client.create_model_version(
                self.name,
                source,
                run_id=parents[0] if parents else None,
                tags=dict(tags),
                description=about,
                model_id=logged.model_id if server else None,
            ).version

        return self.version(again(create))

    def point(self, alias: str, version: Version, verdict: str, about: str) -> None:
        """Points an alias to a version; stores the reason in a tag and the description."""
        number = str(version.number)
        again(self.client.set_model_version_tag, self.name, number, TAG_VERDICT, verdict)
        again(self.client.update_model_version, self.name, number, about)
        again(self.client.set_registered_model_alias, self.name, alias, number)
        if alias == CHAMPION and CHALLENGER in version.aliases:
            again(self.client.delete_registered_model_alias, self.name, CHALLENGER)

    def fetched(self, version: Version, into: Path) -> Path:
        """Downloads a version's model, and the keys of its training rows if it has them.

        Returns:
            The folder of the files.

        Raises:
            FileNotFoundError: if the version has no skops file.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        place = again(self.client.get_model_version_download_uri, self.name, str(version.number))
        uri = self.store.uri
        repository = get_artifact_repository(place, tracking_uri=uri, registry_uri=uri)
        there = {Path(file.path).name for file in again(repository.list_artifacts)}
        if FILE not in there:
            raise FileNotFoundError(FILE)
        for name in sorted(there & {FILE, SEEN}):
            again(repository.download_artifacts, name, str(into))
        return into

    def _make_model(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            again(self.client.create_registered_model, self.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _logged(self, folder: Path, seen: bytes, tags: Mapping[str, str]) -> Any:
        """The experiment's model with the version's files; it is logged unless it is complete."""
        from mlflow.entities import LoggedModelStatus

        asked = " AND ".join([f"name = '{PROMOTED}'", *_conditions(tags)])
        found = again(self.client.search_logged_models, [self.experiment_id], filter_string=asked)
        for own in found:
            if is_ready(own):
                return own
            again(self.client.delete_logged_model, own.model_id)
        logged = again(
            self.client.create_logged_model, self.experiment_id, PROMOTED, tags=dict(tags)
        )
        describe_saved(folder)
        with TemporaryDirectory() as scratch:
            target = Path(scratch, "model")
            shutil.copytree(folder / FORMAT, target)
            (target / SEEN).write_bytes(seen)
            again(self.client.log_model_artifacts, logged.model_id, str(target))
        again(self.client.finalize_logged_model, logged.model_id, LoggedModelStatus.READY)
        return logged


def model_name(config: Config) -> str:
    """The name of a project's model in the registry."""
    name = config.promote.model or config.study.project
    for letter in () if config.promote.model else NO_MODEL:
        name = name.replace(letter, "-")
    return name


def digest_of(folder: Path) -> str:
    """A digest of a saved model's file, which identifies the model."""
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def champions(config: Config) -> set[str]:
    """The keys in MLflow of the studies whose winner is the champion of any model.

    Raises:
        MlflowException: if MLflow cannot be reached.
        OSError: likewise.
    """
    store = Store(config.root, config.tracking.uri)
    if store.database is not None and not store.database.exists():
        return set()
    client, keys, page = store.open(), set[str](), None
    while page != "":
        models = again(client.search_registered_models, page_token=page)
        for model in models:
            number = model.aliases.get(CHAMPION)
            if number is not None:
                found = again(client.get_model_version, model.name, str(number))
                keys |= {found.tags[TAG_KEY]} if TAG_KEY in found.tags else set()
        page = models.token or ""
    return keys


def _conditions(tags: Mapping[str, str]) -> list[str]:
    return [f"tags.`{key}` = '{_quoted(value)}'" for key, value in tags.items()]


def _quoted(text: str) -> str:
    return text.replace("'", "''")
