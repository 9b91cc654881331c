"""What ``serve`` refuses before it starts anything, and its parts without the processes."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from artpulse_core import settings as settings_module
from artpulse_core.agent import supervisor
from artpulse_core.agent.children import Child, environment
from artpulse_core.agent.probes import ProbeServer, Readiness
from artpulse_core.errors import SettingsError
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot, WorkerStatus
from tests.homes import Home
from tests.servers import free_port
from tests.waiting import until


@pytest.fixture
def probes(tmp_path: Path) -> Iterator[tuple[ProbeServer, Readiness]]:
    readiness = Readiness(tmp_path)
    server = ProbeServer("127.0.0.1", 0, tmp_path, readiness)
    yield server, readiness
    server.close()


def get(port: int, path: str) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.getheader("Content-Type") or ""
    connection.close()
    return found


def publish(run: Path, *problems: str) -> None:
    slot = Slot("champion", 1, "d", "bundles/d")
    releases.write(run, Release(1, "t", {name: ProblemRelease(name, slot) for name in problems}))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"host": "0.0.0.0"}, "no key is configured"),
        ({"host": "::"}, "no key is configured"),
        ({"host": "example.org"}, "no key is configured"),
        ({"port": 9000, "probe_port": 9000}, "both 9000"),
        ({"run_dir": Path("/tmp") / ("x" * 100)}, "too long"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(values: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        supervisor.check(settings_module.load({}, home=Path("/tmp/home"), **values))


def test_an_open_address_is_fine_with_a_key() -> None:
    supervisor.check(
        settings_module.load(
            {"ARTPULSE_API_KEY": "secret"}, home=Path("/tmp/home"), host="0.0.0.0", port=free_port()
        )
    )


def test_a_child_reads_the_settings_of_its_parent(tmp_path: Path) -> None:
    given = {
        "ARTPULSE_HOME": str(tmp_path),
        "API_KEYS": "one,two",
        "AUTH_REQUIRED": "true",
        "ARTPULSE_PROBLEMS": "art_core5",
        "HTTP_LATENCY_BUCKETS_SECONDS": "0.1,0.5",
    }
    settings = settings_module.load(given, port=8123)
    handed = environment(settings, {"PATH": "/bin", "PORT": "1", "API_KEYS": "old", "JAVA_HOME": "x"})
    assert settings_module.load(handed) == settings
    assert (handed["PATH"], handed["JAVA_HOME"], handed["API_KEYS"]) == ("/bin", "x", "one,two")
    assert settings.api_keys == (SecretStr("one"), SecretStr("two"))


def test_ready_needs_a_release_and_a_living_worker_for_each_problem(
    tmp_path: Path, probes: tuple[ProbeServer, Readiness]
) -> None:
    server, readiness = probes
    assert get(server.port, "/health")[0] == 200
    assert orjson.loads(get(server.port, "/ready")[1])["status"] == "no_release"
    publish(tmp_path, "art", "two")
    releases.write_worker(tmp_path, WorkerStatus(os.getpid(), 1, "t", {"art": {}}, {}))
    status, body, _ = get(server.port, "/ready")
    assert (status, orjson.loads(body)["problems"]) == (503, {"art": True, "two": False})
    releases.write_worker(tmp_path, WorkerStatus(os.getpid(), 1, "t", {"art": {}, "two": {}}, {}))
    assert get(server.port, "/ready")[0] == 200
    readiness.draining = True
    status, body, _ = get(server.port, "/ready")
    assert (status, orjson.loads(body)["status"]) == (503, "draining")
    assert get(server.port, "/health")[0] == 200


def test_a_problem_counts_once_all_workers_have_it_and_then_while_one_has(tmp_path: Path) -> None:
    readiness = Readiness(tmp_path, workers=2)
    publish(tmp_path, "art")
    releases.write_worker(tmp_path, WorkerStatus(os.getpid(), 1, "t", {"art": {}}, {}))
    assert not readiness.ask()[0]
    releases.write_worker(tmp_path, WorkerStatus(os.getppid(), 1, "t", {"art": {}}, {}))
    assert readiness.ask()[0]
    (tmp_path / "workers" / f"{os.getppid()}.json").unlink()
    assert readiness.ask()[0]
    publish(tmp_path, "art", "two")
    assert not readiness.ask()[0]


def test_probes_answer_beside_clients_that_never_finish(probes: tuple[ProbeServer, Readiness]) -> None:
    server, _ = probes
    slow = [http.client.HTTPConnection("127.0.0.1", server.port) for _ in range(8)]
    for connection in slow:
        connection.connect()
        connection.send(b"GET /hea")
    assert get(server.port, "/health")[0] == 200
    for connection in slow:
        connection.close()


def test_metrics_are_text_and_other_paths_are_not_found(probes: tuple[ProbeServer, Readiness]) -> None:
    server, _ = probes
    status, _, kind = get(server.port, "/metrics")
    assert (status, kind.partition(";")[0]) == (200, "text/plain")
    status, body, kind = get(server.port, "/secret")
    assert (status, orjson.loads(body)["status"], kind) == (404, 404, "application/problem+json")


def test_a_dead_child_is_started_again_after_a_pause(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    script = f"open({str(marks)!r}, 'a').write('x'); raise SystemExit(3)"
    child = Child("short", [sys.executable, "-I", "-c", script], {})
    child.start()
    codes = []

    def twice() -> bool:
        if (code := child.watch()) is not None:
            codes.append((code, time.monotonic()))
        return len(codes) == 2

    until(twice)
    assert [code for code, _ in codes] == [3, 3]
    assert codes[1][1] - codes[0][1] >= 0.5
    assert marks.read_text() == "xx"
    child.stop(1)


def test_a_child_that_ignores_sigterm_is_killed() -> None:
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    child = Child("stubborn", [sys.executable, "-I", "-c", script], {})
    child.start()
    time.sleep(0.5)
    begun = time.monotonic()
    child.stop(0.5)
    assert child.pid is None
    assert time.monotonic() - begun < 10


def test_nothing_is_announced_where_nobody_serves(tmp_path: Path) -> None:
    assert supervisor.serving(tmp_path) is None
    (tmp_path / "serve.json").write_bytes(orjson.dumps({"pid": 2**22 + 7, "port": 1}))
    assert supervisor.serving(tmp_path) is None
    (tmp_path / "serve.json").write_bytes(orjson.dumps({"pid": os.getpid(), "port": 1}))
    assert supervisor.serving(tmp_path) == {"pid": os.getpid(), "port": 1}


def test_a_taken_probe_port_is_named(tmp_path: Path, probes: tuple[ProbeServer, Readiness]) -> None:
    settings = settings_module.load(
        {}, home=tmp_path, run_dir=tmp_path / "r", port=free_port(), probe_port=probes[0].port
    )
    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(SettingsError, match="ARTPULSE_PROBE_PORT"):
        supervisor.serve(settings)


def test_a_taken_port_is_named_and_no_key_is_shown(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        home = Home(tmp_path, {"ARTPULSE_PROBE_PORT": str(port - 1)})
        code, out, err = home.run("serve", "--new-key", "--port", str(port))
    assert (code, out) == (SettingsError.exit_code, "")
    assert f"PORT {port} on 127.0.0.1 cannot be used" in err


def test_the_announcement_waits_until_somebody_listens(tmp_path: Path) -> None:
    settings = settings_module.load({}, home=tmp_path, port=free_port())
    assert not supervisor._listens(settings)
    with socket.create_server(("127.0.0.1", settings.port)):
        assert supervisor._listens(settings)
