"""A secondary that cannot answer, or be loaded: the primary answers its share, and everybody is told."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from artpulse_api import serving
from artpulse_core.exchange import release as releases
from tests.api.asking import ROW, ask, events, fail, keys
from tests.api.conftest import MakeApp
from tests.api.test_metrics import samples
from tests.bundles import make_bundle, picture
from tests.releases import roll_out


def test_a_secondary_that_fails_is_answered_for_by_the_primary_and_leaves_a_line(
    make_app: MakeApp, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    roll_out(home / "run", (1, 2), "canary", 100)
    app = make_app()
    fail(app, "secondary")
    for _ in range(3):
        answer = ask(app, "key")
        body = answer.get_json()
        assert (answer.status_code, answer.headers["X-Rollout-Slot"]) == (200, "primary")
        assert (body["version"], body["rollout_route"], body["rollout_mode"]) == (1, "primary", "canary")
    failed, given = events(home)[:2]
    assert (failed["id"], given["id"]) == (f"{failed['request_id']}:0:secondary", f"{failed['request_id']}:0")
    assert (failed["slot"], failed["version"], failed["status"]) == ("secondary", 2, "error")
    assert (failed["output"], failed["warnings"]) == (None, ["model_failed"])
    assert (given["slot"], given["version"], given["status"]) == ("primary", 1, "ok")
    assert failed["content"] == given["content"] and failed["routing"] == given["routing"]
    key = "[('code', 'bundle_invalid'), ('problem', 'art_core5'), ('slot', 'secondary')]"
    assert samples(app.test_client())[f"artpulse_prediction_errors_total{key}"] == 3
    said = [record for record in caplog.records if "the primary answers for it" in record.message]
    assert len(said) == 1  # and not once a request


def test_a_picture_whose_features_the_secondary_cannot_take_is_answered_by_the_primary(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(home / "run", (1, 2), "canary", 100, problem="art")
    app = make_app()
    secondary = serving.of(app).live.current.problems["art"].service("secondary")

    features_of = secondary.predictor.features_of

    def broken(data: bytes) -> np.ndarray:
        features_of(data)
        raise RuntimeError("the weights are gone")

    monkeypatch.setattr(secondary.predictor, "features_of", broken)
    client = app.test_client()
    answer = client.post("/predict-image", data=picture(1), content_type="image/jpeg")
    assert (answer.status_code, answer.get_json()["version"]) == (200, 1)
    assert [line["slot"] for line in events(home)] == ["secondary", "primary"]
    refused = client.post("/predict-image", data=b"no picture", content_type="image/jpeg")
    assert refused.status_code == 422  # the caller's fault is no slot's
    assert len(events(home)) == 2


def test_the_primary_failing_is_a_500_with_its_line_also_after_the_secondary_failed(
    make_app: MakeApp, home: Path
) -> None:
    roll_out(home / "run", (1, 2), "canary", 50)
    app = make_app()
    fail(app, "primary", "secondary")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    (mine,), (other,) = keys(app, "primary"), keys(app, "secondary")
    assert ask(app, mine).status_code == 500
    assert ask(app, other, {"rows": [ROW, ROW]}).status_code == 500
    lines = [(line["id"].partition(":")[2], line["slot"], line["status"]) for line in events(home)]
    assert lines == [
        ("0", "primary", "error"),
        ("0:secondary", "secondary", "error"),
        ("1:secondary", "secondary", "error"),
        ("0", "primary", "error"),
        ("1", "primary", "error"),
    ]


def test_rows_the_contract_refuses_are_no_slots_fault(make_app: MakeApp, home: Path) -> None:
    roll_out(home / "run", (1, 2), "canary", 100)
    app = make_app()
    body = {"rows": [ROW, {**ROW, "edges": 7}]}
    answer = app.test_client().post("/predict?partial=1", json=body)
    assert answer.get_json()["rollout_route"] == "secondary"
    assert [(line["slot"], line["status"]) for line in events(home)] == [("secondary", "ok"), (None, "error")]


def _foreign_contract(folder: Path) -> str:
    return make_bundle(folder, seed=2, labels=("one", "two"))


def _wrong_golden(folder: Path) -> str:
    return make_bundle(folder, seed=2, spoil_golden=True)


def _another_problem(folder: Path) -> str:
    return make_bundle(folder, seed=2, problem="art")


@pytest.mark.parametrize(
    ("make", "reason"),
    [(_foreign_contract, "contract"), (_wrong_golden, "Golden"), (_another_problem, "made for art")],
)
def test_a_secondary_that_cannot_be_loaded_is_named_and_the_primary_answers_its_share(
    make_app: MakeApp, home: Path, caplog: pytest.LogCaptureFixture, make: Any, reason: str
) -> None:
    run = home / "run"
    item = roll_out(run, (1, 2), "canary", 100)
    path = run / "bundles/art_core5-2"
    shutil.rmtree(path)
    release = releases.read(run)
    assert release is not None and item.secondary is not None
    document = orjson.loads((run / releases.FILE).read_bytes())
    document["problems"]["art_core5"]["secondary"]["digest"] = make(path)
    (run / releases.FILE).write_bytes(orjson.dumps(document))
    app = make_app()
    live, client = serving.of(app).live, app.test_client()
    for _ in range(90):
        live.refresh()  # it is tried again
    answer = ask(app, "key")
    assert (answer.status_code, answer.get_json()["version"], answer.headers["X-Rollout-Slot"]) == (
        200,
        1,
        "primary",
    )
    assert [(line["slot"], line["version"], line["output"] is None) for line in events(home)] == [
        ("secondary", 2, True),
        ("primary", 1, False),
    ]
    ready = client.get("/ready")
    assert (ready.status_code, ready.get_json()["degraded"]) == (200, ["agent", "model:art_core5:secondary"])
    (worker,) = releases.read_workers(run)
    assert reason in worker.failures["art_core5:secondary"]
    assert (worker.problems["art_core5"]["version"], worker.problems["art_core5"]["secondary"]) == (1, None)
    found = samples(client)
    assert found["artpulse_model_load_failures_total[('problem', 'art_core5')]"] == 3
    said = [record for record in caplog.records if "was not loaded" in record.message]
    assert len(said) == 1
    roll_out(run, (1, 3), "canary", 100, sequence=3)
    live.refresh()
    assert ask(app, "key").get_json()["version"] == 3
    assert client.get("/ready").get_json()["degraded"] == ["agent"]


def test_a_primary_that_cannot_be_loaded_ends_the_rollout_of_the_old_one_in_this_worker(
    make_app: MakeApp, home: Path
) -> None:
    run = home / "run"
    roll_out(run, (1, 2), "canary", 100)
    app = make_app()
    assert ask(app, "key").get_json()["version"] == 2
    roll_out(run, (3, 4), "canary", 100, sequence=3)
    (run / "bundles/art_core5-3/model.onnx").write_bytes(b"")
    serving.of(app).live.refresh()
    body = ask(app, "key").get_json()
    assert (body["version"], body["rollout_mode"]) == (1, "single")
