"""The real server: two workers, a swap without a restart, an orderly end, raw HTTP. Each test starts gunicorn."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from artpulse_core.exchange import release as releases
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from tests.api.asking import ROW, VALUES, events
from tests.releases import publish
from tests.servers import Server, gunicorn

pytestmark = pytest.mark.extended
JSON = {"Content-Type": "application/json"}


def _post(server: Server, body: object, path: str = "/predict") -> tuple[int, dict[str, str], dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body), JSON)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), json.loads(answer.read())
    finally:
        connection.close()


def _until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def test_two_workers_swap_to_a_new_release_under_load_and_no_answer_mixes_versions(home: Path) -> None:
    run = home / "run"
    publish(run, {"art_core5": 2, "art": 1}, sequence=1)
    wanted = {}
    for version in (2, 1):
        model = Predictor(bundle.load(run / f"bundles/art_core5-{version}"))
        wanted[version] = model.predict(np.array([VALUES])).probabilities[0]
    publish(run, {"art_core5": 1, "art": 1}, sequence=1)
    with gunicorn(home) as server:
        parent = psutil.Process(server.process.pid)
        _until(lambda: len(parent.children()) == 2)  # one that is ready answers before the second is forked
        workers = {process.pid for process in parent.children()}
        seen: list[tuple[int, int]] = []
        wrong: list[object] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                status, headers, body = _post(server, ROW)
                version = int(headers["X-Model-Version"])
                found = list(body["probabilities"][0].values())
                if (
                    status != 200
                    or body["version"] != version
                    or np.abs(found - wanted[version]).max() > 1e-6
                ):
                    wrong.append((status, headers, body))
                seen.append((status, version))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        _until(lambda: len(seen) > 50)
        publish(run, {"art_core5": 2, "art": 1}, sequence=2)
        _until(lambda: {worker.sequence for worker in releases.read_workers(run)} == {2})
        mark = len(seen) + 8  # answers that were on their way
        _until(lambda: len(seen) > mark + 50)
        stop.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert {version for _, version in seen[:20]} == {1}
        assert {version for _, version in seen[mark:]} == {2}
        assert {process.pid for process in psutil.Process(server.process.pid).children()} == workers
        text = server.get("/metrics")[1].decode()
        counted = re.findall(
            r'api_requests_total\{endpoint="/predict",http_status="200",method="POST"\} (\S+)', text
        )
        assert [float(value) for value in counted] == [len(seen)]  # exact over both workers
        assert "artpulse_release_sequence 2.0" in text
        assert "artpulse_in_flight 1.0" in text
    assert len(events(home)) == len(seen)


def test_on_sigterm_a_request_in_flight_is_answered_and_the_worker_reports_are_gone(home: Path) -> None:
    with gunicorn(home) as server:
        body = json.dumps({"rows": [ROW] * 1000}).encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body[:-10])
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            connection.sendall(body[-10:])
            answer = connection.makefile("rb").readline()
        assert b"200" in answer
        assert server.process.wait(10) == 0
        assert releases.read_workers(server.run) == []
    assert len(events(home)) == 1000


def test_a_killed_worker_is_replaced_and_loads_the_release_by_itself(home: Path) -> None:
    with gunicorn(home) as server:
        _until(lambda: len(releases.read_workers(server.run)) == 2)
        before = {worker.pid for worker in releases.read_workers(server.run)}
        os.kill(min(before), signal.SIGKILL)
        _until(lambda: len({worker.pid for worker in releases.read_workers(server.run)} - before) == 1)
        assert {_post(server, ROW)[0] for _ in range(20)} == {200}
        assert not list(server.run.glob(f"metrics/*live*_{min(before)}.db"))


def test_a_server_that_is_ended_while_a_worker_starts_does_not_wait_for_it(home: Path) -> None:
    for _ in range(3):
        with gunicorn(home) as server:  # ready with the first worker, while the second is being forked
            begun = time.monotonic()
            server.process.terminate()
            assert server.process.wait(14) == 0
            assert time.monotonic() - begun < 10


def test_without_a_release_the_server_lives_is_not_ready_and_takes_the_first_release(tmp_path: Path) -> None:
    with gunicorn(tmp_path, wait=False) as server:

        def alive() -> bool:
            try:
                return server.get("/health")[0] == 200
            except OSError:
                return False

        _until(alive)
        assert server.get("/ready")[0] == 503
        assert _post(server, ROW)[0] == 503
        publish(tmp_path / "run", {"art_core5": 1})
        _until(lambda: len([w for w in releases.read_workers(server.run) if w.sequence == 1]) == 2)
        assert _post(server, ROW)[0] == 200


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"ARTPULSE_HOST": "0.0.0.0"}, "no API key is configured"),
        ({"API_KEYS": "a:sha256:1"}, "artpulse keys new"),
        ({"PORT": "none"}, "PORT"),
    ],
)
def test_settings_that_cannot_be_served_exit_78_with_one_sentence(
    home: Path, environment: dict[str, str], sentence: str
) -> None:
    with gunicorn(home, wait=False, **environment) as server:
        assert server.process.wait(20) == 78
    log = (home / "gunicorn.log").read_text()
    assert sentence in log and "Traceback" not in log


def _raw(server: Server, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)


def test_bodies_without_a_length_are_read_and_limited_like_the_others(home: Path) -> None:
    with gunicorn(home) as server:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        row = json.dumps(ROW).encode()
        good = _raw(server, head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(row), row))
        assert good.startswith(b"HTTP/1.1 200")
        large = (b"10000\r\n" + b" " * 65536 + b"\r\n") * 20 + b"0\r\n\r\n"
        assert _raw(server, head + large).startswith(b"HTTP/1.1 413")
        stated = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
        refused = _raw(server, stated)
        assert refused.startswith(b"HTTP/1.1 413") and b"application/problem+json" in refused


def test_a_repeated_key_header_is_refused_and_an_underscore_header_is_no_key(home: Path) -> None:
    with gunicorn(home, API_KEYS="right") as server:
        row = json.dumps(ROW).encode()

        def ask(headers: bytes) -> bytes:
            head = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            return _raw(server, head + headers + b"Content-Length: %d\r\n\r\n" % len(row) + row)

        assert ask(b"X-API-Key: right\r\n").startswith(b"HTTP/1.1 200")
        assert b"key_malformed" in ask(b"X-API-Key: wrong\r\nX-API-Key: right\r\n")
        assert b"key_missing" in ask(b"X_API_KEY: right\r\n")


def test_a_keep_alive_connection_outlives_refused_and_unread_bodies(home: Path) -> None:
    row = json.dumps(ROW)
    with gunicorn(home) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)

        def ask(path: str, body: str) -> int:
            connection.request("POST", path, body, JSON)
            answer = connection.getresponse()
            answer.read()
            return answer.status

        assert [ask("/predict", body) for body in ('{"rows": 1}', "{", row)] == [422, 400, 200]
        for size in (100, 11_000, 200_000) * 10:
            assert (ask("/health", "x" * size), ask("/predict", row)) == (405, 200)
        connection.close()


def test_a_client_that_stalls_in_a_body_nobody_reads_is_answered_in_the_end(home: Path) -> None:
    with (
        gunicorn(home) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection,
    ):
        connection.sendall(b"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\npart")
        assert connection.recv(20).startswith(b"HTTP/1.1 405")
