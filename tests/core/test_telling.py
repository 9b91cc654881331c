"""After a change: what is said of the agent and the workers of this host."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from artpulse_core import settings as settings_module
from artpulse_core.agent.socket import ControlSocket
from artpulse_core.commands.telling import Told, Wanted, tell
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import ProblemRelease, Release, Slot, WorkerStatus
from artpulse_core.settings import Settings

OLD = {
    "version": 1,
    "digest": "sha256:a",
    "alias": "champion",
    "mode": "single",
    "percent": 0.0,
    "secondary": None,
}
NEW = {**OLD, "version": 2}
CANARY = {**OLD, "mode": "canary", "percent": 5.0, "secondary": {"version": 2}}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A host of its own with a path short enough for a socket."""
    with TemporaryDirectory(prefix="ap-") as folder:
        yield settings_module.load({}, home=tmp_path, run_dir=Path(folder))


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the workers of the host report these rows, one after the other look."""

    def report(*looks: list[Mapping[str, Any]]) -> None:
        left = list(looks)

        def read(_run: Path) -> list[WorkerStatus]:
            rows = left.pop(0) if len(left) > 1 else left[0]
            return [WorkerStatus(number, 1, "", {"art": row}, {}) for number, row in enumerate(rows)]

        monkeypatch.setattr(releases, "read_workers", read)

    return report


@contextlib.contextmanager
def agent(settings: Settings, *, publishes: ProblemRelease, **failures: Mapping[str, Any]) -> Iterator[None]:
    """An agent that publishes this when it is told."""

    def notify(_request: Mapping[str, Any]) -> dict[str, Any]:
        releases.write(settings.run, Release(1, "2026-03-01T00:00:00+00:00", {"art": publishes}))
        return {"polled": True}

    def status(_request: Mapping[str, Any]) -> dict[str, Any]:
        return {"status": {**failures, "registry": {"message": None}}}

    ear = ControlSocket(settings.socket, {"notify": notify, "status": status})
    try:
        yield
    finally:
        ear.close()


def served(version: int, **more: Any) -> ProblemRelease:
    return ProblemRelease("artpulse-art", Slot("champion", version, "sha256:a", "bundles/a"), **more)


def test_without_a_server_it_is_served_at_the_next_start(
    settings: Settings, workers: Callable[..., None]
) -> None:
    workers([])
    sentence = "no server on this host; it will be served at the next start"
    assert tell(settings, "art", Wanted(2)) == Told(False, 0, 0, sentence)


def test_workers_without_an_agent_go_on_as_they_are(settings: Settings, workers: Callable[..., None]) -> None:
    workers([OLD, OLD])
    told = tell(settings, "art", Wanted(2))
    assert (told.agent, told.workers, told.following) == (False, 2, 0)
    assert told.sentence.startswith("the agent of this host does not answer: 0 of 2 workers answer with it")


@pytest.mark.smoke
def test_it_is_waited_for_until_every_worker_answers_with_it(
    settings: Settings, workers: Callable[..., None]
) -> None:
    workers([OLD, OLD], [NEW, OLD], [NEW, NEW])
    with agent(settings, publishes=served(2)):
        told = tell(settings, "art", Wanted(2), deadline=5)
    assert told == Told(True, 2, 2, "2 of 2 workers of this host answer with it")


def test_a_worker_that_does_not_follow_is_told_when_the_time_is_up(
    settings: Settings, workers: Callable[..., None]
) -> None:
    workers([NEW, OLD])
    with agent(settings, publishes=served(2)):
        told = tell(settings, "art", Wanted(2), deadline=0.3)
    assert (told.following, told.sentence) == (
        1,
        "1 of 2 workers of this host answer with it so far; see `artpulse status`",
    )


def test_what_the_agent_refuses_is_told_at_once_with_its_reason(
    settings: Settings, workers: Callable[..., None]
) -> None:
    workers([OLD, OLD])
    failures = {
        "art": {"version": 2, "message": "its answers are not the golden ones"},
        "two": {"message": "other"},
    }
    with agent(settings, publishes=served(1), failures=failures):
        told = tell(settings, "art", Wanted(2), deadline=600)
    assert told.sentence == (
        "this host does not serve it: version 1 (single) is what its agent publishes; "
        "its answers are not the golden ones"
    )


def test_a_secondary_that_is_refused_is_told_with_its_reason(
    settings: Settings, workers: Callable[..., None]
) -> None:
    workers([OLD])
    with agent(settings, publishes=served(1), secondary_failures={"art": {"message": "another contract"}}):
        told = tell(settings, "art", Wanted(1, "canary", 5, 2), deadline=600)
    assert told.sentence.endswith("version 1 (single) is what its agent publishes; another contract")


def test_an_agent_without_workers_has_been_told(settings: Settings, workers: Callable[..., None]) -> None:
    workers([])
    with agent(settings, publishes=served(2)):
        told = tell(settings, "art", Wanted(2), deadline=600)
    assert told.sentence == "this host has been told; no worker runs here"


def test_the_share_and_the_secondary_count_too(settings: Settings, workers: Callable[..., None]) -> None:
    secondary = Slot("challenger", 2, "sha256:b", "bundles/b")
    wanted = Wanted(1, "canary", 5, 2)
    with agent(settings, publishes=served(1, mode="canary", percent=5.0, secondary=secondary)):
        workers([OLD], [CANARY])
        assert tell(settings, "art", wanted, deadline=5).following == 1
        workers([{**CANARY, "percent": 1.0}])
        assert tell(settings, "art", wanted, deadline=0.2).following == 0
    assert not wanted.in_report(None)
    assert not wanted.in_release(None)


@pytest.mark.parametrize(
    "error", [ValueError("broken report"), PermissionError(13, "Permission denied"), KeyboardInterrupt()]
)
def test_a_change_is_made_though_nobody_knows_who_follows_it(
    settings: Settings, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_run: Path) -> list[WorkerStatus]:
        raise error

    monkeypatch.setattr(releases, "read_workers", broken)
    told = tell(settings, "art", Wanted(2))
    assert (told.following, str(error) in told.sentence) == (0, True)
