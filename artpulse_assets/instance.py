"""The Dagster instance of an installation.

Belongs here: finding it, and running a job of the graph inside this process with progress that people can read.
Plain ``dagster dev`` in the checkout reads the checkout's ``dagster.yaml``; here the same settings are written with
absolute folders to ``<home>/dagster``, so that any working directory and any home see the same runs.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from artpulse_assets import abandoned
from artpulse_core.control.registry import Registry
from artpulse_core.errors import ArtPulseError, StoreError
from artpulse_core.exchange.files import write_whole
from artpulse_core.settings import Settings, project_root

Say = Callable[[str], None]
STEP = "dagster_event"
NOT_EXECUTING = (
    ". Not executing."  # Dagster says it of every step after a failed one, which would bury the reason
)


class RunFailed(ArtPulseError):  # noqa: N818 - what happened to a run
    """A run of the graph failed; the message is that of its first failed step."""

    code = "run_failed"
    exit_code = 65


def prepare(settings: Settings) -> Path:
    """Write ``<home>/dagster/dagster.yaml`` and return its folder, the DAGSTER_HOME of this installation."""
    folder = settings.home / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    source = project_root() / "dagster.yaml"
    config: dict[str, Any] = (
        yaml.safe_load(source.read_text(encoding="utf-8"))
        if source.exists()
        else {"telemetry": {"enabled": False}}
    )
    config["storage"] = {"sqlite": {"base_dir": str(folder / "storage")}}
    for name, place in (("compute_logs", folder / "logs"), ("local_artifact_storage", folder)):
        if name in config:
            config[name]["config"]["base_dir"] = str(place)
    text = yaml.safe_dump(config, sort_keys=False).encode()
    if not (folder / "dagster.yaml").exists() or (folder / "dagster.yaml").read_bytes() != text:
        write_whole(folder / "dagster.yaml", text)
    return folder


def instance(settings: Settings) -> dg.DagsterInstance:
    """DAGSTER_HOME's instance where that is set, else this installation's."""
    if "DAGSTER_HOME" in os.environ:
        return dg.DagsterInstance.get()
    return dg.DagsterInstance.from_config(str(prepare(settings)))


class _Narrator(logging.Handler):
    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        meta: Mapping[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get(STEP)
        step = str(meta.get("step_key") or "").partition("__")[2].replace("__", "/")
        said = str(meta.get("orig_message", record.getMessage()))
        if event is None and record.levelno >= logging.INFO and step and not said.endswith(NOT_EXECUTING):
            self._say(f"    {step}: {said}")
        elif event is not None and event.event_type_value == "STEP_SUCCESS":
            self._say(f"  ✓ {step} ({event.step_success_data.duration_ms / 1000:.1f} s)")
        elif event is not None and event.event_type_value == "STEP_FAILURE":
            self._say(f"  ✗ {step}")


def run_job(
    job: str,
    settings: Settings,
    say: Say,
    *,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run ``job`` in this process, telling ``say`` of each step; ``config`` is step → its configuration.

    Raises ``RunFailed`` with what went wrong, ``StoreError`` or ``OSError`` when the run cannot be written down.
    """
    from artpulse_assets.definitions import defs

    @dg.logger({}, description="Progress for people")
    def narrator(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("artpulse.narrator", level=logging.DEBUG)
        logger.addHandler(_Narrator(say))
        return logger

    registry = Registry(settings)
    abandoned.sweep(settings, datetime.now(UTC))
    definition = defs.resolve_job_def(job)
    told = definition.with_logger_defs({"narrator": narrator})
    try:
        with instance(settings) as opened:
            abandoned.settle_runs(opened, registry)
            result = told.execute_in_process(
                instance=opened,
                raise_on_error=False,
                tags={**(tags or {}), abandoned.PROCESS: abandoned.process()},
                run_config={
                    "loggers": {"narrator": {}},
                    "ops": {step: {"config": values} for step, values in (config or {}).items()},
                },
            )
    except (ArtPulseError, OSError):
        raise
    except Exception as error:  # what fails here is not a step: Dagster cannot write down what it does
        free = shutil.disk_usage(settings.home).free >> 20  # SQLite calls a full disk an I/O error too
        place = f"{settings.home / 'dagster'} ({free} MiB free)"
        raise StoreError(f"Dagster's own database in {place} failed: {_cause(error)}.") from error
    if not result.success:
        raise RunFailed(_why(result))
    return result


def _cause(error: BaseException) -> str:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _why(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            failure = data.user_failure_data
            text = failure.description if failure and failure.description else ""
            cause = data.error
            while cause is not None and cause.cause is not None:
                cause = cause.cause
            return text or (cause.message.strip() if cause else "The run failed.")
    return "The run failed before its first step; look at it in the Dagster UI (make dagster)."
