"""Request ids."""

from __future__ import annotations

from artpulse_api.request_id import LENGTH, new_id


def test_ids_sort_by_time_are_of_one_length_and_never_repeat() -> None:
    ids = [new_id(seconds) for seconds in (0, 1.5, 1.502, 1e9, 2e9, 4e9)]
    assert ids == sorted(ids)
    assert {len(item) for item in ids} == {LENGTH} == {26}
    assert len({new_id(1.0) for _ in range(10_000)}) == 10_000


def test_the_time_can_be_read_back() -> None:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = 0
    for letter in new_id(1_732_000_000.123)[:10]:
        number = number * 32 + alphabet.index(letter)
    assert number == 1_732_000_000_123
