"""The commands that change what is served, beside a server that follows them."""

from __future__ import annotations

import pytest

from tests.core.control.conftest import House
from tests.homes import Home, serving

pytestmark = pytest.mark.extended
FOLLOWED = "2 of 2 workers of this host answer with it"


def test_each_change_says_how_many_workers_of_this_host_answer_with_it(three: House) -> None:
    home = Home(three.settings.home, {"ARTPULSE_PROBLEMS": "art_core5"})
    over = ("--override", "--reason", "as the test wants")
    with serving(home) as server:
        first = home.run("promote", "art_core5", *over, "--idempotency-key", "k")
        assert (first[0], FOLLOWED in first[1]) == (0, True), first
        assert home.run("promote", "art_core5", *over, "--idempotency-key", "k") == first
        started = home.run("rollout", "start", "art_core5", "--version", "2", "--percent", "30", *over)
        assert (started[0], FOLLOWED in started[1]) == (0, True), started
        slots = {
            row["problems"]["art_core5"]["secondary"]["version"] for row in home.json("status")["workers"]
        }
        assert slots == {2}
        ended = home.run("rollback", "art_core5", "--reason", "worse")
        assert (ended[0], FOLLOWED in ended[1]) == (0, True), ended
        assert home.json("rollout", "status", "art_core5")["running"] is False
        version = {server.ask("POST", "/predict", {"rows": [ROW]})[1]["X-Model-Version"] for _ in range(8)}
        assert version == {"2"}
    stopped = home.run("promote", "art_core5", "--version", "3", *over)
    assert "no server on this host; it will be served at the next start" in stopped[1], stopped


ROW = {"hue_mean": 0.08, "sat_mean": 0.55, "val_mean": 0.62, "contrast": 0.48, "edges": 0.11}
