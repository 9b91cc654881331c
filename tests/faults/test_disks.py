"""The run folder is full, read-only, or somebody's hand was in it: answers go on, and what is lost is counted."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from artpulse_core.exchange import release as releases
from tests.core.control.conftest import House
from tests.faults.disks import full, read_only, small_disk
from tests.serving import Serving, load_on, placed, started
from tests.waiting import until

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("disk") / "d") as place:
        yield place


@pytest.fixture(scope="module")
def serving(shared: House, disk: Path) -> Iterator[Serving]:
    """``serve`` with its run folder on a small disk."""
    with started(placed(shared.settings, disk)) as running:
        running.begun()
        until(lambda: running.well(registry=True, database=True))
        yield running


def stored(house: House) -> list[str]:
    """The request ids in the table, as often as they stand there."""
    with sqlite3.connect(house.settings.home / "artpulse.db") as connection:
        return [str(row[0]) for row in connection.execute("SELECT request_id FROM events")]


def dropped(serving: Serving) -> int:
    return int(serving.metric("artpulse_events_dropped_total"))


@pytest.mark.fault(
    "the run folder full",
    "every answer 200, no worker dies, every event is stored or counted as dropped, and it goes on when there is room",
)
def test_full(shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    before, workers, asked = dropped(serving), serving.pids(), []
    with full(disk):
        # Other labels, routes and refusals: new series of the metrics, which live in files on this disk too.
        for place in range(300):
            asked.append(serving.predict())
            if place % 10 == 0:
                serving.ask(serving.settings.port, "POST", "/predict", {"nobody": place})
                serving.ask(serving.settings.port, "GET", "/model/info")
        lost = dropped(serving) - before
    assert {status for status, _ in asked} == {200}
    assert serving.pids() == workers
    assert lost > 0

    def taken_up() -> bool:
        status, body = serving.predict()
        asked.append((status, body))
        return status == 200 and dropped(serving) - before == lost

    until(taken_up)
    ids = [body["request_id"] for _, body in asked]
    until(lambda: ids[-1] in stored(shared))
    found = stored(shared)
    until(lambda: len(set(ids) & set(stored(shared))) + lost == len(ids))
    assert len(found) == len(set(found))
    seen("all 200, no worker died, stored + counted as dropped = asked")


@pytest.mark.fault(
    "the run folder read-only", "every answer 200, nothing dies; what was promoted meanwhile is served after"
)
def test_read_only(shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    workers = serving.pids()
    with load_on(serving, pause=0.01) as load:
        with read_only(disk):
            shared.promote(3, 2)
            serving.notify()
            load.more(100)
            assert set(load.versions) == {2}
            shown = serving.status()
            assert "Read-only file system" in shown["run_folder"]["message"]
            assert "Read-only file system" in shown["spool"]["message"]
            assert (shown["database"]["ok"], shown["failures"]) == (True, {})
            named = [
                orjson.loads(row)["message"]
                for row in serving.lines("Read-only file system")
                if row.startswith("{")
            ]
            assert named.count("the run folder cannot be written") == 1
        until(lambda: serving.whole(3), 60)
        load.more(20)
        shared.rollback()
        until(lambda: serving.whole(2))
    assert set(load.statuses) == {200}
    assert serving.pids() == workers
    seen(
        "all 200, “the run folder cannot be written: … Read-only file system”, the database not blamed; "
        "writable again: the promotion is served"
    )


@pytest.mark.fault(
    "a worker killed while the run folder is read-only", "the other answers; two again when it can be written"
)
def test_read_only_and_a_death(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    before = serving.pids()
    with read_only(disk):
        os.kill(min(before), signal.SIGKILL)
        until(lambda: [serving.predict()[0] for _ in range(20)] == [200] * 20)
    until(lambda: len(serving.pids()) == 2 and min(before) not in serving.pids(), 60)
    assert serving.versions() == {2}
    seen("version 2 answers; later two workers again")


@pytest.mark.fault(
    "the fetched bundles deleted, and a worker killed", "fetched again, and every worker on the same version"
)
def test_bundles_deleted(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    before = serving.pids()
    shutil.rmtree(disk / "bundles")
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(serving.pids()) == 2 and min(before) not in serving.pids(), 60)
    until(lambda: serving.whole(2), 60)
    assert serving.versions() == {2}
    seen("fetched again, both workers on version 2")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            text,
            id=what,
            marks=pytest.mark.fault(f"release.json {what}", "the old model answers; written anew"),
        )
        for what, text in {
            "torn": '{"format":1,"sequ',
            "of another format": '{"format":99}',
            "without its slots": '{"format":1,"sequence":5,"generated_at":"x","problems":{"art_core5":{}}}',
            "that is no text": b"\x00\xff" * 400,
            "gone": None,
        }.items()
    ],
)
def test_release_spoilt(
    serving: Serving, disk: Path, text: str | bytes | None, seen: Callable[[str], None]
) -> None:
    path = disk / releases.FILE
    with load_on(serving, pause=0.005) as load:
        if text is None:
            path.unlink()
        else:
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        load.more(60)

        def anew() -> bool:
            try:
                return releases.read(disk) is not None
            except ValueError:
                return False

        until(anew)
        load.more(60)
    assert set(load.statuses) == {200}
    assert set(load.versions) == {2}
    assert serving.whole(2)
    seen("all 200, version 2, written anew")


@pytest.mark.fault(
    "torn lines and garbage in the spool",
    "counted and passed over; every good line around them is stored once",
)
def test_garbage_in_the_spool(
    shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]
) -> None:
    from tests.core.store.test_events import line

    good = [orjson.dumps(line(900 + place)) for place in range(4)]
    bad = [good[0][:40], b"\x00\xff\xfe garbage", b'{"id": 7}', b"[]", b'"text"', b"{" * 5000]
    (disk / "spool" / "1-1-1.jsonl").write_bytes(b"\n".join([good[0], *bad, *good[1:], good[3][:-20]]))
    until(lambda: {f"req{900 + place}" for place in range(4)} <= set(stored(shared)))
    body = serving.predict()[1]
    until(lambda: body["request_id"] in stored(shared))
    assert [stored(shared).count(f"req{900 + place}") for place in range(4)] == [1] * 4
    until(lambda: not (disk / "spool" / "1-1-1.jsonl").exists())
    counted = sum(orjson.loads(row)["lines"] for row in serving.lines("torn event lines"))
    assert counted >= len(bad)
    seen(f"{len(bad)} lines and a torn end counted, 4 good ones stored once")


@pytest.mark.fault("the cursor of the spool spoilt", "read from the start again; nothing lost, nothing twice")
def test_spoilt_cursor(shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    with load_on(serving, pause=0.005) as load:
        for text in (b"{", b"[1, 2]", b'{"x": "y"}', b""):
            (disk / "spool" / "cursor.json").write_bytes(text)
            load.more(40)
    until(lambda: set(load.acknowledged) <= set(stored(shared)))
    found = stored(shared)
    assert len(found) == len(set(found))
    seen("every event stored once")


@pytest.mark.fault(
    "the folder of the spool deleted", "every answer 200; what comes after is stored or counted as dropped"
)
def test_spool_deleted(shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    shutil.rmtree(disk / "spool")
    answers = [serving.predict() for _ in range(20)]
    assert {status for status, _ in answers} == {200}

    def stored_again() -> bool:
        body = serving.predict()[1]
        answers.append((200, body))
        return body["request_id"] in _soon(shared, body["request_id"])

    until(stored_again, 40)
    seen("all 200, and later events are stored again")


def _soon(house: House, request: str) -> list[str]:
    try:
        until(lambda: request in stored(house), 2)
    except AssertionError:
        return []
    return [request]


@pytest.mark.fault(
    "the run folder cannot be written at the start",
    "refused with one sentence and exit code 73 or 74, at once",
)
def test_a_start_on_a_read_only_folder(shared: House, tmp_path: Path, seen: Callable[[str], None]) -> None:
    place = tmp_path / "ro"
    place.mkdir()
    with read_only(place):
        running = Serving(placed(shared.settings, place))
        code = running.process.wait(60)
        running.log.close()
    text = running.log_file.read_text().strip()
    assert code in {73, 74, 78}, (code, text)
    assert "Traceback" not in text
    seen(f"exit {code}: “{text.splitlines()[-1].split(': /')[0]}: …”")
