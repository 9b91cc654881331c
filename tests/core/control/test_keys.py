"""A repeated key gets its first answer, and every answer is a row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from artpulse_core.errors import ChangeConflict, ChangeRefused, RegistryError
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, Away, Breaking, House

Ask = Callable[[], object]


def test_the_same_request_twice_is_carried_out_once(three: House) -> None:
    first = three.promote(3, 2, idempotency_key="k1")
    again = three.promote(3, 2, idempotency_key="k1")
    assert (again, first.replayed, again.replayed) == (first, False, True)
    back = three.rollback(idempotency_key="k2")
    assert three.rollback(idempotency_key="k2") == back
    assert three.promote(3, 2, idempotency_key="k1") == first
    assert three.aliases["champion"] == 2
    others: tuple[Ask, ...] = (
        lambda: three.promote(3, 2, idempotency_key="k2"),
        lambda: three.promote(1, 2, idempotency_key="k1"),
    )
    for other in others:
        with pytest.raises(ChangeConflict, match="was used for change"):
            other()
    assert len(three.rows) == 7


def test_a_refused_request_gets_its_first_answer_again_even_when_it_would_pass_now(three: House) -> None:
    with pytest.raises(ChangeRefused) as refused:
        three.promote(3, 2, verdict={"decision": "reject", "rules": []}, idempotency_key="r")
    with pytest.raises(ChangeConflict) as conflict:
        three.promote(3, 1, idempotency_key="c")
    three.promote(3, 2)
    three.promote(1, 3, override=True)
    count = len(three.rows)
    with pytest.raises(ChangeRefused) as refused_again:
        three.promote(3, 1, idempotency_key="r")
    with pytest.raises(ChangeConflict) as conflict_again:
        three.promote(3, 1, idempotency_key="c")
    assert str(refused_again.value) == str(refused.value)
    assert str(conflict_again.value) == str(conflict.value)
    assert len(three.rows) == count


def test_a_key_is_answered_while_the_registry_is_away_and_another_change_is_under_way(three: House) -> None:
    done = three.promote(3, 2, idempotency_key="k")
    with three.db.lock(f"change of {MODEL}"):
        assert three.promote(3, 2, Away(three.settings), idempotency_key="k") == done


def test_a_key_of_a_change_that_was_taken_back_says_why(three: House) -> None:
    with pytest.raises(RegistryError):
        three.promote(
            3, 2, Breaking(three.settings, "set_alias", RegistryError, after=False), idempotency_key="k"
        )
    with pytest.raises(ChangeConflict, match="was undone: broken by the test"):
        three.promote(3, 2, idempotency_key="k")


def test_every_refusal_and_conflict_is_a_row_with_its_sentence(three: House) -> None:
    sentences = []
    requests: tuple[Ask, ...] = (
        lambda: three.promote(3, 2, verdict=None),
        lambda: three.promote(9, 2),
        lambda: three.promote(2, 2),
        lambda: three.promote(3, 1),
        lambda: three.rollback(expected=1),
        lambda: three.rollback(reason=" "),
        three.adopt,
        lambda: three.freeze(False),
    )
    for request in requests:
        with pytest.raises((ChangeRefused, ChangeConflict)) as error:
            request()
        sentences.append(str(error.value))
    rows = three.rows[: len(sentences)][::-1]
    assert [row.outcome for row in rows] == sentences
    assert {row.state for row in rows} == {"refused"}
    assert changes.verify_chain(three.db) is None


def test_repeating_a_key_gives_the_first_answer_of_each_action(three: House) -> None:
    begun = three.start(3, 2, idempotency_key="start")
    step = three.set_percent(5, idempotency_key="set")
    held = three.pause(idempotency_key="pause")
    over = three.abort(idempotency_key="abort")
    assert three.start(3, 2, idempotency_key="start") == begun
    assert three.set_percent(5, idempotency_key="set") == step
    assert three.pause(idempotency_key="pause") == held
    assert three.abort(idempotency_key="abort") == over
    others: tuple[Ask, ...] = (
        lambda: three.start(3, 2, percent=10, idempotency_key="start"),
        lambda: three.set_percent(25, idempotency_key="set"),
        lambda: three.abort(failed=True, idempotency_key="abort"),
        lambda: three.set_percent(5, idempotency_key="pause"),
    )
    for other in others:
        with pytest.raises(ChangeConflict, match="was used for change"):
            other()


def test_an_abort_that_waits_for_the_registry_is_the_answer_to_its_key(three: House) -> None:
    three.start(3, 2)
    away = Away(three.settings)
    first = three.abort(registry=away, idempotency_key="k")
    again = three.abort(registry=away, idempotency_key="k")
    assert (first.state, again.sequence, again.replayed) == ("open", first.sequence, True)
