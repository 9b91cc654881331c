"""The parent of ``artpulse serve``: keeps the agent and gunicorn running, and answers probes.

Belongs here: the order of starting and stopping. The agent stops last, so that it ships the last events. Nothing
of the API is imported: gunicorn is a command.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from artpulse_core.agent.alone import only_one
from artpulse_core.agent.children import Child, environment
from artpulse_core.agent.probes import METRICS, ProbeServer, Readiness
from artpulse_core.agent.socket import LONGEST_PATH
from artpulse_core.errors import SettingsError
from artpulse_core.exchange.files import write_whole
from artpulse_core.exchange.release import WORKERS
from artpulse_core.settings import Settings

log = logging.getLogger(__name__)
SERVE = "serve.json"
LOCK = "serve.lock"
GUNICORN = ("-m", "gunicorn", "-c", "python:artpulse_api.gunicorn_conf", "artpulse_api.wsgi:app")
AGENT = ("-m", "artpulse_core.agent.main")
TICK_SECONDS = 0.1
DRAIN_SECONDS = 1.0
GUNICORN_SECONDS = 35.0  # above gunicorn's own graceful timeout of 30
AGENT_SECONDS = 15.0


def serve(
    settings: Settings,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    stopped: threading.Event | None = None,
    listening: Callable[[], None] = lambda: None,
) -> int:
    """Serve until SIGTERM or SIGINT (or ``stopped`` is set); returns the exit code. Call it in the main thread.

    ``listening`` is called once, when the API takes connections for the first time. Raises ``SettingsError`` when
    another one serves from the same run folder, a port is taken, or an address others can reach has no key.
    """
    check(settings)
    stopped = stopped or threading.Event()
    with only_one(settings.run / LOCK, "server"), _signals(stopped):
        for name in (METRICS, WORKERS):
            shutil.rmtree(settings.run / name, ignore_errors=True)
            (settings.run / name).mkdir(parents=True)
        readiness = Readiness(settings.run, settings.workers)
        probes = _probes(settings, readiness)
        inherited = environment(settings, os.environ) | {
            "PROMETHEUS_MULTIPROC_DIR": str(settings.run / METRICS)
        }
        agent = Child("agent", [sys.executable, *AGENT], inherited)
        gunicorn = Child("gunicorn", [sys.executable, *GUNICORN], inherited)
        try:

            def announce() -> None:
                _announce(settings, probes.port)
                listening()

            # gunicorn first: the first answer does not wait for the agent's imports
            return _watch((gunicorn, agent), stopped, settings, announce)
        finally:
            readiness.draining = True
            if gunicorn.pid is not None:
                time.sleep(drain_seconds)  # a balancer must see the probe before the port closes
            gunicorn.stop(GUNICORN_SECONDS)
            agent.stop(AGENT_SECONDS)
            probes.close()
            (settings.run / SERVE).unlink(missing_ok=True)


def check(settings: Settings) -> None:
    """What would stop the children later is said before anything is started; raises ``SettingsError``."""
    if len(os.fsencode(settings.socket)) > LONGEST_PATH:
        raise SettingsError(f"The path {settings.socket} is too long for a socket; set ARTPULSE_RUN_DIR.")
    if not is_loopback(settings.host) and not any(settings.secrets().values()):
        raise SettingsError(
            f"ARTPULSE_HOST is {settings.host} and no key is configured: anybody who reaches it could use it. "
            "Set API_KEYS or ARTPULSE_API_KEY, or bind to 127.0.0.1."
        )
    if settings.port == settings.probe_port:
        raise SettingsError(
            f"PORT and ARTPULSE_PROBE_PORT are both {settings.port}; give one another number."
        )
    _try_port(settings)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``; a name that is no address counts only as ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _try_port(settings: Settings) -> None:
    """gunicorn would only say it in its log, and be started again for ever."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, number) as probe:
            probe.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # as gunicorn: TIME_WAIT is no hindrance
            probe.bind(address)
    except OSError as error:
        raise SettingsError(
            f"PORT {settings.port} on {settings.host} cannot be used: {error.strerror}."
        ) from None


def _listens(settings: Settings) -> bool:
    try:
        socket.create_connection((settings.host, settings.port), 1.0).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _signals(stopped: threading.Event) -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stopped.set()) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _probes(settings: Settings, readiness: Readiness) -> ProbeServer:
    try:
        return ProbeServer(settings.host, settings.probe_port, settings.run, readiness)
    except OSError as error:
        raise SettingsError(
            f"ARTPULSE_PROBE_PORT {settings.probe_port} on {settings.host} cannot be used: {error.strerror}."
        ) from None


def _watch(
    children: tuple[Child, ...], stopped: threading.Event, settings: Settings, announce: Callable[[], None]
) -> int:
    for child in children:
        child.start()
    announced = False
    while not stopped.wait(TICK_SECONDS):
        if not announced and _listens(settings):
            announced = True
            announce()
        for child in children:
            code = child.watch()
            if code == SettingsError.exit_code:
                return code  # it said why; starting it again would change nothing
    return 0


def _announce(settings: Settings, probe_port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    document = {
        "pid": os.getpid(),
        "port": settings.port,
        "probe_port": probe_port,
        "url": f"http://{host}:{settings.port}",
    }
    write_whole(settings.run / SERVE, orjson.dumps(document))
    log.info("serving", extra={"fields": document})


def serving(run: Path) -> dict[str, object] | None:
    """What ``serve`` announced in this run folder, or None when it does not run."""
    try:
        document: dict[str, object] = orjson.loads((run / SERVE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return document if Path(f"/proc/{document.get('pid')}").exists() else None
