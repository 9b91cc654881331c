"""What each slot of a rollout did in each stage, counted from event lines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from artpulse_core.control.rollout import Counts, Stage, Window
from artpulse_core.store import events
from artpulse_core.store.clock import stamp
from artpulse_core.store.database import Database
from tests.core.store.test_events import NOON, line

MODEL, PROBLEM = "artpulse-classifier", "art_core5"
SECONDARY = {"version": 4, "slot": "secondary"}
FAILED = {"status": "error", "output": None, "warnings": ["model_failed"]}


def count(db: Database, *stages: Stage, seconds: float = 3600) -> tuple[Window, ...]:
    """The windows of versions 3 and 4, an hour after noon."""
    return events.slot_counts(
        db, MODEL, PROBLEM, (3, 4), stages, budget_ms=250, now=NOON + timedelta(seconds=seconds)
    )


def stage(percent: float, second: float) -> Stage:
    """A stage that began some seconds after noon."""
    return Stage(percent, stamp(NOON + timedelta(seconds=second)))


@pytest.mark.smoke
def test_answers_failures_slow_ones_and_labels_are_counted_by_slot(db: Database) -> None:
    calm = {"output": {"label": "minimal", "probabilities": {}}}
    events.insert(
        db,
        [
            line(1),
            line(2, **calm),
            line(3, latency_ms=250),
            line(4, latency_ms=250.01, **SECONDARY),
            line(5, **SECONDARY, **FAILED),
            line(6, **SECONDARY, **calm),
            line(6, id="req6:0:shadow", **{**SECONDARY, "status": "shadow"}),
        ],
    )
    (found,) = count(db, stage(5, 0))
    assert found == Window(
        5,
        Counts(3, 0, 0, {"surreal": 2, "minimal": 1}),
        Counts(4, 1, 1, {"surreal": 2, "minimal": 1}),
    )


@pytest.mark.parametrize(
    "other",
    [
        {"slot": None, **FAILED},
        {"version": 4},
        {**SECONDARY, "version": 5},
        {**SECONDARY, "version": None},
        {"slot": "primary", "version": 4},
        {"model": "artpulse-art"},
        {"problem": "art"},
        {"model": None},
        {"row": 1},
        {"at": (NOON - timedelta(microseconds=1)).isoformat()},
        {"at": (NOON + timedelta(hours=2)).isoformat()},
    ],
    ids=str,
)
def test_lines_that_tell_nothing_of_these_slots_are_left_out(db: Database, other: dict[str, Any]) -> None:
    events.insert(db, [line(1, **other)])
    assert count(db, stage(5, 0)) == (Window(5),)


def test_a_batch_counts_once_whatever_its_size(db: Database) -> None:
    bad = {**SECONDARY, **FAILED, "request_id": "batch"}
    events.insert(db, [line(1, **bad, id=f"batch:{row}:secondary", row=row) for row in range(50)])
    assert count(db, stage(5, 0)) == (Window(5, secondary=Counts(1, 1, 0)),)


def test_a_secondary_that_fell_back_counts_as_its_failure_and_as_an_answer_of_the_primary(
    db: Database,
) -> None:
    events.insert(db, [line(1), line(1, **SECONDARY, **FAILED, id="req1:0:secondary")])
    (found,) = count(db, stage(5, 0))
    assert (found.primary, found.secondary) == (Counts(1, 0, 0, {"surreal": 1}), Counts(1, 1, 0))


def test_each_stage_ends_where_the_next_begins_and_the_last_goes_on(db: Database) -> None:
    events.insert(
        db, [line(second, **SECONDARY) for second in (0, 9, 10, 19, 20, 21, 22)] + [line(23), line(3599)]
    )
    found = count(db, stage(1, 0), stage(5, 10), stage(25, 20))
    assert [(item.percent, item.primary.n, item.secondary.n) for item in found] == [
        (1, 0, 2),
        (5, 0, 2),
        (25, 2, 3),
    ]


def test_a_clock_that_was_set_back_between_stages_loses_no_line(db: Database) -> None:
    events.insert(db, [line(second, **SECONDARY) for second in (1, 6, 11)])
    found = count(db, stage(1, 10), stage(5, 5), stage(25, 0))
    assert sum(item.secondary.n for item in found) == 3
    assert found[2].secondary.n == 3  # the newest stage that began before them


def test_a_host_with_a_fast_clock_is_heard_at_once(db: Database) -> None:
    events.insert(db, [line(1800, **SECONDARY, **FAILED)])
    assert count(db, stage(5, 0), seconds=10)[0].secondary.errors == 1


def test_without_stages_or_lines_there_is_no_evidence(db: Database) -> None:
    assert count(db) == ()
    assert count(db, stage(1, 0), stage(5, 10)) == (Window(1), Window(5))


def test_answers_that_are_no_labels_leave_the_mix_empty(db: Database) -> None:
    events.insert(db, [line(1, output={"value": 4.25}), line(2, output={"value": 1.0})])
    assert count(db, stage(5, 0)) == (Window(5, Counts(2)),)
