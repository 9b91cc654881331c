"""Reports are kept by kind and problem, newest first."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from artpulse_core.store import reports
from artpulse_core.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_newest_report_of_a_kind_and_problem_is_found(db: Database) -> None:
    assert reports.latest(db, "drift", "art") is None
    for score in (1, 2, 3):
        reports.add(db, "drift", "art", {"score": score}, NOW)
    reports.add(db, "gate", "art", {"decision": "reject"}, NOW)
    reports.add(db, "drift", "other", {"score": 9}, NOW)
    newest = reports.latest(db, "drift", "art")
    assert newest is not None
    assert newest["document"] == {"score": 3}
    assert [row["document"]["score"] for row in reports.history(db, "drift", "art", 2)] == [3, 2]


def test_an_unknown_kind_is_a_mistake_of_the_caller(db: Database) -> None:
    with pytest.raises(ValueError, match="kinds"):
        reports.add(db, "weather", "art", {}, NOW)
