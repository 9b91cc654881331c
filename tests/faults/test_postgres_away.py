"""PostgreSQL stopped, frozen or refusing: answers go on, and no event is lost or stored twice."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from artpulse_core import settings as settings_module
from artpulse_core.store.database import Database
from tests.core.control.conftest import House, opened_house
from tests.databases import postgres, postgres_programs
from tests.serving import Load, Serving, load_on
from tests.waiting import until

pytestmark = pytest.mark.extended


class Postgres:
    """The server behind a URL of ``tests.databases.postgres``, to stop and start."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder = Path(url.partition("host=")[2])
        self._pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def stop(self) -> None:
        """As a crash would."""
        self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        """Where it was."""
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        self._control("-l", str(self.folder / "log"), "-o", options, "-w", "start")
        self._pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def freeze(self) -> list[psutil.Process]:
        """Every process of it stops where it is; they are returned, to be resumed."""
        parent = psutil.Process(self._pid)
        family = [parent, *parent.children(recursive=True)]
        for process in family:
            process.suspend()
        return family

    def _control(self, *words: str) -> None:
        programs = postgres_programs()
        assert programs is not None
        owner = (self.folder / "data").stat()
        user: dict[str, Any] = (
            {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if owner.st_uid else {}
        )
        subprocess.run(
            [str(programs / "pg_ctl"), "-D", str(self.folder / "data"), *words],
            check=True, cwd=self.folder, timeout=60, stdout=subprocess.DEVNULL, **user,
        )  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as url:
        yield Postgres(url)


@pytest.fixture(scope="module")
def shared(mlflow_store: Path, server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two versions of which the first is champion, with their changes in PostgreSQL."""
    folder = tmp_path_factory.mktemp("on-postgres")
    (folder / "home").mkdir()
    shutil.copy(mlflow_store, folder / "home" / "mlflow.db")
    settings = settings_module.load({}, home=folder / "home").model_copy(update={"database_url": server.url})
    house = opened_house(settings, folder)
    house.register(1)
    house.promote(1, None)
    house.register(2)
    yield house
    house.db.dispose()


def stored(house: House) -> list[str]:
    """The request ids in the table, as often as they stand there."""
    from sqlalchemy import text

    db = Database(house.settings.database)
    try:
        with db.read() as connection:
            return [str(row[0]) for row in connection.execute(text("SELECT request_id FROM events"))]
    finally:
        db.dispose()


@contextmanager
def without_loss(serving: Serving, house: House) -> Iterator[Load]:
    """Load during the block; afterwards every answer was 200 and every event is stored once."""
    with load_on(serving, pause=0.01) as load:
        load.more(5)
        yield load
        load.more(20)
    assert set(load.statuses) == {200}
    until(lambda: serving.well(database=True), 60)
    until(lambda: set(load.acknowledged) <= set(stored(house)), 60)
    found = stored(house)
    assert len(found) == len(set(found))


EXPECTED = "every answer 200, the database named, then every event stored once"


@pytest.mark.fault("PostgreSQL stopped, then started again", EXPECTED)
def test_stopped(shared: House, server: Postgres, serving: Serving, seen: Callable[[str], None]) -> None:
    with without_loss(serving, shared) as load:
        server.stop()
        try:
            until(lambda: serving.well(database=False))
            load.more(30)
            said = serving.status()["database"]["message"]
        finally:
            server.start()
    assert len(serving.lines("database is away")) == 1
    seen(f"all 200, “{said[:44]}…”, one line, every event stored once")


@pytest.mark.fault(
    "PostgreSQL frozen: it holds its connections and never answers",
    "every answer 200, `artpulse status` answers and names it within 20 s, then every event stored once",
)
def test_frozen(shared: House, server: Postgres, serving: Serving, seen: Callable[[str], None]) -> None:
    lines = len(serving.lines("database is away"))
    with without_loss(serving, shared):
        family = server.freeze()
        try:
            until(lambda: serving.well(database=False), 20)
            begun = time.monotonic()
            shown = serving.status()
            took = time.monotonic() - begun
            assert shown["agent"]
            # whichever comes first: a statement nobody answers, or a new connection
            words = ("has not answered for 15 s", "connection timeout expired")
            assert any(word in shown["database"]["message"] for word in words), shown["database"]
            assert took < 20
        finally:
            for process in reversed(family):
                process.resume()
    assert len(serving.lines("database is away")) == lines + 1
    seen(f"all 200, “{shown['database']['message']}”, every event stored once")


@pytest.mark.fault("every connection to PostgreSQL cut off", "every answer 200, every event stored once")
def test_cut_off(shared: House, server: Postgres, serving: Serving, seen: Callable[[str], None]) -> None:
    from sqlalchemy import text

    with without_loss(serving, shared) as load:
        db = Database(server.url)
        for _ in range(3):
            with db.read() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    )
                )
            load.more(30)
        db.dispose()
    seen("all 200 over three cuts, every event stored once")


@pytest.mark.fault(
    "PostgreSQL away while a promotion is asked for",
    "no durable row, no change: refused, the alias where it was",
)
def test_no_row_no_change(
    shared: House, server: Postgres, serving: Serving, seen: Callable[[str], None]
) -> None:
    from artpulse_core.errors import StoreError

    server.stop()
    try:
        with pytest.raises(StoreError) as refused:
            shared.promote(2, 1)
        assert shared.aliases["champion"] == 1
        assert serving.versions() == {1}
    finally:
        server.start()
    shared.promote(2, 1)
    until(lambda: serving.whole(2))
    seen(f"“{str(refused.value)[:44]}…”, version 1 answers; back: promoted and served")
