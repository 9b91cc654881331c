"""The sensor that carries a rollout forward; off until somebody switches it on.

Belongs here: one tick of ``artpulse_core.control.delivery`` as Dagster shows it. It asks for no run: a change is a row
of the table, seen at the champion asset as an observation with its verdict. While the sensor is off a rollout stays at
its percent, and the agents still stop one that fails.
"""

from typing import TYPE_CHECKING

import dagster as dg
import orjson

from artpulse_assets import report
from artpulse_assets.resources import Workshop
from artpulse_core.data.problem import Problem
from artpulse_core.errors import RegistryError, StoreError

if TYPE_CHECKING:
    from artpulse_core.control.delivery import Tick

INTERVAL_SECONDS = 30


def build_rollout_sensor(problem: Problem) -> dg.SensorDefinition:
    """``rollout_<problem>``: looks at the rollout of the problem's model and steps it."""
    name = f"rollout_{problem.name}"

    @dg.sensor(
        name=name,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Steps a running rollout by its evidence: further, to the end, or back to nothing.",
    )
    def rollout(context: dg.SensorEvaluationContext, workshop: Workshop) -> dg.SensorResult | dg.SkipReason:
        from artpulse_core.control import delivery  # brings SQLAlchemy

        try:
            tick = delivery.tick(
                workshop.database,
                workshop.registry,
                problem.model,
                problem.name,
                may="step",
                actor=f"dagster sensor {name}",
                now=workshop.now(),
            )
        except (StoreError, RegistryError) as error:
            # The next tick looks again: a part that is away is no fault of the sensor's.
            return dg.SkipReason(f"{problem.name}: not looked at. {error.message}")
        if tick.change is None or tick.change.replayed:
            return dg.SkipReason(tick.sentence)
        return dg.SensorResult(skip_reason=tick.sentence, asset_events=[_observation(problem, tick)])

    return rollout


def _observation(problem: Problem, tick: "Tick") -> dg.AssetObservation:
    assert tick.change is not None
    change, verdict = tick.change, tick.verdict or {}
    state = change.rollout or {}
    return dg.AssetObservation(
        asset_key=dg.AssetKey([problem.name, "champion"]),
        description=tick.sentence,
        metadata={
            "decision": tick.decision,
            "change": change.sequence,
            "reason": change.reason,
            "mode": str(state.get("mode", "")),
            "percent": float(state.get("percent", 0.0)),
            "verdict": str(verdict.get("decision", "")),
            "rules": report.table(verdict.get("rules", ())),
            "document": orjson.dumps(dict(verdict)).decode(),
        },
    )
