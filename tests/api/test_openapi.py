"""The OpenAPI document: says what the server does, no more and no less, with examples that work."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from artpulse_api.openapi_bodies import example_picture
from artpulse_api.views import ENDPOINTS
from tests.api.conftest import MakeApp


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    """The served document."""
    found: dict[str, Any] = client.get("/openapi.json").get_json()
    return found


@pytest.mark.smoke
def test_every_documented_route_is_there_and_every_route_in_it_is_registered(
    make_app: MakeApp, document: dict[str, Any]
) -> None:
    stated = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    declared = {(item.method, re.sub("<(.+?)>", r"{\1}", item.rule)) for item in ENDPOINTS if item.documented}
    registered = {
        (method, re.sub("<(.+?)>", r"{\1}", rule.rule))
        for rule in make_app().url_map.iter_rules()
        for method in rule.methods or ()
    }
    assert document["openapi"] == "3.1.0"
    assert stated == declared
    assert stated <= registered


def test_every_reference_leads_somewhere_and_every_schema_is_used(document: dict[str, Any]) -> None:
    text = str(document)
    used = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert used == set(document["components"]["schemas"])


def test_operations_have_unique_ids_and_say_who_may_ask(document: dict[str, Any]) -> None:
    operations = [item for path in document["paths"].values() for item in path.values()]
    assert len({item["operationId"] for item in operations}) == len(operations)
    assert document["paths"]["/predict"]["post"]["security"] == [{"key": []}, {"bearer": []}, {}]
    assert "security" not in document["paths"]["/health"]["get"]


def test_with_keys_a_key_is_needed(make_app: MakeApp) -> None:
    found = make_app(api_keys="k").test_client().get("/openapi.json").get_json()
    assert found["paths"]["/predict"]["post"]["security"] == [{"key": []}, {"bearer": []}]


def test_the_contract_in_service_is_the_schema_of_a_row(document: dict[str, Any]) -> None:
    row = document["components"]["schemas"]["ArtCore5Row"]
    assert row["properties"]["sat_mean"]["maximum"] == 1.0
    assert row["additionalProperties"] is False


@pytest.mark.parametrize("path", ["/predict", "/predict/{problem}"])
def test_the_row_examples_are_answered(client: FlaskClient, document: dict[str, Any], path: str) -> None:
    examples = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == {"one row", "rows", "instances", "records"}
    for example in examples.values():
        assert client.post(path.replace("{problem}", "art_core5"), json=example["value"]).status_code == 200


def test_the_picture_example_is_answered_in_every_stated_form(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    content = document["paths"]["/predict-image"]["post"]["requestBody"]["content"]
    assert client.post("/predict-image", json=content["application/json"]["example"]).status_code == 200
    data = example_picture()
    assert base64.b64decode(content["application/json"]["example"]["image_base64"]) == data
    for kind in set(content) - {"application/json", "multipart/form-data"}:
        assert client.post("/predict-image", data=data, content_type=kind).status_code == 200
    assert client.post("/predict-image", data={"file": (io.BytesIO(data), "x.png")}).status_code == 200


def test_without_a_release_the_document_still_stands(make_app: MakeApp) -> None:
    found = make_app(load=False).test_client().get("/openapi.json")
    assert found.status_code == 200
    assert "/predict" in found.get_json()["paths"]


def test_the_page_needs_no_other_host_and_no_inline_script(client: FlaskClient) -> None:
    page = client.get("/docs")
    assert "<title>ArtPulse API</title>" in page.text
    assert "http" not in re.sub("<!doctype.*?>", "", page.text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page.text)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        found = client.get("/" + address)
        assert found.status_code == 200 and found.data


def test_what_may_be_asked_for_beside_an_answer_is_stated(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    rows, pictures = ["0", "1"], ["0", "1", "regions"]
    for path, words in (
        ("/predict", rows), ("/predict/{problem}", rows),
        ("/predict-image", pictures), ("/predict/{problem}/image", pictures),
    ):  # fmt: skip
        stated = {item["name"]: item for item in paths[path]["post"]["parameters"]}
        assert stated["explain"]["schema"]["enum"] == words
