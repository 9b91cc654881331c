"""A rollout of real versions and the requests it saw: what tests of progressive delivery share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from artpulse_core.control import delivery, lineage, traffic
from artpulse_core.control.rollout import Plan, Rollout
from artpulse_core.store import changes, events
from artpulse_core.store.changes import Change
from tests.core.control.conftest import MODEL, NOW, YES, House

PROBLEM = "art_core5"
PLAN = Plan(soak_seconds=60, promote=True)
LABELS = ("minimal", "surreal", "vibrant")


@dataclass
class Rolling:
    """A house in which version 3 is rolled out beside champion 2, and a clock that only tests move."""

    house: House
    now: datetime = NOW + timedelta(hours=1)
    asked: int = 0

    def start(self, *, mode: Any = "canary", verdict: Any = YES, plan: Plan = PLAN, **over: Any) -> Change:
        """Begin the rollout of version 3."""
        fields: dict[str, Any] = {"expected": 2, "actor": "ann", "reason": "try it", "now": self.now, **over}
        return traffic.start(
            self.house.db, self.house.registry, MODEL, 3, mode=mode, plan=plan, verdict=verdict, **fields
        )

    def asks(self, primary: int = 500, secondary: int = 500, *, failing: int = 0, slow: int = 0) -> None:
        """Requests of the next two minutes; of the secondary's, some fail or are slow."""
        many = max(primary, secondary, 1)
        rows = [
            self._line(number, many, slot, failed=slot == "secondary" and number < failing,
                       slow=slot == "secondary" and number >= secondary - slow)
            for slot, count in (("primary", primary), ("secondary", secondary))
            for number in range(count)
        ]  # fmt: skip
        events.insert(self.house.db, rows)
        self.now += timedelta(minutes=2)

    def _line(self, number: int, many: int, slot: str, *, failed: bool, slow: bool) -> dict[str, Any]:
        self.asked += 1
        state = self.state
        return {
            "id": f"asked{self.asked}:0:{slot}",
            "at": (self.now + timedelta(seconds=119 * number / many)).isoformat(),
            "request_id": f"asked{self.asked}",
            "row": 0,
            "problem": PROBLEM,
            "model": MODEL,
            "version": state.primary if slot == "primary" else state.secondary,
            "slot": slot,
            "status": "error" if failed else "ok",
            "latency_ms": 900.0 if slow else 2.0,
            "output": None if failed else {"label": LABELS[number % 3]},
        }

    def tick(self, may: delivery.May = "step", **over: Any) -> delivery.Tick:
        """Look once."""
        fields: dict[str, Any] = {"actor": "ticker", "now": self.now, **over}
        db, registry = fields.pop("db", self.house.db), fields.pop("registry", self.house.registry)
        return delivery.tick(db, registry, MODEL, PROBLEM, may=may, **fields)

    @property
    def rows(self) -> list[Change]:
        """The table, newest first."""
        return changes.history(self.house.db, MODEL)

    @property
    def state(self) -> Rollout:
        """The rollout as the table has it."""
        return lineage.state_of(self.rows)


def impatient(plan: Plan = PLAN, **over: Any) -> Plan:
    """The plan with other numbers."""
    return replace(plan, **over)
