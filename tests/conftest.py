"""What every test shares: an environment in which nothing is set.

A fixture belongs here when tests of several packages need it; others stand beside their tests.
"""

from __future__ import annotations

import os

import pytest

from artpulse_core.settings import variables

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read once, when MLflow is imported


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings never reach a test."""
    for name in variables():
        monkeypatch.delenv(name, raising=False)
