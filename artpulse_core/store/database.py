"""The database: one engine, two dialects, migrations and locks.

Belongs here: connecting, transactions, bringing the schema up to date, locks between processes, and turning
what a driver raises into ``StoreError``. Does not belong here: any table's own statements.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, exc, text
from sqlalchemy.engine import make_url

from artpulse_core.errors import StoreError
from artpulse_core.store.tables import HEAD

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
BUSY_SECONDS = 5.0
CONNECT_SECONDS = 5
LISTEN_SECONDS = 0.5  # how long a listener takes to see that it should stop
# A server that went without a word is noticed in half a minute instead of two hours.
KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20000,
}
# Ids of this project's advisory locks begin with one number, so that they meet nobody else's in a shared server.
LOCK_SPACE = 0x41525450


class LockHeld(StoreError):  # noqa: N818 - says what is the case
    """Another living process holds the lock."""


class Database:
    """One database by SQLAlchemy URL (``sqlite:///…`` or ``postgresql://…``); safe to share between threads."""

    def __init__(self, url: str, *, busy_seconds: float = BUSY_SECONDS) -> None:
        """Prepare the engine; nothing is opened yet. Raises ``StoreError`` for a URL that cannot be used."""
        try:
            parsed = make_url(url)
            if parsed.drivername in {"postgresql", "postgres"}:
                parsed = parsed.set(drivername="postgresql+psycopg")
            self.dialect = parsed.get_backend_name()
            if self.dialect not in {"sqlite", "postgresql"}:
                raise StoreError(f"The database must be SQLite or PostgreSQL, not {self.dialect}.")
            if self.dialect == "sqlite" and parsed.database in {None, "", ":memory:"}:
                raise StoreError("The database must be a file: sqlite:///path/to/artpulse.db.")
            self._file = Path(parsed.database or "").absolute() if self.dialect == "sqlite" else None
            self.engine = _engine(parsed, busy_seconds)
        except (exc.ArgumentError, exc.NoSuchModuleError, ImportError, ValueError) as error:
            raise StoreError(f"ARTPULSE_DATABASE_URL cannot be used: {_first_line(error)}") from None

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads; raises ``StoreError`` when the database is away or locked."""
        with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; on SQLite it takes the write lock at once (a later upgrade could fail)."""
        with _translated(), self.engine.connect() as opened:
            connection = opened.execution_options(artpulse_write=True)
            with connection.begin():
                yield connection

    @property
    def exists(self) -> bool:
        """False when it is a SQLite file that is not there; opening it would make an empty one."""
        return self._file is None or self._file.exists()

    def migrate(self) -> None:
        """Bring the schema to this release's; one process does it, others wait.

        Raises ``StoreError`` when the database is away or its schema is newer than this release.
        """
        if self._file is not None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"The folder of the database cannot be made: {error.strerror}.") from None
        if self._revision() == HEAD:
            return
        with self.lock("migrate", wait=True):
            found = self._revision()
            if found != HEAD:
                with self.write() as connection:
                    _upgrade(connection, found)

    @contextlib.contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[None]:
        """A lock between processes that the death of its holder releases.

        SQLite: ``flock`` on a file beside the database; PostgreSQL: an advisory lock of the session. Raises
        ``LockHeld`` when ``wait`` is false and somebody holds it.
        """
        with self._file_lock(name, wait) if self._file is not None else self._advisory_lock(name, wait):
            yield

    def ping(self) -> None:
        """Ask the database for one row; raises ``StoreError``."""
        with self.read() as connection:
            connection.execute(text("SELECT 1")).scalar_one()

    def now(self, otherwise: datetime) -> datetime:
        """The time of the database server; ``otherwise`` where it is a file of this machine. Raises ``StoreError``."""
        if self.dialect != "postgresql":
            return otherwise
        with self.read() as connection:
            found: datetime = connection.execute(text("SELECT now()")).scalar_one()
            return found

    def listen(self, channel: str, heard: Callable[[str], None], stopped: threading.Event) -> None:
        """Call ``heard`` with the payload of each PostgreSQL notification until ``stopped``; on SQLite nothing comes.

        ``heard("")`` is called once at the beginning: what was said before nobody listened must be looked up. Raises
        ``StoreError`` when the connection is lost.
        """
        if self.dialect != "postgresql":
            return
        with _translated(), self.engine.connect() as opened:
            connection = opened.execution_options(isolation_level="AUTOCOMMIT")
            try:
                connection.execute(text(f'LISTEN "{channel}"'))
                heard("")
                driver: Any = connection.connection.driver_connection
                while not stopped.is_set():
                    for note in driver.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                        heard(note.payload)
            except (
                self.engine.dialect.loaded_dbapi.Error
            ) as error:  # we speak to the driver, so nobody wrapped it
                raise StoreError(f"The database does not answer: {_first_line(error)}") from error
            finally:
                connection.invalidate()  # nobody else gets a connection that listens

    def dispose(self) -> None:
        """Close pooled connections."""
        self.engine.dispose()

    def _revision(self) -> str | None:
        with self.read() as connection:
            if not connection.dialect.has_table(connection, "alembic_version"):
                return None
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            return None if found is None else str(found)

    @contextlib.contextmanager
    def _file_lock(self, name: str, wait: bool) -> Iterator[None]:
        assert self._file is not None
        path = self._file.with_name(
            f"{self._file.name}.{hashlib.sha256(name.encode()).hexdigest()[:12]}.lock"
        )
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"The lock file of the database cannot be opened: {error.strerror}.") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                raise LockHeld(f"Another process is busy with {name}.") from None
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _advisory_lock(self, name: str, wait: bool) -> Iterator[None]:
        key = {
            "space": LOCK_SPACE,
            "key": int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], signed=True),
        }
        call = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
        with _translated(), self.engine.connect() as opened:
            connection = opened.execution_options(isolation_level="AUTOCOMMIT")
            taken = connection.execute(text(f"SELECT {call}(:space, :key)"), key).scalar()
            if not wait and not taken:
                raise LockHeld(f"Another process is busy with {name}.")
            try:
                yield
            finally:
                with contextlib.suppress(exc.SQLAlchemyError):  # a lost session has lost its locks
                    connection.execute(text("SELECT pg_advisory_unlock(:space, :key)"), key)


def _engine(url: Any, busy_seconds: float) -> Engine:
    if url.get_backend_name() == "postgresql":
        return create_engine(
            url,
            pool_pre_ping=True,
            json_serializer=_dumps,
            json_deserializer=_loads,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "artpulse", **KEEPALIVE},
        )
    engine = create_engine(
        url,
        json_serializer=_dumps,
        json_deserializer=_loads,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver must not open transactions of its own
        cursor = connection.cursor()
        # FULL: in WAL mode NORMAL may lose the last commits with the power, and no change may go on without its row.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
        record.info["file"] = _identity(url.database)

    @event.listens_for(engine, "checkout")
    def _same_file(_connection: Any, record: Any, _proxy: Any) -> None:
        # A database that was put back from a copy is another file of the same name; what is written to the old one
        # through an open connection is lost.
        if record.info["file"] != _identity(url.database):
            raise exc.DisconnectionError("the database file was replaced")

    @event.listens_for(engine, "handle_error")
    def _open_anew(context: Any) -> None:
        # What was opened on a disk that could not be written stays read-only when the disk can be written again.
        if "readonly" in str(context.original_exception):
            context.is_disconnect = True

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("artpulse_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _upgrade(connection: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(
            f"The database has schema {found}, which is newer than this release ({HEAD}); upgrade ArtPulse."
        )
    command.upgrade(config, "head")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.OperationalError as error:
        message = _first_line(error.orig or error)
        locked = "locked" in message or "busy" in message
        raise StoreError(
            f"The database is locked by another process: {message}"
            if locked
            else f"The database does not answer: {message}"
        ) from error
    except (exc.IntegrityError, exc.DataError):
        raise  # about the values, which the caller knows more about
    except (exc.DatabaseError, exc.InterfaceError, exc.TimeoutError) as error:
        raise StoreError(f"The database cannot be used: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _loads(text: str) -> Any:
    """What stands in a JSON column; a text that another hand spoilt is told and stops nobody who reads its row."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"unreadable": str(text)[:200]}
