"""Rows of tables over HTTP: values with intervals, one probability with its threshold, categories and gaps."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from artpulse_api import serving
from artpulse_api.app import create_app
from artpulse_core import settings
from artpulse_core.data.contract import Contract
from tests.api.asking import events, pointers
from tests.api.test_feedback import ID, Agent
from tests.api.test_metrics import samples
from tests.releases import publish, roll_out
from tests.tables import DOOR, PATIENT, TEXTS
from tests.waiting import until

MakeTables = Callable[..., Flask]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with both problems of tables released, made once; copy it."""
    home = tmp_path_factory.mktemp("tables")
    publish(home / "run", {"doors": 1, "patients": 1})
    (home / "problems").mkdir()
    for name, text in TEXTS.items():
        (home / "problems" / f"{name}.toml").write_text(text, encoding="utf-8")
    return home


@pytest.fixture
def place(tmp_path: Path, published: Path) -> Path:
    """A copy of that home."""
    home = tmp_path / "home"
    shutil.copytree(published, home)
    return home


@pytest.fixture
def tables(place: Path) -> Iterator[MakeTables]:
    """The application of these tables alone."""
    made: list[Flask] = []

    def make(**overrides: Any) -> Flask:
        given = {"problems": ("doors", "patients"), "default_problem": "doors", **overrides}
        app = create_app(settings.load({}, home=place, **given))
        serving.of(app).live.refresh()
        made.append(app)
        return app

    yield make
    for app in made:
        serving.of(app).shadow.stop()


@pytest.fixture
def asked(tables: MakeTables) -> FlaskClient:
    """A client of it."""
    return tables().test_client()


@pytest.mark.smoke
def test_one_row_of_a_regression_has_a_value_its_unit_and_an_interval(asked: FlaskClient) -> None:
    body = asked.post("/predict", json=DOOR).get_json()
    assert body["unit"] == "EUR"
    (interval,) = body["intervals"]
    assert interval["lower"] < body["values"][0] < interval["upper"]
    assert interval["level"] == 0.9
    assert (body["prediction"], body["confidence_interval"]) == (body["values"][0], interval)
    assert body["model_version"] == 1
    assert not {"labels", "probabilities", "label", "confidence"} & set(body)


def test_rows_of_a_regression_come_in_their_order_with_null_for_a_refused_one(asked: FlaskClient) -> None:
    rows = [DOOR, {**DOOR, "colour": "green"}, {**DOOR, "width": 1.9}]
    body = asked.post("/predict/doors?partial=1", json={"rows": rows}).get_json()
    assert [value is None for value in body["values"]] == [False, True, False]
    assert body["intervals"][1] is None
    assert body["values"][0] != body["values"][2]
    assert "prediction" not in body
    assert [(item["row"], item["pointer"]) for item in body["errors"]] == [(1, "/rows/1/colour")]


@pytest.mark.smoke
def test_a_positive_label_is_answered_as_one_probability_cut_at_its_threshold(asked: FlaskClient) -> None:
    rows = [{"pulse": pulse, "pain": 2} for pulse in range(40, 200, 4)]
    body = asked.post("/predict/patients", json={"rows": rows}).get_json()
    assert (body["positive_label"], body["threshold"], body["unsure_below"]) == ("ill", 0.3, 0.6)
    shares = body["probabilities"]
    assert all(isinstance(share, float) for share in shares)
    assert any(0.3 <= share < 0.5 for share in shares)  # where the threshold and the likeliest label part
    assert body["labels"] == ["ill" if share >= 0.3 else "well" for share in shares]
    assert body["predictions"] == [["ill", "well"].index(label) for label in body["labels"]]
    assert body["unsure"] == [max(share, 1 - share) < 0.6 for share in shares]
    one = asked.post("/predict/patients", json=rows[7]).get_json()
    assert one["label"] == body["labels"][7]
    sure = shares[7] if one["label"] == "ill" else 1 - shares[7]
    assert one["confidence"] == pytest.approx(sure)


def test_a_gap_is_null_or_left_out_and_both_are_answered_alike(asked: FlaskClient) -> None:
    null = asked.post("/predict", json={**DOOR, "colour": None}).get_json()
    absent = asked.post("/predict", json={key: value for key, value in DOOR.items() if key != "colour"})
    assert absent.get_json()["values"] == null["values"]
    assert pointers(asked.post("/predict", json={**DOOR, "width": None})) == ["/width"]


def test_another_coding_is_answered_where_it_is_stated_and_hinted_at_where_it_is_not(
    asked: FlaskClient,
) -> None:
    own = asked.post("/predict", json=DOOR).get_json()
    coded = asked.post("/predict", json={**DOOR, "colour": "B", "coding": "shop"}).get_json()
    assert coded["values"] == own["values"]
    refused = asked.post("/predict", json={**DOOR, "colour": "B"})
    assert refused.status_code == 422
    assert 'send "coding": "shop"' in refused.get_json()["errors"][0]["message"]


def test_a_broken_rule_and_an_odd_value_are_told_apart(asked: FlaskClient) -> None:
    refused = asked.post("/predict", json={**DOOR, "width": 2.5, "height": 2.0})
    assert (refused.status_code, pointers(refused)) == (422, ["/width"])
    assert refused.get_json()["errors"][0]["message"] == "A door is not wider than high."
    odd = asked.post("/predict", json={**DOOR, "width": 2.5, "height": 3.0}).get_json()
    assert odd["warnings"] == ["width is outside its typical range up to 2"]


@pytest.mark.parametrize("value", [math.nan, math.inf, "1.5", True, [1], {}])
def test_a_number_is_a_finite_number(asked: FlaskClient, value: Any) -> None:
    assert asked.post("/predict", json={**DOOR, "width": value}).status_code in {400, 422}


def test_events_keep_rows_as_their_caller_wrote_them_and_values_with_their_bounds(
    asked: FlaskClient, place: Path
) -> None:
    body = asked.post("/predict", json={**DOOR, "colour": None}).get_json()
    asked.post("/predict/patients", json=PATIENT)
    door, patient = events(place)
    assert door["features"] == {**DOOR, "colour": None}
    interval = body["intervals"][0]
    assert door["output"] == {
        "value": body["values"][0],
        "lower": interval["lower"],
        "upper": interval["upper"],
    }
    assert door["confidence"] is None
    assert patient["features"] == PATIENT
    assert patient["output"]["label"] in {"ill", "well"}
    assert set(patient["output"]["probabilities"]) == {"ill", "well"}


@pytest.mark.parametrize(
    ("fields", "truth"), [({"value": 240.5}, "240.5"), ({"value": 3}, "3.0"), ({"label": "ill"}, "ill")]
)
def test_the_truth_comes_back_as_a_value_or_a_label(
    tables: MakeTables, fields: dict[str, Any], truth: str
) -> None:
    app = tables(api_keys="k")
    agent = Agent(app.extensions["artpulse"].settings.socket)
    try:
        answer = app.test_client().post(
            "/feedback", json={"request_id": ID, **fields}, headers={"X-API-Key": "k"}
        )
    finally:
        agent.close()
    assert (answer.status_code, answer.get_json()["label"]) == (200, truth)
    assert agent.asked[0]["label"] == truth
    assert agent.asked[0]["labels"] == {"doors": [], "patients": ["ill", "well"]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"label": "ill", "value": 1.0}, "either label or value"),
        ({}, "either label or value"),
        ({"value": "much"}, "number"),
        ({"value": True}, "number"),
    ],
)
def test_a_truth_that_is_neither_or_both_is_refused(
    asked: FlaskClient, fields: dict[str, Any], words: str
) -> None:
    answer = asked.post("/feedback", json={"request_id": ID, **fields})
    assert answer.status_code == 422
    assert words in answer.get_json()["errors"][0]["message"]


def test_in_the_shadow_values_agree_inside_the_primary_s_interval(tables: MakeTables, place: Path) -> None:
    publish(place / "run", {"doors": 1, "patients": 1})
    for versions, differs in (((1, 2), False), ((1, 200), True)):
        roll_out(place / "run", versions, "shadow", problem="doors", sequence=versions[1] + 1)
        app = tables(problems=("doors",))
        with app.test_client().post("/predict", json=DOOR) as answer:
            assert answer.status_code == 200
        until(lambda: [line for line in events(place) if line["version"] == versions[1]])  # noqa: B023 - called at once
        (line,) = [line for line in events(place) if line["version"] == versions[1]]
        assert ("disagrees" in line["warnings"]) is differs
        assert set(line["output"]) == {"value", "lower", "upper"}
        series = "artpulse_shadow_disagreements_total[('problem', 'doors')]"
        counted = {name: value for name, value in samples(app.test_client()).items() if "shadow" in name}
        assert counted.get(series, float(differs)) == float(differs), counted


def test_the_document_states_categories_gaps_and_field_names_as_they_are(asked: FlaskClient) -> None:
    document = asked.get("/openapi.json").get_json()
    row = document["components"]["schemas"]["DoorsRow"]
    assert row["properties"]["colour"]["enum"] == ["red", "blue", "plain wood", None]
    assert row["required"] == ["width", "height"]
    age = row["properties"]["age (years)"]
    assert {"type": "null"} in age["anyOf"]
    assert row["properties"]["coding"]["enum"] == ["house", "shop"]
    assert row["additionalProperties"] is False
    pain = document["components"]["schemas"]["PatientsRow"]["properties"]["pain"]
    assert pain["enum"] == [1, 2, 3, None]


@pytest.mark.parametrize("problem", ["doors", "patients"])
def test_the_examples_of_the_document_are_answered_by_the_model_they_are_of(
    asked: FlaskClient, problem: str
) -> None:
    examples = asked.get("/openapi.json").get_json()["paths"]["/predict"]["post"]["requestBody"]["content"][
        "application/json"
    ]["examples"]
    if problem == "doors":
        for example in examples.values():
            assert asked.post("/predict", json=example["value"]).status_code == 200
    schema = asked.get(f"/schema?problem={problem}").get_json()
    kept = Contract.from_dict({key: schema[key] for key in schema if key not in {"digest", "json_schema"}})
    assert kept.digest == schema["digest"]
    assert np.isfinite(kept.validate([DOOR if problem == "doors" else PATIENT]).matrix).all()
