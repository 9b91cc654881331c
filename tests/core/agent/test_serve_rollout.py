"""A rollout through the real processes: table, agent, release, workers, answers, and back."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from typing import Any

import orjson
import pytest

from artpulse_core.agent.status import collect
from artpulse_core.control import lineage, traffic
from artpulse_core.control.rollout import Plan
from artpulse_core.exchange import control
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, NOW, YES, House
from tests.serving import ROW, Serving, served
from tests.waiting import until

pytestmark = pytest.mark.extended
SAID: dict[str, Any] = {"actor": "ann", "reason": "try it", "now": NOW}


def versions(serving: Serving, keys: int = 60) -> Counter[int]:
    """How many of so many routing keys each version answers."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.settings.port, timeout=10)
    found: Counter[int] = Counter()
    for key in range(keys):
        head = {"Content-Type": "application/json", "X-Routing-Key": f"key-{key}"}
        connection.request("POST", "/predict", orjson.dumps(ROW), head)
        answer = connection.getresponse()
        assert answer.status == 200
        found[orjson.loads(answer.read())["version"]] += 1
    connection.close()
    return found


def told(serving: Serving) -> None:
    control.call(serving.settings.socket, "notify", deadline=20)


def workers(serving: Serving) -> list[tuple[int, int | None]]:
    """Primary and secondary version of each worker."""
    return [
        (row["version"], (row.get("secondary") or {}).get("version"))
        for worker in collect(serving.settings)["workers"]
        for row in [worker["problems"]["art_core5"]]
    ]


def canary(house: House, plan: Plan) -> None:
    """Half of the requests for version 3."""
    traffic.start(
        house.db,
        house.registry,
        MODEL,
        3,
        mode="canary",
        percent=50,
        plan=plan,
        expected=2,
        verdict=YES,
        **SAID,
    )


def test_a_canary_reaches_every_worker_is_shown_and_goes_back_to_nothing(three: House) -> None:
    with served(three.settings) as serving:
        assert versions(serving) == {2: 60}
        canary(
            three, Plan(max_label_shift=1.0)
        )  # one row for all requests: each version has one label for it
        told(serving)
        until(lambda: workers(serving) == [(2, 3)] * 2)
        first = versions(serving)
        assert 12 <= first[3] <= 48
        assert versions(serving) == first
        shown = collect(serving.settings)["problems"]["art_core5"]
        assert (shown["mode"], shown["percent"]) == ("canary", 50)
        assert {name: slot["by"] for name, slot in shown["slots"].items()} == {
            "primary": "test",
            "secondary": "ann",
        }
        begun = time.monotonic()
        traffic.abort(three.db, three.registry, MODEL, **SAID)
        until(lambda: workers(serving) == [(2, None)] * 2)  # nobody was told: the table is followed
        assert time.monotonic() - begun < 10  # three seconds on a machine that does nothing else
        assert versions(serving) == {2: 60}
    assert serving.process.returncode == 0


def test_a_secondary_with_another_label_mix_is_stopped_by_the_agent_and_rejected(three: House) -> None:
    with served(three.settings) as serving:
        canary(three, Plan())
        told(serving)
        until(lambda: workers(serving) == [(2, 3)] * 2)
        until(lambda: versions(serving, 300)[3] == 0)
        until(lambda: workers(serving) == [(2, None)] * 2)
        rows = changes.history(three.db, MODEL)
        assert (rows[0].action, rows[0].state, rows[0].actor.split(":")[0]) == ("rollout", "done", "agent")
        assert lineage.state_of(rows).outcome == "failed"
        assert lineage.rejected(rows) == {3}
        assert "rollout stopped" in serving.log_file.read_text()


def test_a_secondary_altered_in_the_store_leaves_its_share_to_the_primary_and_is_named(house: House) -> None:
    house.register(seed=1)
    known = set((house.settings.home / "mlartifacts").rglob("bundle/model.onnx"))
    house.promote(1, None)
    house.register(seed=2)
    (graph,) = set((house.settings.home / "mlartifacts").rglob("bundle/model.onnx")) - known
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    with served(house.settings) as serving:
        traffic.start(
            house.db, house.registry, MODEL, 2, mode="canary", percent=50, expected=1, verdict=YES, **SAID
        )
        told(serving)
        shown = collect(serving.settings)
        assert "model.onnx does not have the digest" in shown["secondary_failures"]["art_core5"]["message"]
        assert shown["failures"] == {}
        assert versions(serving) == {1: 60}
        text = serving.log_file.read_text()
        assert text.count("secondary refused, the primary answers its share") == 1
