"""Load at a fixed rate, for benchmarks that ask what a caller waits.

Belongs here: sending when it is due, and what each request took since then: a server that stalls is not asked less.
Does not belong here: the closed loop (``serving.load``).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.serving import Answer, Client, answered


@dataclass
class OpenLoop:
    """Requests at a fixed rate, sent when they are due whether or not others were answered."""

    port: int
    request: bytes
    rate: float
    judge: Callable[[Answer], bool] = answered
    wrong: int = 0
    seen: list[tuple[float, float]] = field(default_factory=list)  # when it was due, seconds until its answer

    @contextmanager
    def run(self, clients: int = 16) -> Iterator[None]:
        """Send while the block runs."""
        due: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        stop = threading.Event()

        def work() -> None:
            client = Client(self.port)
            while (moment := due.get()) is not None:
                try:
                    good = self.judge(client.ask(self.request))
                except OSError:
                    good, client = False, Client(self.port)
                self.wrong += not good
                self.seen.append((moment, time.perf_counter() - moment))

        def tick() -> None:
            moment = time.perf_counter()
            while not stop.is_set():
                moment += 1 / self.rate
                time.sleep(max(0.0, moment - time.perf_counter()))
                due.put(moment)

        threads = [threading.Thread(target=work) for _ in range(clients)] + [threading.Thread(target=tick)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            threads[-1].join()
            for _ in range(clients):
                due.put(None)
            for thread in threads[:-1]:
                thread.join()

    def between(self, begin: float, end: float) -> list[float]:
        """Latencies of the requests that were due in that time."""
        return [seconds for moment, seconds in self.seen if begin <= moment < end]
