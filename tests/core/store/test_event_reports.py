"""Events read as a whole: all of them in order, and how many there are of what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from artpulse_core.store import event_reports, events
from artpulse_core.store.database import Database
from tests.core.store.test_events import NOON, line


@pytest.mark.smoke
def test_an_export_is_every_event_of_a_time_in_order_with_its_truth(db: Database) -> None:
    events.insert(
        db, [line(number) for number in (4, 2, 3)] + [line(1, status="error"), line(5, problem="art")]
    )
    events.add_label(db, request_id="req3", row=0, label="vibrant", caller="key-1", at=NOON)
    found = list(event_reports.export(db, "art_core5"))
    assert [row["request_id"] for row in found] == ["req1", "req2", "req3", "req4"]
    assert [(row["label"], row["replaced"]) for row in found[1:3]] == [(None, None), ("vibrant", 0)]
    assert found[1] == {**events.get(db, "req2:0"), "label": None, "labelled_at": None, "replaced": None}  # type: ignore[dict-item]  # it is there
    two, four = (NOON + timedelta(seconds=number) for number in (2, 4))
    between = event_reports.export(db, since=two, until=four)
    assert [row["request_id"] for row in between] == ["req2", "req3"]
    assert [row["problem"] for row in event_reports.export(db)] == ["art_core5"] * 4 + ["art"]


def test_an_export_left_half_way_lets_go_of_the_database(db: Database) -> None:
    events.insert(db, [line(number) for number in range(1200)])
    rows = event_reports.export(db)
    assert [next(rows)["request_id"] for _ in range(2)] == ["req0", "req1"]
    rows.close()  # type: ignore[attr-defined]  # an iterator that is a generator
    assert events.insert(db, [line(1200)]) == 1
    assert len(list(event_reports.export(db))) == 1201


def test_statistics_are_by_problem_version_and_slot(db: Database) -> None:
    events.insert(
        db,
        [line(number, latency_ms=float(number)) for number in range(1, 21)]
        + [line(30, status="error", slot=None, latency_ms=None, version=None)]
        + [line(31, version=4, slot="secondary", status="shadow", latency_ms=7.0)]
        + [line(32, version=4, slot="secondary", status="error", latency_ms=None)]
        + [line(33, problem="art", latency_ms=1.0)],
    )
    for number in (2, 3):
        events.add_label(db, request_id=f"req{number}", row=0, label="vibrant", caller="key-1", at=NOON)
    first, refused, primary, secondary = event_reports.stats(db)
    assert (first["problem"], first["n"]) == ("art", 1)
    assert (refused["slot"], refused["error"], refused["p50_ms"]) == (None, 1, None)
    assert primary == {
        "problem": "art_core5", "version": 3, "slot": "primary", "n": 20, "ok": 20, "error": 0, "shadow": 0, "labelled": 2,
        "first": "2026-03-01T12:00:01.000000+00:00", "last": "2026-03-01T12:00:20.000000+00:00",
        "p50_ms": 10.0, "p95_ms": 19.0,
    }  # fmt: skip
    assert (secondary["version"], secondary["n"], secondary["shadow"], secondary["error"]) == (4, 2, 1, 1)
    assert (secondary["p50_ms"], secondary["p95_ms"]) == (7.0, 7.0)
    assert [row["problem"] for row in event_reports.stats(db, "art")] == ["art"]
    assert event_reports.stats(db, "nobody") == []
