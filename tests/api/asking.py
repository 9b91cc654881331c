"""Requests that work, the slot they belong to, and the event lines they leave."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
from flask import Flask
from werkzeug.test import TestResponse

from artpulse_api import serving
from artpulse_api.predicting import routing_hash
from artpulse_api.slots import SlotName

ROW = {"hue_mean": 0.11, "sat_mean": 0.7, "val_mean": 0.6, "contrast": 0.5, "edges": 0.12}
VALUES = list(ROW.values())


def events(home: Path) -> list[dict[str, Any]]:
    """Every event line of the spool in the order it was written."""
    files = sorted((home / "run" / "spool").glob("*.jsonl"))
    return [orjson.loads(line) for file in files for line in file.read_bytes().splitlines()]


def pointers(answer: Any) -> list[str]:
    """The pointers of a problem+json answer."""
    return [issue["pointer"] for issue in answer.get_json()["errors"]]


def ask(app: Flask, key: str, row: Any = ROW) -> TestResponse:
    """Post rows with a routing key."""
    return app.test_client().post("/predict", json=row, headers={"X-Routing-Key": key})


def keys(app: Flask, slot: str, count: int = 1) -> list[str]:
    """Routing keys that belong to ``slot``."""
    item = serving.of(app).live.current.problems["art_core5"]
    found = (str(number) for number in range(10_000))
    mine = (key for key in found if item.choose(routing_hash(key, item.released.salt)) == slot)
    return [next(mine) for _ in range(count)]


def fail(app: Flask, *slots: SlotName) -> None:
    """Let the models in ``slots`` answer NaN, as a broken graph does."""

    class Broken:
        def run(self, *_: object) -> list[np.ndarray]:
            return [np.full((1, 5), np.nan)]

    for item in serving.of(app).live.current.problems.values():
        for slot in slots:
            item.service(slot).predictor._session = Broken()
