"""The sensors of each lane that ask for a retraining: new files, and drift; off until somebody switches them on.

Belongs here: deciding whether a retraining is asked for. Does not belong here: the sensor that asks for no run and
steps a rollout (``rollout_sensor``). Run keys are content (a listing digest with the run that was learned from
before, a drift episode), because Dagster remembers them for ever. Drift alone trains nothing: without new pictures or
labels the same model would come out again, so the sensor says that and waits.
"""

import json
from typing import Any

import dagster as dg

from artpulse_assets.jobs import train_name
from artpulse_assets.lane import Lane
from artpulse_assets.lane_data import LISTING
from artpulse_assets.lane_watch import feedback
from artpulse_assets.pipeline import frames, ingest
from artpulse_assets.resources import Workshop
from artpulse_assets.rollout_sensor import build_rollout_sensor
from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError


def build_sensors(lane: Lane) -> list[dg.SensorDefinition]:
    """All sensors of a lane."""
    return [_new_files(lane.problem), _drift(lane.problem), build_rollout_sensor(lane.problem)]


def _new_files(problem: Problem) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"new_files_{problem.name}",
        job_name=train_name(problem.name),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Asks for a retraining when the pictures changed and the folder has come to rest.",
    )
    def new_files(context: dg.SensorEvaluationContext, workshop: Workshop) -> dg.SensorResult | dg.SkipReason:
        try:
            digest = ingest.listing_digest(ingest.place(problem, workshop.settings))
        except DataError as error:
            return dg.SkipReason(error.message)
        run, trained = _trained(context.instance, problem)
        if digest == trained.get(LISTING):
            return dg.SkipReason("The pictures are those of the last training.")
        seen = json.loads(context.cursor)["seen"] if context.cursor else None
        cursor = json.dumps({"seen": digest})
        if seen != digest:
            return dg.SensorResult(
                skip_reason="The folder has changed; waiting one tick until it comes to rest.", cursor=cursor
            )
        # with the run before: a folder that is again what it once was is asked for again
        request = dg.RunRequest(run_key=f"files:{digest}:after:{run}", tags={"trigger": "new_files"})
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return new_files


def _drift(problem: Problem) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"drift_{problem.name}",
        job_name=train_name(problem.name),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Asks for one retraining per drift episode, if there is anything new to learn from.",
    )
    def drift(context: dg.SensorEvaluationContext, workshop: Workshop) -> dg.RunRequest | dg.SkipReason:
        from artpulse_core.store import reports

        last = reports.latest(workshop.database, "drift", problem.name)
        if last is None:
            return dg.SkipReason("There is no drift report yet.")
        document = last["document"]
        if not document["drift"]:
            return dg.SkipReason(f"The newest drift report says {document['status']}.")
        if not _anything_new(context.instance, problem, workshop):
            return dg.SkipReason(
                f"Drift episode {document['episode']}, but no new picture or label since the last training: "
                "label what was asked (POST /feedback) or add pictures, then a retraining will be asked for."
            )
        return dg.RunRequest(
            run_key=f"drift:{problem.name}:{document['episode']}",
            tags={"trigger": "drift", "episode": document["episode"]},
        )

    return drift


def _trained(instance: dg.DagsterInstance, problem: Problem) -> tuple[str, dict[str, Any]]:
    """Run id and metadata of the newest dataset, which only training makes; raw is listed by anybody who looks."""
    event = instance.get_latest_materialization_event(dg.AssetKey([problem.name, "dataset"]))
    if event is None or event.asset_materialization is None:
        return "", {}
    return event.run_id, {key: item.value for key, item in event.asset_materialization.metadata.items()}


def _anything_new(instance: dg.DagsterInstance, problem: Problem, workshop: Workshop) -> bool:
    # The hourly monitoring makes labelled_events anew: compared is what the last training was given.
    told = feedback(problem, workshop)
    _, trained = _trained(instance, problem)
    if len(told) and frames.digest(told) != trained.get("feedback"):
        return True
    try:
        digest = ingest.listing_digest(ingest.place(problem, workshop.settings))
    except DataError:
        return False
    return bool(digest != trained.get(LISTING))
