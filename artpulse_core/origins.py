"""Where each setting came from, as ``artpulse config show --origin`` prints it.

Belongs here: showing settings with their secrets masked. Does not belong here: what a setting is (``settings``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import SecretStr

from artpulse_core.settings import Settings, variables


@dataclass(frozen=True)
class Origin:
    """One setting as ``artpulse config show --origin`` prints it."""

    env: str
    field: str
    value: str
    origin: Literal["environment", "default"]
    description: str


def origins(settings: Settings, environ: Mapping[str, str] | None = None) -> list[Origin]:
    """Every variable with its value (secrets masked) and where it came from."""
    source = os.environ if environ is None else environ
    rows = []
    for env, field in variables().items():
        value = getattr(settings, field)
        rows.append(
            Origin(
                env=env,
                field=field,
                value=_show(value),
                origin="environment" if env in source else "default",
                description=Settings.model_fields[field].description or "",
            )
        )
    return rows


def _show(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "****"
    if isinstance(value, tuple):
        return ",".join(_show(part) for part in value)
    if value is None:
        return ""
    if isinstance(value, str) and "://" in value and "@" in value:
        scheme, rest = value.split("://", 1)
        return f"{scheme}://****@{rest.rsplit('@', 1)[1]}"
    return str(value)
