"""What a killed training left behind, put in order before the next one.

Belongs here: runs of Dagster and MLflow that still say they are at work although their process is gone, and
temporary files nobody will ever rename. Does not belong here: an open change, which ``control.promotion`` settles.

Without this a killed ``artpulse train`` counts as running for ever: the queue of ``dagster dev`` lets one run in at a
time, and its run monitoring asks only launchers that can tell (the default one of Dagster 1.13 cannot).
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from artpulse_core.settings import Settings

if TYPE_CHECKING:
    from artpulse_core.control.registry import Registry

PROCESS = "artpulse/process"
AT_WORK = [  # NOT_STARTED too: resources are opened before a run in this process counts as started
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
LITTER_AGE = timedelta(hours=1)  # above any write or fit, so that what is at work now keeps its files


def process() -> str:
    """This process, as its runs are tagged: host, process id and the time it started (ids are used again)."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def settle_runs(instance: dg.DagsterInstance, registry: Registry) -> list[str]:
    """End the runs of dead processes of this host; returns their ids. Runs of other hosts are left alone."""
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=AT_WORK)):
        host, _, rest = run.tags.get(PROCESS, "").partition(":")
        pid, _, started = rest.partition(":")
        if host == socket.gethostname() and pid.isdecimal() and _started(int(pid)) != started:
            registry.end_runs_of(
                run.run_id, run.job_name
            )  # first: should we be killed here, the next looks again
            # Canceled, not failed: a failed one would be started again by the daemon beside the one that begins now.
            instance.report_run_canceled(run, message="The process of this run was killed.")
            ended.append(run.run_id)
    return ended


def sweep(settings: Settings, now: datetime) -> int:
    """Remove temporary files and half-made results older than ``LITTER_AGE``; returns how many."""
    removed = 0
    for path in _litter(settings):
        try:
            found = path.lstat()
            if now.timestamp() - found.st_mtime < LITTER_AGE.total_seconds():
                continue
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        except OSError:  # gone in this moment, or not ours to remove: it is only litter
            continue
        removed += 1
    return removed


def _litter(settings: Settings) -> Iterable[Path]:
    home = settings.home
    yield from (settings.cache / "results").glob("*/.making-*")
    yield from (settings.cache / "bundles").glob(".download-*")
    for folder in ("assets", "artifacts", "splits", "cache/features", "dagster"):
        for pattern in (
            ".*.parquet.*",
            ".*.json.*",
            ".*.csv.*",
            ".*.npz.*",
            ".*.txt.*",
            ".*.md.*",
            ".*.png.*",
        ):
            yield from (home / folder).glob(f"**/{pattern}")


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot (proc(5), field 22); empty when there is none."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = line.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
