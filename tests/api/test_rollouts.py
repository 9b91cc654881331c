"""Two slots in service: who answers which request, and what happens when the secondary cannot."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpulse_api import documents, prediction_documents, serving
from artpulse_api.predicting import routing_hash
from artpulse_api.slots import Served
from artpulse_core.exchange import release as releases
from artpulse_core.exchange.release import Mode, ProblemRelease, Slot
from tests.api.asking import ask, events, keys
from tests.api.conftest import MakeApp
from tests.api.test_metrics import samples
from tests.bundles import picture
from tests.releases import roll_out

ONE, TWO = (Slot("champion", 1, "a", "a"), Slot("challenger", 2, "b", "b"))
HASHES = st.integers(0, 2**64 - 1).map(lambda number: f"{number:016x}")


def served(percent: float, mode: Mode = "canary", *, secondary: bool = True) -> Served:
    """Slots without models: the split asks none."""
    return Served(ProblemRelease("m", ONE, mode, percent, "salt", TWO if secondary else None), None)  # type: ignore[arg-type] # no model is asked


# --- The split -----------------------------------------------------------------------------------------------------
@given(HASHES, st.floats(0, 100), st.floats(0, 100))
def test_a_key_that_is_in_a_share_is_in_every_larger_one(routing: str, first: float, second: float) -> None:
    small, large = sorted((first, second))
    if served(small).choose(routing) == "secondary":
        assert served(large).choose(routing) == "secondary"


@pytest.mark.smoke
def test_the_ends_of_the_split_are_exact() -> None:
    for routing in ("0" * 16, "f" * 16, "7fffffffffffffff", "8000000000000000"):
        assert served(0).choose(routing) == "primary"
        assert served(100).choose(routing) == "secondary"
    assert served(50).choose("7fffffffffffffff") == "secondary"
    assert served(50).choose("8000000000000000") == "primary"
    assert served(100, "blue_green").choose("f" * 16) == "secondary"


@pytest.mark.parametrize("mode", ["single", "shadow"])
def test_a_mode_without_a_split_asks_the_primary_whatever_the_percent(mode: Mode) -> None:
    assert served(100, mode).choose("0" * 16) == "primary"
    assert served(100, "canary", secondary=False).choose("0" * 16) == "primary"


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_a_share_of_the_keys_is_the_share_that_was_set_and_another_salt_takes_others(percent: float) -> None:
    item = served(percent)
    chosen = {
        salt: {key for key in range(20_000) if item.choose(routing_hash(str(key), salt)) == "secondary"}
        for salt in ("one", "two")
    }
    for found in chosen.values():
        assert abs(len(found) / 20_000 - percent / 100) < 0.01
    both = len(chosen["one"] & chosen["two"]) / len(chosen["one"])
    assert abs(both - percent / 100) < 0.08


# --- Answers -------------------------------------------------------------------------------------------------------
@pytest.mark.smoke
@pytest.mark.parametrize("mode", ["canary", "blue_green"])
def test_each_key_is_answered_by_its_slot_and_the_answer_says_so(
    make_app: MakeApp, home: Path, mode: Mode
) -> None:
    roll_out(home / "run", (1, 2), mode, 30)
    app = make_app()
    own = {slot: keys(app, slot, 4) for slot in ("primary", "secondary")}
    said: dict[str, list[float]] = {}
    for slot, mine in own.items():
        for key in mine:
            answer = ask(app, key)
            body = answer.get_json()
            prediction_documents.Answer.model_validate(body)
            version = {"primary": 1, "secondary": 2}[slot]
            assert (body["rollout_mode"], body["rollout_route"], body["version"]) == (mode, slot, version)
            assert body["mlflow_model_uri"].endswith(f"/{version}") and body["model_version"] == version
            assert (answer.headers["X-Rollout-Slot"], answer.headers["X-Model-Version"]) == (
                slot,
                str(version),
            )
            said.setdefault(slot, list(body["probabilities"][0].values()))
    assert said["primary"] != said["secondary"]
    lines = events(home)
    assert Counter((line["slot"], line["version"], line["mode"], line["status"]) for line in lines) == {
        ("primary", 1, mode, "ok"): 4,
        ("secondary", 2, mode, "ok"): 4,
    }
    found = samples(app.test_client())
    for slot in own:
        key = f"[('problem', 'art_core5'), ('slot', '{slot}')]"
        assert found[f"artpulse_rollout_routed_total{key}"] == 4
    assert found["artpulse_rollout_percent[('problem', 'art_core5')]"] == 30


def test_a_new_percent_acts_at_once_and_moves_nobody_back(make_app: MakeApp, home: Path) -> None:
    app = make_app()
    before: set[str] = set()
    for sequence, percent in enumerate((0, 5, 25, 60, 100), start=2):
        roll_out(home / "run", (1, 2), "canary", percent, sequence=sequence)
        serving.of(app).live.refresh()
        now = {key for key in map(str, range(40)) if ask(app, key).get_json()["version"] == 2}
        assert before <= now
        before = now
    assert len(before) == 40


def test_pictures_are_split_by_their_content_and_each_slot_takes_its_own_features(
    make_app: MakeApp, home: Path
) -> None:
    roll_out(home / "run", (1, 2), "canary", 50, problem="art")
    client = make_app().test_client()
    answers: dict[int, dict[str, Any]] = {}
    for seed in range(12):
        for _ in range(2):  # the same picture is answered by the same slot
            body = client.post("/predict-image", data=picture(seed), content_type="image/jpeg").get_json()
            assert answers.setdefault(seed, body)["version"] == body["version"]
    assert {body["version"] for body in answers.values()} == {1, 2}


def test_a_request_is_answered_from_the_snapshot_it_began_with(
    make_app: MakeApp, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_out(home / "run", (1, 2), "canary", 100)
    app = make_app()
    parts = serving.of(app)
    secondary = parts.live.current.problems["art_core5"].service("secondary").predictor
    predict = secondary.predict

    def meanwhile(matrix: np.ndarray) -> Any:
        roll_out(home / "run", (3, 4), "single", sequence=9)
        parts.live.refresh()
        return predict(matrix)

    monkeypatch.setattr(secondary, "predict", meanwhile)
    body = ask(app, "key").get_json()
    assert (body["version"], body["rollout_mode"], body["rollout_route"]) == (2, "canary", "secondary")
    assert events(home)[0]["version"] == 2
    assert ask(app, "key").get_json()["version"] == 3


# --- What is told --------------------------------------------------------------------------------------------------
def test_the_worker_reports_both_slots_and_since_when(make_app: MakeApp, home: Path) -> None:
    run = home / "run"
    now = [1_800_000_000.0]
    roll_out(run, (1, 2), "canary", 10)
    app = make_app(clock=lambda: now[0])
    (first,) = releases.read_workers(run)
    one, two = first.problems["art_core5"], first.problems["art_core5"]["secondary"]
    assert (one["version"], one["alias"], one["mode"], one["percent"]) == (1, "champion", "canary", 10)
    assert (two["version"], two["alias"]) == (2, "challenger") and two["digest"].startswith("sha256:")
    now[0] += 60
    roll_out(
        run, (2, 3), "shadow", sequence=3
    )  # the old secondary became primary: the same model, a new slot
    predictor = serving.of(app).live.current.problems["art_core5"].service("secondary").predictor
    serving.of(app).live.refresh()
    (second,) = releases.read_workers(run)
    assert serving.of(app).live.current.problems["art_core5"].primary.predictor is predictor
    assert second.problems["art_core5"]["since"] > one["since"]
    now[0] += 60
    roll_out(run, (2, 3), "shadow", sequence=4)
    serving.of(app).live.refresh()
    (third,) = releases.read_workers(run)
    assert third.loaded_at > second.loaded_at
    assert third.problems["art_core5"]["since"] == second.problems["art_core5"]["since"]


def test_pages_and_gauges_show_both_slots(make_app: MakeApp, home: Path) -> None:
    roll_out(home / "run", (1, 2), "canary", 10)
    client = make_app().test_client()
    (row,) = client.get("/models").get_json()["models"]
    assert (row["mode"], row["percent"]) == ("canary", 10)
    assert {slot: item["version"] for slot, item in row["slots"].items()} == {"primary": 1, "secondary": 2}
    info = client.get("/model/info").get_json()
    documents.ModelInfo.model_validate(info)
    assert (info["version"], info["rollout_percent"], info["secondary"]["version"]) == (1, 10, 2)
    text = client.get("/metrics").text
    for alias, version in (("champion", 1), ("challenger", 2)):
        assert f'artpulse_model_info{{alias="{alias}"' in text and f'version="{version}"}} 1.0' in text
