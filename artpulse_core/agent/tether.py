"""Starting a child that does not outlive its parent: ``python tether.py <parent pid> <signal> <program> <arguments…>``.

Belongs here: asking Linux for a signal at the parent's death (prctl(2), PR_SET_PDEATHSIG), then becoming the
program. It runs in the child instead of between fork and exec, because the parent has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tethered(*program: str, ending: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command that runs ``program`` as a child that gets ``ending`` when this process dies."""
    return [sys.executable, __file__, str(os.getpid()), str(int(ending)), *program]


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and replace it by the program."""
    parent, ending, *command = arguments
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(ending))
    if os.getppid() != int(parent):  # it died before we asked
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
