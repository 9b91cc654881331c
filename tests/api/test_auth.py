"""Keys, roles, and what an installation without keys allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from artpulse_core.errors import SettingsError
from artpulse_core.keys import Keyring, hash_key, new_key
from tests.api.asking import ROW, events
from tests.api.conftest import MakeApp

REMOTE = {"REMOTE_ADDR": "203.0.113.9"}


@pytest.mark.smoke
def test_a_key_is_known_by_its_digest_and_leaves_only_its_public_id(make_app: MakeApp, home: Path) -> None:
    key, entry = new_key()
    client = make_app(api_keys=entry).test_client()
    for headers in (
        {"X-API-Key": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer {key}"},
    ):
        assert client.post("/predict", json=ROW, headers=headers).status_code == 200
    assert {event["caller"] for event in events(home)} == {entry.split(":")[0]}
    assert key not in str(events(home))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "key_missing"),
        ({"X-API-Key": ""}, "key_unknown"),
        ({"X-API-Key": "wrong"}, "key_unknown"),
        ({"X-API-Key": "right,right"}, "key_malformed"),
        ({"X-API-Key": "wrong", "Authorization": "Bearer right"}, "key_unknown"),
        ({"Authorization": "Basic right"}, "key_missing"),
        ({"Authorization": "Bearer"}, "key_missing"),
        ({"X_API_KEY": "right"}, "key_missing"),
    ],
)
def test_a_request_without_a_known_key_is_401_by_name(
    make_app: MakeApp, headers: dict[str, str], code: str
) -> None:
    app = make_app(api_keys="right")
    headers = {name: value for name, value in headers.items() if "_" not in name}  # the server drops these
    answer = app.test_client().post("/predict", json=ROW, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert f'artpulse_auth_failures_total{{reason="{code}"}} 1.0' in app.test_client().get("/metrics").text


def test_a_digest_is_not_a_key(make_app: MakeApp) -> None:
    _, entry = new_key()
    client = make_app(api_keys=entry).test_client()
    for attempt in (entry, entry.split(":")[2]):
        assert client.post("/predict", json=ROW, headers={"X-API-Key": attempt}).status_code == 401


def test_each_role_reaches_what_lies_below_it_and_nothing_above(make_app: MakeApp) -> None:
    client = make_app(api_keys="p", viewer_api_keys="v", control_api_keys="o").test_client()

    def ask(key: str) -> TestResponse:
        return client.get("/metrics", headers={"X-API-Key": key}, environ_overrides=REMOTE)

    assert {key: ask(key).status_code for key in "pvo"} == {"p": 403, "v": 200, "o": 200}
    assert all(
        client.post("/predict", json=ROW, headers={"X-API-Key": key}).status_code == 200 for key in "pvo"
    )


def test_metrics_are_open_on_loopback_but_not_through_a_proxy_beside_it(make_app: MakeApp) -> None:
    client = make_app(api_keys="p").test_client()
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert client.get("/metrics", environ_overrides=REMOTE).status_code == 401


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
def test_every_loopback_address_is_this_host(make_app: MakeApp, peer: str) -> None:
    client = make_app(api_keys="p").test_client()
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": peer}).status_code == 200
    make_app(host=peer)  # and may be served from without a key


@pytest.mark.parametrize("peer", ["", "::ffff:203.0.113.9", "0.0.0.0", "127.0.0.1.example.org"])
def test_what_only_looks_like_loopback_is_not_this_host(make_app: MakeApp, peer: str) -> None:
    client = make_app(api_keys="p").test_client()
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": peer}).status_code == 401


def test_without_keys_loopback_may_predict_and_view_and_the_caller_is_local(
    make_app: MakeApp, home: Path
) -> None:
    client = make_app().test_client()
    assert client.post("/predict", json=ROW).status_code == 200
    assert events(home)[0]["caller"] == "local"
    assert client.get("/metrics", environ_overrides=REMOTE).status_code == 200


def test_without_keys_but_with_auth_required_nothing_is_open(make_app: MakeApp) -> None:
    client = make_app(auth_required=True).test_client()
    assert client.post("/predict", json=ROW).status_code == 401
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7"])  # the addresses are never bound
def test_without_keys_no_other_address_is_served(make_app: MakeApp, host: str) -> None:
    with pytest.raises(SettingsError, match="artpulse keys new"):
        make_app(host=host)
    assert make_app(host=host, api_keys="k").test_client().get("/health").status_code == 200


@pytest.mark.parametrize("entry", ["me:sha256:12", "me:sha256:" + "g" * 64, ":sha256:" + "0" * 64, ""])
def test_a_malformed_entry_stops_the_start_without_showing_it(entry: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Keyring({"predict": (entry,)})
    assert not entry or entry not in str(caught.value)


def test_a_key_in_two_lists_keeps_the_higher_role_and_a_named_entry_its_name() -> None:
    digest = hash_key("k").split(":", 1)[1]
    ring = Keyring(
        {"operate": ("k",), "predict": ("k",), "view": (f"laptop:{hash_key('x').split(':', 1)[1]}",)}
    )
    assert digest.startswith("sha256:")
    found, named = ring.find("k"), ring.find("x")
    assert found is not None and found.role == "operate"
    assert named is not None and (named.id, named.role) == ("laptop", "view")
    assert ring.find("other") is None


def test_new_keys_differ_and_their_entries_find_them() -> None:
    pairs = [new_key() for _ in range(20)]
    assert len({key for key, _ in pairs}) == 20
    assert all(Keyring({"predict": (entry,)}).find(key) for key, entry in pairs)
    assert all(hash_key(key) == entry for key, entry in pairs)
