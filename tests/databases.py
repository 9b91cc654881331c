"""Databases for tests: SQLite always, PostgreSQL where its programs are installed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.require import require


def whole_file(path: Path) -> None:
    """Bring everything a SQLite database has in its log into its one file, so that the file can be copied."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def postgres_programs() -> Path | None:
    """The folder of the newest installed PostgreSQL server programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).parent if there else None


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of its own on a Unix socket; yields its URL, and stops it after."""
    programs = postgres_programs()
    if programs is None:
        require("PostgreSQL", "apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="artpulse-pg-"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        import pwd

        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=folder, timeout=60, stdout=subprocess.DEVNULL, **user)

    data = str(folder / "data")
    try:
        run(str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "artpulse")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run(str(programs / "pg_ctl"), "-D", data, "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql://artpulse@/postgres?host={folder}"
        finally:
            run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
