"""Rows that another hand has spoilt in the database are named, and stop neither agent nor rollback."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from artpulse_core.errors import ChangeRefused
from artpulse_core.store import chain, changes, tables
from tests.core.agent.hosts import Host
from tests.core.control.conftest import House
from tests.core.control.rolling import Rolling


def test_values_of_another_type_are_found_and_their_row_is_named(three: House) -> None:
    db, head = three.db, changes.head(three.db)
    for column in tables.changes.columns.keys():  # noqa: SIM118 - not a dict
        for value in (b"\x00", "{", "x"):
            with db.engine.connect() as connection:
                connection.execute(
                    text(f"UPDATE changes SET {column} = :value WHERE sequence = 2"), {"value": value}
                )
                found = [dict(row) for row in connection.execute(select(tables.changes)).mappings()]
                connection.rollback()
            found.sort(key=lambda row: (not isinstance(row["sequence"], int), str(row["sequence"])))
            for noted in (None, head):
                assert chain.first_broken(found, noted) == 2, (column, value)
    assert changes.verify_chain(db, head) is None


@pytest.mark.parametrize(
    "spoilt", ["{", "[]", '{"mode": "canary", "percent": "half"}', '{"mode": "canary", "plan": {"steps": 3}}']
)
def test_a_row_that_another_hand_has_spoilt_ends_the_rollout_and_neither_agent_nor_rollback(
    three: House, spoilt: str
) -> None:
    Rolling(three).start(percent=10)
    host = Host(three)
    host.puller.poll()
    before = host.served
    assert before.secondary is not None
    with three.db.write() as connection:
        last = {"spoilt": spoilt, "sequence": three.rows[0].sequence}
        connection.execute(text("UPDATE changes SET rollout = :spoilt WHERE sequence = :sequence"), last)
    host.puller.poll()
    assert (host.served.mode, host.served.primary.version, host.served.secondary) == ("single", 2, None)
    assert changes.verify_chain(three.db) == three.rows[0].sequence
    assert three.rollback().target == 1


def test_a_registration_that_was_spoilt_vouches_for_no_bundle(three: House) -> None:
    with three.db.write() as connection:
        connection.execute(text("UPDATE changes SET rollout = '{' WHERE action = 'register' AND target > 1"))
    host = Host(three)
    failures = host.puller.poll().failures
    assert "not the one that was registered" in failures["art_core5"].message
    with pytest.raises(ChangeRefused, match="not the one that was registered"):
        three.promote(3, 2)
