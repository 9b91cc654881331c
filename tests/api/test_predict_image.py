"""Pictures: three ways to send one, one answer, and refusals by reason code."""

from __future__ import annotations

import base64
import hashlib
import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from artpulse_core import features
from tests.api.asking import events
from tests.bundles import picture

JPEG = picture(3)
BASE64 = base64.b64encode(JPEG).decode()


@pytest.mark.smoke
def test_the_image_problem_answers_and_shows_the_five_features_of_the_graph(client: FlaskClient) -> None:
    answer = client.post("/predict-image", data=JPEG, content_type="image/jpeg")
    body = answer.get_json()
    assert (answer.status_code, body["problem"], body["label"]) == (200, "art", body["labels"][0])
    assert body["features"] == pytest.approx(features.extract(JPEG, "core5"), abs=1e-9)
    assert sum(body["probabilities"][0].values()) == pytest.approx(1)


def test_every_way_of_sending_a_picture_has_the_same_answer(client: FlaskClient) -> None:
    def form(name: str) -> dict[str, tuple[io.BytesIO, str]]:
        return {name: (io.BytesIO(JPEG), "p.jpg")}

    answers = [
        client.post("/predict-image", data=JPEG, content_type="application/octet-stream"),
        client.post("/predict-image", json={"image_base64": BASE64}),
        client.post("/predict-image", json={"image_base64": f"data:image/jpeg;base64,{BASE64}"}),
        client.post("/predict-image", data=form("file")),
        client.post("/predict-image", data=form("image")),
        client.post("/predict/art/image", data=JPEG, content_type="image/png"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({str(answer.get_json()["probabilities"]) for answer in answers}) == 1


def test_a_table_problem_answers_pictures_as_it_answers_their_features(client: FlaskClient) -> None:
    seen = client.post("/predict/art_core5/image", data=JPEG, content_type="image/jpeg").get_json()
    told = client.post("/predict/art_core5", json=seen["features"]).get_json()
    assert seen["probabilities"] == told["probabilities"]


def test_the_event_of_a_picture_holds_its_hash_and_numbers_and_no_byte_of_it(
    client: FlaskClient, home: Path
) -> None:
    client.post("/predict-image", json={"image_base64": BASE64})
    (event,) = events(home)
    rich = features.extract(JPEG, "rich")
    assert event["content"] == hashlib.sha256(JPEG).hexdigest()
    assert event["features"] == pytest.approx(rich, rel=1e-6, abs=1e-9)
    assert BASE64[:40] not in str(event)


def _png(width: int, height: int, alpha: int = 255) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA", (width, height), (9, 9, 9, alpha)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty_file"),
        (b"hello", "not_an_image"),
        (JPEG[:-200], "truncated"),
        (_png(15, 40), "side_too_short"),
        (_png(40, 40, 0), "fully_transparent"),
    ],
)
def test_a_refused_picture_names_its_reason_and_its_place(
    client: FlaskClient, data: bytes, reason: str
) -> None:
    raw = client.post("/predict-image", data=data, content_type="image/png")
    sent = client.post("/predict-image", json={"image_base64": base64.b64encode(data).decode()})
    file = client.post("/predict-image", data={"file": (io.BytesIO(data), "x.png")})
    for answer, pointer in ((raw, ""), (sent, "/image_base64"), (file, "/file")):
        (issue,) = answer.get_json()["errors"]
        assert (answer.status_code, issue["code"], issue["pointer"]) == (422, reason, pointer)


def test_a_picture_above_ten_megabytes_is_refused_by_its_reason(client: FlaskClient) -> None:
    data = JPEG[:3] + b"\0" * (10 * 1024 * 1024)
    answer = client.post("/predict-image", data=data, content_type="image/jpeg")
    assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "file_too_large")


def test_a_picture_under_a_wrong_name_is_answered_with_a_warning(client: FlaskClient) -> None:
    body = client.post("/predict-image", data={"file": (io.BytesIO(JPEG), "style.PNG")}).get_json()
    assert body["warnings"] == ["The file is called like a PNG picture and holds a JPEG one."]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/image_base64", "missing"),
        ({"image_base64": 5}, "/image_base64", "string_type"),
        ({"image_base64": "%%%"}, "/image_base64", "base64_invalid"),
        ({"image_base64": BASE64, "url": "http://elsewhere"}, "/url", "extra_forbidden"),
        ([], "", "object_type"),
    ],
)
def test_a_json_body_without_a_picture_is_refused_by_place(
    client: FlaskClient, body: object, pointer: str, code: str
) -> None:
    answer = client.post("/predict-image", json=body)
    (issue,) = answer.get_json()["errors"]
    assert (answer.status_code, issue["pointer"], issue["code"]) == (422, pointer, code)


def test_a_form_without_exactly_one_file_is_refused(client: FlaskClient) -> None:
    two = {"file": (io.BytesIO(JPEG), "a.jpg"), "image": (io.BytesIO(JPEG), "b.jpg")}
    for data in (two, {"other": (io.BytesIO(JPEG), "a.jpg")}, {"file": "text"}):
        answer = client.post("/predict-image", data=data, content_type="multipart/form-data")
        assert (answer.status_code, answer.get_json()["errors"][0]["code"]) == (422, "missing")


def test_other_content_types_and_bodies_above_fifteen_megabytes_are_refused(client: FlaskClient) -> None:
    assert client.post("/predict-image", data=b"x", content_type="text/html").status_code == 415
    large = client.post("/predict-image", data=b"x" * (15 * 1024 * 1024 + 1), content_type="image/jpeg")
    assert large.status_code == 413


def test_pictures_of_an_unknown_problem_are_404(client: FlaskClient) -> None:
    assert client.post("/predict/nowhere/image", data=JPEG, content_type="image/jpeg").status_code == 404
