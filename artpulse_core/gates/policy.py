"""The promotion policy: one documented YAML file as one typed, frozen object.

Belongs here: the keys, their ranges, loading. Does not belong here: judging (``evaluate``).
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from artpulse_core.errors import Issue, PolicyError

Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Alpha = Annotated[float, Field(gt=0.0, lt=0.5, allow_inf_nan=False)]
Rows = Annotated[int, Field(ge=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Superiority(_Section):
    """The gain that must be shown by the paired bootstrap."""

    margin: Fraction
    alpha: Alpha
    resamples: Annotated[int, Field(ge=200, le=100_000)]
    min_discordant: Annotated[int, Field(ge=0)]


class PerClass(_Section):
    """The largest drop of recall in any class."""

    max_drop: Fraction
    alpha: Alpha
    min_rows: Rows


class Calibration(_Section):
    """Limits of the expected calibration error."""

    max_ece: Fraction
    max_increase: Fraction


class Slices(_Section):
    """The largest drop of accuracy in any named part of the test rows."""

    max_drop: Fraction
    alpha: Alpha
    min_rows: Rows
    required: tuple[str, ...]


class EvidenceLimits(_Section):
    """How much evidence, and how fresh."""

    min_rows: Rows
    max_age_hours: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class FirstChampion(_Section):
    """Absolute floors where there is no champion to compare with."""

    min_metric: Fraction
    min_gain: Fraction
    max_ece: Fraction
    min_rows: Rows


class ValueSuperiority(_Section):
    """The lower error that must be shown by the paired bootstrap."""

    margin: Fraction
    alpha: Alpha
    resamples: Annotated[int, Field(ge=200, le=100_000)]
    min_differing: Annotated[int, Field(ge=0)]


class ValueSlices(_Section):
    """The largest rise of the absolute error in any named part of the test rows."""

    max_increase: Fraction
    alpha: Alpha
    min_rows: Rows
    required: tuple[str, ...]


class Intervals(_Section):
    """How far the share of true values inside their interval may be from what the interval says."""

    required: bool
    max_under: Fraction
    max_over: Fraction
    alpha: Alpha


class ValueFirstChampion(_Section):
    """Absolute floors where there is no champion to compare with."""

    min_r2: Fraction
    min_rows: Rows


class Regression(_Section):
    """The rules for models that answer numbers."""

    metric: Literal["rmse", "mae"]
    superiority: ValueSuperiority
    slices: ValueSlices
    intervals: Intervals
    first_champion: ValueFirstChampion


class Policy(_Section):
    """All rules by which a challenger is judged; see ``policy.yaml`` for what each key means."""

    format: Literal[1]
    metric: Literal["macro_f1", "accuracy"]
    superiority: Superiority
    per_class: PerClass
    calibration: Calibration
    slices: Slices
    evidence: EvidenceLimits
    first_champion: FirstChampion
    regression: Regression

    def first_rows(self, task: str) -> int:
        """Test rows a first champion needs; ``task`` is ``classification`` or ``regression``."""
        rule = self.regression.first_champion if task == "regression" else self.first_champion
        return rule.min_rows


def load_policy(path: Path | str | None = None) -> Policy:
    """Read a policy file; without ``path`` it is ``policy.yaml`` of the current folder, else the shipped one.

    Raises ``PolicyError`` naming the file and each wrong key.
    """
    if path is not None:
        return _parse(_read(Path(path)), str(path))
    local = Path("policy.yaml")
    if local.is_file():
        return _parse(_read(local), str(local))
    shipped = resources.files("artpulse_core.gates") / "policy.yaml"
    return _parse(shipped.read_text(encoding="utf-8"), "the shipped policy.yaml")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"The policy file {path} cannot be read: {error}.") from error


def _parse(text: str, origin: str) -> Policy:
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PolicyError(f"{origin} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise PolicyError(f"{origin} must be a mapping of keys, as in the shipped policy.yaml.")
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        issues = tuple(
            Issue("/" + "/".join(str(part) for part in item["loc"]), item["type"], item["msg"])
            for item in error.errors()
        )
        named = "; ".join(f"{issue.pointer[1:].replace('/', '.')}: {issue.message}" for issue in issues)
        raise PolicyError(f"{origin}: {named}.", issues) from error
