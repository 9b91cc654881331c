"""What waits in the spool is counted without touching it."""

from __future__ import annotations

from pathlib import Path

from artpulse_core.exchange import spool
from artpulse_core.exchange.backlog import Backlog, backlog


def test_a_spool_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert backlog(tmp_path / "nowhere") == Backlog(0, 0, 0, 0)


def test_what_is_acknowledged_waits_no_more_and_a_torn_line_is_no_line(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    first = b'{"id":"a:0"}\n{"id":"b:0"}\n'
    writer.append(first)
    assert backlog(tmp_path) == Backlog(1, len(first), 2, len(first))
    for batch in spool.read(tmp_path):
        spool.acknowledge(tmp_path, batch)
    assert backlog(tmp_path) == Backlog(1, len(first), 0, 0)
    more = b'{"id":"c:0"}\n{"id":"d'
    writer.append(more)
    writer.close()
    (tmp_path / "other.jsonl").write_bytes(b"x\n")
    assert backlog(tmp_path) == Backlog(2, len(first + more) + 2, 2, len(more) + 2)


def test_a_damaged_cursor_counts_everything_as_waiting(tmp_path: Path) -> None:
    (tmp_path / "1-1-1.jsonl").write_bytes(b"x\ny\n")
    (tmp_path / spool.CURSOR).write_bytes(b"{")
    assert backlog(tmp_path) == Backlog(1, 4, 2, 4)
