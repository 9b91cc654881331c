"""/ops/control: changes over HTTP, through a real socket to real registry and table."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from flask.testing import FlaskClient

from artpulse_api import control_client
from artpulse_api.app import create_app
from artpulse_api.control_documents import (
    Audit,
    ChangeMade,
    ControlStates,
    GateChecked,
    Reloaded,
)
from artpulse_core import settings as settings_module
from artpulse_core.agent import operations
from artpulse_core.control.registry import Registry
from artpulse_core.keys import hash_key
from tests.api.test_errors import assert_problem
from tests.consoles import KEYS, OPS, PROBLEM, Console, away, console, operator, send
from tests.core.agent.test_agent import running, version
from tests.core.control.conftest import House, three, three_versions
from tests.waiting import until

__all__ = ["three", "three_versions"]


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
    assert set(states.problems) == {PROBLEM, "art", "housing", "heart"}
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


def test_a_registry_that_hangs_is_given_up_in_time_and_stops_no_freeze(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_client, "CHANGE_SECONDS", 1.0)
    monkeypatch.setattr(operations, "PATIENCE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # it is connected to, and never answers
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        hanging = Registry(three.settings.model_copy(update={"mlflow_tracking_uri": address}))
        with console(three, hanging, **KEYS) as asked:
            client = operator(create_app(asked.settings))
            begun = time.monotonic()
            answer = send(client, "promote-primary", expected=2, override=True)
            assert_problem(answer, 503)
            assert time.monotonic() - begun < 5
            assert "it may still do so" in answer.get_json()["detail"]
            assert int(answer.headers["Retry-After"]) > 0
            found = client.get(f"{OPS}/state").get_json()["problems"][PROBLEM]
            assert (found["champion"], found["registry"]) == (
                2,
                "The model registry does not answer in time.",
            )
            assert send(client, "freeze", expected=2, frozen=True).status_code == 200


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
