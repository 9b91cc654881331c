"""Parts a test needs that a machine may lack: a database server, a browser, a cluster."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def require(part: str, how: str) -> NoReturn:
    """Skip this test because ``part`` is missing, saying ``how`` to get it; fail where nothing may be missing.

    ARTPULSE_REQUIRE_ALL=1 is set in CI, so that a skip never hides there. Call it where the part was looked for
    and not found: ``if not pg_ctl: require("PostgreSQL", "apt-get install postgresql")``.
    """
    sentence = f"needs {part}, which is not here: {how}"
    if os.environ.get("ARTPULSE_REQUIRE_ALL") == "1":
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)
