"""One event line a row, exactly as the store reads it; and never at the cost of an answer."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.test import TestResponse

from artpulse_core.exchange import spool
from tests.api.asking import ROW, VALUES, events
from tests.api.conftest import MakeApp

COMMON = {
    "at",
    "request_id",
    "problem",
    "model",
    "version",
    "digest",
    "slot",
    "mode",
    "latency_ms",
    "routing",
    "caller",
}
FIELDS = COMMON | {
    "id",
    "row",
    "status",
    "content",
    "fingerprint",
    "features",
    "output",
    "confidence",
    "warnings",
}


@pytest.mark.smoke
def test_each_row_leaves_one_line_with_what_was_asked_and_answered(make_app: MakeApp, home: Path) -> None:
    rows = [ROW, {**ROW, "val_mean": 0.99}]
    body = make_app().test_client().post("/predict", json={"rows": rows}).get_json()
    lines = events(home)
    assert [set(line) for line in lines] == [FIELDS, FIELDS]
    first, second = lines
    assert [line["id"] for line in lines] == [f"{body['request_id']}:0", f"{body['request_id']}:1"]
    assert first["features"] == pytest.approx(ROW, rel=1e-6)
    assert first["output"] == {"label": body["labels"][0], "probabilities": body["probabilities"][0]}
    assert first["confidence"] == max(body["probabilities"][0].values())
    assert first["content"] == hashlib.sha256(np.array(VALUES).tobytes()).hexdigest()
    assert first["content"] != second["content"]
    assert (first["status"], first["slot"], first["mode"], first["version"]) == ("ok", "primary", "single", 1)
    assert 0 < first["latency_ms"] < 10_000
    assert (first["warnings"], len(second["warnings"])) == ([], 1)


def test_the_spool_reader_takes_the_lines_as_they_are(make_app: MakeApp, home: Path) -> None:
    client = make_app().test_client()
    for _ in range(3):
        client.post("/predict", json=ROW)
    (batch,) = spool.read(home / "run/spool")
    assert (len(batch.lines), batch.bad) == (3, 0)


def test_refused_requests_leave_no_line(make_app: MakeApp, home: Path) -> None:
    client = make_app().test_client()
    client.post("/predict", json={})
    client.post("/predict-image", data=b"x", content_type="image/png")
    client.get("/metadata")
    assert events(home) == []


def test_features_can_be_left_out(make_app: MakeApp, home: Path) -> None:
    make_app(events_features=False).test_client().post("/predict", json=ROW)
    assert events(home)[0]["features"] is None


def test_one_routing_key_has_one_hash_and_without_one_the_content_decides(
    make_app: MakeApp, home: Path
) -> None:
    client = make_app().test_client()

    def ask(row: dict[str, Any], **headers: str) -> TestResponse:
        return client.post("/predict", json=row, headers=headers)

    other = {**ROW, "edges": 0.9}
    for row, headers in (
        (ROW, {}),
        (ROW, {}),
        (other, {}),
        (ROW, {"X-Routing-Key": "me"}),
        (other, {"X-Routing-Key": "me"}),
    ):
        assert ask(row, **headers).status_code == 200
    routing = [event["routing"] for event in events(home)]
    assert routing[0] == routing[1] != routing[2]
    assert routing[3] == routing[4] not in routing[:3]
    assert {len(item) for item in routing} == {16}


def test_a_line_that_cannot_be_written_is_counted_and_the_answer_is_given(
    make_app: MakeApp, home: Path
) -> None:
    (home / "run/spool").write_text("a file where the folder should be")
    client = make_app().test_client()
    assert client.post("/predict", json={"rows": [ROW, ROW]}).status_code == 200
    assert "artpulse_events_dropped_total 2.0" in client.get("/metrics").text


def test_a_line_cut_off_by_a_full_disk_costs_no_other_line(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_app().test_client()
    first = client.post("/predict", json=ROW).get_json()["request_id"]
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
    assert client.post("/predict", json=ROW).status_code == 200
    monkeypatch.undo()
    third = client.post("/predict", json=ROW).get_json()["request_id"]
    lines = [line for batch in spool.read(home / "run/spool") for line in batch.lines]
    assert {line["request_id"] for line in lines} == {first, third}
    assert "artpulse_events_dropped_total 1.0" in client.get("/metrics").text


def test_a_full_disk_is_counted_and_the_answer_is_given(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: spool.SpoolWriter, lines: bytes) -> None:
        raise OSError(28, "No space left on device")

    client = make_app().test_client()
    monkeypatch.setattr(spool.SpoolWriter, "append", full)
    assert client.post("/predict", json=ROW).status_code == 200
    monkeypatch.undo()
    assert client.post("/predict", json=ROW).status_code == 200
    assert "artpulse_events_dropped_total 1.0" in client.get("/metrics").text
    assert len(events(home)) == 1


def test_a_spool_at_its_cap_costs_lines_and_no_answers_until_some_were_stored(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("artpulse_api.events.SpoolWriter", partial(spool.SpoolWriter, cap_bytes=3000))
    monkeypatch.setattr(spool, "LOOK_SECONDS", 0.0)
    client = make_app().test_client()
    assert [client.post("/predict", json=ROW).status_code for _ in range(20)] == [200] * 20
    stored = len(events(home))
    assert 1 <= stored < 20
    assert f"artpulse_events_dropped_total {20 - stored}.0" in client.get("/metrics").text
    assert len([record for record in caplog.records if "were not written" in record.message]) == 1
    for batch in spool.read(home / "run/spool"):
        spool.acknowledge(home / "run/spool", batch)
    assert client.post("/predict", json=ROW).status_code == 200
    assert len(events(home)) == stored + 1
