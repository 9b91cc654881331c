"""``artpulse status``: this host with or without its agent, the other hosts, and who changed what."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from artpulse_core.agent import upkeep
from artpulse_core.agent.noted import Noted
from artpulse_core.agent.status import collect, this_host
from artpulse_core.cli import main as cli
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import WorkerStatus
from artpulse_core.store import hosts
from tests.core.agent.hosts import Host
from tests.core.control.conftest import NOW, House
from tests.core.control.rolling import Rolling

LATER = NOW + timedelta(hours=1, seconds=30)


@pytest.fixture
def host(three: House) -> Host:
    """A host in the middle of a canary, whose agent was stopped half a minute ago."""
    rolling = Rolling(three)
    rolling.start(percent=10)
    host = Host(three)
    host.puller.poll()
    noted = Noted(host.run, 1, lambda: rolling.now)
    noted.part("registry", None)
    noted.part("database", "The database does not answer: gone")
    noted.part("spool", "no room")
    noted.part("run_folder", None)
    noted.say(secondary_failures={"art_core5": {"version": 3, "message": "no room"}})
    noted.write()
    slot = {"version": 3, "digest": "sha256:c", "alias": "challenger"}
    row = {"version": 2, "digest": "sha256:b", "alias": "champion", "mode": "canary", "percent": 10.0}
    releases.write_worker(
        host.run, WorkerStatus(77, 1, "t", {"art_core5": {**row, "secondary": slot}}, {"art": "damaged"})
    )
    return host


def elsewhere(three: House, host: Host, name: str, at: datetime) -> None:
    """What another host said of itself."""
    document = {**this_host(three.settings, None), "host": name}
    document["problems"]["art_core5"]["slots"].pop("secondary")
    hosts.put(three.db, name, document, at)


def test_with_the_agent_down_the_files_say_what_is_served_and_the_table_by_whom(
    three: House, host: Host
) -> None:
    shown = collect(three.settings, now=LATER)
    assert (shown["agent"], shown["registry_age"], shown["sequence"]) == (False, "30 s", 1)
    problem = shown["problems"]["art_core5"]
    assert (problem["mode"], problem["percent"]) == ("canary", 10)
    slots = {name: (slot["version"], slot["by"], slot["reason"]) for name, slot in problem["slots"].items()}
    assert slots == {"primary": (2, "test", "better"), "secondary": (3, "ann", "try it")}
    assert problem["slots"]["secondary"]["since"].startswith("2026-03-01T01:00")
    assert shown["workers"][0]["problems"]["art_core5"]["secondary"]["version"] == 3
    assert shown["others"] == []


def test_other_hosts_are_shown_with_their_age_and_silent_ones_are_not(three: House, host: Host) -> None:
    elsewhere(three, host, "beta", LATER - timedelta(seconds=12))
    elsewhere(three, host, "gone", LATER - timedelta(days=2))
    elsewhere(three, host, upkeep.name_of(three.settings), LATER)
    (other,) = collect(three.settings, now=LATER)["others"]
    assert (other["host"], other["age"]) == ("beta", "12 s")
    assert other["problems"]["art_core5"]["slots"]["primary"]["by"] == "test"


def test_without_a_database_this_host_is_shown_and_nobody_is_named(three: House, host: Host) -> None:
    elsewhere(three, host, "beta", LATER)
    away = three.settings.model_copy(update={"database_url": "sqlite:////proc/nothing/artpulse.db"})
    shown = collect(away, now=LATER)
    slot = shown["problems"]["art_core5"]["slots"]["primary"]
    assert (slot["version"], slot["by"], shown["others"]) == (2, None, [])
    assert shown["database"]["ok"] is False
    nowhere = three.settings.model_copy(update={"database_url": f"sqlite:///{host.run}/not-there.db"})
    shown = collect(nowhere, now=LATER)
    assert shown["database"] == {"ok": False, "message": "there is none where the settings say"}
    assert not (host.run / "not-there.db").exists()


def test_the_command_prints_a_line_for_each_slot_worker_and_trouble(
    three: House, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(three, host, "beta", datetime.fromisoformat("2999-01-01T00:00:00+00:00"))
    monkeypatch.setenv("ARTPULSE_HOME", str(three.settings.home))
    done = CliRunner().invoke(cli, ["status"])
    assert done.exit_code == 0, done.output
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["art_core5", "secondary", "3"] in [line[1:4] for line in words]
    assert [line[1] for line in words if line[2:4] == ["art_core5", "secondary"]] == ["77", "77"]
    assert any(line[:3] == ["host", "beta", "reported"] for line in words)
    assert "canary" in done.stdout
    assert "the database is away: The database does not answer: gone" in done.stdout
    assert "secondary of art_core5, version 3, is refused: no room" in done.stdout
    assert "worker 77, art: damaged" in done.stdout
    assert "events stay in the spool, which cannot be used: no room" in done.stdout
    assert "run folder" not in done.stdout  # it is well
    document: dict[str, Any] = orjson.loads(CliRunner().invoke(cli, ["status", "--json"]).stdout)
    assert len(document["others"]) == 1


def test_a_question_that_hangs_is_shown(three: House) -> None:
    noted = Noted(three.settings.run, 1, lambda: NOW)
    noted.asked()
    assert noted.document()["registry"]["asked_at"] == NOW.isoformat()
    noted.asked(over=True)
    assert noted.document()["registry"]["asked_at"] is None


def test_a_database_that_says_nothing_for_long_is_away_once_it_was_well(
    three: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "artpulse_core")
    seconds = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: seconds)
    noted = Noted(three.settings.run, 1, lambda: NOW)

    def ok() -> Any:
        noted.write()
        return orjson.loads((three.settings.run / "status.json").read_bytes())["database"]["ok"]

    assert ok() is None
    seconds += 1000
    assert ok() is None  # it has not been asked yet
    noted.part("database", None)
    seconds += 14
    assert ok() is True
    seconds += 2
    assert ok() is False
    assert "has not answered for 15 s" in noted.document()["database"]["message"]
    noted.part("database", None)
    assert ok() is True
    said = [record.getMessage() for record in caplog.records if "database" in record.getMessage()]
    assert said == ["database is away", "database is back"]
