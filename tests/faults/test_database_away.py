"""The database is away, locked, full, spoilt, replaced or of another release: answers go on, no event is lost."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artpulse_core.control.registry import Registry
from artpulse_core.store.database import Database
from tests.core.control.conftest import House
from tests.databases import whole_file
from tests.faults.disks import full, read_only, small_disk
from tests.serving import Load, Serving, load_on
from tests.waiting import until

pytestmark = pytest.mark.extended
FOLDER = "db"  # on the small disk


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("disk") / "d", 48) as place:
        yield place


@pytest.fixture(scope="module")
def shared(shared: House, disk: Path) -> Iterator[House]:
    """The installation with its database on a small disk of its own."""
    shared.db.dispose()
    whole_file(shared.settings.home / "artpulse.db")
    (disk / FOLDER).mkdir()
    shutil.move(shared.settings.home / "artpulse.db", disk / FOLDER / "artpulse.db")
    settings = shared.settings.model_copy(
        update={"database_url": f"sqlite:///{disk / FOLDER / 'artpulse.db'}"}
    )
    house = House(settings, Database(settings.database), Registry(settings), shared.folder)
    yield house
    house.db.dispose()


def stored(disk: Path) -> list[str]:
    """The request ids in the table, as often as they stand there."""
    with sqlite3.connect(f"file:{disk / FOLDER / 'artpulse.db'}?mode=ro", uri=True) as connection:
        return [str(row[0]) for row in connection.execute("SELECT request_id FROM events")]


@contextmanager
def without_loss(serving: Serving, disk: Path) -> Iterator[Load]:
    """Load during the block; afterwards every answer was 200 and every event is stored once."""
    with load_on(serving, pause=0.01) as load:
        load.more(5)
        yield load
        load.more(20)
    assert set(load.statuses) == {200}
    until(lambda: serving.well(database=True))
    until(lambda: set(load.acknowledged) <= set(stored(disk)))
    found = stored(disk)
    assert len(found) == len(set(found))


EXPECTED = "every answer 200, the database named, then every event stored once"


def broken(serving: Serving, load: Load, says: str) -> str:
    """Wait until the fault is named, with answers going on; what was said."""
    until(lambda: serving.well(database=False))
    load.more(30)
    message: str = serving.status()["database"]["message"]
    assert says in message, message
    return f"all 200, “{message[:70]}”, every event stored once"


@pytest.mark.fault("the database locked by another process", EXPECTED)
def test_locked(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    with without_loss(serving, disk) as load:
        holder = sqlite3.connect(disk / FOLDER / "artpulse.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        try:
            said = broken(serving, load, "locked")
        finally:
            holder.execute("ROLLBACK")
            holder.close()
    seen(said)


@pytest.mark.fault("the disk of the database full", EXPECTED)
def test_full(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    with without_loss(serving, disk) as load, full(disk):
        said = broken(serving, load, "full")
    seen(said)


@pytest.mark.fault("the disk of the database read-only", EXPECTED)
def test_read_only(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    with without_loss(serving, disk) as load, read_only(disk):
        serving.agent().kill()  # what is open stays writable
        said = broken(serving, load, "")
    seen(said)


@pytest.mark.fault("the database file overwritten with garbage, then put back", EXPECTED)
def test_spoilt(shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    path = disk / FOLDER / "artpulse.db"
    with without_loss(serving, disk) as load:
        with shared.db.lock("copy"):
            whole_file(path)
            shutil.copy(path, disk / "copy")
        (disk / "garbage").write_bytes(b"no database" * 1000)
        (disk / "garbage").replace(path)
        try:
            said = broken(serving, load, "not a database")
        finally:
            (disk / "copy").replace(path)
        # What was stored between the copy and the garbage went with the file: that is the fault, not a loss of ours.
        load.acknowledged.clear()
    seen(said)


@pytest.mark.fault("the folder of the database gone, then back", EXPECTED)
def test_moved_away(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    with without_loss(serving, disk) as load:
        (disk / FOLDER).rename(disk / "away")  # whole: what SQLite keeps beside the file belongs to it
        try:
            said = broken(serving, load, "there is none where the settings say")
        finally:
            (disk / "away").rename(disk / FOLDER)
    seen(said)


@pytest.mark.fault(
    "the database replaced by a copy of itself, as after a restore",
    EXPECTED.replace("the database named, ", ""),
)
def test_replaced(shared: House, serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    path = disk / FOLDER / "artpulse.db"
    shared.db.dispose()
    with load_on(serving, pause=0.01) as load:
        load.more(20)
        with shared.db.lock("restore"):
            whole_file(path)
            shutil.copy(path, disk / "copy")
            (disk / "copy").replace(path)
        load.more(20)
    assert set(load.statuses) == {200}
    after = serving.predict()[1]["request_id"]
    until(lambda: after in stored(disk))
    found = stored(disk)
    assert len(found) == len(set(found))
    seen("all 200, what came after is stored, nothing twice")


@pytest.mark.fault("the database has the schema of a newer release", EXPECTED)
def test_newer_schema(serving: Serving, disk: Path, seen: Callable[[str], None]) -> None:
    def revision(text: str) -> str:
        with sqlite3.connect(disk / FOLDER / "artpulse.db", timeout=20) as connection:
            (before,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            connection.execute("UPDATE alembic_version SET version_num = ?", (text,))
        return str(before)

    with without_loss(serving, disk) as load:
        before = revision("9999")
        try:
            serving.agent().kill()  # an agent asks for the schema when it starts
            said = broken(serving, load, "newer than this release")
        finally:
            revision(before)
    seen(said)
