"""The snapshot: swaps whole, keeps the old when the new fails, and reports what it serves."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from artpulse_api import live as live_module
from artpulse_api import serving
from artpulse_api.live import Live
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.files import write_whole
from tests.api.asking import ROW
from tests.api.conftest import MakeApp
from tests.bundles import make_bundle
from tests.releases import publish


@pytest.mark.smoke
def test_a_new_release_is_answered_without_a_restart_and_the_old_predictor_of_the_rest_is_kept(
    make_app: MakeApp, home: Path
) -> None:
    app = make_app()
    live, client = serving.of(app).live, app.test_client()
    art = live.current.problems["art"].primary.predictor
    before = client.post("/predict", json=ROW).get_json()
    publish(home / "run", {"art_core5": 2, "art": 1}, sequence=2)
    assert client.post("/predict", json=ROW).get_json()["version"] == 1  # nothing changes within a request
    assert live.refresh()
    after = client.post("/predict", json=ROW).get_json()
    assert (before["version"], after["version"]) == (1, 2)
    assert before["probabilities"] != after["probabilities"]
    assert live.current.problems["art"].primary.predictor is art


def test_a_release_that_was_seen_is_not_loaded_again(make_app: MakeApp) -> None:
    live = serving.of(make_app()).live
    assert not live.refresh()


def _break_digest(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"other bytes")


def _break_graph(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("harm", [_break_digest, _break_graph])
def test_a_bundle_that_cannot_be_loaded_leaves_the_old_model_answering_and_says_so(
    make_app: MakeApp, home: Path, harm: Callable[[Path], None]
) -> None:
    app = make_app()
    live, client = serving.of(app).live, app.test_client()
    publish(home / "run", {"art_core5": 2, "art": 1}, sequence=2)
    harm(home / "run/bundles/art_core5-2")
    live.refresh()
    assert client.post("/predict", json=ROW).get_json()["version"] == 1
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert "model:art_core5" in ready.get_json()["degraded"]
    assert ready.get_json()["problems"]["art_core5"] == {"ready": True, "version": 1, "released": 2}
    (worker,) = releases.read_workers(home / "run")
    assert worker.sequence == 2 and list(worker.failures) == ["art_core5"]
    assert worker.problems["art_core5"]["version"] == 1
    assert 'artpulse_model_load_failures_total{problem="art_core5"} 1.0' in client.get("/metrics").text


def test_wrong_golden_answers_and_another_problems_bundle_are_refused(make_app: MakeApp, home: Path) -> None:
    live = serving.of(make_app()).live
    run = home / "run"
    for number, problem in enumerate(("art_core5", "art"), start=2):
        folder = f"bundles/spoilt-{number}"
        digest = make_bundle(run / folder, problem=problem, seed=9, spoil_golden=problem == "art_core5")
        release = publish(run, {"art_core5": 1}, sequence=number)
        item = release.problems["art_core5"]
        slot = replace(item.primary, version=9, digest=digest, path=folder)
        releases.write(run, replace(release, problems={"art_core5": replace(item, primary=slot)}))
        live.refresh()
        assert live.current.problems["art_core5"].primary.slot.version == 1
        assert list(live.current.failures) == ["art_core5"]


def test_a_failed_load_is_tried_again_and_recovers(make_app: MakeApp, home: Path) -> None:
    live = serving.of(make_app()).live
    publish(home / "run", {"art_core5": 2}, sequence=2)
    model = home / "run/bundles/art_core5-2/model.onnx"
    good = model.read_bytes()
    model.write_bytes(b"")
    live.refresh()
    assert live.current.failures
    model.write_bytes(good)
    for _ in range(50):
        live.refresh()
    assert not live.current.failures
    assert live.current.problems["art_core5"].primary.slot.version == 2


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"format": 2}', b'{"format": 1, "problems": 3}'])
def test_a_release_document_that_cannot_be_read_changes_nothing(
    make_app: MakeApp, home: Path, text: bytes
) -> None:
    live = serving.of(make_app()).live
    before = live.current
    (home / "run" / releases.FILE).write_bytes(text)
    assert not live.refresh()
    (home / "run" / releases.FILE).unlink()
    assert not live.refresh()
    assert live.current is before


def test_a_problem_that_left_the_release_is_served_no_longer(make_app: MakeApp, home: Path) -> None:
    app = make_app()
    publish(home / "run", {"art_core5": 1}, sequence=2)
    serving.of(app).live.refresh()
    assert (
        app.test_client().post("/predict/art/image", data=b"x", content_type="image/png").status_code == 503
    )
    info = [
        line for line in app.test_client().get("/metrics").text.splitlines() if "artpulse_model_info{" in line
    ]
    assert {(("art_core5" in line), line[-3:]) for line in info} == {(True, "1.0"), (False, "0.0")}


def test_readers_see_one_whole_release_while_it_is_swapped(make_app: MakeApp, home: Path) -> None:
    live = serving.of(make_app()).live
    stop, mixed = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            snapshot = live.current
            if snapshot.problems["art_core5"].primary.slot.version != max(1, snapshot.sequence):
                mixed.append(snapshot)

    reader = threading.Thread(target=read)
    reader.start()
    for version in (2, 3, 4):
        publish(home / "run", {"art_core5": version}, sequence=version)
        live.refresh()
    stop.set()
    reader.join()
    assert not mixed


def test_the_watch_finds_a_release_by_itself_and_outlives_a_failure(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = serving.of(make_app(load=False)).live
    refresh, calls = Live.refresh, []

    def once_broken(self: Live) -> bool:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("once")
        return refresh(self)

    monkeypatch.setattr(Live, "refresh", once_broken)
    live.start()
    publish(home / "run", {"art_core5": 2}, sequence=2)
    until = time.monotonic() + 5
    while live.current.sequence != 2 and time.monotonic() < until:
        time.sleep(0.02)
    live.stop()
    assert live.current.sequence == 2 and len(calls) > 2


def test_what_the_agent_says_reaches_the_gauges_at_once(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "AGE_TICKS", 10_000)
    monkeypatch.setattr(live_module, "INTERVAL_SECONDS", 0.01)
    app = make_app(load=False)
    live = serving.of(app).live
    live.start()
    line = 'artpulse_champion_refused{problem="art"} 1.0'
    assert line not in app.test_client().get("/metrics").text
    said = {"at": datetime.now(UTC).isoformat(), "failures": {"art": {"version": 3}}}
    write_whole(home / "run/status.json", orjson.dumps(said))
    until = time.monotonic() + 5
    while line not in app.test_client().get("/metrics").text and time.monotonic() < until:
        time.sleep(0.02)
    live.stop()
    assert line in app.test_client().get("/metrics").text


def test_a_worker_whose_report_cannot_be_written_answers_and_reports_later(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_module, "INTERVAL_SECONDS", 0.01)
    (home / "run/workers").write_text("in the way")
    app = make_app(load=False)
    live = serving.of(app).live
    live.start()
    assert app.test_client().post("/predict", json=ROW).status_code == 200
    time.sleep(0.2)
    (home / "run/workers").unlink()
    until = time.monotonic() + 5
    while not releases.read_workers(home / "run") and time.monotonic() < until:
        time.sleep(0.02)
    live.stop()
    (report,) = releases.read_workers(home / "run")
    assert (report.pid, report.sequence) == (os.getpid(), live.current.sequence)
    assert caplog.text.count("report was not written") == 1


def test_readiness_names_what_is_away_and_leaks_nothing(make_app: MakeApp, home: Path) -> None:
    client = make_app(api_keys="secret-key").test_client()
    assert client.get("/ready").get_json()["degraded"] == ["agent"]
    now = datetime.now(UTC)
    part = {"ok": True, "at": now.isoformat(), "message": "/secret/path"}
    said = {"registry": {**part, "ok": False}, "database": part, "at": now.isoformat()}
    for seconds, degraded in (
        (40, ["agent"]),
        (0, ["registry"]),
    ):  # what a silent agent said last does not count
        said["at"] = (now - timedelta(seconds=seconds)).isoformat()
        (home / "run/status.json").write_bytes(orjson.dumps(said))
        assert client.get("/ready").get_json()["degraded"] == degraded
    body = client.get("/ready").get_json()
    assert (body["status"], body["degraded"]) == ("ready", ["registry"])
    assert body["model_registry"] == {"enabled": True}
    assert set(body["problems"]) == {"art_core5", "art"}
    for text in (client.get("/ready").text, client.get("/health").text):
        assert str(home) not in text and "secret" not in text and "bundles" not in text


def test_readiness_is_503_without_a_release_and_while_a_problem_is_missing(
    make_app: MakeApp, home: Path
) -> None:
    empty = make_app(load=False).test_client()
    assert (empty.get("/health").status_code, empty.get("/ready").status_code) == (200, 503)
    now = datetime.now(UTC).isoformat()
    away = {"registry": {"ok": False, "at": now, "message": "/secret/path"}, "at": now}
    (home / "run/status.json").write_bytes(orjson.dumps(away))
    refused = empty.get("/ready").get_json()
    assert refused["detail"] == "There is no release to serve yet. Away: registry."
    assert [issue["pointer"] for issue in refused["errors"]] == ["/degraded/registry"]
    (home / "run/status.json").write_bytes(orjson.dumps({"at": now}))
    _break_digest(home / "run/bundles/art-1")
    answer = make_app().test_client().get("/ready")
    assert answer.status_code == 503
    assert [issue["pointer"] for issue in answer.get_json()["errors"]] == ["/problems/art"]
