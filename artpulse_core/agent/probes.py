"""Probes and metrics on a port of their own: slow clients of the API never delay them.

Belongs here: ``/health``, ``/ready`` and ``/metrics`` from the files of the run folder. Does not belong here: the
API's own routes of the same names.
"""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson

from artpulse_core.exchange import release as releases

log = logging.getLogger(__name__)
METRICS = "metrics"
JSON = "application/json"


class Readiness:
    """Whether this host should get requests: from the release, the workers' reports, and ``draining``."""

    def __init__(self, run: Path, workers: int = 1) -> None:
        """``workers`` is how many are to come up."""
        self._run = run
        self._workers = workers
        self._complete: set[str] = set()
        self.draining = False

    def ask(self) -> tuple[bool, dict[str, Any]]:
        """Ready and why.

        A problem is loaded once all workers have it: one that has it not yet would answer 503. From then on one
        living worker is enough, because a new one takes requests only after it has loaded. A worker that still
        answers from the release before counts: it answers.
        """
        try:
            release = releases.read(self._run)
        except ValueError:
            release = None
        workers = releases.read_workers(self._run)
        problems = {}
        for name in release.problems if release else ():
            having = sum(name in worker.problems for worker in workers)
            if having >= self._workers:
                self._complete.add(name)
            problems[name] = having > 0 and name in self._complete
        ready = bool(problems) and all(problems.values()) and not self.draining
        state = "draining" if self.draining else "ready" if ready else "starting" if release else "no_release"
        return ready, {"status": state, "problems": problems, "workers": len(workers)}


class ProbeServer:
    """Answers on ``host:port`` from the moment it is made until ``close``; raises ``OSError`` for a taken port."""

    def __init__(self, host: str, port: int, run: Path, readiness: Readiness) -> None:
        handler = type("Handler", (_Handler,), {"run": run, "readiness": readiness})
        self._server = _Server((host, port), handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="probes", daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a probe client went away", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    run: Path
    readiness: Readiness
    timeout = 5
    server_version = "artpulse"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one of the three paths."""
        path = self.path.partition("?")[0]
        if path == "/health":
            self._send(200, orjson.dumps({"status": "ok"}), JSON)
        elif path == "/ready":
            ready, document = self.readiness.ask()
            self._send(200 if ready else 503, orjson.dumps(document), JSON)
        elif path == "/metrics":
            self._send(200, *_metrics(self.run / METRICS))
        else:
            problem = {"type": "about:blank", "title": "Not Found", "status": 404}
            self._send(404, orjson.dumps(problem), "application/problem+json")

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.do_GET()

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Probes are asked every few seconds; their lines would hide the others."""


def _metrics(folder: Path) -> tuple[bytes, str]:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    if folder.is_dir():
        MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call] # it has no annotations
    return generate_latest(registry), CONTENT_TYPE_LATEST
