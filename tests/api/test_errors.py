"""One error shape for every route and every way to be wrong."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from artpulse_api import serving
from artpulse_api.app import create_app
from artpulse_api.documents import Problem
from artpulse_api.endpoint import Endpoint
from artpulse_api.views import ENDPOINTS, health, reply
from artpulse_core import settings
from artpulse_core.errors import SettingsError
from tests.api.asking import ROW
from tests.api.conftest import MakeApp

ADDRESSES = sorted({endpoint.rule for endpoint in ENDPOINTS})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
BODIES: dict[str, dict[str, Any]] = {
    "no body": {},
    "not JSON": {"data": b"{", "content_type": "application/json"},
    "an array": {"json": []},
    "foreign fields": {"json": {"x": 1}},
    "a foreign type": {"data": b"a=b", "content_type": "application/x-www-form-urlencoded"},
    "an empty form": {"data": b"--x--\r\n", "content_type": "multipart/form-data; boundary=x"},
    "a form without boundary": {"data": b"x", "content_type": "multipart/form-data"},
    "no picture": {"data": b"x", "content_type": "image/png"},
    "deep JSON": {"data": b"[" * 5000, "content_type": "application/json"},
}


def assert_problem(answer: TestResponse, status: int | None = None) -> None:
    """``answer`` is problem+json about itself."""
    assert answer.content_type == "application/problem+json"
    document = Problem.model_validate(answer.get_json(), strict=True)
    assert document.status == answer.status_code == (status or answer.status_code) >= 400
    assert document.instance == answer.headers["X-Request-ID"]
    assert document.type == f"urn:artpulse:problem:{document.code}"
    assert document.detail and document.title


@pytest.mark.parametrize("rule", ADDRESSES)
def test_every_route_answers_every_wrong_request_with_problem_json(make_app: MakeApp, rule: str) -> None:
    client = make_app(control_api_keys="o").test_client()
    client.environ_base["HTTP_X_API_KEY"] = "o"
    path = rule.replace("<problem>", "art_core5").replace("<name>", "nothing.js")
    offered = {endpoint.method for endpoint in ENDPOINTS if endpoint.rule == rule}
    for method in METHODS:
        if method not in offered:
            answer = client.open(path, method=method)
            assert_problem(answer, 405)
            assert answer.headers["Allow"].replace("HEAD", "").replace(", ", "") in offered
    if any(endpoint.body for endpoint in ENDPOINTS if endpoint.rule == rule):
        for name, body in BODIES.items():
            answer = client.post(path, **body)
            assert answer.status_code in (400, 415, 422), name
            assert_problem(answer)


@pytest.mark.parametrize(
    "path", ["/nothing", "/predict/", "/docs/", "/docs/../app.py", "/docs/%2e%2e/app.py", "//"]
)
def test_unknown_addresses_are_404(client: FlaskClient, path: str) -> None:
    assert_problem(client.get(path), 404)
    assert_problem(client.post(path), 404)


def test_an_error_nobody_planned_for_tells_the_caller_its_id_and_the_log_its_cause(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(parts: serving.Serving, call: serving.Call) -> Response:
        raise ZeroDivisionError("the secret cause")

    endpoint = Endpoint("GET", "/broken", broken, "Fails", role="all")
    app = create_app(settings.load({}, home=home), endpoints=[endpoint])
    with caplog.at_level(logging.ERROR):
        answer = app.test_client().get("/broken")
    assert_problem(answer, 500)
    assert "secret" not in answer.text
    (record,) = caplog.records
    assert answer.headers["X-Request-ID"] in record.getMessage()
    assert record.exc_info is not None and "the secret cause" in str(record.exc_info[1])


def test_a_view_that_declares_no_role_does_not_start(home: Path) -> None:
    def forgotten(parts: serving.Serving, call: serving.Call) -> Response:
        return reply.json({})

    endpoint = Endpoint("GET", "/forgotten", forgotten, "No role")
    with pytest.raises(SettingsError, match="declares no role"):
        create_app(settings.load({}, home=home), endpoints=[*health.ENDPOINTS, endpoint])


def test_a_route_that_was_added_beside_the_declarations_does_not_start(home: Path) -> None:
    from artpulse_api import endpoint

    app = create_app(settings.load({}, home=home), endpoints=health.ENDPOINTS)
    app.add_url_rule("/beside", "beside", lambda: "x")
    with pytest.raises(SettingsError, match="/beside is answered but not declared"):
        endpoint.check(app, health.ENDPOINTS)


def test_only_the_first_hundred_issues_are_listed(client: FlaskClient) -> None:
    answer = client.post("/predict", json={"rows": [{}] * 1000})
    assert (answer.status_code, len(answer.get_json()["errors"])) == (422, 100)


def test_head_is_answered_where_get_is_and_has_the_request_id(make_app: MakeApp) -> None:
    answer = make_app().test_client().head("/health")
    assert (answer.status_code, answer.data) == (200, b"")
    assert len(answer.headers["X-Request-ID"]) == 26
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_failing_model_is_500_and_counted(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    from artpulse_core.errors import BundleError

    app = make_app()
    predictor = serving.of(app).live.current.problems["art_core5"].primary.predictor

    def fail(matrix: object) -> object:
        raise BundleError("not a probability")

    monkeypatch.setattr(predictor, "predict", fail)
    client = app.test_client()
    assert_problem(client.post("/predict", json=ROW), 500)
    line = 'artpulse_prediction_errors_total{code="bundle_invalid",problem="art_core5",slot="primary"} 1.0'
    assert line in client.get("/metrics").text
