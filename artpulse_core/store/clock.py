"""Times as the store keeps them: UTC text of one fixed width, so text order is time order.

Belongs here: that one form. Does not belong here: asking what time it is; callers pass it in.
"""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime | str) -> str:
    """``2026-11-21T07:24:50.000000+00:00`` from an aware datetime or any ISO 8601 text.

    A text without an offset is taken as UTC. Raises ``ValueError`` for anything else.
    """
    value = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if value.tzinfo is None:
        if not isinstance(moment, str):
            raise ValueError("a time without a zone cannot be stored")
        value = value.replace(tzinfo=UTC)
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def parse(text: str) -> datetime:
    """The reverse of ``stamp``: an aware datetime in UTC."""
    return datetime.fromisoformat(text)
