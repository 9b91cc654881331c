"""What changes are asked for through: a real socket with the agent's operations, on a real registry and database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from artpulse_core import settings as settings_module
from artpulse_core.agent.operations import Operations
from artpulse_core.agent.socket import ControlSocket
from artpulse_core.control.registry import Registry
from artpulse_core.exchange import control
from artpulse_core.settings import Settings
from artpulse_core.store import reports
from tests.core.control.conftest import NOW, YES, House

PROBLEM = "art_core5"
KEYS = {"api_keys": "pp", "viewer_api_keys": "vv", "control_api_keys": "oo"}
OPS = "/ops/control"
CHANGES = {
    "rollout": {"action": "start", "mode": "canary", "expected": 2},
    "promote-primary": {"expected": 2},
    "emergency-rollback": {"expected": 2},
    "freeze": {"expected": 2, "frozen": True},
}
AWAY = "sqlite:////proc/nothing/mlflow.db"


@dataclass
class Console:
    """The operations of an agent that polls nothing but counts how often it was asked to."""

    house: House
    settings: Settings
    polls: list[datetime] = field(default_factory=list)

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """One question on the socket, signed if it is a change."""
        signed = {"problem": PROBLEM, "actor": "key:test", "reason": "because"}
        return control.call(self.settings.socket, op, deadline=10, **(signed | fields))

    def change(self, op: str, **fields: Any) -> dict[str, Any]:
        """The row a change made."""
        row: dict[str, Any] = self.ask(op, **fields)["change"]
        return row

    def judged(self, version: int, champion: int | None, verdict: Any = YES) -> None:
        """Leave a report of the gate."""
        document = {"version": version, "champion": champion, "verdict": verdict}
        reports.add(self.house.db, "gate", PROBLEM, document, NOW)


@contextmanager
def console(house: House, registry: Registry | None = None, **overrides: Any) -> Iterator[Console]:
    """A socket in a folder of its own; ``overrides`` are settings of the side that asks."""
    with TemporaryDirectory(prefix="ap-") as folder:
        settings = settings_module.load({}, home=house.settings.home, run_dir=Path(folder), **overrides)
        found = Console(house, settings)
        operations = Operations(
            house.settings,
            house.db,
            registry or house.registry,
            clock=lambda: datetime.now(UTC),
            poll=lambda: found.polls.append(datetime.now(UTC)),
        )
        ear = ControlSocket(settings.socket, operations.table())
        try:
            yield found
        finally:
            ear.close()


def away(house: House) -> Registry:
    """The house's registry, gone."""
    return Registry(house.settings.model_copy(update={"mlflow_tracking_uri": AWAY}))


def operator(app: Flask) -> FlaskClient:
    """A client with the role operate."""
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = KEYS["control_api_keys"]
    return client


def send(client: FlaskClient, path: str, key: str | None = None, **fields: Any) -> TestResponse:
    """One change."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post(
        f"{OPS}/{path}", json={"problem": PROBLEM, "reason": "because", **fields}, headers=headers
    )
