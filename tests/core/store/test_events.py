"""Events are stored once, read as windows, and joined with the truth that came later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from artpulse_core.errors import FeedbackRefused
from artpulse_core.store import events
from artpulse_core.store.database import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def line(number: int, **over: Any) -> dict[str, Any]:
    """One event line as a worker writes it."""
    return {
        "id": f"req{number}:0",
        "at": (NOON + timedelta(seconds=number)).isoformat(),
        "request_id": f"req{number}",
        "row": 0,
        "problem": "art_core5",
        "model": "artpulse-classifier",
        "version": 3,
        "digest": "sha256:abc",
        "slot": "primary",
        "mode": "single",
        "status": "ok",
        "latency_ms": 1.25,
        "routing": "r",
        "caller": "key-1",
        "content": "c",
        "fingerprint": "f",
        "features": {"hue_mean": 0.25, "edges": None},
        "output": {"label": "surreal", "probabilities": {"surreal": 0.75}},
        "confidence": 0.75,
        "warnings": ["odd"],
        **over,
    }


@pytest.mark.smoke
def test_an_event_comes_back_as_it_was_written(db: Database) -> None:
    assert events.insert(db, [line(1)]) == 1
    found = events.get(db, "req1:0")
    assert found == {**line(1), "at": "2026-03-01T12:00:01.000000+00:00"}


def test_the_same_event_is_stored_once_within_and_across_batches(db: Database) -> None:
    assert events.insert(db, [line(1), line(1), line(2)]) == 2
    assert events.insert(db, [line(2, version=9), line(3)]) == 1
    assert events.count(db, "art_core5") == 3
    assert (events.get(db, "req2:0") or {})["version"] == 3


def test_a_window_is_the_newest_answered_events_in_time_order(db: Database) -> None:
    events.insert(
        db,
        [line(number) for number in (5, 1, 4, 2, 3)]
        + [line(6, status="error"), line(7, problem="art"), line(8, version=4)],
    )
    assert [row["request_id"] for row in events.window(db, "art_core5", limit=3)] == ["req4", "req5", "req8"]
    assert [row["request_id"] for row in events.window(db, "art_core5", limit=2, version=3)] == [
        "req4",
        "req5",
    ]
    late = events.window(db, "art_core5", limit=9, since=NOON + timedelta(seconds=4))
    assert [row["request_id"] for row in late] == ["req4", "req5", "req8"]


def test_times_of_other_zones_are_ordered_by_the_moment(db: Database) -> None:
    events.insert(
        db,
        [
            line(1, at="2026-03-01T14:00:00+02:00"),
            line(2, at="2026-03-01T12:30:00Z"),
            line(3, at="2026-03-01T11:00:00"),
        ],
    )
    found = [row["request_id"] for row in events.window(db, "art_core5", limit=9)]
    assert found == ["req3", "req1", "req2"]


@pytest.mark.parametrize(
    "broken",
    [
        {"row": "0"},
        {"row": True},
        {"row": 2**40},
        {"version": 1.5},
        {"at": "yesterday"},
        {"id": 7},
        {"confidence": "high"},
        {"problem": None},
    ],
)
def test_a_line_that_is_no_event_stops_its_batch_by_name(db: Database, broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"event|time|Invalid"):
        events.insert(db, [line(1), line(2, **broken)])
    assert events.count(db, "art_core5") == 0


def test_texts_a_database_cannot_hold_are_made_fit(db: Database) -> None:
    assert events.insert(db, [line(1, caller="a\x00b", routing="\ud800", content="x" * 4000)]) == 1
    found = events.get(db, "req1:0") or {}
    assert found["caller"] == "ab"
    assert len(found["content"]) == 80


def test_a_label_is_joined_to_its_event(db: Database) -> None:
    events.insert(db, [line(1), line(2)])
    events.add_label(db, request_id="req1", row=0, label="vibrant", caller="key-1", at=NOON)
    (found,) = events.labelled(db, "art_core5", limit=10)
    assert (found["request_id"], found["label"], found["replaced"]) == ("req1", "vibrant", 0)
    assert found["features"] == line(1)["features"]
    assert events.labelled(db, "art_core5", since=NOON + timedelta(seconds=1), limit=10) == []


def test_the_same_label_again_changes_nothing_and_another_replaces_and_is_counted(db: Database) -> None:
    events.insert(db, [line(1)])
    for label in ("vibrant", "vibrant", "surreal", "minimal", "minimal"):
        events.add_label(db, request_id="req1", row=0, label=label, caller="key-1", at=NOON)
    (found,) = events.labelled(db, "art_core5", limit=10)
    assert (found["label"], found["replaced"]) == ("minimal", 2)


@pytest.mark.parametrize(
    "asked",
    [
        {"request_id": "nobody"},
        {"row": 1},
        {"caller": "key-2"},
        {"caller": None},
        {"request_id": "req2"},
    ],
)
def test_truth_is_refused_alike_for_unknown_and_for_foreign_rows(db: Database, asked: dict[str, Any]) -> None:
    events.insert(db, [line(1), line(2, status="error")])
    fields = {"request_id": "req1", "row": 0, "caller": "key-1", **asked}
    with pytest.raises(FeedbackRefused, match="belongs to this key"):
        events.add_label(db, label="vibrant", at=NOON, **fields)
    assert events.labelled(db, "art_core5", limit=10) == []


def test_purging_takes_old_events_with_their_labels(db: Database) -> None:
    events.insert(db, [line(1), line(100)])
    for number in (1, 100):
        events.add_label(db, request_id=f"req{number}", row=0, label="vibrant", caller="key-1", at=NOON)
    assert events.purge(db, NOON + timedelta(seconds=50)) == 1
    assert [row["request_id"] for row in events.labelled(db, "art_core5", limit=10)] == ["req100"]


def test_a_clock_days_ahead_is_not_believed(db: Database) -> None:
    now = datetime.now(UTC)
    ahead = now + timedelta(days=30)
    events.insert(db, [line(1, at=(now - timedelta(hours=2)).isoformat()), line(2, at=ahead.isoformat())])
    assert events.believable(db, now)
    assert not events.believable(db, ahead)
