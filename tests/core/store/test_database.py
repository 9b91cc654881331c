"""The schema, its migrations and the locks between processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from artpulse_core.errors import StoreError
from artpulse_core.store import tables
from artpulse_core.store.database import MIGRATIONS, Database, LockHeld


def test_the_tables_are_what_the_migrations_make(db: Database) -> None:
    with db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_the_newest_migration_is_the_one_the_tables_name() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [tables.HEAD]


def test_migrating_twice_changes_nothing_and_keeps_rows(db: Database) -> None:
    with db.write() as connection:
        connection.execute(
            tables.reports.insert().values(kind="drift", problem="p", at="2026", document={"score": 1})
        )
    db.migrate()
    with db.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM reports")).scalar() == 1


def test_many_starts_at_once_migrate_once(url: str) -> None:
    databases = [Database(url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(Database.migrate, databases))
    with databases[0].read() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    for database in databases:
        database.dispose()
    assert found == [tables.HEAD]


def test_a_newer_schema_is_refused_by_name(db: Database) -> None:
    with db.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="schema 9999, which is newer"):
        db.migrate()


def test_a_lock_is_held_by_one_and_given_back(url: str) -> None:
    one, other = Database(url), Database(url)
    with one.lock("x"):
        with pytest.raises(LockHeld), other.lock("x"):
            pass
        with other.lock("y"):
            pass
    with other.lock("x"):
        pass
    one.dispose()
    other.dispose()


def test_a_killed_holder_gives_its_lock_back(url: str) -> None:
    script = (
        "import os, sys\n"
        "from artpulse_core.store.database import Database\n"
        "with Database(sys.argv[1]).lock('x'):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, url], timeout=60, check=False)
    assert killed.returncode == -9
    database = Database(url)
    with database.lock("x"):
        pass
    database.dispose()


def test_a_locked_sqlite_file_is_named_as_locked(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    database = Database(f"sqlite:///{path}", busy_seconds=0.05)
    database.migrate()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"), database.write():
        pass
    holder.execute("ROLLBACK")
    holder.close()
    with database.write():
        pass
    database.dispose()


def test_an_altered_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"this is no database at all, " * 50)
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(StoreError):
        database.migrate()
    database.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://host/x", "SQLite or PostgreSQL"),
        ("sqlite://", "must be a file"),
        ("nonsense", "cannot be used"),
        ("oracle+nothing://x", "cannot be used|SQLite or PostgreSQL"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_a_sentence(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says):
        Database(url)


def test_a_server_that_is_away_is_a_store_error(tmp_path: Path) -> None:
    database = Database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(StoreError, match="does not answer"):
        database.ping()
    database.dispose()
