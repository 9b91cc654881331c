"""When the agent polls: every so often, or now because somebody asks.

Belongs here: that rhythm and waiting for a poll that began after one asked. Does not belong here: what a poll does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial


class Rhythm:
    """Runs ``work`` in the thread that calls ``run``, at intervals and on demand."""

    def __init__(self, work: Callable[[], None], interval: Callable[[], float]) -> None:
        """``interval`` gives the seconds to the next turn, asked anew each time, so that it can carry jitter."""
        self._work = work
        self._interval = interval
        self._changed = threading.Condition()
        self._asked = 0
        self._served = 0
        self._stopped = False

    def run(self) -> None:
        """Work until ``stop``; an exception of ``work`` ends it and comes out here."""
        while True:
            with self._changed:
                if self._stopped:
                    return
                ticket = self._asked
            self._work()
            with self._changed:
                self._served = max(self._served, ticket)
                self._changed.notify_all()
                self._changed.wait_for(partial(self._wanted, ticket), self._interval())

    def now(self, deadline: float) -> bool:
        """Ask for a turn and wait until one that began after the question is over; False after ``deadline`` s."""
        with self._changed:
            self._asked += 1
            ticket = self._asked
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._served >= ticket or self._stopped, deadline)

    def ask(self) -> None:
        """Ask for a turn and do not wait for it."""
        self.now(0.0)

    def _wanted(self, ticket: int) -> bool:
        return self._stopped or self._asked != ticket

    def stop(self) -> None:
        """Let ``run`` return after the turn it is in."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
