"""/ops/control without an agent: who may ask, what is refused before anybody is asked, and what the document says."""

from __future__ import annotations

from typing import Any

import pytest

from artpulse_api import control_documents
from artpulse_api.control_documents import PlanFields
from artpulse_api.endpoint import Endpoint
from artpulse_api.views.control import ENDPOINTS
from artpulse_core.control.rollout import Plan
from tests.api.conftest import MakeApp
from tests.api.test_errors import assert_problem
from tests.consoles import CHANGES, KEYS, OPS, PROBLEM, operator, send


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.rule)
def test_no_key_is_401_and_a_lower_role_403(make_app: MakeApp, endpoint: Endpoint) -> None:
    client = make_app(load=False, **KEYS).test_client()
    assert_problem(client.open(endpoint.rule, method=endpoint.method), 401)
    for key in ("pp", "vv"):
        lower = client.open(endpoint.rule, method=endpoint.method, headers={"X-API-Key": key})
        assert_problem(lower, 403)


def test_without_keys_nothing_can_be_changed(make_app: MakeApp) -> None:
    assert_problem(send(make_app(load=False).test_client(), "freeze", expected=2, frozen=True), 403)


@pytest.mark.parametrize(
    ("path", "fields", "pointer"),
    [
        *((path, {"reason": None}, "/reason") for path in CHANGES),
        *((path, {"reason": " \n"}, "/reason") for path in CHANGES),
        *((path, {"problem": ""}, "/problem") for path in CHANGES),
        *((path, {"expected": "2"}, "/expected") for path in CHANGES),
        *((path, {"more": 1}, "/more") for path in CHANGES),
        ("emergency-rollback", {"expected": None}, "/expected"),
        ("promote-primary", {"version": "models:/artpulse-classifier/3"}, "/version"),
        ("promote-primary", {"version": 0}, "/version"),
        ("promote-primary", {"override": "yes"}, "/override"),
        ("promote-primary", {"reason": "a\0b"}, "/reason"),
        ("freeze", {"frozen": 1}, "/frozen"),
        ("rollout", {"action": "begin"}, "/action"),
        ("rollout", {"mode": "single"}, "/mode"),
        ("rollout", {"percent": 101}, "/percent"),
        ("rollout", {"plan": {"alpha": 0}}, "/plan/alpha"),
        ("rollout", {"plan": {"steps": [5, "x"]}}, "/plan/steps/1"),
        ("rollout", {"plan": {"soak": 1}}, "/plan/soak"),
        ("rollout", {"action": "set"}, "/percent"),
        ("rollout", {"action": "abort"}, "/mode"),
    ],
)
def test_a_wrong_field_is_named_and_nobody_is_asked(
    make_app: MakeApp, path: str, fields: dict[str, Any], pointer: str
) -> None:
    client = operator(make_app(load=False, **KEYS))
    answer = send(client, path, **{**CHANGES[path], **fields})
    assert_problem(answer, 422)
    assert pointer in [issue["pointer"] for issue in answer.get_json()["errors"]]


@pytest.mark.parametrize("path", sorted(CHANGES))
def test_every_change_needs_problem_reason_and_expected(make_app: MakeApp, path: str) -> None:
    client = operator(make_app(load=False, **KEYS))
    more = {name: value for name, value in CHANGES[path].items() if name != "expected"}
    answer = client.post(f"{OPS}/{path}", json=more)
    assert_problem(answer, 422)
    missing = {issue["pointer"] for issue in answer.get_json()["errors"]}
    assert missing == {"/problem", "/reason", "/expected"}


@pytest.mark.parametrize("key", ["", "a b", "k" * 201, "ä"])
def test_a_key_that_cannot_be_kept_is_refused(make_app: MakeApp, key: str) -> None:
    answer = send(operator(make_app(load=False, **KEYS)), "freeze", key, expected=2, frozen=True)
    assert_problem(answer, 422)
    assert answer.get_json()["code"] == "idempotency_key_invalid"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "before=-1", "before=99999999999999999999"]
)
def test_a_page_that_cannot_be_is_refused(make_app: MakeApp, query: str) -> None:
    assert_problem(operator(make_app(load=False, **KEYS)).get(f"{OPS}/audit?{query}"), 422)


@pytest.mark.smoke
def test_without_an_agent_changes_are_503_and_say_when_to_ask_again(make_app: MakeApp) -> None:
    client = operator(make_app(load=False, **KEYS))
    answers = [
        *(send(client, path, **fields) for path, fields in CHANGES.items()),
        client.post(f"{OPS}/gate-check", json={"problem": PROBLEM}),
        *(client.post(path) for path in (f"{OPS}/reload-model", "/reload-model")),
        *(client.get(f"{OPS}/{path}") for path in ("state", "audit")),
    ]
    for answer in answers:
        assert_problem(answer, 503)
        assert answer.get_json()["code"] == "agent_unavailable"
        assert "artpulse serve" in answer.get_json()["detail"]
        assert int(answer.headers["Retry-After"]) > 0


def test_the_plan_has_the_fields_and_defaults_of_the_one_that_is_kept() -> None:
    assert PlanFields().model_dump() == {**vars(Plan()), "steps": list(Plan().steps)}


def test_the_documented_bodies_are_accepted(make_app: MakeApp) -> None:
    schemas = make_app().test_client().get("/openapi.json").get_json()["components"]["schemas"]
    forms = [item.body for item in ENDPOINTS if isinstance(item.body, type)]
    assert {form.__name__ for form in forms} >= {"RolloutChange", "Freeze", "GateCheck"}
    for form in forms:
        getattr(control_documents, form.__name__).model_validate(schemas[form.__name__]["example"])
