"""The model registry hangs, fails, lies or is not there: what serves goes on, and what was missed is taken up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from artpulse_core.errors import AgentUnavailable
from artpulse_core.exchange import control
from artpulse_core.settings import Settings
from artpulse_core.store import events
from tests.core.control.conftest import House
from tests.faults.front import Front
from tests.servers import free_port
from tests.serving import Serving, placed, started
from tests.waiting import until

pytestmark = pytest.mark.extended
# A tenth of the waiting that is right for work: ten seconds a try, three tries.
QUICK = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
}


@pytest.fixture(scope="module")
def front(shared: House) -> Iterator[Front]:
    """A real tracking server over the installation's store, and the door in front of it."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # fmt: skip
    command += ["--backend-store-uri", f"sqlite:///{shared.settings.home / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(shared.folder / "artifacts")]
    with (shared.folder / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
    try:
        with Front(port, "breaks off") as door:
            yield door
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@pytest.fixture(scope="module")
def through(shared: House, front: Front) -> Iterator[Settings]:
    """Settings of a host that reaches the registry through the door."""
    with TemporaryDirectory(prefix="ap-") as folder:
        yield placed(shared.settings.model_copy(update={"mlflow_tracking_uri": front.url}), Path(folder))


@pytest.fixture(scope="module")
def serving(through: Settings) -> Iterator[Serving]:
    """``serve`` on that host, started while nobody answers."""
    with started(through, QUICK) as running:
        yield running


@pytest.fixture
def well(serving: Serving, front: Front) -> Serving:
    """The server with everything in order."""
    front.turn("through")
    until(lambda: serving.well(registry=True, database=True) and serving.ready(), 90)
    return serving


@pytest.mark.fault(
    "the registry away at the start, no release on disk",
    "alive and not ready, the registry named; ready by itself once it is back",
)
def test_a_first_start_without_a_registry(
    serving: Serving, front: Front, seen: Callable[[str], None]
) -> None:
    until(lambda: serving.well(registry=False), 60)
    probe, api = serving.settings.probe_port, serving.settings.port
    assert serving.ask(probe, "GET", "/health")[0] == 200
    status, body = serving.ask(probe, "GET", "/ready")
    assert (status, body["status"]) == (503, "no_release")
    assert serving.ask(api, "GET", "/ready")[0] == 503
    answer, problem = serving.predict()
    assert (answer, problem["status"]) == (503, 503)
    assert len(serving.lines("registry is away")) == 1
    front.turn("through")
    until(serving.ready, 90)
    assert serving.versions() == {2}
    seen(f"alive, /ready 503 {body['status']}, /predict 503 “{problem['title']}”; back: ready, version 2")


def missed(serving: Serving, house: House, front: Front) -> None:
    """A version promoted in the meantime is served once the registry answers again."""
    champion = house.aliases["champion"]
    other = 3 if champion == 2 else 2
    house.promote(other, champion, override=True, reason="while the registry was away")
    assert serving.versions() == {champion}
    front.turn("through")
    until(lambda: serving.whole(other), 60)
    assert serving.versions() == {other}


AWAY = {
    "hangs": "the registry accepts and never answers",
    "fails": "the registry answers 500",
    "breaks off": "the registry breaks connections off",
    "speaks HTML": "the registry answers with a login page",
}


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(
            mode,
            id=mode,
            marks=pytest.mark.fault(
                what, "the old model answers, events are stored, one line; back: what was missed is served"
            ),
        )
        for mode, what in AWAY.items()
    ],
)
def test_a_registry_that_does_not_do_its_work(
    shared: House, well: Serving, front: Front, seen: Callable[[str], None], mode: str
) -> None:
    before = len(well.lines("registry is away"))
    front.turn(mode)
    until(lambda: well.well(registry=False, database=True), 60)
    status, body = well.predict()
    assert status == 200
    until(lambda: events.get(shared.db, f"{body['request_id']}:0"), 10)
    assert well.ready()
    assert well.ask(well.settings.port, "GET", "/ready")[1]["degraded"] in (["registry"], [])
    assert len(well.lines("registry is away")) == before + 1
    shown = well.status()
    missed(well, shared, front)
    seen(
        f"answers, event stored; “{shown['registry']['message'].split(' to ')[0]}”; back: the missed promotion is served"
    )


LIES = {
    "knows nothing": "the registry has forgotten the model",
    "says nothing": "the registry answers with an empty document",
    "lies": "the registry names a version it does not have",
}


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(
            mode,
            id=mode,
            marks=pytest.mark.fault(what, "the old model answers; back: what was missed is served"),
        )
        for mode, what in LIES.items()
    ],
)
def test_a_registry_that_lies(
    shared: House, well: Serving, front: Front, seen: Callable[[str], None], mode: str
) -> None:
    front.turn(mode)
    well.notify()
    well.notify()
    assert well.versions() == {shared.aliases["champion"]}
    failures = [item["message"] for item in well.status()["failures"].values()]
    missed(well, shared, front)
    seen(
        f"the old model answers{f', “{failures[0][:44]}…”' if failures else ''}; the missed promotion is served"
    )


@pytest.mark.fault(
    "somebody waits for an agent whose registry hangs",
    "the answer comes within its deadline, and says not polled",
)
def test_nobody_waits_beyond_a_deadline(well: Serving, front: Front, seen: Callable[[str], None]) -> None:
    front.turn("hangs")
    begun = time.monotonic()
    try:
        answer = control.call(well.settings.socket, "notify", deadline=1.0)
        assert not answer["polled"]
    except AgentUnavailable:
        pass
    assert time.monotonic() - begun < 5
    begun = time.monotonic()
    assert well.status()["agent"]
    assert time.monotonic() - begun < 5
    seen("answered in time: not polled; status answers too")


@pytest.mark.fault(
    "the registry hangs at the start, a release on disk", "ready from the disk, the same version"
)
def test_a_start_from_the_disk(
    shared: House, well: Serving, front: Front, through: Settings, seen: Callable[[str], None]
) -> None:
    champion = shared.aliases["champion"]
    until(lambda: well.whole(champion))
    assert well.end() == 0
    front.turn("hangs")
    with started(through, QUICK) as again:
        again.begun()
        assert again.versions() == {champion}
        until(lambda: again.well(registry=False), 60)
        assert again.versions() == {champion}
    seen("ready, the same version, the registry named as away")
