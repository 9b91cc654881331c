"""Changes over HTTP on a real ``serve``: every worker follows when told, and of many at once one is made."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from artpulse_core.exchange import release as releases
from tests.core.control.conftest import House, three, three_versions
from tests.serving import ROW, Serving, served
from tests.waiting import until

__all__ = ["three", "three_versions"]
pytestmark = pytest.mark.extended
KEY = {"X-API-Key": "an-operator"}
SIGNED = {"problem": "art_core5", "reason": "because"}


def ask(serving: Serving, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """One request of the operator."""
    return serving.ask(serving.settings.port, method, path, body, {**KEY, **headers})


def followed(serving: Serving, version: int) -> bool:
    """Whether both workers answer with ``version``, by their reports."""
    reports = releases.read_workers(serving.settings.run)
    return [worker.problems["art_core5"]["version"] for worker in reports] == [version] * 2


def test_a_promotion_reaches_every_worker_and_a_rollback_too(three: House) -> None:
    keys = {"control_api_keys": (SecretStr(KEY["X-API-Key"]),)}
    # Polls far apart: who follows was told.
    with served(three.settings.model_copy(update=keys), poll_seconds=3600.0) as serving:
        until(lambda: followed(serving, 2))
        changes = (
            (3, "promote-primary", {"expected": 2, "override": True}),
            (2, "emergency-rollback", {"expected": 3}),
        )
        for version, path, fields in changes:
            body = {**SIGNED, **fields}
            begun = time.monotonic()
            status, row = ask(serving, "POST", f"/ops/control/{path}", body)
            assert (status, row["target"]) == (200, version), row
            until(lambda version=version: followed(serving, version))
            seconds = time.monotonic() - begun
            assert seconds < 20  # two seconds on a machine that does nothing else
            for _ in range(20):  # connections of their own: either worker
                assert ask(serving, "POST", "/predict", ROW)[1]["version"] == version
        state = ask(serving, "GET", "/ops/control/state")[1]["problems"]["art_core5"]
        assert (state["champion"], state["previous"], state["unaudited"]) == (2, 1, False)


def test_a_rollout_begins_and_ends_in_every_worker(three: House) -> None:
    keys = {"control_api_keys": (SecretStr(KEY["X-API-Key"]),)}
    with served(three.settings.model_copy(update=keys), poll_seconds=3600.0) as serving:

        def shares() -> list[tuple[Any, ...]]:
            rows = [worker.problems["art_core5"] for worker in releases.read_workers(serving.settings.run)]
            return [(row["mode"], row["percent"], (row["secondary"] or {}).get("version")) for row in rows]

        steps: tuple[tuple[dict[str, Any], tuple[Any, ...]], ...] = (
            ({"action": "start", "mode": "canary", "percent": 30, "override": True}, ("canary", 30, 3)),
            ({"action": "set", "percent": 60}, ("canary", 60, 3)),
            ({"action": "abort"}, ("single", 0, None)),
        )
        for fields, wanted in steps:
            body = {**SIGNED, "expected": 2, **fields}
            status, row = ask(serving, "POST", "/ops/control/rollout", body)
            assert (status, row["target"], row["state"]) == (200, 3, "done"), row
            until(lambda wanted=wanted: shares() == [wanted] * 2)


def test_of_many_promotions_at_once_one_is_made(three: House) -> None:
    keys = {"control_api_keys": (SecretStr(KEY["X-API-Key"]),)}
    with served(three.settings.model_copy(update=keys), poll_seconds=3600.0) as serving:

        def promote(number: int) -> int:
            body = {**SIGNED, "override": True, "expected": 2, "version": (1, 3)[number % 2]}
            return ask(serving, "POST", "/ops/control/promote-primary", body)[0]

        with ThreadPoolExecutor(6) as pool:
            found = sorted(pool.map(promote, range(6)))
        assert found == [200, 409, 409, 409, 409, 409]
        body = {**SIGNED, "override": True, "expected": 2, "version": 3}
        key = {"Idempotency-Key": "one"}
        first, again = (ask(serving, "POST", "/ops/control/promote-primary", body, **key) for _ in range(2))
        assert (first[0], first[1]["code"]) == (409, "change_conflict")
        assert (again[0], again[1]["detail"]) == (409, first[1]["detail"])
