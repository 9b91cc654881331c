"""The sensors and schedules, ticked: when a training is asked for, and when not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from artpulse_assets.definitions import defs
from artpulse_assets.jobs import monitor_name
from artpulse_assets.pipeline import ingest
from artpulse_assets.resources import Workshop
from artpulse_core.data.generator import generate
from artpulse_core.data.painting import LABELS
from artpulse_core.store import events, reports
from tests.assets.conftest import NAME, PER_LABEL, SEED, Lane, metadata
from tests.assets.test_lane import insert
from tests.bundles import picture

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Sensor:
    """One sensor of the real definitions, ticked with a cursor that lasts as the daemon keeps it."""

    def __init__(self, name: str, instance: dg.DagsterInstance) -> None:
        self.definition = defs.resolve_sensor_def(name)
        self.instance = instance
        self.cursor: str | None = None

    def tick(self) -> Any:
        """What one tick says: its run requests and why there are none."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"workshop": Workshop()}
        ) as context:
            said = self.definition.evaluate_tick(context)
        self.cursor = said.cursor
        return said


@pytest.fixture
def instance(lane: Lane) -> Iterator[dg.DagsterInstance]:
    with lane.instance() as opened:
        yield opened


def test_new_pictures_are_trained_once_when_the_folder_has_come_to_rest(
    lane: Lane, instance: dg.DagsterInstance
) -> None:
    sensor = Sensor(f"new_files_{NAME}", instance)
    quiet = sensor.tick()
    assert (quiet.run_requests, quiet.skip_message) == ([], "The pictures are those of the last training.")

    generate(lane.pictures, per_label=1, seed=SEED, start=PER_LABEL)
    changing = sensor.tick()
    assert (changing.run_requests, sensor.cursor is not None) == ([], True)
    assert "waiting one tick" in changing.skip_message
    generate(lane.pictures, per_label=1, seed=SEED, start=PER_LABEL + 1)
    assert sensor.tick().run_requests == []  # it changed again meanwhile
    (request,) = sensor.tick().run_requests
    digest = ingest.listing_digest(lane.pictures)
    assert request.run_key.startswith(f"files:{digest}:after:")
    assert request.tags["trigger"] == "new_files"
    assert json.loads(sensor.cursor or "") == {"seen": digest}
    (again,) = sensor.tick().run_requests  # until the run has started, the daemon knows the key
    assert again.run_key == request.run_key

    materialize(instance, "raw")  # somebody looks at the folder: nothing was learned from it
    assert [item.run_key for item in sensor.tick().run_requests] == [request.run_key]
    materialize(instance, "features", "labelled_events", "dataset")
    done = sensor.tick()
    assert (done.run_requests, done.skip_message) == ([], "The pictures are those of the last training.")


def materialize(instance: dg.DagsterInstance, *assets: str) -> None:
    """Make some assets of the lane, as a person does in the UI."""
    chosen = {dg.AssetKey([NAME, asset]) for asset in assets}
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection=chosen)
    assert job.execute_in_process(instance=instance).success


def test_a_folder_that_is_again_what_it_once_was_is_trained_again(
    lane: Lane, instance: dg.DagsterInstance
) -> None:
    sensor = Sensor(f"new_files_{NAME}", instance)
    keys = []
    aside = lane.settings.home / "aside.jpg"
    aside.write_bytes(picture(77))
    place = lane.pictures / LABELS[0] / "more.jpg"
    for source, target in ((aside, place), (place, aside), (aside, place)):
        source.rename(target)
        assert "waiting one tick" in sensor.tick().skip_message
        (request,) = sensor.tick().run_requests
        keys.append(request.run_key)
        materialize(instance, "raw", "features", "labelled_events", "dataset")
        assert sensor.tick().run_requests == []
    assert len(set(keys)) == 3  # Dagster starts nothing for a key it has seen


def test_a_folder_that_is_not_there_is_a_reason_and_no_error(
    empty_lane: Lane,
) -> None:
    with empty_lane.instance() as opened:
        said = Sensor(f"new_files_{NAME}", opened).tick()
    assert said.run_requests == []
    assert "DATASET_DIR" in said.skip_message


def drift(lane: Lane, episode: str | None) -> None:
    """A drift report as the monitoring job leaves it."""
    status = "drift" if episode else "ok"
    document = {"drift": episode is not None, "status": status, "episode": episode, "version": 1}
    database = lane.database()
    try:
        reports.add(database, "drift", NAME, document, NOW)
    finally:
        database.dispose()


def test_drift_asks_for_one_training_an_episode_and_only_with_something_new_to_learn_from(
    lane: Lane, instance: dg.DagsterInstance
) -> None:
    sensor = Sensor(f"drift_{NAME}", instance)
    assert sensor.tick().skip_message == "There is no drift report yet."
    drift(lane, None)
    assert sensor.tick().skip_message == "The newest drift report says ok."
    drift(lane, "v1-one")
    nothing = sensor.tick()
    assert nothing.run_requests == []
    assert "no new picture or label" in nothing.skip_message

    insert(lane, "standard", 60)
    label(lane, 60)
    watched = lane.run(monitor_name(NAME))  # monitoring looks at the labels too; it learns nothing from them
    assert metadata(watched, "performance_report")["labelled_answers"] == 60
    drift(lane, "v1-one")
    (first,) = sensor.tick().run_requests
    assert first.run_key == f"drift:{NAME}:v1-one"
    assert first.tags["episode"] == "v1-one"
    assert [request.run_key for request in sensor.tick().run_requests] == [first.run_key]

    trained = lane.run()
    assert metadata(trained, "dataset")["feedback_rows"] == 60
    assert metadata(trained, "dataset")["rows"] == 5 * PER_LABEL + 60
    assert lane.aliases == {"champion": 1, "challenger": 2}
    assert sensor.tick().run_requests == []
    drift(lane, "v1-two")
    assert sensor.tick().run_requests == []
    generate(lane.pictures, per_label=1, seed=SEED, start=PER_LABEL)
    (second,) = sensor.tick().run_requests
    assert second.run_key == f"drift:{NAME}:v1-two"


def label(lane: Lane, count: int) -> None:
    database = lane.database()
    try:
        for number in range(count):
            events.add_label(
                database,
                request_id=f"r{number}",
                row=0,
                label=LABELS[number % len(LABELS)],
                caller="k",
                at=NOW,
            )
    finally:
        database.dispose()


@pytest.mark.parametrize("name", [f"weekly_retraining_{NAME}", f"hourly_monitoring_{NAME}"])
def test_a_schedule_asks_for_its_job_when_it_ticks(name: str) -> None:
    schedule = defs.resolve_schedule_def(name)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=NOW)
        said = schedule.evaluate_tick(context)
    assert len(said.run_requests or []) == 1
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
