"""Shadow answers: after the response, compared and counted, and never in anybody's way."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask

from artpulse_api import events as events_of_rows
from artpulse_api import serving, shadow
from artpulse_core.model.predictor import Prediction, Predictor
from tests.api.asking import ROW, events, fail
from tests.api.conftest import MakeApp
from tests.api.test_metrics import samples
from tests.bundles import picture
from tests.releases import roll_out
from tests.waiting import until

ROWS = [dict(zip(ROW, row, strict=True)) for row in np.random.default_rng(0).random((10, 5)).tolist()]


def ask(app: Flask, body: Any = ROW) -> Any:
    """Post rows as a server does: the response is closed when it has been sent."""
    with app.test_client().post("/predict", json=body) as answer:
        return answer


def count(app: Flask, name: str) -> float:
    return samples(app.test_client())[f"artpulse_shadow_{name}_total[('problem', 'art_core5')]"]


def lines(home: Path) -> list[dict[str, Any]]:
    return [line for line in events(home) if line["status"] == "shadow"]


@pytest.fixture
def app(make_app: MakeApp, home: Path) -> Flask:
    """The application with version 1 answering and version 4, which agrees on half of the rows, in its shadow."""
    roll_out(home / "run", (1, 4), "shadow")
    return make_app()


class Held:
    """A model that waits until it is let go."""

    def __init__(self, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        predictor = serving.of(app).live.current.problems["art_core5"].service("secondary").predictor
        self.go, self.busy = threading.Event(), threading.Event()
        predict = predictor.predict

        def wait(matrix: np.ndarray) -> Any:
            self.busy.set()
            assert self.go.wait(20)
            return predict(matrix)

        monkeypatch.setattr(predictor, "predict", wait)


@pytest.mark.smoke
def test_the_secondary_answers_after_the_primary_and_the_two_are_compared(app: Flask, home: Path) -> None:
    answer = ask(app, {"rows": ROWS})
    body = answer.get_json()
    assert (body["rollout_mode"], body["rollout_route"], body["version"]) == ("shadow", "primary", 1)
    assert answer.headers["X-Rollout-Slot"] == "primary"
    until(lambda: len(lines(home)) == len(ROWS))
    served = serving.of(app).live.current.problems["art_core5"]
    model = served.service("secondary").predictor
    said = model.predict(np.array([list(row.values()) for row in ROWS]))
    differ = 0
    for number, line in enumerate(lines(home)):
        label = model.labels[said.predictions[number]]
        assert line["id"] == f"{body['request_id']}:{number}:shadow"
        assert (line["slot"], line["version"], line["mode"], line["row"]) == (
            "secondary",
            4,
            "shadow",
            number,
        )
        assert line["output"]["label"] == label
        assert line["confidence"] == pytest.approx(said.probabilities[number].max())
        assert line["warnings"] == ([] if label == body["labels"][number] else ["disagrees"])
        assert 0 < line["latency_ms"] < 1000
        differ += label != body["labels"][number]
    assert 0 < differ < len(ROWS)  # the two models were made so; else the test shows nothing
    assert (count(app, "compared"), count(app, "disagreements"), count(app, "dropped")) == (
        len(ROWS),
        differ,
        0,
    )
    answered = [line for line in events(home) if line["status"] == "ok"]
    assert {line["slot"] for line in answered} == {"primary"} and len(answered) == len(ROWS)


def test_an_answer_does_not_wait_for_the_shadow_and_what_does_not_fit_is_dropped(
    app: Flask, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(app, monkeypatch)
    ask(app)
    held.busy.wait(5)
    begun = time.perf_counter()
    for _ in range(3):
        assert ask(app, {"rows": ROWS * 40}).status_code == 200  # 400 rows
    assert time.perf_counter() - begun < 5  # the shadow waits for up to twenty
    assert count(app, "dropped") == 400  # the third did not fit beside the other two
    assert lines(home) == []
    held.go.set()
    until(lambda: count(app, "compared") == 801)


def test_a_picture_is_kept_only_where_the_models_take_different_features(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(home / "run", (1, 2), "shadow", problem="art")
    app = make_app()
    kept: list[shadow.Job] = []
    monkeypatch.setattr(shadow.Shadow, "offer", lambda _, job: kept.append(job))
    data = picture(1, side=256)
    with app.test_client().post("/predict-image", data=data, content_type="image/jpeg"):
        pass
    secondary = serving.of(app).live.current.problems["art"].service("secondary")
    assert kept[0].work.size == 8 * len(secondary.predictor.bundle.manifest.feature_names)
    manifest = secondary.predictor.bundle.manifest
    object.__setattr__(manifest, "fingerprint", "another")
    with app.test_client().post("/predict-image", data=data, content_type="image/jpeg"):
        pass
    assert kept[1].work.size == len(data)
    assert kept[1].work.numbers(secondary).matrix.shape == kept[0].work.numbers(secondary).matrix.shape


def test_a_shadow_that_fails_is_a_line_and_no_answers_fault(
    app: Flask, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fail(app, "secondary")
    assert [ask(app).status_code for _ in range(3)] == [200] * 3
    until(lambda: len(lines(home)) == 3)
    for line in lines(home):
        assert (line["slot"], line["version"], line["output"]) == ("secondary", 4, None)
        assert line["warnings"] == ["model_failed"]
    assert count(app, "compared") == 0
    assert len([record for record in caplog.records if "in the shadow" in record.message]) == 1


def test_a_shadow_that_is_not_loaded_fails_every_row(make_app: MakeApp, home: Path) -> None:
    roll_out(home / "run", (1, 2), "shadow")
    (home / "run/bundles/art_core5-2/model.onnx").write_bytes(b"")
    app = make_app()
    assert ask(app, {"rows": ROWS}).status_code == 200
    until(lambda: len(lines(home)) == len(ROWS))
    assert {(line["version"], line["output"], line["fingerprint"]) for line in lines(home)} == {
        (2, None, None)
    }


def test_the_thread_outlives_what_nobody_planned_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(events_of_rows, "shadowed", lambda *_: 1 / 0)
        ask(app)
        until(lambda: "a shadow answer was lost" in caplog.text)
    ask(app)
    until(lambda: count(app, "compared") == 1)


def test_at_the_end_what_is_queued_is_dropped_and_counted(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(app, monkeypatch)
    for _ in range(4):
        ask(app)
    held.busy.wait(5)
    ender = threading.Thread(target=serving.of(app).shadow.stop)
    ender.start()
    until(lambda: count(app, "dropped") == 3)
    held.go.set()  # the one it is at is finished
    ender.join(5)
    assert not ender.is_alive() and count(app, "compared") == 1
    ask(app)
    assert count(app, "dropped") == 4


def test_the_shadow_of_a_request_is_the_one_of_its_snapshot(
    app: Flask, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(app, monkeypatch)
    ask(app)
    held.busy.wait(5)
    ask(app)
    roll_out(home / "run", (1, 3), "shadow", sequence=3)
    serving.of(app).live.refresh()
    held.go.set()
    ask(app)
    until(lambda: len(lines(home)) == 3)
    assert [line["version"] for line in lines(home)] == [4, 4, 3]


def test_other_modes_ask_no_shadow(make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    predict = Predictor.predict

    def counted(self: Predictor, matrix: np.ndarray) -> Prediction:
        asked.append(1)
        return predict(self, matrix)

    roll_out(home / "run", (1, 2), "canary", 0)
    app = make_app()
    monkeypatch.setattr(Predictor, "predict", counted)
    ask(app)
    assert asked == [1] and lines(home) == []


def test_a_job_waits_for_a_pause_between_requests_and_not_for_ever(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadow, "PATIENCE_SECONDS", 30.0)
    parts = serving.of(app)
    parts.shadow.request_began()
    ask(app)
    time.sleep(0.1)
    assert count(app, "compared") == 0
    parts.shadow.request_ended()
    until(lambda: count(app, "compared") == 1)
    monkeypatch.setattr(shadow, "PATIENCE_SECONDS", 0.01)
    parts.shadow.request_began()  # a worker that is never idle
    ask(app)
    until(lambda: count(app, "compared") == 2)
