"""The spool loses nothing: torn lines, dead writers, rotation and a reader that died half way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from artpulse_core.exchange import spool


def lines(*numbers: int) -> bytes:
    return b"".join(orjson.dumps({"id": f"r{number}:0"}) + b"\n" for number in numbers)


def ids(batches: list[spool.Batch]) -> list[Any]:
    return [line["id"] for batch in batches for line in batch.lines]


def dead_writer(folder: Path, data: bytes) -> None:
    """What a killed process leaves."""
    script = (
        "import os, sys; from pathlib import Path; from artpulse_core.exchange.spool import SpoolWriter\n"
    )
    script += "SpoolWriter(Path(sys.argv[1])).append(bytes.fromhex(sys.argv[2])); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", script, str(folder), data.hex()], timeout=60, check=False)
    assert done.returncode == -9


@pytest.mark.smoke
def test_a_batch_comes_again_until_it_is_acknowledged(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(lines(1, 2))
    assert ids(list(spool.read(tmp_path))) == ["r1:0", "r2:0"]
    (batch,) = spool.read(tmp_path)
    spool.acknowledge(tmp_path, batch)
    assert list(spool.read(tmp_path)) == []
    writer.append(lines(3))
    assert ids(list(spool.read(tmp_path))) == ["r3:0"]
    writer.close()


def test_a_torn_line_waits_for_a_living_writer(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(lines(1) + lines(2)[:-4])
    (batch,) = spool.read(tmp_path)
    assert (ids([batch]), batch.bad) == (["r1:0"], 0)
    spool.acknowledge(tmp_path, batch)
    assert list(spool.read(tmp_path)) == []
    writer.append(lines(2)[-4:])
    assert ids(list(spool.read(tmp_path))) == ["r2:0"]
    writer.close()


def test_a_file_is_removed_only_when_it_is_done_and_its_writer_is_gone(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(lines(1))
    (batch,) = spool.read(tmp_path)
    spool.acknowledge(tmp_path, batch)
    spool.sweep(tmp_path)
    assert (tmp_path / batch.file).exists()
    writer.append(lines(2))
    writer.close()
    spool.sweep(tmp_path)
    assert ids(list(spool.read(tmp_path))) == ["r2:0"]
    (batch,) = spool.read(tmp_path)
    spool.acknowledge(tmp_path, batch)
    spool.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cursor.json"]


def test_what_a_killed_writer_left_is_read_and_its_torn_end_is_counted(tmp_path: Path) -> None:
    dead_writer(tmp_path, lines(1, 2) + b'{"id": "r3')
    (batch,) = spool.read(tmp_path)
    assert ids([batch]) == ["r1:0", "r2:0"]
    spool.acknowledge(tmp_path, batch)
    (torn,) = spool.read(tmp_path)
    assert (torn.lines, torn.bad) == ((), 1)
    spool.acknowledge(tmp_path, torn)
    spool.sweep(tmp_path)
    assert list(tmp_path.glob("*.jsonl")) == []


def test_rotation_keeps_every_line_in_order(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path, rotate_bytes=40)
    for number in range(20):
        writer.append(lines(number))
    assert len(list(tmp_path.glob("*.jsonl"))) > 3
    found: list[Any] = []
    while batches := list(spool.read(tmp_path)):
        found += ids(batches)
        for batch in batches:
            spool.acknowledge(tmp_path, batch)
    spool.sweep(tmp_path)
    assert sorted(found) == sorted(f"r{number}:0" for number in range(20))
    assert len(list(tmp_path.glob("*.jsonl"))) == 1
    writer.close()


def test_lines_that_are_no_events_are_counted(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(b'nonsense\n[1]\n{"id": 3}\n' + lines(4))
    (batch,) = spool.read(tmp_path)
    assert (ids([batch]), batch.bad) == (["r4:0"], 3)
    writer.close()


def test_a_line_beyond_all_measure_does_not_stop_the_rest(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(b'{"id": "' + b"x" * 3000 + b'"}\n' + lines(7))
    found: list[Any] = []
    while batches := list(spool.read(tmp_path, limit_bytes=1000)):
        found += ids(batches)
        for batch in batches:
            spool.acknowledge(tmp_path, batch)
    assert found == ["r7:0"]
    writer.close()


def test_a_spoilt_cursor_means_reading_again_and_not_stopping(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(lines(1))
    (tmp_path / "cursor.json").write_bytes(b"{")
    assert ids(list(spool.read(tmp_path))) == ["r1:0"]
    writer.close()


def test_a_part_of_a_line_is_an_error_for_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = spool.SpoolWriter(tmp_path)
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:3]))
    with pytest.raises(OSError, match="only 3 of"):
        writer.append(lines(1))
    monkeypatch.undo()
    writer.close()


def test_a_full_spool_refuses_lines_until_the_reader_has_stored_some(tmp_path: Path) -> None:
    cap = 2 * spool.LOOK_BYTES
    now = [0.0]
    first, second = (
        spool.SpoolWriter(tmp_path, cap_bytes=cap, rotate_bytes=cap // 8, monotonic=lambda: now[0])
        for _ in range(2)
    )
    line = b'{"id": "' + b"x" * 1000 + b'"}\n'
    written = refused = 0
    for number in range(2 * cap // len(line)):
        try:
            (first, second)[number % 2].append(line)
            written += 1
        except spool.SpoolFull:
            refused += 1
    assert refused > 0
    assert cap - spool.LOOK_BYTES < spool.waiting(tmp_path) == written * len(line) <= cap + spool.LOOK_BYTES
    for batch in spool.read(tmp_path):
        spool.acknowledge(tmp_path, batch)
    with pytest.raises(spool.SpoolFull, match="wait to be stored"):  # the folder is not listed for every line
        first.append(line)
    now[0] += spool.LOOK_SECONDS
    first.append(line)
    first.close()
    second.close()


def test_the_first_line_of_a_restarted_worker_is_refused_when_the_spool_is_full_already(
    tmp_path: Path,
) -> None:
    dead_writer(tmp_path, lines(*range(100)))
    size = spool.waiting(tmp_path)
    writer = spool.SpoolWriter(tmp_path, cap_bytes=size + 5)
    with pytest.raises(spool.SpoolFull):
        writer.append(lines(1000))
    assert spool.waiting(tmp_path) == size


def test_what_the_reader_has_stored_counts_no_longer_although_its_writer_keeps_the_file(
    tmp_path: Path,
) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(lines(1, 2))
    (batch,) = spool.read(tmp_path)
    assert spool.waiting(tmp_path) == batch.end
    spool.acknowledge(tmp_path, batch)
    assert spool.waiting(tmp_path) == 0
    writer.close()


def test_a_file_deleted_under_its_writer_is_opened_anew(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    writer = spool.SpoolWriter(folder)
    writer.append(lines(1))
    shutil.rmtree(folder)
    writer.append(lines(2))
    assert ids(list(spool.read(folder))) == ["r2:0"]
    writer.close()


def test_a_new_file_that_cannot_be_made_costs_its_lines_and_no_other_descriptor(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    writer = spool.SpoolWriter(folder, rotate_bytes=1)
    writer.append(lines(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", _refused)
        with pytest.raises(OSError, match="full"):
            writer.append(lines(2))
        other = os.open(tmp_path, os.O_RDONLY)  # takes the number that was closed
        with pytest.raises(OSError, match="full"):
            writer.append(lines(3))
    os.fstat(other)
    os.close(other)
    writer.append(lines(4))
    assert sorted(ids(list(spool.read(folder)))) == ["r1:0", "r4:0"]
    writer.close()


def _refused(*_: object) -> None:
    raise OSError("the disk is full")


def test_event_lines_are_nobody_elses_to_read(tmp_path: Path) -> None:
    writer = spool.SpoolWriter(tmp_path)
    writer.append(lines(1))
    writer.close()
    assert [path.stat().st_mode & 0o007 for path in tmp_path.glob("*.jsonl")] == [0]
