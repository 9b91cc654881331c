"""``?explain``: the reasons join the answer of who answered, add up, and leave no trace in events."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from artpulse_api import prediction_documents, serving
from artpulse_api.app import create_app
from artpulse_core import settings
from artpulse_core.model import reasons
from artpulse_core.model.palette import palette
from artpulse_core.model.predictor import Predictor
from tests.api.asking import ROW, ask, events, fail, keys
from tests.bundles import make_bundle, make_table_bundle, picture
from tests.releases import publish, roll_out
from tests.tables import DOOR, PATIENT, TEXTS
from tests.waiting import until

MakeApp = Callable[..., Flask]
JPEG = picture(3)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two problems of tables and two of pictures released, made once; copy it."""
    home = tmp_path_factory.mktemp("explained")
    publish(home / "run", {"doors": 1, "patients": 1, "art_core5": 1, "art": 1})
    (home / "problems").mkdir()
    for name, text in TEXTS.items():
        (home / "problems" / f"{name}.toml").write_text(text, encoding="utf-8")
    return home


@pytest.fixture
def place(tmp_path: Path, published: Path) -> Path:
    """A copy of that home."""
    shutil.copytree(published, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def make(place: Path) -> Iterator[MakeApp]:
    """The application on it."""
    made: list[Flask] = []

    def build() -> Flask:
        names = ("doors", "patients", "art_core5", "art")
        app = create_app(settings.load({}, home=place, problems=names, default_problem="art_core5"))
        serving.of(app).live.refresh()
        made.append(app)
        return app

    yield build
    for app in made:
        serving.of(app).shadow.stop()


@pytest.fixture
def client(make: MakeApp) -> FlaskClient:
    """A client of it."""
    return make().test_client()


def told(client: FlaskClient, problem: str, body: Any) -> dict[str, Any]:
    answer = client.post(f"/predict/{problem}?explain=1", json=body)
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    prediction_documents.Answer.model_validate(found, strict=True)
    return found


def whole(explanation: dict[str, Any]) -> float:
    parts = [item["contribution"] for item in explanation["contributions"]]
    return float(explanation["reference"] + sum(parts) + explanation["rest"])


@pytest.mark.smoke
def test_a_value_is_taken_apart_by_field_and_its_nearest_rows_are_named(client: FlaskClient) -> None:
    body = told(client, "doors", DOOR)
    (explanation,) = body["explanations"]
    assert (explanation["quantity"], explanation["label"], explanation["method"]) == ("value", None, "exact")
    assert explanation["answer"] == pytest.approx(body["values"][0], rel=1e-6)
    assert whole(explanation) == pytest.approx(body["values"][0], rel=1e-6)
    said = {item["name"]: item["value"] for item in explanation["contributions"]}
    assert said == DOOR
    (near,) = body["neighbours"]
    assert len(near) == reasons.LIKE
    assert [item["distance"] for item in near] == sorted(item["distance"] for item in near)
    assert near[0]["id"].startswith("line ") and near[0]["value"] > 0 and "label" not in near[0]


def test_the_positive_label_is_explained_also_where_the_other_is_answered(client: FlaskClient) -> None:
    rows = [{**PATIENT, "pulse": pulse} for pulse in (40, 120)]
    body = told(client, "patients", {"rows": rows})
    assert set(body["labels"]) == {"ill", "well"}
    for explanation, probability in zip(body["explanations"], body["probabilities"], strict=True):
        assert (explanation["quantity"], explanation["label"]) == ("probability", "ill")
        assert explanation["answer"] == pytest.approx(probability)
        assert whole(explanation) == pytest.approx(probability)
    assert body["neighbours"][0][0]["label"] in ("ill", "well")


def test_a_linear_model_is_explained_exactly_by_its_weights(make: MakeApp, place: Path) -> None:
    for name in ("doors", "patients"):
        shutil.rmtree(place / "run" / "bundles" / f"{name}-1")
        make_table_bundle(place / "run" / "bundles" / f"{name}-1", name, weights_told=True)
    publish(place / "run", {"doors": 1, "patients": 1}, sequence=2)
    client = make().test_client()
    doors = [DOOR, {**DOOR, "colour": None, "width": 1.3}, {**DOOR, "age (years)": None}]
    explanations = told(client, "doors", {"rows": doors})["explanations"]
    assert {item["method"] for item in explanations} == {"linear"}
    assert np.ptp([item["reference"] for item in explanations]) < 1e-4
    patients = told(client, "patients", {"rows": [PATIENT, {**PATIENT, "pulse": 60}]})
    references = []
    for item, p in zip(patients["explanations"], patients["probabilities"], strict=True):
        assert (item["quantity"], item["label"]) == ("log_odds", "ill")
        assert item["answer"] == pytest.approx(np.log(p / (1 - p)))
        references.append(item["reference"])
    assert references[0] == pytest.approx(references[1], abs=1e-4)


def test_a_refused_row_has_no_reasons_in_its_place(client: FlaskClient) -> None:
    rows = {"rows": [DOOR, {**DOOR, "width": 99}, DOOR]}
    body = client.post("/predict/doors?explain=1&partial=1", json=rows).get_json()
    assert [item is None for item in body["explanations"]] == [False, True, False]
    assert [item is None for item in body["neighbours"]] == [False, True, False]
    prediction_documents.Answer.model_validate(body, strict=True)


def test_more_than_twenty_rows_are_refused_before_a_model_is_asked(client: FlaskClient, place: Path) -> None:
    assert len(told(client, "doors", {"rows": [DOOR] * 20})["explanations"]) == 20
    before = len(events(place))
    refused = client.post("/predict/doors?explain=1", json={"rows": [DOOR] * 21})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "explain_too_many_rows")
    assert "At most 20 rows" in refused.get_json()["detail"]
    assert len(events(place)) == before
    assert client.post("/predict/doors", json={"rows": [DOOR] * 21}).status_code == 200


def test_a_picture_has_its_palette_the_nearest_pictures_and_blocks_of_features(client: FlaskClient) -> None:
    body = client.post("/predict/art/image?explain=1", data=JPEG, content_type="image/jpeg").get_json()
    prediction_documents.PictureAnswer.model_validate(body, strict=True)
    assert {item["name"] for item in body["explanation"]["contributions"]} <= {
        "colour", "texture", "detail", "layout", "other numbers",
    }  # fmt: skip
    assert body["explanation"]["label"] == body["label"]
    assert whole(body["explanation"]) == pytest.approx(body["confidence"])
    assert body["palette"] == palette(JPEG)
    assert sum(item["share"] for item in body["palette"]) == pytest.approx(1)
    assert body["neighbours"][0]["id"].endswith(".jpg") and len(body["neighbours"][0]["digest"]) == 64
    assert "regions" not in body


def test_regions_are_looked_at_where_they_are_asked_for(client: FlaskClient) -> None:
    body = client.post("/predict-image?explain=regions", data=JPEG, content_type="image/jpeg").get_json()
    prediction_documents.PictureAnswer.model_validate(body, strict=True)
    assert (body["regions"]["grid"], body["regions"]["runs"]) == (4, 17)
    assert body["regions"]["label"] == body["label"]
    assert body["regions"]["answer"] == pytest.approx(body["confidence"], abs=1e-6)


def test_the_five_features_of_a_picture_are_its_fields(client: FlaskClient) -> None:
    sent = client.post("/predict/art_core5/image?explain=true", data=JPEG, content_type="image/jpeg")
    named = {item["name"]: item["value"] for item in sent.get_json()["explanation"]["contributions"]}
    assert named == pytest.approx(sent.get_json()["features"])


def test_a_network_s_numbers_mean_nothing_to_people(make: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reasons, "blocks", lambda _: {})
    body = make().test_client().post("/predict/art/image?explain=1", data=JPEG, content_type="image/jpeg")
    assert body.get_json()["explanation"] is None
    assert body.get_json()["neighbours"] and body.get_json()["palette"]
    prediction_documents.PictureAnswer.model_validate(body.get_json(), strict=True)


def test_without_the_query_nothing_is_looked_for(
    client: FlaskClient, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(reasons, "of_row")
    for address in ("/predict/doors", "/predict/doors?explain=0", "/predict/doors?explain="):
        body = client.post(address, json=DOOR).get_json()
        assert not {"explanations", "neighbours", "explanation"} & set(body)
    plain = client.post("/predict-image", data=JPEG, content_type="image/jpeg").get_json()
    assert not {"explanation", "neighbours", "palette", "regions"} & set(plain)


def test_event_lines_know_nothing_of_reasons_nor_their_time(
    client: FlaskClient, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reasons.of_row

    def slowly(predictor: Predictor, row: np.ndarray) -> dict[str, Any]:
        time.sleep(0.3)
        return real(predictor, row)

    monkeypatch.setattr(reasons, "of_row", slowly)
    client.post("/predict/doors", json=DOOR)
    told(client, "doors", DOOR)
    plain, explained = events(place)
    assert set(plain) == set(explained)
    assert plain["output"] == explained["output"]
    assert explained["latency_ms"] < 300


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/predict/doors?explain=2", "1 or 0"),
        ("/predict/doors?explain=regions", "1 or 0"),
        ("/predict-image?explain=yes", "1, 0 or regions"),
    ],
)
def test_another_word_is_refused(client: FlaskClient, address: str, says: str) -> None:
    answer = client.post(address, json=DOOR)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "query_invalid")
    assert says in answer.get_json()["detail"]


def test_an_older_bundle_says_that_it_cannot_explain_and_answers_on(make: MakeApp, place: Path) -> None:
    folder = place / "run" / "bundles" / "art_core5-1"
    shutil.rmtree(folder)
    make_bundle(folder, problem="art_core5", seed=1, reasons=False)
    publish(place / "run", {"art_core5": 1}, sequence=2)
    client = make().test_client()
    for address in ("/predict?explain=1", "/predict/art_core5/image?explain=1"):
        sent = (
            client.post(address, json=ROW)
            if "image" not in address
            else client.post(address, data=JPEG, content_type="image/jpeg")
        )
        assert (sent.status_code, sent.get_json()["code"]) == (422, "explain_unavailable")
        assert "train it again" in sent.get_json()["detail"]
    assert events(place) == []
    assert client.post("/predict", json=ROW).status_code == 200


def test_the_model_that_answers_is_the_one_that_explains(make: MakeApp, place: Path) -> None:
    roll_out(place / "run", (1, 2), "canary", 50)
    app = make()
    for slot in ("primary", "secondary"):
        body = explained(app, keys(app, slot)[0])
        assert body["rollout_route"] == slot
        probabilities = body["probabilities"][0]
        assert body["explanations"][0]["answer"] == pytest.approx(probabilities[body["labels"][0]])


def test_a_secondary_that_cannot_explain_is_answered_for_by_the_primary(
    make: MakeApp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(place / "run", (1, 2), "canary", 50)
    app = make()
    secondary = serving.of(app).live.current.problems["art_core5"].service("secondary").predictor

    def fails(_: np.ndarray) -> Any:
        raise RuntimeError("of a model")

    monkeypatch.setattr(secondary, "mixtures", fails)
    body = explained(app, keys(app, "secondary")[0])
    assert body["rollout_route"] == "primary"
    assert [line["slot"] for line in events(place)] == ["secondary", "primary"]
    fail(app, "primary", "secondary")
    assert ask(app, "x").status_code == 500


def explained(app: Flask, key: str) -> dict[str, Any]:
    answer = app.test_client().post("/predict?explain=1", json=ROW, headers={"X-Routing-Key": key})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    answer.close()  # a shadow is asked when the answer has left
    return found


def test_a_shadow_is_asked_for_its_answer_alone(
    make: MakeApp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(place / "run", (1, 2), "shadow")
    app = make()
    asked: list[Predictor] = []
    real = reasons.of_row

    def counted(predictor: Predictor, row: np.ndarray) -> dict[str, Any]:
        asked.append(predictor)
        return real(predictor, row)

    monkeypatch.setattr(reasons, "of_row", counted)
    explained(app, "x")
    until(lambda: any(line["status"] == "shadow" for line in events(place)))
    assert asked == [serving.of(app).live.current.problems["art_core5"].primary.predictor]


def test_the_document_says_what_may_be_asked(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    for path, words in {
        "/predict": ["0", "1"],
        "/predict/{problem}": ["0", "1"],
        "/predict-image": ["0", "1", "regions"],
        "/predict/{problem}/image": ["0", "1", "regions"],
    }.items():
        stated = {item["name"]: item for item in paths[path]["post"]["parameters"]}
        assert stated["explain"]["schema"]["enum"] == words
