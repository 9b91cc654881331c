"""Events reach the database once, whatever is away and whatever is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from artpulse_core.agent import ship as shipping
from artpulse_core.agent.ship import Shipped, ship
from artpulse_core.errors import StoreError
from artpulse_core.exchange import spool
from artpulse_core.exchange.spool import SpoolWriter
from artpulse_core.store import events
from artpulse_core.store.database import Database
from tests.core.store.test_events import line


@pytest.fixture
def db(tmp_path: Path) -> Any:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", busy_seconds=0.05)
    database.migrate()
    yield database
    database.dispose()


def append(writer: SpoolWriter, *rows: Any) -> None:
    writer.append(b"".join(orjson.dumps(row) + b"\n" for row in rows))


@pytest.mark.smoke
def test_lines_are_stored_once_and_done_files_go(db: Database, tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool", rotate_bytes=1500)
    for number in range(12):
        append(writer, line(number))
    answers: list[bool] = []
    assert ship(db, tmp_path / "spool", lambda: answers.append(True)) == Shipped(stored=12)
    assert len(answers) > 1  # while much is stored, the database is seen to answer
    assert ship(db, tmp_path / "spool") == Shipped()
    writer.close()
    ship(db, tmp_path / "spool")
    assert list((tmp_path / "spool").glob("*.jsonl")) == []
    assert events.count(db, "art_core5") == 12


def test_no_spool_yet_is_nothing_to_do(db: Database, tmp_path: Path) -> None:
    assert ship(db, tmp_path / "nowhere") == Shipped()


def test_a_database_that_is_away_keeps_the_lines(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    append(writer, line(1))
    gone = Database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(StoreError):
        ship(gone, tmp_path / "spool")
    gone.dispose()
    back = Database(f"sqlite:///{tmp_path / 'a.db'}")
    back.migrate()
    assert ship(back, tmp_path / "spool").stored == 1
    back.dispose()
    writer.close()


def test_a_death_between_storing_and_acknowledging_stores_nothing_twice(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    append(writer, line(1), line(2))

    def die(*_: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "acknowledge", die)
        with pytest.raises(OSError, match="disk full"):
            ship(db, tmp_path / "spool")
    assert ship(db, tmp_path / "spool") == Shipped(stored=0)
    assert events.count(db, "art_core5") == 2
    writer.close()


def test_a_line_the_database_can_never_take_is_set_aside_with_its_reason(
    db: Database, tmp_path: Path
) -> None:
    writer = SpoolWriter(tmp_path / "spool")
    append(writer, line(1), {**line(2), "row": "first"}, line(3))
    writer.append(b"torn\n")
    assert ship(db, tmp_path / "spool") == Shipped(stored=2, refused=1, bad=1)
    (kept,) = (tmp_path / "spool" / shipping.REFUSED).read_bytes().splitlines()
    assert orjson.loads(kept)["line"]["row"] == "first"
    assert "row" in orjson.loads(kept)["reason"]
    writer.close()
