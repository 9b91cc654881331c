"""The MLflow model registry: versions, aliases and the bundles that lie under them.

Belongs here: every call to MLflow that serving or promotion needs, with what MLflow raises turned into
``RegistryError``. Does not belong here: deciding which alias moves; ``promotion`` and ``aliases`` alone call
the two methods that move one. MLflow is imported inside the methods: its import costs 2.5 CPU seconds and 170 MB.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from artpulse_core.control import packaging
from artpulse_core.control.packaging import quiet
from artpulse_core.errors import ArtPulseError, RegistryError
from artpulse_core.model import bundle
from artpulse_core.settings import Settings

# MLflow waits 120 s a try and tries 7 times by default: an agent would be deaf for a quarter of an hour.
HTTP_LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
# A pooled connection holds on to the file it opened: an agent would follow a database that was moved away, and never
# see the one that was put in its place.
SQLITE_SWITCHES = {"MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool"}
SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output belongs to our commands
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class VersionInfo:
    """One registered version; ``digest`` is what its bundle had when it was registered, empty if unknown."""

    version: int
    digest: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created_at: int
    run_id: str | None


class Registry:
    """The registry that the settings name; nothing is opened before the first call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = Lock()
        self._opened: Any = None

    def experiment(self) -> str:
        """Id of the experiment of the settings, made with this installation's artifact root if it is new."""
        with self._mlflow() as client:
            name = self.settings.mlflow_experiment_name
            found = client.get_experiment_by_name(name)
            if found is not None:
                return str(found.experiment_id)
            root = self.settings.mlflow_artifacts
            return str(client.create_experiment(name, artifact_location=root))

    def start_run(self, name: str, tags: Mapping[str, str] | None = None) -> str:
        """A new run in the experiment; returns its id."""
        experiment = self.experiment()
        with self._mlflow() as client:
            return str(client.create_run(experiment, run_name=name, tags=dict(tags or {})).info.run_id)

    def end_run(self, run_id: str, status: str = "FINISHED") -> None:
        """Mark a run FINISHED or FAILED."""
        with self._mlflow() as client:
            client.set_terminated(run_id, status)

    def end_runs_of(self, dagster_run: str, job: str) -> None:
        """Mark KILLED what still says it runs for a Dagster run of ``job`` whose process is gone."""
        experiment = self.experiment()
        with self._mlflow() as client:
            for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
                # dagster-mlflow names its run after the job and tags it a moment later.
                if run.data.tags.get("dagster_run_id", run.info.run_name) in {dagster_run, job}:
                    client.set_terminated(run.info.run_id, "KILLED")

    def log_bundle(self, bundle_dir: Path, *, run_id: str, model: str) -> str:
        """Log the bundle as a pyfunc of run ``run_id``; returns its URI (``models:/m-…``).

        The bundle lies under ``artifacts/bundle`` of it. Raises ``BundleError`` for a broken bundle.
        """
        loaded = bundle.load(bundle_dir)
        with self._mlflow(), quiet():
            return packaging.log(loaded, run_id=run_id, name=model)

    def register(
        self, model: str, model_uri: str, *, run_id: str | None, digest: str, tags: Mapping[str, str]
    ) -> int:
        """Make a logged model the next version of ``model``; returns the version."""
        with self._mlflow() as client, quiet():
            _make_model(client, model)
            created = client.create_model_version(
                name=model,
                source=model_uri,
                run_id=run_id,
                model_id=model_uri.removeprefix("models:/"),
                tags={**{key: str(value) for key, value in tags.items()}, "digest": digest},
            )
            return int(created.version)

    def find_by_key(self, model: str, key: str) -> VersionInfo | None:
        """The newest version made from the same inputs (tag ``key``), or None."""
        if not re.fullmatch(r"[A-Za-z0-9:_.+-]{1,200}", key):
            raise RegistryError(f"A key may hold letters, digits and :_.+- only, not {key[:60]!r}.")
        found = self._search(model, f" and tags.`key` = '{key}'")
        return found[0] if found else None

    def versions(self, model: str) -> list[VersionInfo]:
        """Every version of ``model``, newest first; empty when there is no such model."""
        return self._search(model)

    def version(self, model: str, version: int) -> VersionInfo | None:
        """One version, or None."""
        with self._mlflow() as client:
            try:
                found = client.get_model_version(model, str(version))
            except Exception as error:
                if getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
            return _info(found, {version: [str(alias) for alias in found.aliases]})

    def aliases(self, model: str) -> dict[str, int]:
        """Alias → version of ``model``; empty when there is no such model."""
        with self._mlflow() as client:
            try:
                found = client.get_registered_model(model)
            except Exception as error:
                if getattr(error, "error_code", None) == "RESOURCE_DOES_NOT_EXIST":
                    return {}
                raise
            return {str(name): int(version) for name, version in found.aliases.items()}

    def alias(self, model: str, alias: str) -> int | None:
        """The version ``alias`` points to, or None."""
        return self.aliases(model).get(alias)

    def set_alias(self, model: str, alias: str, version: int) -> None:
        """Point ``alias`` to ``version``; called by ``promotion`` and ``aliases`` only."""
        with self._mlflow() as client:
            client.set_registered_model_alias(model, alias, str(version))

    def delete_alias(self, model: str, alias: str) -> None:
        """Remove ``alias`` if it is there; called by ``aliases`` only."""
        if alias in self.aliases(model):
            with self._mlflow() as client:
                client.delete_registered_model_alias(model, alias)

    def set_tag(self, model: str, version: int, key: str, value: str) -> None:
        """Tag a version, for people who look at it in MLflow."""
        with self._mlflow() as client:
            client.set_model_version_tag(model, str(version), key, value)

    def download(self, model: str, version: int, dest: Path) -> Path:
        """Bring the bundle of a version to the new folder ``dest``, whole or not at all.

        The bytes are not verified here. Raises ``RegistryError``.
        """
        if dest.exists():
            raise RegistryError(f"{dest.name} exists already.")
        dest.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=dest.parent, prefix=".download-") as temporary:
            with self._mlflow(), quiet():
                import mlflow

                uri = f"models:/{model}/{version}/artifacts/{packaging.ARTIFACT}"
                try:
                    local = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=temporary))
                except mlflow.exceptions.MlflowException as error:
                    why = str(error).strip().split("\n")[-1][:200]  # below a list of what it tried
                    said = "has no bundle." if "No such artifact" in why else f"cannot be fetched: {why}"
                    raise RegistryError(f"Version {version} of {model} {said}") from error
            if not local.is_dir():
                raise RegistryError(f"Version {version} of {model} has no bundle.")
            if not local.resolve().is_relative_to(Path(temporary).resolve()):
                # A local artifact store hands out its own folder instead of a copy.
                local = Path(shutil.copytree(local, Path(temporary) / "copy", symlinks=True))
            local.replace(dest)
        return dest

    def _search(self, model: str, more: str = "") -> list[VersionInfo]:
        aliases: dict[int, list[str]] = {}
        for alias, version in self.aliases(model).items():
            aliases.setdefault(version, []).append(alias)
        found = []
        token = None
        with self._mlflow() as client:
            while True:
                page = client.search_model_versions(
                    f"name = '{_quoted(model)}'{more}", max_results=1000, page_token=token
                )
                found += [_info(item, aliases) for item in page]
                token = page.token
                if not token:
                    return sorted(found, key=lambda item: -item.version)

    @contextlib.contextmanager
    def _mlflow(self) -> Iterator[Any]:
        try:
            yield self._client()
        except ArtPulseError:
            raise
        except Exception as error:
            raise RegistryError(f"The model registry failed: {_sentence(error)}") from error

    def _client(self) -> Any:
        with self._lock:
            if self._opened is None:
                local = SQLITE_SWITCHES if self.settings.tracking_uri.startswith("sqlite") else {}
                for name, value in {**HTTP_LIMITS, **SWITCHES, **local}.items():
                    os.environ.setdefault(name, value)
                with quiet():
                    import mlflow

                    tracking, models = self.settings.tracking_uri, self.settings.registry_uri
                    mlflow.set_tracking_uri(tracking)
                    mlflow.set_registry_uri(models)
                    self._opened = mlflow.MlflowClient(tracking, models)
                # Its note on the pool would stand on the standard error of every command, and an error with its
                # traceback beside the sentence that we make of it.
                logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
            return self._opened


def _make_model(client: Any, model: str) -> None:
    try:
        client.create_registered_model(model)
    except Exception as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise


def _info(item: Any, aliases: Mapping[int, list[str]]) -> VersionInfo:
    tags = {str(key): str(value) for key, value in item.tags.items()}
    return VersionInfo(
        version=int(item.version),
        digest=tags.get("digest", ""),
        aliases=tuple(sorted(aliases.get(int(item.version), ()))),
        tags=tags,
        created_at=int(item.creation_timestamp or 0),
        run_id=item.run_id or None,
    )


def _quoted(text: str) -> str:
    if "'" in text or "`" in text or "\\" in text:
        raise RegistryError(f"A model cannot be called {text[:60]!r}.")
    return text


def _sentence(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
