"""The last report of each host, and notifications between hosts."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from artpulse_core.errors import StoreError
from artpulse_core.store import events, hosts
from artpulse_core.store.database import Database
from tests.core.store.test_events import line
from tests.waiting import until

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_host_has_one_report_and_silent_ones_are_left_out(db: Database) -> None:
    hosts.put(db, "a", {"sequence": 1}, NOW - timedelta(days=2))
    hosts.put(db, "b", {"sequence": 1}, NOW)
    hosts.put(db, "b", {"sequence": 2}, NOW)
    found = hosts.recent(db, NOW - timedelta(days=1))
    assert [(row["host"], row["document"]) for row in found] == [("b", {"sequence": 2})]
    assert hosts.forget(db, NOW - timedelta(days=1)) == 1
    hosts.remove(db, "b")
    assert hosts.recent(db, NOW - timedelta(days=9)) == []


def test_old_events_are_deleted_in_batches_the_oldest_first(db: Database) -> None:
    events.insert(
        db, [{**line(number), "at": (NOW + timedelta(days=number)).isoformat()} for number in range(7)]
    )
    assert [events.purge(db, NOW + timedelta(days=5), limit=3) for _ in range(3)] == [3, 2, 0]
    assert events.count(db, "art_core5") == 2


def test_sqlite_tells_nobody_and_returns_at_once(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/a.db").listen("artpulse_changes", pytest.fail, threading.Event())


@pytest.mark.extended
def test_a_listener_hears_and_says_when_its_connection_dies(postgres_url: str) -> None:
    db = Database(postgres_url)
    heard: list[str] = []
    ended: list[str] = []
    stopped = threading.Event()

    def work() -> None:
        try:
            db.listen("artpulse_changes", heard.append, stopped)
        except StoreError as error:
            ended.append(error.message)

    def tell(statement: str) -> None:
        with db.write() as connection:
            connection.execute(text(statement))

    thread = threading.Thread(target=work)
    thread.start()
    until(lambda: heard == [""])
    tell("SELECT pg_notify('artpulse_changes', 'model-1')")
    until(lambda: heard == ["", "model-1"], 2)
    tell(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()"
    )
    thread.join(5)
    assert ended and ended[0].startswith("The database does not answer")
    again = threading.Thread(target=work)
    again.start()
    until(lambda: heard == ["", "model-1", ""])
    stopped.set()
    again.join(5)
    assert not again.is_alive()
    db.dispose()
