"""What a check finds, as plain values.

Belongs here: the shape of a finding and of a check's result. Does not belong here: any rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["block", "warn"]
MOST_EXAMPLES = 20


@dataclass(frozen=True)
class Example:
    """One row, file or column a finding is about: where, what was seen there, and the rule it breaks."""

    path: str
    value: str | float | int | None
    rule: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: numbers that are not finite become words."""
        value = self.value
        if isinstance(value, float) and not math.isfinite(value):
            value = "missing" if math.isnan(value) else "infinite"
        return {"path": self.path, "value": value, "rule": self.rule}


@dataclass(frozen=True)
class Finding:
    """What a check found: ``summary`` says what and what to do next, ``count`` how many rows or columns in all."""

    passed: bool
    summary: str
    rows: tuple[Example, ...] = ()
    count: int = 0
    value: float | int | None = None
    limit: float | int | None = None


@dataclass(frozen=True)
class Check:
    """A finding under the name and severity of its check.

    ``essential``: without it nothing can be fitted, so it cannot be skipped. ``eased``: it would block, and the
    run was told to skip that. ``about`` is the first sentence of the check's docstring.
    """

    name: str
    severity: Severity
    about: str
    finding: Finding
    essential: bool = False
    eased: bool = False

    @property
    def passed(self) -> bool:
        """Whether there is nothing to do."""
        return self.finding.passed

    @property
    def blocks(self) -> bool:
        """Whether the run must stop."""
        return not self.passed and self.severity == "block"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for ``data_quality_report.json``."""
        found = self.finding
        return {
            "name": self.name,
            "severity": self.severity,
            "passed": found.passed,
            "summary": found.summary,
            "about": self.about,
            "count": found.count,
            "value": _plain(found.value),
            "limit": _plain(found.limit),
            "rows": [row.to_dict() for row in found.rows],
            "essential": self.essential,
            "eased": self.eased,
        }


def _plain(value: float | int | None) -> float | int | None:
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def verdict(
    examples: Iterable[Example],
    good: str,
    bad: Callable[[int], str],
    *,
    count: int | None = None,
    value: float | int | None = None,
    limit: float | int | None = None,
) -> Finding:
    """A finding that passes exactly when there is no example; ``bad`` gets the number of them.

    ``count`` is that number where ``examples`` holds only the first ones.
    """
    rows = tuple(examples)
    many = len(rows) if count is None else count
    return Finding(
        passed=not many,
        summary=bad(many) if many else good,
        rows=rows[:MOST_EXAMPLES],
        count=many,
        value=many if value is None else value,
        limit=limit,
    )


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Iterable[object], most: int = 3) -> str:
    """Names as people say them: a, b and 3 more."""
    everything = [str(name) for name in names]
    shown = [name if len(name) <= 60 else name[:59] + "…" for name in everything[:most]]
    if len(everything) > most:
        shown.append(f"{len(everything) - most:,} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}" if shown else "none"
