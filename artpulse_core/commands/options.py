"""What a person may type for a time, a span of time, a list of percents, a reason or a key.

Belongs here: reading such words; a word that cannot be read is a wrong use of the command line (exit code 2).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

LONGEST_KEY = 200  # of its column
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Span(click.ParamType[float]):
    """Seconds from ``90``, ``90s``, ``10m``, ``1.5h`` or ``7d``."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no span of time: 90s, 10m, 1.5h, 7d", param, ctx)
        return float(found[1]) * UNITS[found[2] or "s"]


class Moment(click.ParamType[datetime]):
    """An aware time from ISO 8601 (``2026-03-01``, ``2026-03-01T12:00``; UTC if no zone) or a span ago (``2h``)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """A time in UTC."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if re.fullmatch(r"[\d.]+[smhd]", text):
                return datetime.now(UTC) - timedelta(seconds=Span().convert(text, param, ctx))
            found = datetime.fromisoformat(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(
                f"{value!r} is no time: 2026-03-01, 2026-03-01T12:00, or how long ago: 2h, 7d", param, ctx
            )


class Percents(click.ParamType[tuple[float, ...]]):
    """Rising percents from ``1,5,25``."""

    name = "percents"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers in the order given."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip().removesuffix("%") for part in str(value).split(",")]
        if not all(re.fullmatch(r"\d{1,3}(?:\.\d{1,6})?", part) for part in parts):
            self.fail(f"{value!r} are no percents: 1,5,25,50,100", param, ctx)
        return tuple(map(float, parts))


class Words(click.ParamType[str]):
    """Text that a database can hold: what of an argument is no UTF-8 becomes question marks."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text."""
        return str(value).encode("utf-8", "replace").decode()


class Key(Words):
    """An idempotency key: 1 to 200 characters. An empty one would give everybody who forgot theirs one old answer."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The key."""
        text = super().convert(value, param, ctx)
        if not text.strip() or len(text) > LONGEST_KEY:
            self.fail(f"a key has 1 to {LONGEST_KEY} characters", param, ctx)
        return text
