"""A rollout from end to end: real workers split and record, real evidence steps it, the agent stops a bad one."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from artpulse_core.control import delivery, promotion, traffic
from artpulse_core.control.rollout import Plan
from artpulse_core.exchange import release as releases
from artpulse_core.store import changes, events
from tests.core.control.conftest import MODEL, YES, House
from tests.faults.bad_bundles import graphed, register
from tests.serving import ROW, Serving, served
from tests.waiting import until

pytestmark = pytest.mark.extended
PROBLEM = "art_core5"
PLAN = Plan(steps=(50.0, 100.0), soak_seconds=1, min_samples=50, promote=True, max_label_shift=1.0)
ODD = 0.98  # the hue from which the bad model answers no number


def start(house: House, version: int, expected: int) -> None:
    """Give ``version`` half of the requests."""
    traffic.start(
        house.db, house.registry, MODEL, version, mode="canary", plan=PLAN, expected=expected, actor="ann",
        reason="try it", verdict=YES, now=datetime.now(UTC),
    )  # fmt: skip


def ask(serving: Serving, keys: Iterable[int], **over: float) -> dict[int, str]:
    """The slot that answered each routing key; every one must be answered."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.settings.port, timeout=10)
    seen = {}
    body = orjson.dumps({**ROW, **over})
    for key in keys:
        words = {"Content-Type": "application/json", "X-Routing-Key": str(key)}
        connection.request("POST", "/predict", body, words)
        answer = connection.getresponse()
        said = orjson.loads(answer.read())
        assert answer.status == 200, said
        seen[key] = str(answer.headers["X-Rollout-Slot"])
    connection.close()
    return seen


def workers(serving: Serving, version: int, secondary: int | None, percent: float = 0) -> bool:
    """Whether both workers say that they serve this."""
    found = [worker.problems.get(PROBLEM, {}) for worker in releases.read_workers(serving.settings.run)]
    said = [
        (item.get("version"), (item.get("secondary") or {}).get("version"), item.get("percent"))
        for item in found
    ]
    return said == [(version, secondary, percent)] * 2


def stored(house: House, many: int) -> bool:
    """Whether so many events have come to the database."""
    return events.count(house.db, PROBLEM) >= many


def tick(house: House) -> delivery.Tick:
    """What the sensor does."""
    return delivery.tick(
        house.db, house.registry, MODEL, PROBLEM, may="step", actor="sensor", now=datetime.now(UTC)
    )


def test_a_canary_goes_from_half_to_champion_by_what_its_requests_showed(three: House) -> None:
    start(three, 3, 2)
    with served(three.settings) as serving:
        until(lambda: workers(serving, 2, 3, 50))
        first = ask(serving, range(1500))
        share = list(first.values()).count("secondary") / len(first)
        assert 0.45 < share < 0.55
        until(lambda: stored(three, 1500))
        went = tick(three)
        assert went.decision == "advance", went.sentence
        serving.notify()
        until(lambda: workers(serving, 2, 3, 100))
        second = ask(serving, range(300))
        assert set(second.values()) == {"secondary"}  # also those that were the primary's
        until(lambda: stored(three, 1800))
        done = until(lambda: (found := tick(three)).decision == "finish" and found)
        assert (done.change.target, done.change.expected) == (3, 2)
        serving.notify()
        until(lambda: workers(serving, 3, None))
        assert set(ask(serving, range(50)).values()) == {"primary"}
    assert three.aliases == {"champion": 3, "previous": 2}
    assert changes.verify_chain(three.db) is None


def odd_numbers(model: ModelProto) -> None:
    """The model adds the root of what is negative when the first number is over ``ODD``."""
    graph = model.graph
    weights = next(item for item in graph.initializer if item.name == "weights")
    width = weights.dims[0]
    values: dict[str, Any] = {
        "pick": [[1.0]] + [[0.0]] * (width - 1),
        "odd": ODD,
        "nothing": 0.0,
    }
    graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.float32), name) for name, value in values.items()
    )
    made = [
        helper.make_node("MatMul", ["input", "pick"], ["first"]),
        helper.make_node("Sub", ["odd", "first"], ["room"]),
        helper.make_node("Sqrt", ["room"], ["root"]),
        helper.make_node("Mul", ["root", "nothing"], ["zero"]),
        helper.make_node("Add", ["logits", "zero"], ["spoilt"]),
    ]
    gemm, softmax = graph.node
    softmax.input[0] = "spoilt"
    nodes = [gemm, *made, softmax]
    del graph.node[:]
    graph.node.extend(nodes)
    assert weights.data_type == TensorProto.FLOAT


def test_a_secondary_that_fails_is_answered_for_and_then_stopped_by_the_agent(
    three: House, tmp_path: Path
) -> None:
    bad = register(three, tmp_path, graphed(odd_numbers), seed=7)
    start(three, bad, 2)
    with served(three.settings) as serving:
        until(lambda: workers(serving, 2, bad, 50))
        assert set(ask(serving, range(40)).values()) == {"primary", "secondary"}
        seen = ask(serving, range(100, 160), hue_mean=0.99)
        assert set(seen.values()) == {"primary"}  # it fails, and the primary answers
        until(lambda: three.state.outcome)
        assert three.state.outcome == "failed"
        stop = three.rows[0]
        assert (stop.action, stop.actor.partition(":")[0]) == ("rollout", "agent")
        assert "failed" in stop.reason
        until(lambda: workers(serving, 2, None))
        assert set(ask(serving, range(40), hue_mean=0.99).values()) == {"primary"}
    promotion.recover(three.db, three.registry, datetime.now(UTC))
    assert three.aliases["champion"] == 2
    assert bad not in three.aliases.values()
    assert changes.verify_chain(three.db) is None
