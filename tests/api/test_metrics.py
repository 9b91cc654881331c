"""The metrics a server has, under the names others use, with labels nobody outside can invent."""

from __future__ import annotations

import math

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from tests.api.asking import ROW
from tests.bundles import picture

NAMES = {
    "api_requests",
    "api_request_latency_seconds",
    "artpulse_predictions",
    "artpulse_prediction_latency_seconds",
    "artpulse_prediction_confidence",
    "artpulse_prediction_errors",
    "artpulse_auth_failures",
    "artpulse_events_dropped",
    "artpulse_model_load_failures",
    "artpulse_model_info",
    "artpulse_model_age_seconds",
    "artpulse_release_sequence",
    "artpulse_registry_staleness_seconds",
    "artpulse_champion_refused",
    "artpulse_rollout_percent",
    "artpulse_rollout_routed",
    "artpulse_shadow_compared",
    "artpulse_shadow_disagreements",
    "artpulse_shadow_dropped",
    "artpulse_in_flight",
}


def samples(client: FlaskClient) -> dict[str, float]:
    """Every sample as ``name{label=value,…}`` → value."""
    text = client.get("/metrics").text
    return {
        sample.name + str(sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.smoke
def test_the_names_are_those_that_were_promised(client: FlaskClient) -> None:
    families = {family.name for family in text_string_to_metric_families(client.get("/metrics").text)}
    assert {name for name in families if not name.endswith("_created")} == NAMES


def test_answers_are_counted_by_problem_version_slot_and_label(client: FlaskClient) -> None:
    labels = client.post("/predict", json={"rows": [ROW, ROW]}).get_json()["labels"]
    client.post("/predict-image", data=picture(0), content_type="image/jpeg")
    found = samples(client)
    key = f"[('label', '{labels[0]}'), ('problem', 'art_core5'), ('slot', 'primary'), ('version', '1')]"
    assert found[f"artpulse_predictions_total{key}"] == 2
    assert found["artpulse_prediction_confidence_count[('problem', 'art_core5')]"] == 2
    assert found["artpulse_prediction_latency_seconds_count[('problem', 'art'), ('slot', 'primary')]"] == 1
    assert found["artpulse_release_sequence[]"] == 1
    assert found["artpulse_registry_staleness_seconds[]"] == math.inf  # no agent ever spoke
    assert found["artpulse_in_flight[]"] == 1  # the scrape itself


def test_requests_are_counted_by_rule_so_that_a_scan_adds_one_series(client: FlaskClient) -> None:
    for number in range(50):
        client.get(f"/scan-{number}")
        client.open("/health", method=f"M{number}")
        client.post(f"/predict/p{number}", json=ROW)
    found = samples(client)
    total = {key: value for key, value in found.items() if key.startswith("api_requests_total")}
    assert total == {
        "api_requests_total[('endpoint', 'unmatched'), ('http_status', '404'), ('method', 'GET')]": 50,
        "api_requests_total[('endpoint', 'unmatched'), ('http_status', '405'), ('method', 'OTHER')]": 50,
        "api_requests_total[('endpoint', '/predict/<problem>'), ('http_status', '404'), ('method', 'POST')]": 50,
    }


def test_refusals_are_counted_by_code_and_blamed_on_no_slot(client: FlaskClient) -> None:
    client.post("/predict", json={})
    client.post("/predict-image", data=b"x", content_type="image/png")
    found = samples(client)
    for code, problem in (("contract_violation", "art_core5"), ("not_an_image", "art")):
        key = f"[('code', '{code}'), ('problem', '{problem}'), ('slot', 'none')]"
        assert found[f"artpulse_prediction_errors_total{key}"] == 1
