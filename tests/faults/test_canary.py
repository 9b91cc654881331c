"""A rollout while things break: the secondary's share goes to the primary, and nobody is answered twice or not at all."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from artpulse_core.control import lineage, traffic
from artpulse_core.control.rollout import Plan, Rollout
from artpulse_core.errors import ChangeRefused
from artpulse_core.exchange import release as releases
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, YES, House
from tests.faults import bad_bundles as bad
from tests.faults import bad_graphs
from tests.serving import ROW, Serving
from tests.waiting import until

pytestmark = pytest.mark.extended
PATIENT = Plan(
    steps=(50.0, 100.0), soak_seconds=3600.0, hard_errors=100_000, max_label_shift=1.0, max_error_increase=1.0
)
CHAMPION = 2


def now() -> datetime:
    return datetime.now(UTC)


def start(house: House, version: int, plan: Plan = PATIENT, **over: Any) -> None:
    """Half of the requests go to ``version``."""
    fields: dict[str, Any] = {"mode": "canary", "percent": 50.0, "actor": "ann", "reason": "try it", **over}
    traffic.start(
        house.db,
        house.registry,
        MODEL,
        version,
        plan=plan,
        expected=CHAMPION,
        verdict=YES,
        now=now(),
        **fields,
    )


def state(house: House) -> Rollout:
    return lineage.state_of(changes.history(house.db, MODEL))


@pytest.fixture(autouse=True)
def _no_rollout_is_left(shared: House, serving: Serving) -> Iterator[None]:
    yield
    if state(shared).running:
        traffic.abort(shared.db, shared.registry, MODEL, actor="ann", reason="the test is over", now=now())
    serving.notify()
    until(lambda: slots(serving) == [(CHAMPION, None)] * 2)


def slots(serving: Serving) -> list[tuple[int, int | None]]:
    """What each worker has in its two slots."""
    found = [worker.problems.get("art_core5", {}) for worker in releases.read_workers(serving.settings.run)]
    return [(item.get("version", 0), (item.get("secondary") or {}).get("version")) for item in found]


def ask(serving: Serving, key: str, **fields: float) -> tuple[int, str, dict[str, Any]]:
    """Status, slot and body of one prediction with a routing key."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.settings.port, timeout=10)
    try:
        headers = {"Content-Type": "application/json", "X-Routing-Key": key}
        connection.request("POST", "/predict", orjson.dumps({**ROW, **fields}), headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("X-Rollout-Slot", ""), orjson.loads(answer.read())
    finally:
        connection.close()


def routed(serving: Serving, keys: int = 60) -> dict[str, int]:
    """The version that answers each of so many keys."""
    answers = {f"key-{place}": ask(serving, f"key-{place}") for place in range(keys)}
    assert {status for status, _, _ in answers.values()} == {200}
    return {key: body["version"] for key, (_, _, body) in answers.items()}


@pytest.mark.fault(
    "a secondary whose artifact is spoilt", "refused by name, its share answered by the primary"
)
def test_a_spoilt_secondary(
    shared: House, serving: Serving, tmp_path_factory: pytest.TempPathFactory, seen: Callable[[str], None]
) -> None:
    version = bad.registered(shared, bad.sealed, seed=201)
    info = shared.registry.version(MODEL, version)
    assert info is not None
    shared.registry.set_tag(MODEL, version, "digest", "sha256:" + "3" * 64)
    try:
        start(shared, version)
    except ChangeRefused as refused:
        seen(f"the rollout is refused: “{str(refused)[:80]}”")
    else:
        serving.notify()
        until(lambda: serving.status()["problems"]["art_core5"]["secondary_failure"])
        seen("the agent refuses it by name")
    finally:
        shared.registry.set_tag(MODEL, version, "digest", info.digest)
    assert set(routed(serving).values()) == {CHAMPION}


@pytest.mark.fault(
    "a secondary whose artifact has gone", "refused by name, its share answered by the primary"
)
def test_a_secondary_without_files(
    shared: House, serving: Serving, request: pytest.FixtureRequest, seen: Callable[[str], None]
) -> None:
    root = request.getfixturevalue("three_versions") / "mlartifacts"
    known = set(root.rglob("bundle/model.onnx"))
    version = bad.registered(shared, bad.sealed, seed=202)
    (graph,) = set(root.rglob("bundle/model.onnx")) - known
    shutil.rmtree(graph.parent)
    start(shared, version)
    serving.notify()
    failures = until(lambda: status_of(serving)["secondary_failures"])
    assert failures["art_core5"]["version"] == version
    assert set(routed(serving).values()) == {CHAMPION}
    assert serving.ready()
    seen(f"“{failures['art_core5']['message'][:60]}”, version {CHAMPION} answers every key")


def status_of(serving: Serving) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads((serving.settings.run / "status.json").read_bytes())
    return document


@pytest.mark.fault("a secondary with another contract", "the rollout is refused before anything moves")
def test_a_foreign_contract(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    def spoil(folder: Any) -> str:
        path = folder / "contract.json"
        path.write_bytes(path.read_bytes().replace(b"vibrant", b"radiant"))
        return bad.seal(folder)

    version = bad.registered(shared, spoil, seed=203)
    with pytest.raises(ChangeRefused) as refused:
        start(shared, version)
    assert "contract" in str(refused.value)
    assert not state(shared).running
    assert set(routed(serving, 20).values()) == {CHAMPION}
    seen(f"“{str(refused.value)[:90]}”")


@pytest.mark.fault(
    "a secondary that fails at some inputs",
    "the primary answers them and says so; counted by slot, 0 errors for callers",
)
def test_a_moody_secondary(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    version = bad.registered(shared, bad.graphed(bad_graphs.moody), seed=204)
    start(shared, version)
    serving.notify()
    until(lambda: slots(serving) == [(CHAMPION, version)] * 2)
    healthy = routed(serving)
    assert set(healthy.values()) == {CHAMPION, version}
    before = serving.metric("artpulse_prediction_errors_total", 'slot="secondary"')
    sick = {key: ask(serving, key, hue_mean=0.999) for key in healthy}
    assert {status for status, _, _ in sick.values()} == {200}
    assert {(slot, body["version"]) for _, slot, body in sick.values()} == {("primary", CHAMPION)}
    share = sum(answering == version for answering in healthy.values())
    until(lambda: serving.metric("artpulse_prediction_errors_total", 'slot="secondary"') - before == share)
    assert routed(serving) == healthy
    seen("all 200 from the primary, counted for the secondary; healthy inputs still split")


@pytest.mark.fault(
    "a secondary that fails at every input", "the agent stops it at once; its version is rejected"
)
def test_a_failing_secondary_is_stopped(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    version = bad.registered(shared, bad.graphed(bad_graphs.moody), seed=205)
    start(shared, version, Plan(steps=(50.0, 100.0), soak_seconds=3600.0, max_label_shift=1.0))
    serving.notify()
    until(lambda: slots(serving) == [(CHAMPION, version)] * 2)
    answers = [ask(serving, f"key-{place}", hue_mean=0.999) for place in range(120)]
    assert {status for status, _, _ in answers} == {200}
    until(lambda: not state(shared).running, 60)
    until(lambda: slots(serving) == [(CHAMPION, None)] * 2, 30)
    assert state(shared).outcome == "failed"
    rows = changes.history(shared.db, MODEL)
    assert version in lineage.rejected(rows)
    assert rows[0].actor.startswith("agent")
    assert shared.aliases["champion"] == CHAMPION
    seen("stopped by the agent, rejected, champion and workers on version 2, all 200")


@pytest.mark.fault("workers and agent killed in a canary", "every key keeps its version, before and after")
def test_deaths_in_a_canary(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    start(shared, 3)
    serving.notify()
    until(lambda: slots(serving) == [(CHAMPION, 3)] * 2)
    before = routed(serving)
    assert set(before.values()) == {CHAMPION, 3}
    serving.agent().kill()
    assert routed(serving) == before
    for victim in sorted(serving.pids()):
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: victim not in serving.pids() and len(serving.pids()) == 2, 60)
    assert slots(serving) == [(CHAMPION, 3)] * 2
    assert routed(serving) == before
    until(lambda: serving.well(registry=True, database=True), 60)
    serving.notify()
    assert routed(serving) == before
    seen("60 of 60 keys on the same version, three times")


@pytest.mark.fault(
    "the database locked in a canary", "the split stays as it is; an abort is followed once it is free"
)
def test_a_locked_database_in_a_canary(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    start(shared, 3)
    serving.notify()
    until(lambda: slots(serving) == [(CHAMPION, 3)] * 2)
    before = routed(serving)
    holder = sqlite3.connect(shared.settings.home / "artpulse.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        until(lambda: serving.well(database=False), 40)
        assert routed(serving) == before
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    until(lambda: serving.well(database=True), 60)
    assert routed(serving) == before
    traffic.abort(shared.db, shared.registry, MODEL, actor="ann", reason="enough", now=now())
    until(lambda: slots(serving) == [(CHAMPION, None)] * 2, 60)
    assert set(routed(serving, 20).values()) == {CHAMPION}
    seen("60 of 60 keys as before; aborted once it was free")
