"""What is served, read from the bundle; each answer has the shape OpenAPI states."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import BaseModel

from artpulse_api import documents, prediction_documents
from artpulse_core import features
from artpulse_core.data.contract import Contract
from tests.api.asking import ROW
from tests.api.conftest import MakeApp
from tests.bundles import LABELS, picture


def _get(client: FlaskClient, path: str, model: type[BaseModel]) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200
    model.model_validate(answer.get_json())
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.mark.smoke
def test_metadata_tells_labels_feature_order_and_training_metrics(client: FlaskClient) -> None:
    body = _get(client, "/metadata", documents.Metadata)
    assert (body["problem"], body["version"], body["alias"]) == ("art_core5", 1, "champion")
    assert (body["labels"], body["features"]) == (list(LABELS), list(ROW))
    assert body["metrics"]["macro_f1"] == 0.5
    assert body["synthetic"] is True
    assert body["problems"] == ["art", "art_core5"]


def test_model_info_names_digest_provenance_and_release(client: FlaskClient) -> None:
    body = _get(client, "/model/info?problem=art", documents.ModelInfo)
    assert body["digest"].startswith("sha256:") and body["mlflow_model_uri"] == "models:/artpulse-art/1"
    assert body["features"] == list(features.get("rich").names)
    assert body["fingerprint"] == features.get("rich").fingerprint
    assert (body["release"], body["unaudited"], body["rollout_mode"]) == (1, False, "single")


def test_the_schema_is_the_contract_of_the_bundle(client: FlaskClient) -> None:
    body = _get(client, "/schema", documents.Schema)
    assert Contract.from_dict(body).digest == body["digest"]
    assert body["target"]["labels"] == list(LABELS)
    assert body["json_schema"]["required"] == list(ROW)


def test_models_lists_every_served_problem(client: FlaskClient) -> None:
    body = _get(client, "/models", documents.Models)
    assert [(row["problem"], row["slots"]["primary"]["version"]) for row in body["models"]] == [
        ("art", 1),
        ("art_core5", 1),
    ]


def test_predictions_and_probes_have_the_stated_shape(client: FlaskClient) -> None:
    _get(client, "/health", documents.Health)
    _get(client, "/ready", documents.Readiness)
    prediction_documents.Answer.model_validate(client.post("/predict", json=ROW).get_json())
    prediction_documents.Answer.model_validate(
        client.post("/predict?partial=1", json={"rows": [ROW, 1]}).get_json()
    )
    shown = client.post("/predict-image", data=picture(0), content_type="image/jpeg").get_json()
    prediction_documents.PictureAnswer.model_validate(shown)


def test_an_unknown_or_unserved_problem_is_refused(client: FlaskClient, make_app: MakeApp) -> None:
    assert client.get("/metadata?problem=nowhere").status_code == 404
    empty = make_app(load=False).test_client()
    assert [empty.get(path).status_code for path in ("/metadata", "/model/info", "/schema")] == [503] * 3
    assert empty.get("/models").get_json() == {"release": 0, "models": []}


def test_the_only_served_table_problem_stands_in_for_a_default_that_is_not_served(make_app: MakeApp) -> None:
    body = make_app(default_problem="art").test_client().post("/predict", json=ROW)
    assert body.status_code == 422  # the default is served and takes pictures
    assert make_app(default_problem="art").test_client().get("/metadata").get_json()["problem"] == "art"
