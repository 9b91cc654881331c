"""``?explain`` during a rollout: who answers explains, and a shadow is never asked why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask

from artpulse_api import serving
from artpulse_core.model import reasons
from artpulse_core.model.predictor import Predictor
from tests.api.asking import ROW, ask, events, fail, keys
from tests.api.explained import MakeApp, make, place, published
from tests.releases import roll_out
from tests.waiting import until

__all__ = ["make", "place", "published"]  # fixtures


def test_the_model_that_answers_is_the_one_that_explains(make: MakeApp, place: Path) -> None:
    roll_out(place / "run", (1, 2), "canary", 50)
    app = make()
    for slot in ("primary", "secondary"):
        body = explained(app, keys(app, slot)[0])
        assert body["rollout_route"] == slot
        probabilities = body["probabilities"][0]
        assert body["explanations"][0]["answer"] == pytest.approx(probabilities[body["labels"][0]])


def test_a_secondary_that_cannot_explain_is_answered_for_by_the_primary(
    make: MakeApp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(place / "run", (1, 2), "canary", 50)
    app = make()
    secondary = serving.of(app).live.current.problems["art_core5"].service("secondary").predictor

    def fails(_: np.ndarray) -> Any:
        raise RuntimeError("of a model")

    monkeypatch.setattr(secondary, "mixtures", fails)
    body = explained(app, keys(app, "secondary")[0])
    assert body["rollout_route"] == "primary"
    assert [line["slot"] for line in events(place)] == ["secondary", "primary"]
    fail(app, "primary", "secondary")
    assert ask(app, "x").status_code == 500


def explained(app: Flask, key: str) -> dict[str, Any]:
    answer = app.test_client().post("/predict?explain=1", json=ROW, headers={"X-Routing-Key": key})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    answer.close()  # a shadow is asked when the answer has left
    return found


def test_a_shadow_is_asked_for_its_answer_alone(
    make: MakeApp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(place / "run", (1, 2), "shadow")
    app = make()
    asked: list[Predictor] = []
    real = reasons.of_row

    def counted(predictor: Predictor, row: np.ndarray) -> dict[str, Any]:
        asked.append(predictor)
        return real(predictor, row)

    monkeypatch.setattr(reasons, "of_row", counted)
    explained(app, "x")
    until(lambda: any(line["status"] == "shadow" for line in events(place)))
    assert asked == [serving.of(app).live.current.problems["art_core5"].primary.predictor]
