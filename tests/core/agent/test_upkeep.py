"""What the agent does beside serving: reports of hosts, old events, the first rollout from the settings."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from artpulse_core.agent import upkeep
from artpulse_core.agent.seeding import Seed
from artpulse_core.agent.watch import Watch
from artpulse_core.control import traffic
from artpulse_core.errors import RegistryError, StoreError
from artpulse_core.exchange import release as releases
from artpulse_core.store import changes, events, hosts, reports
from artpulse_core.store.database import Database
from tests.core.agent.hosts import Host
from tests.core.control.conftest import MODEL, NOW, House
from tests.core.control.rolling import Rolling
from tests.core.store.test_events import line


def judged(house: House, decision: str = "promote") -> None:
    """The gate has looked at version 3 beside champion 2."""
    verdict = {"decision": decision, "rules": [], "summary": ""}
    reports.add(house.db, "gate", "art_core5", {"version": 3, "champion": 2, "verdict": verdict}, NOW)


def seed(house: House, **over: Any) -> Seed:
    return Seed(house.settings.model_copy(update=over), house.db, house.registry)


def rollouts(house: House) -> list[tuple[str, str, float | None]]:
    return [
        (row.state, row.actor, (row.rollout or {}).get("percent"))
        for row in changes.history(house.db, MODEL)
        if row.action == "rollout"
    ]


@pytest.mark.parametrize(
    ("over", "percent"),
    [
        ({"rollout_mode": "canary", "canary_traffic_percent": 7.0}, 7),
        ({"rollout_mode": "blue_green", "blue_green_traffic_percent": 80.0, "active_color": "green"}, 20),
        ({"rollout_mode": "shadow"}, 0),
    ],
)
def test_the_settings_begin_the_first_rollout_once_and_never_again(
    three: House, over: dict[str, Any], percent: float
) -> None:
    sower = seed(three, **over)
    assert not sower.sow(NOW)  # the gate has not spoken yet
    judged(three)
    assert sower.sow(NOW)
    assert not sower.sow(NOW)
    assert rollouts(three) == [("done", "settings", percent)]
    if over["rollout_mode"] == "blue_green":
        assert (three.aliases["green"], three.aliases["blue"]) == (2, 3)
    traffic.abort(three.db, three.registry, MODEL, actor="ann", reason="no", now=NOW)
    assert not seed(three, **over).sow(NOW)
    assert len(rollouts(three)) == 2


def test_single_begins_nothing_and_a_refusal_is_said_once(
    three: House, caplog: pytest.LogCaptureFixture
) -> None:
    judged(three, "reject")
    assert not seed(three).sow(NOW)
    assert rollouts(three) == []
    sower = seed(three, rollout_mode="canary")
    assert [sower.sow(NOW) for _ in range(3)] == [False] * 3
    assert not seed(three, rollout_mode="canary").sow(
        NOW
    )  # after a restart: the first answer again, no second row
    assert [row[0] for row in rollouts(three)] == ["refused"]
    assert sum("starts no rollout" in record.getMessage() for record in caplog.records) == 2


def test_a_failing_secondary_is_stopped_by_the_watch_and_a_healthy_one_is_left_to_the_sensor(
    three: House,
) -> None:
    rolling = Rolling(three)
    host = Host(three)
    host.puller.poll()
    watch = Watch(three.db, three.registry, "agent:here", lambda: rolling.now)
    assert watch.look(None) is None
    assert watch.look(releases.read(host.run)) is None
    rolling.start(percent=10)
    host.puller.poll()
    rolling.asks(300, 300)
    assert "left to the sensor" in str(watch.look(releases.read(host.run)))
    assert rolling.state.percent == 10
    rolling.asks(300, 300, failing=200)
    watch.look(releases.read(host.run))
    assert (rolling.state.mode, rolling.state.outcome, rolling.rows[0].actor) == (
        "single",
        "failed",
        "agent:here",
    )


def test_a_database_away_is_said_once_by_the_watch(
    three: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from artpulse_core.control import delivery

    Rolling(three).start(percent=10)
    host = Host(three)
    host.puller.poll()
    watch = Watch(three.db, three.registry, "agent:here", lambda: NOW)
    release = releases.read(host.run)
    caplog.set_level("INFO", "artpulse_core")
    for error in (StoreError("database away"), RegistryError("registry away")):

        def gone(*_: Any, error: Exception = error, **__: Any) -> Any:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(delivery, "tick", gone)
            for _ in range(3):
                assert watch.look(release) == {"art_core5": str(error)}
        watch.look(release)
    said = [record.getMessage() for record in caplog.records if "watched" in record.getMessage()]
    assert said == ["rollout cannot be watched", "rollout is watched again"] * 2


def test_a_host_reports_at_each_change_and_every_fifteen_seconds(house: House) -> None:
    now: datetime = NOW
    reporter = upkeep.Reporter(house.db, "here", lambda: now)
    written: list[Any] = []

    def look() -> Any:
        (row,) = hosts.recent(house.db, NOW - timedelta(days=1))
        written.append(row["at"])
        return row["document"]

    for step, sequence in ((0, 1), (5, 1), (1, 2), (14, 2), (2, 2)):
        now += timedelta(seconds=step)
        reporter.report({"sequence": sequence, "registry": {"at": now.isoformat()}})
        assert look()["sequence"] == sequence
    assert [later != before for before, later in pairwise(written)] == [
        False,
        True,
        False,
        True,
    ]
    reporter.leave()
    assert hosts.recent(house.db, NOW - timedelta(days=1)) == []


def test_leaving_without_a_database_is_no_error() -> None:
    upkeep.Reporter(Database("sqlite:////proc/nothing/a.db"), "here", lambda: NOW).leave()


def test_events_older_than_their_days_go_in_batches(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "PURGE_ROWS", 2)
    events.insert(
        house.db,
        [{**line(number), "at": (NOW - timedelta(days=number)).isoformat()} for number in range(10)],
    )
    hosts.put(house.db, "silent", {}, NOW - timedelta(days=3))
    pauses: list[float] = []
    assert upkeep.purge(house.db, NOW, 4, pause=pauses.append) == 5
    assert len(pauses) == 2
    assert upkeep.purge(house.db, NOW, 4) == 0
    assert events.count(house.db, "art_core5") == 5
    assert hosts.recent(house.db, NOW - timedelta(days=9)) == []


def test_a_clock_that_jumped_deletes_nothing_also_when_events_came_after_the_jump(house: House) -> None:
    jumped = NOW + timedelta(days=400)
    events.insert(house.db, [{**line(1), "at": (NOW - timedelta(minutes=70)).isoformat()}])
    events.insert(house.db, [{**line(2), "at": (jumped - timedelta(minutes=50)).isoformat()}])
    assert upkeep.purge(house.db, jumped, 365) == 0
    assert events.count(house.db, "art_core5") == 2
    assert upkeep.purge(house.db, NOW + timedelta(hours=30), 1) == 0  # idle for a day: it can wait
    assert events.believable(house.db, NOW)
