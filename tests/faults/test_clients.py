"""Clients that stall, vanish, send rubbish or come all at once: probes answer, and no event is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.core.control.conftest import House
from tests.serving import Serving, load_on
from tests.waiting import until

pytestmark = pytest.mark.extended
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@contextmanager
def half_sent(serving: Serving, data: bytes, clients: int = 8) -> Iterator[list[socket.socket]]:
    """So many connections that have sent ``data`` and say nothing more."""
    open_ones = []
    try:
        for _ in range(clients):
            connection = socket.create_connection(("127.0.0.1", serving.settings.port), 5)
            connection.sendall(data)
            open_ones.append(connection)
        yield open_ones
    finally:
        for connection in open_ones:
            connection.close()


def probed(serving: Serving, seconds: float) -> float:
    """Ask both probes and the metrics for so long; the longest an answer took."""
    longest, ends = 0.0, time.monotonic() + seconds
    while time.monotonic() < ends:
        begun = time.monotonic()
        for path in ("/health", "/ready"):
            assert serving.ask(serving.settings.probe_port, "GET", path)[0] == 200
        assert serving.metric("artpulse_release_sequence") >= 1
        longest = max(longest, time.monotonic() - begun)
        time.sleep(0.05)
    return longest


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(data, id=what, marks=pytest.mark.fault(
            f"eight clients that stop in the middle of {what}",
            "probes answer all the time; once they are gone everybody is answered, no worker died",
        ))
        for what, data in {
            "the head": HEAD[:-2],
            "the body": HEAD + b'Content-Length: 200\r\n\r\n{"hue_mean": 0.1',
            "a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{",
        }.items()
    ],
)  # fmt: skip
def test_slow_clients(serving: Serving, seen: Callable[[str], None], data: bytes) -> None:
    workers = serving.pids()
    with half_sent(serving, data):
        assert probed(serving, 1.5) < 5
    until(lambda: serving.predict()[0] == 200, 40)
    assert serving.versions() == {2}
    assert serving.pids() == workers
    seen("probes 200 all the time, then version 2 answers, the same workers")


@pytest.mark.fault("200 clients that break off", "answers go on for the others, no worker died")
def test_vanishing_clients(serving: Serving, seen: Callable[[str], None]) -> None:
    workers = serving.pids()
    with load_on(serving, pause=0.01) as load:
        for place in range(200):
            with (
                contextlib.suppress(OSError),
                half_sent(serving, (HEAD + b"\r\n")[: 10 + place % 80], 1) as (one,),
            ):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        load.more(20)
    assert set(load.statuses) == {200}
    assert serving.pids() == workers
    seen("all others 200, the same workers")


@pytest.mark.fault(
    "what is no HTTP, on the port of the API", "refused or closed, answers go on, no worker died"
)
def test_rubbish(serving: Serving, seen: Callable[[str], None]) -> None:
    workers = serving.pids()
    rubbish = [os.urandom(512), b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\r\n" * 500, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
               HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n", HEAD + b"Content-Length: -1\r\n\r\n", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"]  # fmt: skip
    for data in rubbish:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", serving.settings.port), 5) as one,
        ):
            one.settimeout(3)
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            answer = one.recv(64)
            assert answer == b"" or answer.split()[1].startswith(b"4"), answer
    assert serving.versions() == {2}
    assert serving.pids() == workers
    seen(f"{len(rubbish)} kinds refused with 4xx or closed, the same workers")


@pytest.mark.fault(
    "overload: 64 clients at once", "200 or a named 503, probes answer, every acknowledged event stored once"
)
def test_overload(shared: House, serving: Serving, seen: Callable[[str], None]) -> None:
    workers = serving.pids()
    with load_on(serving, clients=64) as load:
        load.more(200)
        assert probed(serving, 2.0) < 5
    assert set(load.statuses) <= {200, 503}
    assert len(load.acknowledged) > 200
    assert serving.pids() == workers
    assert serving.versions() == {2}
    last = serving.predict()[1]["request_id"]
    until(lambda: last in stored(shared), 60)
    found = stored(shared)
    assert set(load.acknowledged) <= set(found)
    assert len(found) == len(set(found))
    seen("200 only, probes 200, every event stored once" if set(load.statuses) == {200} else "200 and 503")


@pytest.mark.fault("a worker frozen under load", "the other answers, probes answer; it goes on after")
def test_frozen_worker(serving: Serving, seen: Callable[[str], None]) -> None:
    victim = min(serving.pids())
    os.kill(victim, signal.SIGSTOP)
    try:
        answered: list[int] = []
        threads = [threading.Thread(target=lambda: answered.append(serving.predict()[0])) for _ in range(12)]
        for thread in threads:
            thread.start()
        assert probed(serving, 1.0) < 5
        until(lambda: 200 in answered)
    finally:
        os.kill(victim, signal.SIGCONT)
    for thread in threads:
        thread.join()
    assert set(answered) <= {200, 0}
    assert serving.versions() == {2}
    seen("the other answers, probes 200; afterwards both")


def stored(house: House) -> list[str]:
    """The request ids in the table, as often as they stand there."""
    with sqlite3.connect(house.settings.home / "artpulse.db") as connection:
        return [str(row[0]) for row in connection.execute("SELECT request_id FROM events")]
