"""Rollouts on the command line: started, set, paused, stopped, and what their state says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result

from artpulse_core.cli import main
from artpulse_core.control import delivery, lineage
from artpulse_core.control.advance import Decision, Step
from artpulse_core.control.rollout import Rollout
from artpulse_core.store import changes, events, reports
from tests.core.control.conftest import MODEL, NOW, House
from tests.core.store.test_events import line

YES = {"decision": "promote", "rules": [], "summary": "better"}


@pytest.fixture
def home(three: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The commands find the house by its environment; the gate has agreed to version 3."""
    monkeypatch.setenv("ARTPULSE_HOME", str(three.settings.home))
    reports.add(three.db, "gate", "art_core5", {"version": 3, "champion": 2, "verdict": YES}, NOW)
    return three


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, ["rollout", *words])


def state(house: House) -> Rollout:
    return lineage.state_of(changes.history(house.db, MODEL))


def status() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked("status", "art_core5", "--json").stdout)
    return found


@pytest.mark.smoke
def test_a_canary_is_started_set_paused_and_stopped(home: House) -> None:
    done = asked("start", "art_core5", "--steps", "2,50", "--soak", "90s", "--min-samples", "7", "--promote")
    assert (done.exit_code, "version 3 answers 2 % beside version 2" in done.stdout) == (0, True), done.output
    now = state(home)
    assert (now.mode, now.secondary, now.percent, now.approved) == ("canary", 3, 2, True)
    assert (now.plan.steps, now.plan.soak_seconds, now.plan.min_samples, now.plan.promote) == (
        (2, 50),
        90,
        7,
        True,
    )
    assert asked("set", "art_core5", "--percent", "12.5").exit_code == 0
    assert asked("pause", "art_core5").exit_code == 0
    assert (state(home).percent, state(home).paused) == (12.5, True)
    again = asked("start", "art_core5")
    assert (again.exit_code, again.stdout) == (77, ""), again.output
    done = asked("abort", "art_core5", "--reason", "it looks odd")
    assert (done.exit_code, "version 2 answers everything" in done.stdout) == (0, True), done.output
    assert (state(home).running, state(home).outcome, home.aliases["champion"]) == (False, "aborted", 2)
    assert changes.history(home.db)[0].reason == "it looks odd"


@pytest.mark.parametrize(("mode", "percent"), [("shadow", 0), ("blue_green", 1)])
def test_other_modes_begin_with_their_own_share(home: House, mode: str, percent: float) -> None:
    done = asked("start", "art_core5", "--mode", mode)
    assert done.exit_code == 0, done.output
    assert (state(home).mode, state(home).percent) == (mode, percent)
    assert ("in the shadow" in done.stdout) == (mode == "shadow")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("start", "art_core5", "--steps", "5,1"), 77, "steps"),
        (("start", "art_core5", "--expected", "1"), 75, "version 2"),
        (("start", "art_core5", "--override"), 77, "reason"),
        (("start", "art_core5", "--version", "9", "--override", "--reason", "x"), 77, "no version 9"),
        (("start", "art_core5", "--steps", "1,x"), 2, "no percents"),
        (("start", "art_core5", "--soak", "soon"), 2, "no span of time"),
        (("start", "art_core5", "--mode", "single"), 2, "single"),
        (("set", "art_core5", "--percent", "101"), 2, "101"),
        (("set", "art_core5"), 2, "--percent"),
        (("set", "art_core5", "--percent", "5"), 77, "rollout"),
        (("pause", "art_core5"), 77, "rollout"),
        (("abort", "art_core5"), 2, "--reason"),
        (("abort", "art_core5", "--reason", "x"), 77, "rollout"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_and_nothing_is_rolled_out(
    home: House, words: tuple[str, ...], code: int, says: str
) -> None:
    done = asked(*words)
    assert (done.exit_code, done.stdout, says in done.stderr) == (code, "", True), done.output
    assert not state(home).running


def test_a_repeated_key_gives_the_first_answer_of_a_start_though_the_challenger_is_champion_by_now(
    home: House,
) -> None:
    words = ("start", "art_core5", "--idempotency-key", "k")
    first = asked(*words)
    home.promote(3, 2)
    again = asked(*words)
    assert (first.exit_code, again.exit_code, again.output) == (0, 0, first.output)
    other = asked("start", "art_core5", "--percent", "9", "--idempotency-key", "k")
    assert other.exit_code == 75, other.output
    assert not state(home).running


def test_status_counts_both_slots_in_each_step_and_says_what_is_next(home: House) -> None:
    assert asked("start", "art_core5", "--soak", "1h").exit_code == 0
    began = datetime.now(UTC)
    slots = (("primary", 2), ("secondary", 3))
    events.insert(
        home.db,
        [line(n + 9 * version, slot=slot, version=version, at=began.isoformat()) for slot, version in slots for n in range(4)]
        + [line(99, slot="secondary", version=3, at=began.isoformat(), status="error", output=None)],
    )  # fmt: skip
    document = status()
    (window,) = document["windows"]
    assert (window["percent"], window["primary"]["n"], window["secondary"]["n"]) == (1, 4, 5)
    assert window["secondary"]["errors"] == 1
    next_at = datetime.fromisoformat(document["next_at"])
    assert abs(next_at - began - timedelta(hours=1)) < timedelta(seconds=30)
    text = asked("status", "art_core5").stdout
    assert "version 3 answers 1 % beside version 2 (canary)" in text
    assert document["next"].startswith("Held. No further step before 20")
    assert f"next: {document['next']}" in text


def test_status_of_no_rollout_says_how_the_last_one_ended(home: House) -> None:
    assert status()["next"] == "No rollout runs."
    asked("start", "art_core5")
    asked("abort", "art_core5", "--reason", "it looks odd")
    document = status()
    assert (document["running"], document["decision"], document["windows"]) == (False, None, [])
    assert document["next"] == "No rollout runs; of the last one: it was stopped by hand."
    text = asked("status", "art_core5").stdout
    assert "it looks odd" in text and "version 2 answers everything" in text


def test_status_of_a_problem_without_a_model(home: House) -> None:
    text = asked("status", "art").stdout
    assert text == "artpulse-art: nothing was ever promoted\nnext: No rollout runs.\n"


SAYS: dict[Decision, str] = {
    "hold": "Held.",
    "advance": "The next tick raises the share from 1 to 5 %.",
    "finish": "It passed every step and waits for a person",
    "abort": "The next tick stops it and sends everything to version 2.",
}


@pytest.mark.parametrize("decision", get_args(Decision))
def test_status_says_what_the_next_tick_does(
    home: House, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"decision": "inconclusive", "summary": "So it is.", "rules": []}
    monkeypatch.setattr(delivery, "advance", lambda *_: Step(decision, verdict, 5))
    asked("start", "art_core5")
    assert status()["next"].startswith(SAYS[decision])
    asked("pause", "art_core5")
    stops = decision == "abort"
    assert status()["next"].startswith(SAYS["abort"] if stops else "Paused at 1 %")
    CliRunner().invoke(main, ["models", "freeze", "art_core5", "--reason", "the fair"])
    document = status()
    assert document["next"].startswith(SAYS["abort"] if stops else "Held: frozen by ")
    assert (document["next_at"], document["frozen"]["reason"]) == (None, "the fair")


@pytest.mark.parametrize(
    ("words", "says"),
    [((), "waits for a person: `artpulse promote`"), (("--promote",), "The next tick promotes version 3.")],
)
def test_status_says_who_promotes_at_the_end(
    home: House, words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"decision": "pass", "summary": "All is well.", "rules": []}
    monkeypatch.setattr(delivery, "advance", lambda *_: Step("finish", verdict, 100))
    asked("start", "art_core5", *words)
    assert says in status()["next"]
