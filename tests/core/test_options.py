"""Times, spans and percents as a person types them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from artpulse_core.commands.options import Key, Moment, Percents, Span, Words


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400), (" 7d ", 604800), ("0", 0)]
)
def test_a_span_is_seconds(text: str, seconds: float) -> None:
    assert Span().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "10 m", "-1m", "1w", "nan", "inf", "1e3", "1" * 12])
def test_what_is_no_span_is_a_wrong_use(text: str) -> None:
    with pytest.raises(click.UsageError, match="no span of time"):
        Span().convert(text, None, None)


def test_a_time_has_a_zone_and_utc_is_meant_where_none_is_given() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for text in ("2026-03-01T12:00", "2026-03-01T12:00:00Z", "2026-03-01T14:00:00+02:00"):
        assert Moment().convert(text, None, None) == noon
    assert Moment().convert("2026-03-01", None, None) == noon - timedelta(hours=12)


def test_a_span_is_a_time_that_long_ago() -> None:
    found = Moment().convert("2h", None, None)
    assert timedelta(0) <= datetime.now(UTC) - timedelta(hours=2) - found < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "999999999d", "0001-01-01T00:00+23:00"])
def test_what_is_no_time_is_a_wrong_use(text: str) -> None:
    with pytest.raises(click.UsageError, match="no time"):
        Moment().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "percents"), [("1,5,25", (1, 5, 25)), ("0.5 , 100%", (0.5, 100)), ("10", (10,))]
)
def test_percents_are_numbers_in_the_order_given(text: str, percents: tuple[float, ...]) -> None:
    assert Percents().convert(text, None, None) == percents


@pytest.mark.parametrize("text", ["", "1,,2", "nan", "-1", "1;2", "1e2"])
def test_what_are_no_percents_is_a_wrong_use(text: str) -> None:
    with pytest.raises(click.UsageError, match="no percents"):
        Percents().convert(text, None, None)


def test_what_is_no_utf_8_becomes_text_a_database_can_hold() -> None:
    assert Words().convert("caf\u00e9 \udcff", None, None) == "café ?"


@pytest.mark.parametrize("text", ["", "  ", "k" * 201])
def test_a_key_that_was_forgotten_or_is_too_long_is_a_wrong_use(text: str) -> None:
    assert Key().convert("k" * 200, None, None) == "k" * 200
    with pytest.raises(click.UsageError, match="1 to 200 characters"):
        Key().convert(text, None, None)
