"""The matrix of faults: a pytest plugin that turns marked tests into rows, and the rows into a table.

Belongs here: the marker ``fault(what, expected)``, collecting what a test saw (``record_property("seen", …)``) and
whether it held, and printing. Does not belong here: any fault.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

MARKER = "fault"
HEADS = ("fault", "expected", "seen", "held")
KILLS = pytest.StashKey[int]()
DEFAULT_KILLS = 20


@dataclass
class Row:
    """One fault; ``held`` is empty until its test has run."""

    what: str
    expected: str
    seen: str = ""
    held: str = ""


@dataclass
class Matrix:
    """Collects the rows of one run; give it to ``pytest.main`` as a plugin."""

    kills: int = DEFAULT_KILLS
    rows: dict[str, Row] = field(default_factory=dict)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Tell the tests how many kills are wanted."""
        config.stash[KILLS] = self.kills

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Every fault gets its row before anything is tried."""
        for item in session.items:
            marked = item.get_closest_marker(MARKER)
            if marked is not None:
                self.rows[item.nodeid] = Row(*marked.args)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the test saw, and the verdict of its last phase that has one."""
        row = self.rows.get(report.nodeid)
        if row is None or (report.when != "call" and report.passed):
            return
        row.seen = "; ".join(str(text) for name, text in report.user_properties if name == "seen")
        row.held = {"passed": "yes", "failed": "no", "skipped": "not tried"}[report.outcome]
        if not report.passed:
            row.seen = " ".join(str(report.longreprtext).split())[-300:]

    @property
    def held(self) -> int:
        """How many faults were tried and held."""
        return sum(row.held == "yes" for row in self.rows.values())

    def whole(self) -> bool:
        """Whether there are faults, and every one held."""
        return bool(self.rows) and self.held == len(self.rows)

    def table(self) -> str:
        """Markdown, with the count as the last line."""
        return markdown((row.what, row.expected, row.seen, row.held) for row in self.rows.values()) + (
            f"\n\n{self.held} of {len(self.rows)} held"
        )


def markdown(rows: Iterable[tuple[str, ...]]) -> str:
    """A table under ``HEADS``."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in (HEADS, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(HEADS), *lines[1:]])
