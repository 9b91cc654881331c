"""The lane: a problem in, its assets out.

Belongs here: the one factory, what every asset of a lane has in common, and nothing that computes. The parts of the
lane stand in ``lane_data`` (data to split), ``lane_quality`` (checks of it), ``lane_model`` (candidates to
leaderboard), ``lane_champion`` (challenger to champion) and ``lane_watch`` (events to reports).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import dagster as dg

from artpulse_assets import lane_champion, lane_data, lane_model, lane_quality, lane_watch
from artpulse_core.data.problem import Problem


@dataclass(frozen=True)
class Lane:
    """The assets of one problem and the names by which jobs and sensors select them."""

    problem: Problem
    assets: tuple[dg.AssetsDefinition, ...]

    @property
    def watch(self) -> dg.AssetSelection:
        """The assets that look back at what was served."""
        return dg.AssetSelection.assets(
            *[dg.AssetKey([self.problem.name, name]) for name in lane_watch.NAMES]
        )

    @property
    def train(self) -> dg.AssetSelection:
        """Everything from the pictures to the champion."""
        reports = [
            dg.AssetKey([self.problem.name, name]) for name in lane_watch.NAMES if name.endswith("_report")
        ]
        return dg.AssetSelection.groups(self.problem.name) - dg.AssetSelection.assets(*reports)


def build_lane(problem: Problem) -> Lane:
    """All assets of ``problem``, in one group of its name."""

    def common(name: str, description: str, version: str, kinds: set[str]) -> dict[str, Any]:
        return {
            "key": dg.AssetKey([problem.name, *name.split("/")]),
            "group_name": problem.name,
            "owners": [problem.owner],
            "description": description,
            "code_version": version,
            "kinds": kinds,
            "tags": {"problem": problem.name, "model": problem.model},
        }

    parts = (lane_data, lane_quality, lane_model, lane_champion, lane_watch)
    return Lane(problem, tuple(asset for part in parts for asset in part.assets(problem, common)))
