"""An installation used as a person uses it: the command in a process of its own, the server over HTTP."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import psutil
import pyarrow.parquet as pq

from artpulse_core.control.registry import Registry
from artpulse_core.features.batches import read_batches
from artpulse_core.model import bundle
from artpulse_core.settings import Settings
from artpulse_core.store import changes
from artpulse_core.store.database import Database
from tests.servers import ROOT, free_port
from tests.waiting import until

NAME, MODEL = "art_core5", "artpulse-classifier"
COMMAND = "from artpulse_core.cli import main; main(prog_name='artpulse')"


@dataclass
class Home:
    """One ARTPULSE_HOME; ``more`` are further variables of its commands."""

    path: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """All a command is given; nothing of the developer's own."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        own = {"PYTHONPATH": str(ROOT), "ARTPULSE_HOME": str(self.path), "OMP_NUM_THREADS": "1"}
        return kept | own | {"MLFLOW_DISABLE_TELEMETRY": "true"} | self.more

    def start(self, *words: str, **options: Any) -> subprocess.Popen[bytes]:
        """``artpulse <words>`` running."""
        command = [sys.executable, "-c", COMMAND, *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.Popen(command, env=self.environment, cwd=ROOT, **pipes)

    def run(self, *words: str, **options: Any) -> tuple[int, str, str]:
        """``artpulse <words>`` to its end: exit code, standard output, standard error."""
        process = self.start(*words, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out.decode(), err.decode(errors="replace")

    def json(self, *words: str) -> Any:
        """What ``artpulse <words> --json`` prints; it must succeed."""
        code, out, err = self.run(*words, "--json")
        assert code == 0, out + err
        return orjson.loads(out)


@dataclass
class Serving:
    """A running ``artpulse serve``."""

    home: Home
    run: Path
    port: int
    probe_port: int
    process: subprocess.Popen[bytes]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "application/json",
        port: int | None = None,
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON; status 0 when nobody answers."""
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=20)
        try:
            connection.request(method, path, data, {"Content-Type": kind} if data else {})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), orjson.loads(answer.read())
        except (OSError, http.client.HTTPException):
            return 0, {}, None
        finally:
            connection.close()

    def ready(self) -> bool:
        """What the probe says."""
        return self.ask("GET", "/ready", port=self.probe_port)[0] == 200

    def processes(self) -> list[psutil.Process]:
        """The parent and everything below it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


@contextmanager
def serving(home: Home) -> Iterator[Serving]:
    """``artpulse serve`` on free ports, ready; asked to end afterwards if it still runs."""
    with TemporaryDirectory(prefix="ap-") as folder:
        port, probe_port = free_port(), free_port()
        home.more |= {
            "ARTPULSE_RUN_DIR": folder, "PORT": str(port), "ARTPULSE_PROBE_PORT": str(probe_port),
            "ARTPULSE_POLL_SECONDS": "1",
        }  # fmt: skip
        with (home.path / "serve.log").open("ab") as log:
            process = home.start("serve", stdout=log, stderr=log)
        served = Serving(home, Path(folder), port, probe_port, process)
        try:
            until(lambda: served.ready() or process.poll() is not None, 120)
            assert process.poll() is None, (home.path / "serve.log").read_text()
            yield served
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.database)
    try:
        yield opened
    finally:
        opened.dispose()


def believed(settings: Settings) -> None:
    """Every file that has its name is whole, and what is registered is what the table says."""
    home = settings.home
    for path in [
        *(home / "assets").rglob("[!.]*.json"),
        *(home / "artifacts").rglob("[!.]*.json"),
        *(home / "splits").glob("[!.]*.json"),
    ]:
        orjson.loads(path.read_bytes())
    for path in (home / "assets").rglob("[!.]*.parquet"):
        pq.read_table(path)
    for folder in (settings.cache / "features").glob("*"):
        named = list(folder.glob("[!.]*.npz"))
        assert len(read_batches(folder)) == len(named)
    for place in (settings.cache / "results" / "bundles").glob("[!.]*"):
        bundle.verify(place)
    registry = Registry(settings)
    if not (home / "artpulse.db").exists():
        return
    with database(settings) as db:
        db.migrate()
        assert changes.verify_chain(db) is None
        champion = registry.alias(MODEL, "champion")
        for row in changes.history(db, MODEL):
            assert row.state in {"done", "open", "undone"}
        assert champion is None or registry.version(MODEL, champion).digest
