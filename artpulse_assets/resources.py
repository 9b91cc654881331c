"""What the assets stand on: settings, registry, database, cached results and MLflow runs.

Belongs here: Dagster resources. Nothing is opened when the definitions are imported; the environment is read when
a run starts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.decorators.hook_decorator import event_list_hook  # dagster-mlflow's own base

from artpulse_assets.pipeline.memo import Memo
from artpulse_core import settings as settings_module
from artpulse_core.errors import SettingsError
from artpulse_core.settings import Settings

if TYPE_CHECKING:
    from artpulse_assets.pipeline.estimators import Effort
    from artpulse_core.control.registry import Registry
    from artpulse_core.store.database import Database


class Workshop(dg.ConfigurableResource):  # type: ignore[type-arg]  # generic only in Dagster's own types
    """Settings, registry and database of this installation, opened when first asked for."""

    @cached_property
    def settings(self) -> Settings:
        """The settings as the environment gives them."""
        return settings_module.load()

    @cached_property
    def registry(self) -> "Registry":
        """The MLflow model registry."""
        from artpulse_core.control.registry import Registry

        return Registry(self.settings)

    @cached_property
    def database(self) -> "Database":
        """The ArtPulse database, migrated."""
        from artpulse_core.store.database import Database

        database = Database(self.settings.database)
        database.migrate()
        return database

    def effort(self, tags: Mapping[str, str]) -> "Effort":
        """How much is tried: what the run is tagged with (``effort``), else the setting. Raises ``SettingsError``."""
        stated = tags.get("effort", self.settings.effort)
        if stated not in ("quick", "full"):
            raise SettingsError(f"The tag effort is {stated!r}; it is quick or full.")
        return "quick" if stated == "quick" else "full"

    def skips_quality(self, tags: Mapping[str, str]) -> bool:
        """Whether the run is tagged to go on where a check of the data would stop it."""
        return tags.get("skip_quality_checks") == "true"

    @cached_property
    def memo(self) -> Memo:
        """Results keyed by their inputs."""
        return Memo(self.settings.cache / "results")

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the database, if this run, or this tick of a sensor, opened it."""
        if "database" in self.__dict__:
            self.database.dispose()

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)


class MlflowRuns(dg.ConfigurableResource):  # type: ignore[type-arg]  # generic only in Dagster's own types
    """One MLflow run for each asset step that asks for one.

    dagster-mlflow opens one run per Dagster run; the steps' runs are nested below it where the job has it.
    """

    workshop: dg.ResourceDependency[Workshop]

    @contextmanager
    def run(self, context: dg.AssetExecutionContext, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """Open a run, yield its id, mark it FINISHED, or FAILED when the block raises."""
        import mlflow

        experiment = self.workshop.registry.experiment()
        every = {
            "dagster_run_id": context.run.run_id,
            "dagster_asset_key": context.asset_key.to_user_string(),
            **tags,
        }
        nested = mlflow.active_run() is not None
        with mlflow.start_run(experiment_id=experiment, run_name=name, nested=nested, tags=every) as run:
            yield str(run.info.run_id)

    def finished(self, key: str) -> str | None:
        """The id of the finished run that made the result ``key``, if there is one."""
        import mlflow

        experiment = self.workshop.registry.experiment()
        found = mlflow.MlflowClient().search_runs(
            [experiment], f"tags.`artpulse.key` = '{key}' and attributes.status = 'FINISHED'", max_results=1
        )
        return str(found[0].info.run_id) if found else None


@dg.resource(description="The MLflow run around one Dagster run (dagster-mlflow's mlflow_tracking).")
def mlflow_umbrella(context: dg.InitResourceContext) -> Iterator[Any]:
    """dagster-mlflow's resource, imported when a run starts: it brings MLflow, 1.5 CPU seconds, with it."""
    from dagster_mlflow import mlflow_tracking

    from artpulse_core.control.registry import Registry

    settings = settings_module.load()
    Registry(
        settings
    ).experiment()  # made with this installation's artifact root before the plugin makes its own
    config = {
        "experiment_name": settings.mlflow_experiment_name,
        "mlflow_tracking_uri": settings.tracking_uri,
    }
    start: Any = mlflow_tracking.resource_fn  # typed as a function without a context, which it has
    yield from start(context.replace_config(config))


@event_list_hook(name="end_mlflow_on_run_finished", required_resource_keys={"mlflow"})
def end_mlflow_run(context: dg.HookContext, event_list: list[Any]) -> dg.HookExecutionResult:
    """dagster-mlflow's hook: FINISHED after the last step, FAILED when one fails."""
    from dagster_mlflow import end_mlflow_on_run_finished

    done: dg.HookExecutionResult = end_mlflow_on_run_finished.hook_fn(context, event_list)
    return done
