"""Both slots of a rollout follow the table; a secondary that cannot be trusted leaves its share to the primary."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from artpulse_core.agent import pull
from artpulse_core.control import desired, promotion, traffic
from artpulse_core.control.desired import Desired
from artpulse_core.control.registry import Registry
from artpulse_core.errors import BundleError, ChangeRefused, RegistryError, StoreError
from artpulse_core.exchange.release import ProblemRelease
from artpulse_core.store import changes
from tests.core.agent.hosts import Host, away
from tests.core.control.conftest import MODEL, NOW, House
from tests.core.control.rolling import Rolling

SAID: dict[str, Any] = {"actor": "ann", "reason": "because", "now": NOW}


def shape(served: ProblemRelease) -> tuple[str, float, int, int | None]:
    """Mode, percent and the two versions."""
    other = served.secondary.version if served.secondary else None
    return served.mode, served.percent, served.primary.version, other


@pytest.fixture
def rolling(three: House) -> Rolling:
    rolling = Rolling(three)
    rolling.start(percent=10)
    return rolling


@pytest.mark.smoke
def test_a_canary_is_published_stepped_and_ended(three: House, rolling: Rolling) -> None:
    host = Host(three)
    host.puller.poll()
    served = host.served
    assert shape(served) == ("canary", 10, 2, 3)
    assert (served.primary.alias, served.secondary and served.secondary.alias) == ("champion", "challenger")
    assert len(served.salt) == 16
    traffic.set_percent(three.db, three.registry, MODEL, 50, **SAID)
    host.puller.poll()
    assert (shape(host.served), host.served.salt) == (("canary", 50, 2, 3), served.salt)
    traffic.abort(three.db, three.registry, MODEL, **SAID)
    host.puller.poll()
    assert shape(host.served) == ("single", 0, 2, None)
    assert (host.sequence, len(host.tried)) == (3, 2)


def test_a_promoted_secondary_needs_no_second_download_and_the_one_before_is_kept(
    three: House, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(three)
    host.puller.poll()
    monkeypatch.setattr(three.registry, "download", away)
    three.promote(3, 2)
    host.puller.poll()
    assert shape(host.served) == ("single", 0, 3, None)
    three.rollback()
    host.puller.poll()
    assert (shape(host.served), len(host.tried)) == (("single", 0, 2, None), 2)


def test_the_colours_are_the_aliases_of_blue_and_green(three: House) -> None:
    Rolling(three).start(mode="blue_green", percent=25, active="green")
    host = Host(three)
    host.puller.poll()
    served = host.served
    assert shape(served) == ("blue_green", 25, 2, 3)
    assert (served.primary.alias, served.secondary and served.secondary.alias) == ("green", "blue")


def test_a_secondary_that_is_refused_leaves_its_share_to_the_primary_until_it_is_well(
    three: House, rolling: Rolling, caplog: pytest.LogCaptureFixture
) -> None:
    traffic.abort(three.db, three.registry, MODEL, **SAID)
    host = Host(three)
    host.puller.poll()
    rolling.start(percent=10)
    host.refuse = "Golden answer 0 differs by 0.5."
    for _ in range(3):
        pulled = host.puller.poll()
    assert shape(host.served) == ("single", 0, 2, None)
    assert (pulled.failures, pulled.secondary_failures["art_core5"].message) == ({}, host.refuse)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == [
        "secondary refused, the primary answers its share"
    ]
    assert (host.sequence, len(host.tried)) == (1, 2)
    host.refuse = ""
    host.now += timedelta(seconds=16)
    pulled = host.puller.poll()
    assert (shape(host.served), pulled.secondary_failures) == (("canary", 10, 2, 3), {})


def test_a_secondary_of_another_contract_is_refused_by_name(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(three)
    host.puller.poll()
    wanted = Desired(2, secondary=3, secondary_alias="challenger", mode="canary", percent=50, salt="s")
    monkeypatch.setattr(pull, "desired", lambda *_: wanted)
    monkeypatch.setattr(pull.Bundles, "same_contract", lambda *_: False)
    pulled = host.puller.poll()
    assert "Version 3 has another contract than version 2" in pulled.secondary_failures["art_core5"].message
    assert shape(host.served) == ("single", 0, 2, None)


def test_contracts_are_compared_by_their_bytes(three: House, rolling: Rolling) -> None:
    host = Host(three)
    host.puller.poll()
    served, bundles = host.served, host.puller._bundles
    assert served.secondary is not None
    assert bundles.same_contract(served.primary, served.secondary)
    files = bundles._good[served.secondary.digest].files
    files["contract.json"] = "0" * 64  # type: ignore[index]  # the test alters what was read
    assert not bundles.same_contract(served.primary, served.secondary)


def test_an_alias_moved_by_hand_is_served_alone_and_the_rollout_goes_on_when_it_is_back(
    three: House, rolling: Rolling
) -> None:
    host = Host(three)
    host.puller.poll()
    three.registry.set_alias(MODEL, "champion", 1)
    host.puller.poll()
    assert (shape(host.served), host.served.unaudited) == (("single", 0, 1, None), True)
    three.registry.set_alias(MODEL, "champion", 2)
    host.puller.poll()
    assert (shape(host.served), host.served.unaudited) == (("canary", 10, 2, 3), False)


def test_between_alias_and_closed_row_the_new_champion_is_no_stranger(three: House) -> None:
    host = Host(three)
    changes.open_change(
        three.db,
        model=MODEL,
        action="promote",
        expected=2,
        target=3,
        verdict=None,
        idempotency_key=None,
        **SAID,
    )
    three.registry.set_alias(MODEL, "champion", 3)
    host.puller.poll()
    assert (host.served.primary.version, host.served.unaudited) == (3, False)


def test_a_champion_that_is_refused_leaves_the_old_one_alone_without_a_rollout_of_another(
    three: House, rolling: Rolling
) -> None:
    host = Host(three)
    host.puller.poll()
    host.refuse = "no"
    three.registry.set_alias(MODEL, "champion", 1)
    pulled = host.puller.poll()
    assert (shape(host.served), pulled.failures["art_core5"].version) == (("single", 0, 2, None), 1)


def test_without_a_database_the_rollout_goes_on_as_long_as_its_champion_does(
    three: House, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise StoreError("away")

    host = Host(three)
    host.puller.poll()
    with monkeypatch.context() as patch:
        patch.setattr(changes, "history", gone)
        patch.setattr(changes, "registration", gone)
        host.puller.poll()
        assert (shape(host.served), host.sequence) == (("canary", 10, 2, 3), 1)
        with pytest.raises(StoreError):
            host.puller.follow()
        three.registry.set_alias(MODEL, "champion", 1)
        host.puller.poll()
        assert (shape(host.served), host.served.unaudited) == (("single", 0, 1, None), True)


def test_the_table_is_followed_while_the_registry_is_away(
    three: House, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(three)
    assert not host.puller.follow()
    host.puller.poll()
    assert not host.puller.follow()
    for method in ("aliases", "version", "versions", "download"):
        monkeypatch.setattr(host.puller._registry, method, away)
    other = Registry(three.settings)
    traffic.set_percent(three.db, other, MODEL, 25, **SAID)
    assert host.puller.follow()
    assert (shape(host.served), host.sequence) == (("canary", 25, 2, 3), 2)
    traffic.abort(three.db, other, MODEL, **SAID)
    assert host.puller.follow()
    assert (shape(host.served), host.sequence) == (("single", 0, 2, None), 3)
    promotion.rollback(three.db, other, MODEL, **SAID)
    assert not host.puller.follow()


def test_an_aborted_rollout_stays_aborted_when_a_poll_that_hung_comes_back(
    three: House, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(three)
    host.puller.poll()

    def hangs(_model: str) -> Any:
        traffic.abort(three.db, Registry(three.settings), MODEL, **SAID)
        assert host.puller.follow()
        raise RegistryError("no answer")

    monkeypatch.setattr(host.puller._registry, "aliases", hangs)
    assert host.puller.poll().registry_error == "no answer"
    assert (shape(host.served), host.sequence) == (("single", 0, 2, None), 2)


def test_a_start_over_a_good_release_with_two_slots_fetches_and_tries_nothing(
    three: House, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    Host(three).puller.poll()
    monkeypatch.setattr(three.registry, "download", away)
    again = Host(three)
    again.puller.poll()
    assert (again.tried, again.sequence, shape(again.served)) == ([], 1, ("canary", 10, 2, 3))


def test_both_slots_and_where_a_rollback_goes_are_never_cleaned_away(three: House, rolling: Rolling) -> None:
    three.promote(1, 2, override=True)  # previous is 2 then; put it back so that 1 lies on the disk unserved
    host = Host(three)
    host.puller.poll()
    three.promote(2, 1, override=True)
    rolling.start(percent=10)
    folders = host.run / "bundles"
    for number in range(9):
        (folders / f"{number:064d}").mkdir()
    host.puller.poll()
    kept = {path.name for path in folders.iterdir()}
    wanted = {info.digest.removeprefix("sha256:") for info in three.registry.versions(MODEL)}
    assert wanted <= kept
    assert len(kept) <= len(wanted) + 3


def test_a_refused_version_pauses_longer_each_time_up_to_a_bound() -> None:
    from artpulse_core.agent.retries import LAST_RETRY, Retries

    now = NOW
    retries = Retries(lambda: now, lambda: 1.1)
    pauses = [retries.failed("art", 3, str(BundleError("no"))).next_at - now for _ in range(40)]
    assert pauses[:2] == [timedelta(seconds=16.5), timedelta(seconds=33)]
    assert pauses[-1] == LAST_RETRY * 1.1
    assert retries.waits("art", 3)
    assert not retries.waits("art", 4)
    now -= timedelta(days=1)  # the clock was set back
    assert not retries.waits("art", 3)


def test_only_the_newest_rows_are_read_and_all_of_them_when_the_champion_is_older(
    three: House, rolling: Rolling, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    real = changes.history

    def counted(db: Any, model: str | None = None, limit: int | None = None, **more: Any) -> Any:
        asked.append(limit)
        return real(db, model, limit, **more)

    for _ in range(3):
        with pytest.raises(ChangeRefused):  # refusals push nothing out of sight
            rolling.start(percent=10)

    monkeypatch.setattr(changes, "history", counted)
    wanted = [desired.desired(three.db, three.registry, MODEL, None)]
    for look_back in (5, 2):  # the champion is the third newest row
        monkeypatch.setattr(desired, "LOOK_BACK", look_back)
        wanted.append(desired.desired(three.db, three.registry, MODEL, None))
    assert asked == [100, 5, 2, None]
    assert wanted[0] is not None and (wanted[0].secondary, wanted[0].percent) == (3, 10)
    assert wanted[1] == wanted[2] == wanted[0]
