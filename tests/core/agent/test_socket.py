"""The control socket: named answers, deadlines, and nobody else's business."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest

from artpulse_core.agent import socket as agent_socket
from artpulse_core.agent.socket import ControlSocket
from artpulse_core.errors import AgentUnavailable, ChangeConflict, FeedbackRefused, SettingsError
from artpulse_core.exchange import control
from tests.waiting import until


def refuse(_request: Mapping[str, Any]) -> Mapping[str, Any]:
    raise ChangeConflict("another change is open")


@pytest.fixture
def path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="ap-") as folder:  # pytest's own folders are too long for a socket
        yield Path(folder) / "control.sock"


@pytest.fixture
def ear(path: Path) -> Iterator[ControlSocket]:
    ear = ControlSocket(
        path,
        {
            "echo": lambda request: {"said": request["word"]},
            "refuse": refuse,
            "slow": lambda _request: time.sleep(1) or {},  # type: ignore[func-returns-value]  # list.append as a handler
        },
    )
    yield ear
    ear.close()


def raw(path: Path, data: bytes) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(data)
        return orjson.loads(connection.recv(65536))


@pytest.mark.smoke
@pytest.mark.usefixtures("ear")
def test_an_operation_answers_or_refuses_by_name(path: Path) -> None:
    assert control.call(path, "echo", word="ä")["said"] == "ä"
    with pytest.raises(ChangeConflict, match="another change is open"):
        control.call(path, "refuse")


@pytest.mark.usefixtures("ear")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'{"op": "nothing"}\n', "unknown_op"),
        (b'{"no": 1}\n', "unknown_op"),
        (b"[]\n", "bad_request"),
        (b"nonsense\n", "bad_request"),
        (b'{"op": "echo"}\n', "bad_request"),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_by_code(path: Path, data: bytes, code: str) -> None:
    answer = raw(path, data)
    assert (answer["ok"], answer["code"]) == (False, code)


@pytest.mark.usefixtures("ear")
@pytest.mark.parametrize("deadline", ["nan", "-inf", -1, 1e300])
def test_an_odd_deadline_is_answered(path: Path, deadline: object) -> None:
    assert raw(path, orjson.dumps({"op": "echo", "word": "x", "deadline": deadline}) + b"\n")["ok"]


@pytest.mark.usefixtures("ear")
def test_a_hundred_callers_at_once_are_all_answered(path: Path) -> None:
    said: list[Any] = []
    callers = [
        threading.Thread(
            target=lambda n=n: said.append(control.call(path, "echo", deadline=10.0, word=n)["said"])
        )
        for n in range(100)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(said) == list(range(100))


@pytest.mark.usefixtures("ear")
def test_a_caller_never_waits_beyond_its_deadline(path: Path) -> None:
    with pytest.raises(AgentUnavailable):
        control.call(path, "slow", deadline=0.1)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(4)]
    for connection in silent:
        connection.connect(str(path))
        connection.sendall(b'{"op"')
    assert control.call(path, "echo", word="x")["said"] == "x"
    for connection in silent:
        connection.close()


def test_operations_that_hang_are_answered_for_and_leave_room_until_all_places_are_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_socket, "TALKERS", 2)
    gate = threading.Event()
    ear = ControlSocket(
        path, {"hang": lambda _request: {"waited": gate.wait(30)}, "echo": lambda _request: {}}
    )
    begun = time.monotonic()
    with pytest.raises(AgentUnavailable, match=r"did not finish within 0\.2 s"):
        control.call(path, "hang", deadline=0.3)
    assert control.call(path, "echo")["ok"]
    with pytest.raises(AgentUnavailable, match="did not finish"):
        control.call(path, "hang", deadline=0.3)
    with pytest.raises(AgentUnavailable, match="busy with earlier requests"):
        control.call(path, "echo", deadline=0.3)
    assert time.monotonic() - begun < 10
    gate.set()
    until(lambda: control.call(path, "echo")["ok"])
    ear.close()


def test_an_operation_that_fails_says_so_and_the_agent_lives(path: Path) -> None:
    ear = ControlSocket(path, {"fail": lambda _request: {"x": 1 / 0}, "echo": lambda _request: {}})
    with pytest.raises(AgentUnavailable, match="its log says why"):
        control.call(path, "fail")
    assert raw(path, b'{"op": "echo", "deadline": "soon"}\n')["code"] == "bad_request"
    assert control.call(path, "echo")["ok"]
    ear.close()


@pytest.mark.usefixtures("ear")
def test_the_socket_belongs_to_this_user_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nobody_there_is_named(path: Path) -> None:
    with pytest.raises(AgentUnavailable):
        control.call(path, "status")


def test_a_closed_socket_is_gone_and_a_dead_one_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    ear = ControlSocket(path, {"echo": lambda _request: {}})
    assert control.call(path, "echo")["ok"]
    ear.close()
    assert not path.exists()


def test_a_path_that_is_too_long_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="ARTPULSE_RUN_DIR"):
        ControlSocket(tmp_path / ("x" * 120) / "control.sock", {})


def test_the_codes_of_refused_truth_reach_the_caller(path: Path) -> None:
    def foreign(_request: Mapping[str, Any]) -> Mapping[str, Any]:
        raise FeedbackRefused("no such row")

    ear = ControlSocket(path, {"feedback": foreign})
    with pytest.raises(FeedbackRefused, match="no such row"):
        control.call(path, "feedback")
    ear.close()
