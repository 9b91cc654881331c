"""Feedback goes to the agent and comes back as a sentence; a prediction never needs it."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from artpulse_core.errors import AgentUnavailable
from artpulse_core.exchange import control
from tests.api.asking import ROW
from tests.api.conftest import MakeApp

ID = "01KANKF2R0T4W8Y1B3C5D7E9GH"


class Agent:
    """Answers each line on a Unix socket with ``answer``, and keeps what it was asked."""

    def __init__(self, path: Path) -> None:
        self.answer: bytes | None = b'{"ok": true}\n'
        self.asked: list[dict[str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(orjson.loads(connection.makefile("rb").readline()))
                if self.answer is None:
                    time.sleep(0.5)
                else:
                    connection.sendall(self.answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def agent_and_app(make_app: MakeApp) -> Iterator[tuple[Agent, Flask]]:
    """An agent on the application's control socket."""
    app = make_app(api_keys="k")
    agent = Agent(app.extensions["artpulse"].settings.socket)
    yield agent, app
    agent.close()


def _send(app: Flask, **fields: Any) -> Any:
    body = {"request_id": ID, "label": "surreal", **fields}
    return app.test_client().post("/feedback", json=body, headers={"X-API-Key": "k"})


@pytest.mark.smoke
def test_the_agent_is_asked_with_the_public_id_of_the_caller(agent_and_app: tuple[Agent, Flask]) -> None:
    agent, app = agent_and_app
    answer = _send(app, row=3)
    assert (answer.status_code, answer.get_json()) == (
        200,
        {"status": "stored", "request_id": ID, "row": 3, "label": "surreal"},
    )
    (asked,) = agent.asked
    assert (asked["op"], asked["request_id"], asked["row"], asked["label"]) == ("feedback", ID, 3, "surreal")
    assert asked["caller"].startswith("key-") and "surreal" in asked["labels"]["art"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b'{"ok": false, "code": "feedback_refused", "message": "No such request."}\n', 404),
        (b'{"ok": false, "code": "label_unknown", "message": "No such label."}\n', 422),
        (b'{"ok": false, "code": "store_error", "message": "The database is away."}\n', 503),
        (b'{"ok": true', 503),
        (b"", 503),
        (b"[]\n", 503),
    ],
)
def test_what_the_agent_refuses_is_refused_by_name(
    agent_and_app: tuple[Agent, Flask], answer: bytes, status: int
) -> None:
    agent, app = agent_and_app
    agent.answer = answer
    assert _send(app).status_code == status


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"label": "baroque"}, "/label"),
        ({"label": 5}, "/label"),
        ({"label": ""}, "/label"),
        ({"row": -1}, "/row"),
        ({"row": "0"}, "/row"),
        ({"request_id": "x"}, "/request_id"),
        ({"more": 1}, "/more"),
    ],
)
def test_a_wrong_field_is_refused_before_the_agent_is_asked(
    agent_and_app: tuple[Agent, Flask], fields: dict[str, Any], pointer: str
) -> None:
    agent, app = agent_and_app
    answer = _send(app, **fields)
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, pointer)
    assert agent.asked == []


def test_without_an_agent_feedback_is_503_and_predictions_go_on(make_app: MakeApp) -> None:
    client = make_app().test_client()
    answer = client.post("/feedback", json={"request_id": ID, "label": "surreal"})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "agent_unavailable")
    assert client.post("/predict", json=ROW).status_code == 200


def test_a_silent_agent_is_given_up_at_the_deadline() -> None:
    with tempfile.TemporaryDirectory() as folder:
        agent = Agent(Path(folder) / "s")
        agent.answer = None
        begun = time.monotonic()
        with pytest.raises(AgentUnavailable):
            control.call(Path(folder) / "s", "status", deadline=0.1)
        assert time.monotonic() - begun < 0.4
        agent.close()
