"""The agent process: ``python -m artpulse_core.agent.main``.

Belongs here: signals, the exit code, and being the only agent of a run folder. The signals are caught before anything
heavy is imported, so that SIGTERM during the imports is heard and the rest of the events shipped. Does not belong
here: what the agent does (``host``).
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading


def main() -> int:
    """The program: settings from the environment, one sentence and an exit code for a named error."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())

    from artpulse_core import settings as settings_module
    from artpulse_core.agent import logs
    from artpulse_core.agent.host import run
    from artpulse_core.errors import ArtPulseError

    logs.setup()
    try:
        run(settings_module.load(), stopped)
    except ArtPulseError as error:
        log = logging.getLogger("artpulse_core.agent.main")  # its own name is __main__ when it runs
        log.error(error.message, extra={"fields": {"code": error.code}})
        return error.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)  # a thread may hang in the registry or in an import; nothing of it is to be waited for
