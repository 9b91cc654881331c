"""Whatever is sent is answered with an answer or a refusal, never with a fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.asking import ROW, VALUES
from tests.api.conftest import MakeApp
from tests.bundles import picture

QUIET = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)
KEYS = st.sampled_from([*ROW, "rows", "instances", "records", "values", "", "~/"])
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)
ROWS = st.one_of(
    st.fixed_dictionaries({name: st.floats(0, 1) | SCALARS for name in ROW}),
    st.lists(st.floats(0, 1) | SCALARS, min_size=4, max_size=6),
    st.fixed_dictionaries({"values": st.lists(st.floats(0, 1), min_size=5, max_size=5)}),
)
BODIES = ANY | st.builds(
    lambda form, rows: {form: rows},
    st.sampled_from(["rows", "instances", "records"]),
    st.lists(ROWS, max_size=4),
)


def _resolve(body: Any, pointer: str) -> None:
    """Follow a JSON pointer; its last step may be missing, because that is what it may say."""
    for step in pointer.split("/")[1:-1]:
        body = body[int(step)] if isinstance(body, list) else body[step.replace("~1", "/").replace("~0", "~")]


@QUIET
@given(body=BODIES, partial=st.booleans())
def test_any_json_is_answered_or_refused_with_pointers_that_can_be_followed(
    client: FlaskClient, body: Any, partial: bool
) -> None:
    answer = client.post(
        f"/predict?partial={int(partial)}", data=orjson.dumps(body), content_type="application/json"
    )
    assert answer.status_code in (200, 422)
    document = answer.get_json()
    for issue in document.get("errors", []):
        _resolve(body, issue["pointer"])
    if answer.status_code == 200:
        refused = {issue["row"] for issue in document.get("errors", [])}
        assert [label is None for label in document["labels"]] == [
            row in refused for row in range(len(document["labels"]))
        ]


@QUIET
@given(
    data=st.binary(max_size=300),
    kind=st.sampled_from(["application/json", "image/png", "multipart/form-data; boundary=x"]),
)
def test_any_bytes_are_no_picture_and_no_fault(client: FlaskClient, data: bytes, kind: str) -> None:
    assert client.post("/predict-image", data=data, content_type=kind).status_code in (400, 422)


@QUIET
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_picture_with_one_changed_byte_is_answered_or_refused_by_name(
    client: FlaskClient, place: int, value: int
) -> None:
    data = bytearray(picture(1))
    data[place % len(data)] = value
    answer = client.post("/predict/art_core5/image", data=bytes(data), content_type="image/jpeg")
    assert answer.status_code in (200, 422)


@QUIET
@given(
    name=st.text(max_size=12),
    key=st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=9),
)
def test_any_problem_name_and_any_header_is_no_fault(client: FlaskClient, name: str, key: str) -> None:
    from urllib.parse import quote

    headers = {"X-Routing-Key": key.strip(), "X-API-Key": key.strip(), "Authorization": key.strip()}
    answer = client.post(f"/predict/{quote(name, safe='')}", json=ROW, headers=headers)
    assert answer.status_code in (200, 404, 405, 308, 422)


@pytest.mark.parametrize(
    "number", ["1e-400", "0." + "1" * 5000, "1" * 4000, "-0", "1E0", "0x1", "01", "+1", ".5"]
)
def test_numbers_at_the_edge_of_json_are_answered_or_refused(client: FlaskClient, number: str) -> None:
    text = orjson.dumps({"instances": [VALUES]}).replace(b"0.11", number.encode())
    assert client.post("/predict", data=text, content_type="application/json").status_code in (200, 400, 422)


def test_an_event_line_of_any_accepted_row_can_be_read(make_app: MakeApp, home: Path) -> None:
    from tests.api.asking import events

    client = make_app().test_client()
    edges = [0.0, 1.0, 5e-324, 0.1 + 0.2, 1 - 1e-16, -0.0]
    for value in edges:
        assert client.post("/predict", json={**ROW, "edges": value}).status_code == 200
    assert [event["features"]["edges"] for event in events(home)] == pytest.approx(edges, rel=1e-6)
