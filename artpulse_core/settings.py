"""Every environment variable ArtPulse reads: name, type, default, meaning.

Belongs here: the one typed object, read once at the edge (``load``). Deep code takes values from it and never
reads the environment. ``docs/configuration.md`` lists the same variables and a test compares the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from artpulse_core.errors import SettingsError

PACKAGE_ROOT = Path(__file__).resolve().parent.parent


def project_root() -> Path:
    """The checkout's root when ArtPulse runs from one, else the current folder."""
    return PACKAGE_ROOT if (PACKAGE_ROOT / "workspace.yaml").exists() else Path.cwd()


def _words(value: object) -> object:
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _underscored(value: object) -> object:
    return value.lower().replace("-", "_") if isinstance(value, str) else value


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
OptionalPath = Annotated[Path | None, BeforeValidator(_blank_is_none)]
OptionalText = Annotated[str | None, BeforeValidator(_blank_is_none)]
RolloutMode = Annotated[Literal["single", "canary", "blue_green", "shadow"], BeforeValidator(_underscored)]
Buckets = Annotated[tuple[float, ...], BeforeValidator(_words)]


def _setting(env: str, default: Any, description: str, **constraints: Any) -> Any:
    return Field(default=default, description=description, json_schema_extra={"env": env}, **constraints)


class Settings(BaseModel):
    """What a process needs to know about its surroundings; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    home: Path = _setting(
        "ARTPULSE_HOME", Path(), "Shared state: database, MLflow, Dagster, cache, artifacts."
    )
    run_dir: OptionalPath = _setting(
        "ARTPULSE_RUN_DIR",
        None,
        "State of this host: release, bundles, spool, socket. Default: run/ in the home.",
    )
    data_dir: OptionalPath = _setting(
        "ARTPULSE_DATA_DIR", None, "Where data sets lie, one folder each. Default: data/ in the home."
    )
    dataset_dir: OptionalPath = _setting(
        "DATASET_DIR", None, "A folder <label>/<picture> for the art problems; wins over ARTPULSE_DATA_DIR."
    )
    database_url: OptionalText = _setting(
        "ARTPULSE_DATABASE_URL", None, "Events, labels, changes, reports: sqlite:///… or postgresql://…"
    )
    problems: Words = _setting(
        "ARTPULSE_PROBLEMS",
        ("art_core5", "art", "housing", "heart"),
        "Problems of this installation, comma separated.",
    )
    effort: Literal["quick", "full"] = _setting(
        "ARTPULSE_EFFORT",
        "quick",
        "How much a training tries: quick, or full (minutes, and a little better).",
    )
    default_problem: str = _setting("ARTPULSE_DEFAULT_PROBLEM", "art_core5", "The problem /predict answers.")
    events_features: bool = _setting(
        "ARTPULSE_EVENTS_FEATURES", True, "Write the feature values into events (drift needs them)."
    )
    events_retention_days: int = _setting(
        "ARTPULSE_EVENTS_RETENTION_DAYS",
        365,
        "Events and their labels older than this are deleted by the agent.",
        ge=1,
        le=36500,
    )

    mlflow_tracking_uri: OptionalText = _setting(
        "MLFLOW_TRACKING_URI", None, "MLflow runs. Default: mlflow.db in the home."
    )
    mlflow_registry_uri: OptionalText = _setting(
        "MLFLOW_REGISTRY_URI", None, "MLflow model registry. Default: the tracking URI."
    )
    mlflow_experiment_name: str = _setting(
        "MLFLOW_EXPERIMENT_NAME", "artpulse", "MLflow experiment of the runs."
    )
    model_name: OptionalText = _setting(
        "MODEL_NAME", None, "Renames the registered model of the default problem."
    )

    # These four only begin the first rollout of the default problem; afterwards the change table counts.
    rollout_mode: RolloutMode = _setting(
        "ROLLOUT_MODE",
        "single",
        "First rollout of the default problem: single, canary, blue_green or shadow. Afterwards the change table counts.",
    )
    canary_traffic_percent: float = _setting(
        "CANARY_TRAFFIC_PERCENT",
        10.0,
        "Share of the challenger in that first rollout, if canary.",
        ge=0,
        le=100,
    )
    active_color: Literal["blue", "green"] = _setting(
        "ACTIVE_COLOR", "blue", "Colour of the champion in that first rollout, if blue_green."
    )
    blue_green_traffic_percent: float = _setting(
        "BLUE_GREEN_TRAFFIC_PERCENT",
        100.0,
        "Share of the active colour in that first rollout, if blue_green.",
        ge=0,
        le=100,
    )

    port: int = _setting("PORT", 8000, "Port of the API.", ge=1, le=65535)
    probe_port: int = _setting("ARTPULSE_PROBE_PORT", 8001, "Port of probes and metrics.", ge=1, le=65535)
    host: str = _setting("ARTPULSE_HOST", "127.0.0.1", "Address the API binds to.")
    workers: int = _setting("ARTPULSE_WORKERS", 2, "Request workers.", ge=1, le=64)
    poll_seconds: float = _setting(
        "ARTPULSE_POLL_SECONDS", 10.0, "How often the agent asks the registry for its aliases.", gt=0, le=3600
    )

    auth_required: bool = _setting(
        "AUTH_REQUIRED", False, "Refuse requests without a key even when no keys are configured."
    )
    api_keys: tuple[SecretStr, ...] = _setting("API_KEYS", (), "Keys with the role predict, comma separated.")
    viewer_api_keys: tuple[SecretStr, ...] = _setting("VIEWER_API_KEYS", (), "Keys with the role view.")
    control_api_keys: tuple[SecretStr, ...] = _setting("CONTROL_API_KEYS", (), "Keys with the role operate.")
    artpulse_api_key: SecretStr | None = _setting(
        "ARTPULSE_API_KEY", None, "One more key with the role operate."
    )

    latency_buckets: Buckets = _setting(
        "HTTP_LATENCY_BUCKETS_SECONDS",
        (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
        "Bounds of the latency histogram in seconds, rising, comma separated.",
    )

    @model_validator(mode="before")
    @classmethod
    def _split_keys(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("api_keys", "viewer_api_keys", "control_api_keys"):
            if isinstance(values.get(name), str):
                values[name] = _words(values[name])
        if values.get("artpulse_api_key") == "":
            values.pop("artpulse_api_key")
        return values

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if list(self.latency_buckets) != sorted(set(self.latency_buckets)) or not self.latency_buckets:
            raise ValueError("HTTP_LATENCY_BUCKETS_SECONDS must rise strictly")
        if self.default_problem not in self.problems:
            raise ValueError(
                f"ARTPULSE_DEFAULT_PROBLEM is {self.default_problem!r}, which is not one of ARTPULSE_PROBLEMS"
            )
        return self

    def secrets(self) -> dict[str, tuple[str, ...]]:
        """Configured keys by role, as they were given (plain or digested)."""
        one = (self.artpulse_api_key.get_secret_value(),) if self.artpulse_api_key else ()
        return {
            "predict": tuple(key.get_secret_value() for key in self.api_keys),
            "view": tuple(key.get_secret_value() for key in self.viewer_api_keys),
            "operate": tuple(key.get_secret_value() for key in self.control_api_keys) + one,
        }

    # Paths that follow from the settings -------------------------------------------------------------------
    @property
    def run(self) -> Path:
        """State of this host."""
        return self.run_dir or self.home / "run"

    @property
    def data(self) -> Path:
        """Folder of the data sets."""
        return self.data_dir or self.home / "data"

    @property
    def cache(self) -> Path:
        """Results keyed by their inputs: features, splits, fits."""
        return self.home / "cache"

    @property
    def weights(self) -> Path:
        """Converted weights of feature sets."""
        return self.cache / "weights"

    @property
    def socket(self) -> Path:
        """The agent's control socket."""
        return self.run / "control.sock"

    def artifacts(self, problem: str) -> Path:
        """Files for people and other tools, of one problem."""
        return self.home / "artifacts" / problem

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the ArtPulse database."""
        return self.database_url or f"sqlite:///{self.home / 'artpulse.db'}"

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking URI."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.home / 'mlflow.db'}"

    @property
    def registry_uri(self) -> str:
        """MLflow registry URI."""
        return self.mlflow_registry_uri or self.tracking_uri

    @property
    def mlflow_artifacts(self) -> str | None:
        """Artifact root given to a new experiment; None where a tracking server decides."""
        return None if self.tracking_uri.startswith("http") else str(self.home / "mlartifacts")


def variables() -> dict[str, str]:
    """Environment variable → field name, for every setting."""
    return {
        str(info.json_schema_extra["env"]): name
        for name, info in Settings.model_fields.items()
        if isinstance(info.json_schema_extra, dict)
    }


def load(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from ``environ`` (default: the process environment); ``overrides`` win by field name.

    Relative paths are made absolute against the project root, once. Raises ``SettingsError`` with one sentence
    that names the variable.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {field: source[env] for env, field in variables().items() if env in source}
    values.update({name: value for name, value in overrides.items() if value is not None})
    values["home"] = values.get("home") or ".artpulse"
    for name in ("home", "run_dir", "data_dir", "dataset_dir"):
        if values.get(name):
            values[name] = project_root() / Path(values[name]).expanduser()
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    names = {field: env for env, field in variables().items()}
    parts = []
    for item in error.errors():
        field = str(item["loc"][0]) if item["loc"] else ""
        parts.append(
            f"{names[field]}: {item['msg']}" if field in names else item["msg"].removeprefix("Value error, ")
        )
    return "; ".join(parts)
