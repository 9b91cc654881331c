"""An installation with three registered versions, for agents to serve from."""

from __future__ import annotations

from tests.core.control.conftest import house, three, three_versions

__all__ = ["house", "three", "three_versions"]
