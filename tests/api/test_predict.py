"""POST /predict: four forms of rows, partial answers, strict bodies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from tests.api.asking import ROW, VALUES, events, pointers
from tests.api.conftest import MakeApp


@pytest.mark.smoke
def test_a_flat_row_gets_the_answer_the_released_model_gives(client: FlaskClient, home: Path) -> None:
    answer = client.post("/predict", json=ROW)
    assert answer.status_code == 200
    body = answer.get_json()
    model = Predictor(bundle.load(home / "run/bundles/art_core5-1"))
    wanted = model.predict(np.array([VALUES]))
    assert body["predictions"] == wanted.predictions.tolist()
    assert body["labels"] == [model.labels[wanted.predictions[0]]] == [body["label"]]
    assert list(body["probabilities"][0].values()) == pytest.approx(
        wanted.probabilities[0].tolist(), abs=1e-9
    )
    assert list(body["probabilities"][0]) == list(model.labels)
    assert body["confidence"] == max(body["probabilities"][0].values())
    assert {name: body[name] for name in ("problem", "model", "version", "mlflow_model_uri", "warnings")} == {
        "problem": "art_core5",
        "model": "artpulse-classifier",
        "version": 1,
        "mlflow_model_uri": "models:/artpulse-classifier/1",
        "warnings": [],
    }
    assert (body["rollout_mode"], body["rollout_route"], body["synthetic"]) == ("single", "primary", True)
    assert answer.headers["X-Request-ID"] == body["request_id"]
    assert (answer.headers["X-Model-Version"], answer.headers["X-Rollout-Slot"]) == ("1", "primary")


@pytest.mark.parametrize(
    "body",
    [
        {"rows": [ROW]},
        {"instances": [ROW]},
        {"instances": [VALUES]},
        {"records": [{"values": VALUES}]},
        {"rows": [dict(reversed(ROW.items()))]},
    ],
)
def test_every_form_of_one_row_has_the_same_answer_and_no_singular_keys(
    client: FlaskClient, body: Any
) -> None:
    flat = client.post("/predict", json=ROW).get_json()
    listed = client.post("/predict", json=body).get_json()
    assert listed["probabilities"] == flat["probabilities"]
    assert set(flat) - set(listed) == {"label", "confidence", "model_version", "timestamp"}


def test_a_named_problem_answers_at_its_own_address(client: FlaskClient) -> None:
    assert client.post("/predict/art_core5", json=ROW).get_json()["problem"] == "art_core5"


def test_a_thousand_rows_are_answered_in_order_and_one_more_is_refused(client: FlaskClient) -> None:
    rows = [{**ROW, "hue_mean": number / 1000} for number in range(1000)]
    body = client.post("/predict", json={"rows": rows}).get_json()
    alone = client.post("/predict", json=rows[617]).get_json()
    assert len(body["labels"]) == 1000
    assert body["probabilities"][617] == pytest.approx(alone["probabilities"][0], abs=1e-6)
    refused = client.post("/predict", json={"rows": [*rows, ROW]})
    assert (refused.status_code, refused.get_json()["errors"][0]["code"]) == (422, "too_many_rows")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({**ROW, "sat_mean": 2}, ["/sat_mean"]),
        ({**ROW, "sat_mean": "0.5"}, ["/sat_mean"]),
        ({**ROW, "sat_mean": True}, ["/sat_mean"]),
        ({**ROW, "sat_mean": None}, ["/sat_mean"]),
        ({**ROW, "a/b~c": 1}, ["/a~1b~0c"]),
        ({}, [f"/{name}" for name in ROW]),
        ({"rows": [ROW, ROW, ROW, {**ROW, "sat_mean": -1}]}, ["/rows/3/sat_mean"]),
        ({"rows": [ROW, 5]}, ["/rows/1"]),
        ({"rows": []}, ["/rows"]),
        ({"rows": 5}, ["/rows"]),
        ({"rows": [ROW], "more": 1}, ["/more"]),
        ({"instances": [[0.1, 0.2, 9, 0.4, 0.5]]}, ["/instances/0/2"]),
        ({"instances": [{**ROW, "edges": 9}]}, ["/instances/0/edges"]),
        ({"instances": [[0.1]]}, ["/instances/0"]),
        ({"records": [{"values": [0.1, 0.2, 9, 0.4, 0.5]}]}, ["/records/0/values/2"]),
        ({"records": [{"values": VALUES}, {"value": VALUES}]}, ["/records/1"]),
        ([ROW], [""]),
        ("text", [""]),
    ],
)
def test_a_refusal_points_at_the_field_as_the_caller_wrote_it(
    client: FlaskClient, body: Any, expected: list[str]
) -> None:
    answer = client.post("/predict", json=body)
    assert (answer.status_code, pointers(answer)) == (422, expected)


@pytest.mark.parametrize(
    "text", ['{"hue_mean": NaN}', '{"hue_mean": 1e999}', "{", "", "\ufeff{}", '{"a": "\\ud800"}', "{'a': 1}"]
)
def test_what_is_not_strict_json_is_refused(client: FlaskClient, text: str) -> None:
    answer = client.post("/predict", data=text.encode(), content_type="application/json")
    assert (answer.status_code, answer.get_json()["code"]) == (400, "json_invalid")


def test_partial_answers_the_good_rows_and_names_the_others_in_their_places(
    client: FlaskClient, home: Path
) -> None:
    rows = [ROW, {**ROW, "edges": 7}, {**ROW, "val_mean": 0.99}, 3]
    body = client.post("/predict?partial=1", json={"rows": rows}).get_json()
    assert [label is None for label in body["labels"]] == [False, True, False, True]
    assert body["probabilities"][1] is None and body["predictions"][3] is None
    assert [(issue["row"], issue["pointer"]) for issue in body["errors"]] == [
        (1, "/rows/1/edges"),
        (3, "/rows/3"),
    ]
    assert body["warnings"] == ["Row 2: val_mean is outside its typical range 0.02 to 0.98"]
    assert [(event["row"], event["status"]) for event in events(home)] == [
        (0, "ok"),
        (2, "ok"),
        (1, "error"),
        (3, "error"),
    ]


def test_partial_looks_at_the_values_of_rows_beside_those_of_the_wrong_length(client: FlaskClient) -> None:
    records = [{"values": [1]}, {"values": [0.1, 0.2, 0.3, 0.4, 9]}, {"values": VALUES}]
    body = client.post("/predict?partial=1", json={"records": records}).get_json()
    assert [issue["pointer"] for issue in body["errors"]] == ["/records/0", "/records/1/values/4"]
    assert body["labels"][:2] == [None, None] and body["labels"][2]


def test_partial_with_no_good_row_answers_with_nulls_alone(client: FlaskClient) -> None:
    body = client.post("/predict?partial=1", json={}).get_json()
    assert (body["labels"], len(body["errors"])) == ([None], len(ROW))


def test_a_parameter_that_is_neither_yes_nor_no_is_refused(client: FlaskClient) -> None:
    assert client.post("/predict?partial=maybe", json=ROW).get_json()["code"] == "query_invalid"


def test_a_wrong_content_type_and_a_large_body_are_refused(client: FlaskClient) -> None:
    assert client.post("/predict", data=b"{}", content_type="text/plain").status_code == 415
    assert client.post("/predict").status_code == 415
    large = client.post("/predict", data=b" " * (1024 * 1024 + 1), content_type="application/json")
    assert (large.status_code, large.get_json()["code"]) == (413, "body_too_large")


def test_rows_for_a_problem_that_takes_pictures_say_where_to_send_them(client: FlaskClient) -> None:
    answer = client.post("/predict/art", json=ROW)
    assert answer.status_code == 422
    assert "/predict/art/image" in answer.get_json()["detail"]


def test_an_unknown_problem_is_404_and_names_the_served_ones(client: FlaskClient) -> None:
    answer = client.post("/predict/nowhere", json=ROW)
    assert answer.status_code == 404
    assert "art, art_core5" in answer.get_json()["detail"]


def test_a_declared_problem_without_a_model_is_503_and_says_what_to_do(make_app: MakeApp) -> None:
    answer = make_app(load=False).test_client().post("/predict", json=ROW)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "model_missing")
    assert "artpulse train" in answer.get_json()["detail"]
