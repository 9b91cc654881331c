"""The clock steps: the agent polls, ships, retries and tells as before, and the table keeps its order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from artpulse_core.exchange import control
from artpulse_core.exchange.spool import SpoolWriter
from artpulse_core.store import changes, events
from tests.core.agent.test_agent import running, version
from tests.core.control.conftest import MODEL, NOW, House
from tests.core.store.test_events import line
from tests.waiting import until

pytestmark = pytest.mark.extended
STEPS = {
    "a day forward": timedelta(days=1),
    "a day back": -timedelta(days=1),
    "ten years back": -timedelta(days=3652),
}


class Clock:
    """The time, and how far off it is."""

    def __init__(self) -> None:
        self.off = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, id=what, marks=pytest.mark.fault(
            f"the clock steps {what}", "promotions followed, events stored, a refused version tried again, status fresh"
        ))
        for what, step in STEPS.items()
    ],
)  # fmt: skip
def test_the_agent_goes_on(three: House, seen: Callable[[str], None], step: timedelta) -> None:
    clock = Clock()
    with running(three.settings, clock=clock, poll_seconds=0.2) as settings:
        until(lambda: version(settings) == 2)
        info = three.registry.version(MODEL, 3)
        assert info is not None
        three.registry.set_tag(MODEL, 3, "digest", "sha256:" + "1" * 64)  # refused, to be tried again later
        three.registry.set_alias(MODEL, "champion", 3)
        until(lambda: control.call(settings.socket, "status")["status"]["failures"])
        clock.off += step
        three.registry.set_tag(MODEL, 3, "digest", info.digest)
        until(lambda: version(settings) == 3, 40)
        writer = SpoolWriter(settings.run / "spool")
        writer.append(orjson.dumps(line(1)) + b"\n")
        until(lambda: events.get(three.db, "req1:0"))
        writer.close()

        def told() -> datetime:
            document = orjson.loads((settings.run / "status.json").read_bytes())
            return datetime.fromisoformat(document["at"])

        until(lambda: abs(told() - clock()) < timedelta(seconds=15))
        three.registry.set_alias(MODEL, "champion", 2)
        until(lambda: version(settings) == 2)
    seen("the refused version taken up, alias followed, event stored, status fresh")


@pytest.mark.fault(
    "the clock steps back between two changes",
    "the table keeps its order: the chain holds, rollback goes where it should",
)
def test_the_table_keeps_its_order(three: House, seen: Callable[[str], None]) -> None:
    three.promote(3, 2, now=NOW + timedelta(days=1))
    three.promote(1, 3, now=NOW - timedelta(days=3000), override=True, reason="again")
    assert three.rollback(now=NOW - timedelta(days=1)).target == 3
    assert three.aliases["champion"] == 3
    assert changes.verify_chain(three.db) is None
    seen("rolled back to version 3, the chain holds")
