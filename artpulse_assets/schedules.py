"""The schedules of each lane; off until somebody switches them on.

Belongs here: cron expressions. A retraining with nothing new reads, checks and returns.
"""

from __future__ import annotations

import dagster as dg

from artpulse_assets.jobs import monitor_name, train_name
from artpulse_assets.lane import Lane

WEEKLY = "0 3 * * 1"
HOURLY = "17 * * * *"


def build_schedules(lane: Lane) -> list[dg.ScheduleDefinition]:
    """A weekly retraining and an hourly look at drift, in UTC."""
    name = lane.problem.name
    return [
        dg.ScheduleDefinition(
            name=f"weekly_retraining_{name}",
            cron_schedule=WEEKLY,
            execution_timezone="UTC",
            job_name=train_name(name),
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description="Train a challenger every Monday at 03:00 UTC.",
        ),
        dg.ScheduleDefinition(
            name=f"hourly_monitoring_{name}",
            cron_schedule=HOURLY,
            execution_timezone="UTC",
            job_name=monitor_name(name),
            default_status=dg.DefaultScheduleStatus.STOPPED,
            description="Report drift and performance every hour.",
        ),
    ]
