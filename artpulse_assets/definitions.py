"""The Dagster definitions: one lane a problem, assembled.

Belongs here: pure assembly. ``build_defs`` takes its problems, so tests swap them; ``defs`` is what
``workspace.yaml`` names. Importing this module reads the problem files and the environment, and opens nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import dagster as dg

from artpulse_assets.io_managers import AssetFiles
from artpulse_assets.jobs import build_jobs
from artpulse_assets.lane import build_lane
from artpulse_assets.resources import MlflowRuns, Workshop, mlflow_umbrella
from artpulse_assets.schedules import build_schedules
from artpulse_assets.sensors import build_sensors
from artpulse_core import settings
from artpulse_core.data import problems as problem_files
from artpulse_core.data.problem import Problem

# Data versions of outputs and dagster-mlflow are marked beta; each use would say so on every run.
warnings.filterwarnings("ignore", category=dg.BetaWarning)


def build_defs(problems: Iterable[Problem]) -> dg.Definitions:
    """Assets, checks, jobs, schedules and sensors of all ``problems``."""
    lanes = [build_lane(problem) for problem in problems]
    workshop = Workshop()
    return dg.Definitions(
        assets=[asset for lane in lanes for asset in lane.assets],
        jobs=[job for lane in lanes for job in build_jobs(lane)],
        schedules=[schedule for lane in lanes for schedule in build_schedules(lane)],
        sensors=[sensor for lane in lanes for sensor in build_sensors(lane)],
        resources={
            "workshop": workshop,
            "runs": MlflowRuns(workshop=workshop),
            "mlflow": mlflow_umbrella,
            "io_manager": AssetFiles(workshop=workshop),
        },
        executor=dg.in_process_executor,
    )


defs = build_defs(problem_files.load(settings.load()).values())
