"""Rollouts in real workers: one split for all of them, without a restart, and a clean end of the shadow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from artpulse_api.predicting import routing_hash
from artpulse_api.slots import Served
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease
from benchmarks.serving import Client, post
from tests.api.asking import ROW, events
from tests.releases import roll_out
from tests.servers import Server, gunicorn
from tests.waiting import until

pytestmark = pytest.mark.extended
NAMES = [str(number) for number in range(60)]


def ask(server: Server, *, connections: int = 8) -> dict[str, set[str]]:
    """The versions that answer each routing key, asked on each of several connections."""
    found: dict[str, set[str]] = {name: set() for name in NAMES}
    plain = post("/predict", json.dumps(ROW).encode(), "application/json", "none")
    clients = [Client(server.port) for _ in range(connections)]
    for name in NAMES:
        request = plain.replace(b"\r\n\r\n", f"\r\nX-Routing-Key: {name}\r\n\r\n".encode(), 1)
        for client in clients:
            status, headers, _ = client.ask(request)
            assert status == 200
            found[name].add(headers["x-model-version"])
    for client in clients:
        client.close()
    return found


def stated(item: ProblemRelease) -> dict[str, set[str]]:
    """What the release document says of each key."""
    served = Served(item, None)  # type: ignore[arg-type] # the split asks no model
    return {
        name: {{"primary": "1", "secondary": "2"}[served.choose(routing_hash(name, item.salt))]}
        for name in NAMES
    }


def all_on(server: Server, sequence: int) -> None:
    until(lambda: [worker.sequence for worker in releases.read_workers(server.run)] == [sequence] * 2)


def test_every_worker_splits_alike_and_takes_a_new_percent_without_a_restart(home: Path) -> None:
    run = home / "run"
    item = roll_out(run, (1, 2), "canary", 30)
    with gunicorn(home) as server:
        all_on(server, 2)
        workers = {worker.pid for worker in releases.read_workers(run)}
        assert ask(server) == stated(item)
        item = roll_out(run, (1, 2), "blue_green", 70, sequence=3)
        all_on(server, 3)
        assert ask(server) == stated(item)
        roll_out(run, (1, 2), "canary", 0, sequence=4)
        all_on(server, 4)
        assert ask(server) == {name: {"1"} for name in NAMES}
        assert {worker.pid for worker in releases.read_workers(run)} == workers
    answered = {int(path.name.partition("-")[0]) for path in (run / "spool").glob("*.jsonl")}
    assert answered == workers  # each of them was asked
    item = roll_out(run, (1, 2), "canary", 30, sequence=5)
    with gunicorn(home) as server:
        all_on(server, 5)
        assert ask(server) == stated(item)


def counted(run: Path, name: str) -> float:
    """A counter of all workers, living and dead."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(run / "metrics"))  # type: ignore[no-untyped-call] # it has no annotations
    return registry.get_sample_value(f"artpulse_shadow_{name}_total", {"problem": "art_core5"}) or 0.0


def test_every_row_is_compared_or_dropped_when_the_server_ends_with_answers_owed(home: Path) -> None:
    roll_out(home / "run", (1, 2), "shadow")
    body = json.dumps({"rows": [ROW] * 400}).encode()
    request = post("/predict", body, "application/json", "none")
    with gunicorn(home) as server:
        all_on(server, 2)
        clients = [Client(server.port) for _ in range(4)]
        for _ in range(5):
            for client in clients:
                assert client.ask(request)[0] == 200
        for client in clients:
            client.close()
        server.process.terminate()
        assert server.process.wait(10) == 0
    compared, dropped = counted(server.run, "compared"), counted(server.run, "dropped")
    assert compared + dropped == 20 * 400
    assert compared > 0
    lines: list[dict[str, Any]] = [line for line in events(home) if line["status"] == "shadow"]
    assert len(lines) == compared
    assert len({line["id"] for line in events(home)}) == 20 * 400 + compared
