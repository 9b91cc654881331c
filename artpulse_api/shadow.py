"""Shadow answers: what the secondary would have said, found out after the answer was sent.

Belongs here: the bounded queue, the one thread of a worker that empties it in the pauses between requests, and the
comparison. What does not fit is dropped and counted: a shadow never delays or fails an answer. Does not belong here:
judging the comparison.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from artpulse_api import events
from artpulse_api.events import Asked, EventLog
from artpulse_api.metrics import Metrics
from artpulse_api.seldom import Seldom
from artpulse_api.slots import Served
from artpulse_api.work import Result, Work, ask
from artpulse_core.errors import ArtPulseError

log = logging.getLogger("artpulse.api")
MAX_ROWS = 1000  # waiting; as many as one request may have
MAX_BYTES = 32 * 1024 * 1024
SETTLE_SECONDS = 0.002  # the end of the request that brought a job
PATIENCE_SECONDS = (
    0.01  # how long a job waits for a moment without a request: a busy worker compares 100 a second
)
LOOK_SECONDS = 0.001
STOP_SECONDS = 2.0


@dataclass(frozen=True)
class Job:
    """Rows the primary answered with ``outputs``, for the secondary of the same snapshot."""

    served: Served
    work: Work
    asked: Asked
    outputs: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, served: Served, work: Work, asked: Asked, result: Result) -> Job:
        """Keep the numbers instead of the picture where both models take the same ones."""
        secondary = served.secondary
        if secondary is None or secondary.takes == result.service.takes:
            numbers = result.numbers
            work = replace(work, numbers=lambda _: numbers, size=numbers.matrix.nbytes)
        return cls(served, work, asked, result.outputs)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.outputs)


class Shadow:
    """Takes jobs from request threads; its own thread starts with the first one, so after the fork."""

    def __init__(self, metrics: Metrics, log_of_events: EventLog) -> None:
        self._metrics = metrics
        self._events = log_of_events
        self._seldom = Seldom()
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._rows = 0
        self._bytes = 0
        self._requests = 0
        self._some = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def request_began(self) -> None:
        """A request is being answered in this worker."""
        with self._lock:
            self._requests += 1

    def request_ended(self) -> None:
        """Its answer is built."""
        with self._lock:
            self._requests -= 1

    def offer(self, job: Job) -> bool:
        """Queue ``job`` unless the queue is full or the worker ends; never waits."""
        with self._lock:
            full = self._rows + job.rows > MAX_ROWS or self._bytes + job.work.size > MAX_BYTES
            if self._stopped.is_set() or full:
                self._drop(job)
                return False
            self._jobs.append(job)
            self._rows += job.rows
            self._bytes += job.work.size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
                self._thread.start()
        self._some.set()
        return True

    def stop(self) -> None:
        """End the thread after the job it is at; what is queued is dropped and counted."""
        with self._lock:
            self._stopped.set()
            while self._jobs:
                self._drop(self._jobs.popleft())
            thread = self._thread
        self._some.set()
        if thread is not None:
            thread.join(STOP_SECONDS)

    def _drop(self, job: Job) -> None:
        self._metrics.shadow_dropped(job.served.primary.problem, job.rows)

    def _run(self) -> None:
        while self._some.wait() and not self._stopped.wait(SETTLE_SECONDS):
            self._some.clear()
            while self._pause() and (job := self._next()) is not None:
                try:
                    self._compare(job)
                except Exception:
                    log.exception("a shadow answer was lost")

    def _pause(self) -> bool:
        """Wait for a moment in which no request is answered, and not for long; False when the worker ends."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self._requests and time.monotonic() < until and not self._stopped.wait(LOOK_SECONDS):
            pass
        return not self._stopped.is_set()

    def _next(self) -> Job | None:
        with self._lock:
            if not self._jobs:
                return None
            job = self._jobs.popleft()
            self._rows -= job.rows
            self._bytes -= job.work.size
            return job

    def _compare(self, job: Job) -> None:
        served, problem = job.served, job.served.primary.problem
        begun = time.perf_counter()
        try:
            result = ask(served.service("secondary"), job.work)
        except Exception as error:  # noqa: BLE001 - whatever it raises is a failure of the secondary, and recorded as one
            code = error.code if isinstance(error, ArtPulseError) else events.FAILED
            self._metrics.prediction_error(problem, "secondary", code, job.rows)
            rows = events.failed(job.work, mark=events.SHADOW, shadow=True)
            if self._seldom.now(problem):
                version = served.slot("secondary").version
                log.error("version %d of %s fails in the shadow: %s", version, problem, error)
        else:
            rows = events.shadowed(job.work, result, job.outputs)
            differ = sum(events.DISAGREES in row.warnings for row in rows)
            self._metrics.shadow_compared(problem, job.rows, differ)
        latency = round((time.perf_counter() - begun) * 1000, 3)
        self._events.write(job.asked, served, "secondary", rows, latency_ms=latency)
