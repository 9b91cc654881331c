"""How gunicorn runs the API: ``gunicorn -c python:artpulse_api.gunicorn_conf artpulse_api.wsgi:app``.

Belongs here: server settings and the hooks of a worker's life. The application is imported before the fork, so that
workers share its memory; models are opened after it, because ONNX Runtime does not survive a fork (merely imported
before one, it aborts at the exit of every worker).
"""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from artpulse_core import settings as _settings
from artpulse_core.errors import SettingsError
from artpulse_core.exchange.release import WORKERS

os.environ.setdefault("OMP_NUM_THREADS", "1")
try:
    _loaded = _settings.load()
except SettingsError as error:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(error.exit_code) from None


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)  # it is still there where nothing can be written
    return folder


# prometheus_client reads this variable when it is imported, which is when the application is.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_empty(_loaded.run / "metrics"))
_empty(_loaded.run / WORKERS)

# Bytes for the series of one worker, about 150 each; the gauges are few.
METRIC_FILES = {
    "counter": 1 << 20,
    "histogram": 1 << 20,
    "gauge_livemax": 1 << 16,
    "gauge_livemin": 1 << 16,
    "gauge_livesum": 1 << 16,
}

bind = f"[{_loaded.host}]:{_loaded.port}" if ":" in _loaded.host else f"{_loaded.host}:{_loaded.port}"
workers = _loaded.workers
threads = 2
worker_class = "gthread"
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - heartbeat files off the disk
keepalive = 75  # above the idle timeout of the usual proxies, so that they close first
timeout = 60
graceful_timeout = 30
max_requests = 0  # recycling gthread workers drops connections (gunicorn #3038)
preload_app = True
accesslog = None
control_socket_disable = True


def when_ready(server: Any) -> None:
    """Withdraw the gauges the master made when it imported the application: it serves nothing."""
    _forget(os.getpid())


def pre_fork(server: Any, worker: Any) -> None:
    """Keep the collector from touching shared pages in the children."""
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker that serves nothing yet be ended, and give its metrics their room on the disk.

    Until gunicorn sets the worker's own handlers it has its master's, which only queue SIGTERM: the signal was lost,
    and the server's end waited for the whole graceful timeout. prometheus_client maps sparse files into memory: on a
    full disk the first touch of a new page kills the process (SIGBUS).
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for kind, size in METRIC_FILES.items():
        path = _loaded.run / "metrics" / f"{kind}_{worker.pid}.db"
        try:
            with path.open("wb") as handle:
                os.posix_fallocate(handle.fileno(), 0, size)
        except OSError as error:
            aside = _aside(worker.pid)
            with contextlib.suppress(OSError):
                aside.mkdir(mode=0o700)
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(aside)
            server.log.error(
                "no room for %s: %s; /metrics will lack what this worker counts", path.name, error
            )
            return


def _aside(pid: int) -> Path:
    """Where a worker counts when the run folder is full or read-only: a worker that cannot start answers nobody."""
    return Path(worker_tmp_dir or tempfile.gettempdir()) / f"artpulse-metrics-{_loaded.port}-{pid}"


def post_worker_init(worker: Any) -> None:
    """Open the models of this worker and watch for new ones."""
    from artpulse_api import serving

    serving.of(worker.wsgi).live.start()


def worker_exit(server: Any, worker: Any) -> None:
    """Drop and count the shadow answers that are still owed; a worker that never loaded owes none."""
    from artpulse_api import serving

    if (app := getattr(worker, "wsgi", None)) is not None:
        serving.of(app).shadow.stop()


def child_exit(server: Any, worker: Any) -> None:
    """Forget a dead worker's gauges and report; of its counters keep what it used, for the totals."""
    _forget(worker.pid)
    shutil.rmtree(_aside(worker.pid), ignore_errors=True)
    for kind in ("counter", "histogram"):
        path = _loaded.run / "metrics" / f"{kind}_{worker.pid}.db"
        with contextlib.suppress(OSError), path.open("rb+") as handle:
            used = int.from_bytes(
                handle.read(4), sys.byteorder
            )  # the file's head, as prometheus_client writes it
            handle.truncate(max(used, 8))
    with contextlib.suppress(OSError):
        (_loaded.run / WORKERS / f"{worker.pid}.json").unlink()


def _forget(pid: int) -> None:
    from prometheus_client import multiprocess

    with contextlib.suppress(OSError):  # a folder that became read-only must not end the master
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call] # it has no annotations
