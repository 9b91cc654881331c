"""Real processes killed at each step of every change, and racing: table, aliases and what is served agree after."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.control.conftest import House, three, three_versions

__all__ = ["three", "three_versions"]
pytestmark = pytest.mark.extended


def run(house: House, word: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.faults.killed_changes", str(house.settings.home), word]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.fault(
    "SIGKILL at each step of every change (promote, roll back, register, rollouts, adopt, freeze)",
    "completed or undone at the next start; alias, table and what is served agree",
)
def test_every_change_killed_at_any_step_is_whole_after_a_restart(
    three: House, record_property: Callable[[str, object], None]
) -> None:
    rows = run(three, "walk")
    tries = sum(row["steps"] for row in rows)
    whole = sum(len(row["ended"]) for row in rows) - sum(len(row["wrong"]) for row in rows)
    record_property("seen", f"{whole} of {tries} kills in {len(rows)} changes left one state or the other")
    sys.stdout.write(f"{whole} of {tries} held\n")
    assert [row for row in rows if row["wrong"]] == []
    assert tries >= 60
    assert {"nothing", "undone", "done"} <= {ended for row in rows for ended in row["ended"]}


@pytest.mark.fault(
    "two promotions and a rollback of one champion racing in three processes",
    "one is made, the others are conflicts; the chain is whole",
)
def test_of_racing_processes_one_wins(three: House, record_property: Callable[[str, object], None]) -> None:
    rows = run(three, "race")
    for row in rows:
        assert sorted(row["answers"]) == ["conflict", "conflict", "done"], row
        assert ([row["champion"]], row["open"], row["broken"]) == (row["made"], 0, None)
    record_property("seen", f"{len(rows)} races, one winner and two conflicts in each")
