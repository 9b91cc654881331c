"""The jobs of each lane: train (pictures → challenger, first champion) and monitor (events → reports).

Belongs here: job definitions and their names.
"""

from __future__ import annotations

import dagster as dg

from artpulse_assets.lane import Lane
from artpulse_assets.resources import end_mlflow_run


def train_name(problem: str) -> str:
    """Name of the training job of a problem."""
    return f"train_{problem}"


def monitor_name(problem: str) -> str:
    """Name of the monitoring job of a problem."""
    return f"monitor_{problem}"


def build_jobs(lane: Lane) -> tuple[dg.UnresolvedAssetJobDefinition, dg.UnresolvedAssetJobDefinition]:
    """Both jobs of a lane. The training job runs inside one MLflow run, which dagster-mlflow opens and ends."""
    name = lane.problem.name
    train = dg.define_asset_job(
        train_name(name),
        selection=lane.train,
        hooks={end_mlflow_run},
        description=f"{lane.problem.title}: from pictures to a challenger with a verdict.",
        tags={"problem": name},
    )
    monitor = dg.define_asset_job(
        monitor_name(name),
        selection=lane.watch,
        description=f"{lane.problem.title}: drift and performance of what was served.",
        tags={"problem": name},
    )
    return train, monitor
