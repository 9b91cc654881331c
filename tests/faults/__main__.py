"""``python -m tests.faults``: try every fault, print the matrix, exit 0 when all held.

Belongs here: that command; ``--write`` puts the table into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import sys

import pytest

from tests.faults.matrix import DEFAULT_KILLS, Matrix
from tests.markdown import ROOT

DOCUMENT = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: begin -->\n", "\n<!-- faults: end -->"


def main() -> int:
    """Run, print, write; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=DEFAULT_KILLS, help="SIGKILLs under load")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    parser.add_argument("more", nargs="*", help="further arguments for pytest, after --")
    given = parser.parse_args()
    matrix = Matrix(given.kills)
    pytest.main(["tests/faults", "-m", "extended", "--no-header", *given.more], plugins=[matrix])
    sys.stdout.write(f"\n{matrix.table()}\n")
    if given.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        DOCUMENT.write_text(before + BEGIN + matrix.table() + END + rest.split(END)[1], encoding="utf-8")
    return 0 if matrix.whole() else 1


if __name__ == "__main__":
    sys.exit(main())
