"""The rollout sensor, ticked: it steps, it stops, and what is away is a reason and no error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pytest

from artpulse_assets.definitions import defs
from artpulse_assets.resources import Workshop
from artpulse_core.control import notes
from tests.assets.conftest import NAME, Lane
from tests.core.control.conftest import MODEL, opened_house
from tests.core.control.rolling import Rolling, impatient

CHAMPION = dg.AssetKey([NAME, "champion"])


@pytest.fixture
def rolling(empty_lane: Lane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rolling]:
    """Three versions, of which 2 is champion, in an installation whose sensors live at the test's time."""
    house = opened_house(empty_lane.settings, tmp_path)
    for seed in range(3):
        house.register(seed)
        if seed < 2:
            house.promote(seed + 1, seed or None)
    rolling = Rolling(house)
    monkeypatch.setattr(Workshop, "now", lambda _: rolling.now)
    yield rolling
    house.db.dispose()


@pytest.fixture
def instance(empty_lane: Lane) -> Iterator[dg.DagsterInstance]:
    with empty_lane.instance() as opened:
        yield opened


def look(instance: dg.DagsterInstance) -> Any:
    """One tick, its events reported as the daemon does."""
    with dg.build_sensor_context(instance=instance, resources={"workshop": Workshop()}) as context:
        said = defs.resolve_sensor_def(f"rollout_{NAME}").evaluate_tick(context)
    assert said.run_requests in ([], None)
    for event in said.asset_events:
        instance.report_runless_asset_event(event)
    return said


def observed(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """What the champion asset shows, newest first."""
    records = instance.fetch_observations(CHAMPION, limit=10).records
    found = [record.asset_observation for record in records]
    return [{key: item.value for key, item in event.metadata.items()} for event in found if event]


def test_a_tick_steps_the_rollout_and_shows_its_verdict_at_the_champion(
    rolling: Rolling, instance: dg.DagsterInstance
) -> None:
    assert "no rollout" in look(instance).skip_message
    rolling.start(plan=impatient(steps=(5.0, 50.0)))
    waiting = look(instance)
    assert waiting.asset_events == []
    rolling.asks()
    stepped = look(instance)
    assert "Version 3 answers 50 %" in stepped.skip_message
    assert rolling.state.percent == 50
    assert look(instance).asset_events == []
    rolling.asks()
    assert "Version 3 is the champion" in look(instance).skip_message
    uri = rolling.house.settings.artifacts(NAME) / notes.FILE
    assert uri.read_text() == f"models:/{MODEL}/3\n"

    done, step = observed(instance)
    assert (done["decision"], done["percent"], done["mode"]) == ("finish", 0, "single")
    assert (step["decision"], step["percent"], step["verdict"]) == ("advance", 50, "pass")
    assert step["change"] < done["change"] == rolling.rows[0].sequence
    rules = orjson.loads(done["document"])["rules"]
    assert {rule["name"] for rule in rules}
    assert all(rule["name"] in done["rules"] for rule in rules)


def test_a_tick_stops_a_secondary_that_fails(rolling: Rolling, instance: dg.DagsterInstance) -> None:
    rolling.start()
    rolling.asks(failing=300)
    assert "Version 3 was stopped" in look(instance).skip_message
    assert rolling.house.aliases["champion"] == 2
    (shown,) = observed(instance)
    assert (shown["decision"], shown["verdict"]) == ("abort", "fail")


def test_a_part_that_is_away_is_a_reason_in_one_line_and_the_next_tick_goes_on(
    rolling: Rolling, instance: dg.DagsterInstance
) -> None:
    rolling.start()
    rolling.asks()
    rolling.house.db.dispose()
    for file, named in (("artpulse.db", "database"), ("mlflow.db", "registry")):
        place = rolling.house.settings.home / file
        aside = place.with_name("aside")
        shutil.move(place, aside)
        place.mkdir()
        said = look(instance)
        assert said.asset_events == []
        assert named in said.skip_message
        assert "\n" not in said.skip_message
        place.rmdir()
        shutil.move(aside, place)
    look(instance)
    assert rolling.state.percent == 5
