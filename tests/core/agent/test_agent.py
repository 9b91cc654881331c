"""The agent as a whole: it follows changes when told, keeps events, and says what is away."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest

from artpulse_core import settings as settings_module
from artpulse_core.agent.alone import only_one
from artpulse_core.agent.host import Agent
from artpulse_core.agent.rhythm import Rhythm
from artpulse_core.agent.status import collect
from artpulse_core.errors import AgentUnavailable, FeedbackRefused, SettingsError
from artpulse_core.exchange import control, spool
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.spool import SpoolWriter
from artpulse_core.settings import Settings
from artpulse_core.store import changes, events
from tests.core.control.conftest import MODEL, NOW, House
from tests.core.store.test_events import line
from tests.waiting import until


@contextmanager
def running(
    settings: Settings,
    files: Mapping[str, bytes] | None = None,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    poll_seconds: float = 3600.0,
) -> Iterator[Settings]:
    """An agent in a thread, with a run folder short enough for a socket; no polls but those asked for, if not said.

    ``files`` lie in the run folder before it starts.
    """
    with TemporaryDirectory(prefix="ap-") as folder:
        settings = settings.model_copy(update={"run_dir": Path(folder), "poll_seconds": poll_seconds})
        for name, data in (files or {}).items():
            (settings.run / name).write_bytes(data)
        stopped = threading.Event()
        thread = threading.Thread(target=Agent(settings, clock=clock).run, args=(stopped,))
        thread.start()
        try:
            until(settings.socket.exists)
            yield settings
        finally:
            stopped.set()
            thread.join()


def status(settings: Settings) -> dict[str, Any]:
    answer: dict[str, Any] = control.call(settings.socket, "status")["status"]
    return answer


def version(settings: Settings) -> int | None:
    release = releases.read(settings.run)
    return release.problems["art_core5"].primary.version if release else None


def test_the_agent_serves_follows_notices_and_takes_truth(three: House) -> None:
    with running(three.settings) as settings:
        assert control.call(settings.socket, "notify", deadline=30) == {
            "ok": True,
            "polled": True,
            "sequence": 1,
        }
        assert version(settings) == 2
        three.promote(3, 2)
        assert control.call(settings.socket, "notify", deadline=30)["sequence"] == 2
        assert version(settings) == 3

        writer = SpoolWriter(settings.run / "spool")
        writer.append(orjson.dumps(line(1)) + b"\n")
        fields = {"request_id": "req1", "row": 0, "caller": "key-1", "labels": {"art_core5": ["vibrant"]}}
        with pytest.raises(FeedbackRefused, match="no label 'baroque'") as refused:
            control.call(settings.socket, "feedback", **fields, label="baroque")
        assert refused.value.issues[0].code == "label_unknown"
        with pytest.raises(FeedbackRefused, match="belongs to this key"):
            control.call(settings.socket, "feedback", **{**fields, "caller": "key-2"}, label="baroque")
        control.call(settings.socket, "feedback", **fields, label="vibrant")
        assert [row["label"] for row in events.labelled(three.db, "art_core5", limit=9)] == ["vibrant"]

        shown = collect(settings)
        assert (shown["agent"], shown["sequence"]) == (True, 2)
        slot = shown["problems"]["art_core5"]["slots"]["primary"]
        assert (slot["version"], slot["by"], slot["reason"]) == (3, "test", "better")
        assert (shown["registry"]["ok"], shown["database"]["ok"]) == (True, True)

        writer.append(orjson.dumps(line(2)) + b"\n")
        writer.close()
    assert events.count(three.db, "art_core5") == 2
    with pytest.raises(AgentUnavailable):
        control.call(settings.socket, "status")


def test_an_open_change_of_a_dead_process_is_settled_at_the_start(three: House) -> None:
    changes.open_change(
        three.db, model=MODEL, action="promote", expected=2, target=3, actor="dead", reason="r",
        verdict=None, idempotency_key=None, now=NOW,
    )  # fmt: skip
    with running(three.settings) as settings:
        until(
            lambda: (
                not changes.open_rows(three.db)
                or control.call(settings.socket, "notify", deadline=10) is None
            )
        )
    assert changes.history(three.db, MODEL, 1)[0].state == "undone"


def test_a_registry_that_is_away_leaves_the_release_and_is_named(three: House) -> None:
    with running(three.settings) as settings:
        control.call(settings.socket, "notify", deadline=30)
        published = (settings.run / "release.json").read_bytes()
        away = settings_module.load(
            {"MLFLOW_TRACKING_URI": "sqlite:////proc/nothing/mlflow.db"},
            home=settings.home,
            run_dir=settings.run,
        )
    settings.run.mkdir()
    (settings.run / "release.json").write_bytes(published)
    stopped = threading.Event()
    agent = Agent(away, clock=lambda: datetime.now(UTC))
    thread = threading.Thread(target=agent.run, args=(stopped,))
    thread.start()
    try:
        state = until(
            lambda: (
                settings.socket.exists() and status(settings)["registry"]["ok"] is False and status(settings)
            )
        )
        assert state["registry"]["message"].startswith("The model registry failed")
        assert state["release"]["sequence"] == 1
        written = settings.run / "status.json"  # the socket answers before the first file is written
        until(lambda: written.exists() and orjson.loads(written.read_bytes())["registry"]["ok"] is False)
    finally:
        stopped.set()
        thread.join()
    assert (settings.run / "release.json").read_bytes() == published
    for path in sorted(settings.run.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    settings.run.rmdir()


def test_a_database_that_is_away_keeps_events_and_is_named(mlflow_home: Settings) -> None:
    blocked = mlflow_home.model_copy(update={"database_url": "sqlite:////proc/nothing/artpulse.db"})
    with running(blocked) as settings:
        writer = SpoolWriter(settings.run / "spool")
        writer.append(orjson.dumps(line(1)) + b"\n")
        until(lambda: status(settings)["database"]["ok"] is False)
        writer.close()
        time.sleep(0.7)
        assert len(list((settings.run / "spool").glob("*.jsonl"))) == 1


def test_a_spool_that_cannot_be_used_is_named_and_the_database_is_not_blamed(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with running(three.settings) as settings:
        writer = SpoolWriter(settings.run / "spool")
        until(lambda: status(settings)["spool"]["ok"])
        with monkeypatch.context() as patch:
            patch.setattr(spool, "acknowledge", full)
            writer.append(orjson.dumps(line(1)) + b"\n")
            said = until(lambda: status(settings)["spool"]["ok"] is False and status(settings))
            assert "No space left" in said["spool"]["message"]
            assert said["database"]["ok"] is True
        until(lambda: status(settings)["spool"]["ok"])
        writer.close()
    assert events.count(three.db, "art_core5") == 1


def test_what_nobody_serves_is_shown_as_nothing(tmp_path: Path) -> None:
    shown = collect(settings_module.load({}, home=tmp_path))
    assert (shown["agent"], shown["problems"], shown["workers"], shown["registry_age"]) == (
        False,
        {},
        [],
        None,
    )
    assert list(tmp_path.iterdir()) == []


def test_one_process_of_a_kind_works_in_a_folder(tmp_path: Path) -> None:
    with (
        only_one(tmp_path / "a.lock", "agent"),
        pytest.raises(SettingsError, match="Another agent works"),
        only_one(tmp_path / "a.lock", "agent"),
    ):
        pass
    with only_one(tmp_path / "a.lock", "agent"):
        pass


def test_a_question_is_answered_by_a_turn_that_began_after_it() -> None:
    begun: list[float] = []
    gate = threading.Event()

    def work() -> None:
        begun.append(time.monotonic())
        gate.wait(5)

    rhythm = Rhythm(work, lambda: 3600.0)
    thread = threading.Thread(target=rhythm.run)
    thread.start()
    until(lambda: begun)
    assert not rhythm.now(0.05)
    asked = time.monotonic()
    gate.set()
    assert rhythm.now(5)
    assert begun[-1] >= asked
    rhythm.stop()
    thread.join()
