"""The release document and the workers' reports, as they pass between processes."""

from __future__ import annotations

import os
import threading
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import pytest

from artpulse_core.exchange import release as releases
from artpulse_core.exchange.files import write_whole
from artpulse_core.exchange.release import ProblemRelease, Release, Slot, WorkerStatus

ONE = Release(
    3,
    "2026-03-01T00:00:00+00:00",
    {
        "art": ProblemRelease("artpulse-art", Slot("champion", 2, "sha256:a", "bundles/a"), unaudited=True),
        "two": ProblemRelease(
            "m", Slot("champion", 1, "d", "b"), "canary", 10.0, "salt", Slot("challenger", 2, "e", "c")
        ),
    },
)


@pytest.mark.smoke
def test_a_release_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert releases.read(tmp_path) is None
    releases.write(tmp_path, ONE)
    assert releases.read(tmp_path) == ONE


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "problems": {"a": 1}, "sequence": 1}']
)
def test_a_foreign_document_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(ValueError, match=r"release|unexpected|empty|input"):
        releases.read(tmp_path)


def test_reports_of_dead_workers_are_left_out(tmp_path: Path) -> None:
    here = WorkerStatus(os.getpid(), 3, "t", {"art": {"version": 2}}, {})
    releases.write_worker(tmp_path, here)
    # The death of a process leaves its report without the lock on it, whatever lives under that pid now.
    write_whole(tmp_path / "workers" / "1.json", orjson.dumps(asdict(replace(here, pid=1))))
    assert releases.read_workers(tmp_path) == [here]


def test_a_report_is_read_whole_while_it_is_replaced(tmp_path: Path) -> None:
    done = threading.Event()
    status = WorkerStatus(os.getpid(), 0, "t", {"art": {"version": 2}}, {})
    releases.write_worker(tmp_path, status)

    def replace_it() -> None:
        for sequence in range(300):
            releases.write_worker(tmp_path, replace(status, sequence=sequence))
        done.set()

    thread = threading.Thread(target=replace_it)
    thread.start()
    seen = []
    while not done.is_set():
        seen.append([worker.sequence for worker in releases.read_workers(tmp_path)])
    thread.join()
    assert {len(found) for found in seen} == {1}
    assert releases.read_workers(tmp_path)[0].sequence == 299


def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_whole(tmp_path / "a", b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]
