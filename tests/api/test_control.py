"""/ops/control: changes over HTTP, through a real socket to real registry and table."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from artpulse_api import control_client, control_documents
from artpulse_api.app import create_app
from artpulse_api.control_documents import (
    Audit,
    ChangeMade,
    ControlStates,
    GateChecked,
    PlanFields,
    Reloaded,
)
from artpulse_api.views.control import ENDPOINTS
from artpulse_core import settings as settings_module
from artpulse_core.control.rollout import Plan
from artpulse_core.keys import hash_key
from tests.api.conftest import MakeApp
from tests.api.test_errors import assert_problem
from tests.consoles import KEYS, PROBLEM, Console, away, console
from tests.core.agent.test_agent import running, version
from tests.core.control.conftest import House, three, three_versions
from tests.waiting import until

__all__ = ["three", "three_versions"]
OPS = "/ops/control"
CHANGES = {
    "rollout": {"action": "start", "mode": "canary", "expected": 2},
    "promote-primary": {"expected": 2},
    "emergency-rollback": {"expected": 2},
    "freeze": {"expected": 2, "frozen": True},
}


def operator(app: Flask) -> FlaskClient:
    """A client with the role operate."""
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = KEYS["control_api_keys"]
    return client


def send(client: FlaskClient, path: str, key: str | None = None, **fields: Any) -> TestResponse:
    """One change."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post(
        f"{OPS}/{path}", json={"problem": PROBLEM, "reason": "because", **fields}, headers=headers
    )


@pytest.fixture
def asked(three: House) -> Iterator[Console]:
    with console(three, **KEYS) as found:
        yield found


@pytest.fixture
def client(asked: Console) -> FlaskClient:
    return operator(create_app(asked.settings))


@pytest.mark.smoke
def test_a_promotion_is_signed_and_repeating_its_key_gives_the_first_answer(
    asked: Console, client: FlaskClient
) -> None:
    refused = send(client, "promote-primary", "k0", expected=2)
    assert_problem(refused, 422)
    assert refused.get_json()["code"] == "change_refused"
    asked.judged(3, 2)
    again = send(client, "promote-primary", "k0", expected=2)
    assert (again.status_code, again.get_json()["detail"]) == (422, refused.get_json()["detail"])

    first = send(client, "promote-primary", "k1", expected=2)
    row = ChangeMade.model_validate(first.get_json(), strict=True)
    assert (first.status_code, row.target, row.state, row.replayed) == (200, 3, "done", False)
    assert row.actor == "key:" + hash_key("oo").partition(":")[0]
    repeated = send(client, "promote-primary", "k1", expected=2)
    assert (repeated.status_code, repeated.get_json()) == (200, {**first.get_json(), "replayed": True})

    other = send(client, "freeze", "k1", expected=3, frozen=True)
    assert_problem(other, 409)
    stale = send(client, "emergency-rollback", expected=2)
    assert_problem(stale, 409)
    assert stale.get_json()["code"] == "change_conflict"
    assert send(client, "emergency-rollback", expected=3).get_json()["target"] == 2
    assert asked.house.aliases["champion"] == 2


def test_two_promotions_at_once_are_one_200_and_one_409(
    asked: Console, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As two workers: the lock of one process would already let only one of them ask.
    monkeypatch.setattr(control_client, "_asking", threading.BoundedSemaphore(2))
    together = threading.Barrier(2)

    def promote(version: int) -> int:
        mine = operator(client.application)
        together.wait()
        return send(mine, "promote-primary", version=version, expected=2, override=True).status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(promote, (3, 3))) == [200, 409]


def test_one_process_asks_for_one_change_at_a_time(asked: Console, client: FlaskClient) -> None:
    with control_client._asking:
        answer = send(client, "freeze", expected=2, frozen=True)
    assert_problem(answer, 409)
    assert send(client, "freeze", expected=2, frozen=True).status_code == 200


def test_state_audit_and_gate_check_have_the_shape_they_declare(asked: Console, client: FlaskClient) -> None:
    asked.judged(3, 2)
    started = send(client, "rollout", action="start", mode="canary", plan={"soak_seconds": 9}, expected=2)
    assert (started.status_code, started.get_json()["rollout"]["plan"]["soak_seconds"]) == (200, 9)
    send(client, "freeze", expected=2, frozen=True)
    states = ControlStates.model_validate(client.get(f"{OPS}/state").get_json(), strict=True)
    state = states.problems[PROBLEM]
    assert set(states.problems) == {PROBLEM, "art"}
    assert (state.champion, state.challenger, state.rollout["mode"]) == (2, 3, "canary")
    assert state.frozen is not None and state.frozen.reason == "because"
    assert set(client.get(f"{OPS}/state?problem={PROBLEM}").get_json()["problems"]) == {PROBLEM}

    page = Audit.model_validate(client.get(f"{OPS}/audit?limit=1&problem={PROBLEM}").get_json(), strict=True)
    assert (page.changes[0].action, page.next) == ("freeze", page.changes[0].sequence)
    before = Audit.model_validate(client.get(f"{OPS}/audit?before={page.next}").get_json(), strict=True)
    assert before.changes[0].action == "rollout"
    assert (before.changes[-1].sequence, before.next) == (1, None)

    checked = client.post(f"{OPS}/gate-check", json={"problem": PROBLEM})
    found = GateChecked.model_validate(checked.get_json(), strict=True)
    assert (found.version, found.allowed, found.verdict) == (3, False, {"decision": "promote", "rules": []})
    assert "frozen" in found.message


@pytest.mark.parametrize("path", [f"{OPS}/nothing", *(item.rule for item in ENDPOINTS)])
def test_no_key_is_401_and_a_lower_role_403(make_app: MakeApp, path: str) -> None:
    client = make_app(load=False, **KEYS).test_client()
    method = next((item.method for item in ENDPOINTS if item.rule == path), None)
    if method is None:
        assert_problem(client.get(path), 404)
        return
    assert_problem(client.open(path, method=method), 401)
    for key in ("pp", "vv"):
        assert_problem(client.open(path, method=method, headers={"X-API-Key": key}), 403)


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


def test_what_is_away_behind_the_agent_is_said_and_what_needs_it_not_goes_on(three: House) -> None:
    with console(three, away(three), **KEYS) as asked:
        client = operator(create_app(asked.settings))
        answer = send(client, "promote-primary", version=3, expected=2, override=True)
        assert_problem(answer, 503)
        assert answer.get_json()["code"] == "registry_error"
        assert answer.get_json()["detail"].startswith("The model registry failed")
        assert client.get(f"{OPS}/state").get_json()["problems"][PROBLEM]["champion"] == 2
        assert send(client, "freeze", expected=2, frozen=True).status_code == 200
        assert_problem(send(client, "freeze", problem="nothing", expected=2, frozen=True), 404)


def test_the_plan_has_the_fields_and_defaults_of_the_one_that_is_kept() -> None:
    assert PlanFields().model_dump() == {**vars(Plan()), "steps": list(Plan().steps)}


def test_the_documented_bodies_are_accepted(make_app: MakeApp) -> None:
    schemas = make_app().test_client().get("/openapi.json").get_json()["components"]["schemas"]
    forms = [item.body for item in ENDPOINTS if isinstance(item.body, type)]
    assert {form.__name__ for form in forms} >= {"RolloutChange", "Freeze", "GateCheck"}
    for form in forms:
        getattr(control_documents, form.__name__).model_validate(schemas[form.__name__]["example"])


def test_the_agent_makes_the_change_and_this_host_follows(three: House) -> None:
    with running(three.settings) as settings:
        client = operator(
            create_app(settings_module.load({}, home=settings.home, run_dir=settings.run_dir, **KEYS))
        )
        reloaded = client.post("/reload-model")
        assert Reloaded.model_validate(reloaded.get_json(), strict=True) == Reloaded(polled=True, release=1)
        assert version(settings) == 2
        body = {"problem": PROBLEM, "reason": "because", "expected": 2, "override": True}
        assert (
            client.post(
                f"{OPS}/promote-primary", data=orjson.dumps(body), content_type="application/json"
            ).status_code
            == 200
        )
        until(lambda: version(settings) == 3)
        assert client.post(f"{OPS}/reload-model").get_json()["release"] == 2
