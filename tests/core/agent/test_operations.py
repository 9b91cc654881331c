"""Changes over the control socket: made once, by one, with a reason; and what is told of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from artpulse_core.agent import operations
from artpulse_core.agent.operations import AT_ONCE
from artpulse_core.control.registry import Registry
from artpulse_core.errors import (
    AgentUnavailable,
    ChangeConflict,
    ChangeRefused,
    ProblemError,
    RegistryError,
)
from artpulse_core.store import changes
from tests.consoles import PROBLEM, Console, away, console
from tests.core.control.conftest import MODEL, House
from tests.waiting import until

NO = {"decision": "reject", "rules": [{"name": "noninferior", "passed": False}]}


@pytest.mark.smoke
def test_a_promotion_needs_the_gate_and_is_made_once_for_a_key(three: House) -> None:
    with console(three) as asked:
        fields = {"expected": 2, "idempotency_key": "k-1"}
        with pytest.raises(ChangeRefused, match="needs the gate's verdict"):
            asked.ask("promote", expected=2)
        assert asked.polls == []
        asked.judged(3, 2)
        first = asked.change("promote", **fields)
        assert (first["target"], first["state"], first["actor"], first["replayed"]) == (
            3,
            "done",
            "key:test",
            False,
        )
        assert first["verdict"]["decision"] == "promote"
        assert len(asked.polls) == 1
        again = asked.change("promote", **fields)  # the challenger it meant is the champion by now
        assert again == {**first, "replayed": True}
        with pytest.raises(ChangeConflict, match="key was used for change"):
            asked.ask("rollback", **fields)
    assert three.aliases == {"champion": 3, "previous": 2}


def test_of_two_promotions_at_once_one_is_made_and_the_other_conflicts(three: House) -> None:
    with console(three) as asked, ThreadPoolExecutor(2) as pool:
        together = threading.Barrier(2)

        def promote(version: int) -> object:
            together.wait()
            try:
                return asked.change("promote", version=version, expected=2, override=True)["target"]
            except ChangeConflict as conflict:
                return type(conflict)

        found = list(pool.map(promote, (3, 1)))
        assert sorted(map(str, found))[0] in {"1", "3"}
        assert ChangeConflict in found
        done = [
            row for row in changes.history(three.db, MODEL) if (row.action, row.state) == ("promote", "done")
        ]
        assert done[0].target in found
        assert three.aliases["champion"] in found


def test_a_frozen_model_is_rolled_back_but_not_promoted(three: House) -> None:
    with console(three) as asked:
        with pytest.raises(ChangeConflict, match="is version 2, not version 3"):
            asked.ask("freeze", frozen=True, expected=3)
        with pytest.raises(ChangeConflict, match="is version 2, not none"):
            asked.ask("freeze", frozen=True, expected=None)
        asked.change("freeze", frozen=True, expected=2)
        with pytest.raises(ChangeRefused, match=r"frozen by key:test since .*: because"):
            asked.ask("promote", version=3, expected=2, override=True)
        row = asked.ask("control_state")["problems"][PROBLEM]
        assert (row["frozen"]["by"], row["frozen"]["reason"]) == ("key:test", "because")
        assert (row["newest"]["state"], row["open"]) == ("refused", None)
        assert asked.change("rollback", expected=2)["target"] == 1
        asked.change("freeze", frozen=False, expected=1)
        assert asked.ask("control_state")["problems"][PROBLEM]["frozen"] is None


def test_a_rollout_is_started_set_paused_and_aborted(three: House) -> None:
    with console(three) as asked:
        asked.judged(3, 2)
        plan = {"steps": [2, 20], "min_samples": 7}
        begun = asked.change("rollout", action="start", mode="canary", plan=plan, expected=2)
        state = begun["rollout"]
        assert (begun["target"], state["percent"], state["approved"]) == (3, 2, True)
        assert (state["plan"]["steps"], state["plan"]["min_samples"], state["plan"]["alpha"]) == (
            [2, 20],
            7,
            0.05,
        )
        for action in ("set", "pause", "abort"):
            with pytest.raises(ChangeConflict, match="is version 2, not version 1"):
                asked.ask("rollout", action=action, percent=50, expected=1)
        assert asked.change("rollout", action="set", percent=50, expected=2)["rollout"]["percent"] == 50
        assert asked.change("rollout", action="pause", expected=2)["rollout"]["paused"] is True
        shown = asked.ask("control_state")["problems"][PROBLEM]["rollout"]
        assert (shown["mode"], shown["secondary"], shown["percent"], shown["paused"]) == (
            "canary",
            3,
            50,
            True,
        )
        assert asked.change("rollout", action="abort", expected=2)["rollout"]["mode"] == "single"
        with pytest.raises(ChangeRefused, match="percents must rise"):
            asked.ask("rollout", action="start", mode="canary", plan={"steps": [5, 1]}, expected=2)


def test_the_gate_check_says_what_a_promotion_would(three: House) -> None:
    with console(three) as asked:
        found = asked.ask("gate_check")
        assert (found["version"], found["champion"], found["verdict"], found["allowed"]) == (
            3,
            2,
            None,
            False,
        )
        asked.judged(3, 2, NO)
        assert "noninferior" in asked.ask("gate_check")["message"]
        asked.judged(3, 2)
        found = asked.ask("gate_check")
        assert (found["allowed"], found["verdict"]["decision"]) == (True, "promote")
        assert found["message"] == "Version 3 may become the champion in place of version 2."
        assert asked.ask("gate_check", version=2)["allowed"] is False
        asked.change("freeze", frozen=True, expected=2)
        assert "frozen" in asked.ask("gate_check")["message"]


def test_with_the_registry_away_the_table_tells_and_takes_a_freeze(three: House) -> None:
    with console(three, away(three)) as asked:
        found = asked.ask("control_state")["problems"][PROBLEM]
        assert (found["champion"], found["previous"], found["challenger"]) == (2, 1, 3)
        assert found["registry"].startswith("The model registry failed")
        assert found["unaudited"] is None
        with pytest.raises(RegistryError, match="The model registry failed"):
            asked.ask("promote", expected=2)
        assert asked.change("freeze", frozen=True, expected=2)["state"] == "done"


def test_a_registry_that_hangs_is_not_waited_for_to_look(
    three: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    questions: list[str] = []

    def hang(_self: Registry, model: str) -> dict[str, int]:
        questions.append(model)
        over.wait(20)
        return {"champion": 2}

    monkeypatch.setattr(Registry, "aliases", hang)
    monkeypatch.setattr(operations, "PATIENCE_SECONDS", 0.05)
    with console(three) as asked:
        for _ in range(2):
            found = asked.ask("control_state")["problems"][PROBLEM]
            assert (found["champion"], found["registry"]) == (
                2,
                "The model registry does not answer in time.",
            )
        assert len(questions) == 1
        over.set()
        until(lambda: asked.ask("control_state")["problems"][PROBLEM]["registry"] is None)


def test_an_alias_moved_by_hand_is_told(three: House) -> None:
    three.registry.set_alias(MODEL, "champion", 1)
    with console(three) as asked:
        found = asked.ask("control_state")["problems"][PROBLEM]
        assert (found["champion"], found["unaudited"]) == (1, True)


def test_the_audit_is_paged_to_its_first_row(three: House) -> None:
    with console(three) as asked:
        seen, before = [], None
        while True:
            page = asked.ask("control_audit", limit=2, before=before)
            seen += [row["sequence"] for row in page["changes"]]
            if (before := page["next"]) is None:
                break
        assert seen == list(range(len(seen), 0, -1))
        assert page["head"].startswith(f"{len(seen)}:")
        assert asked.ask("control_audit", limit=9, problem="art")["changes"] == []


def test_what_does_not_exist_is_refused_by_name(three: House) -> None:
    with console(three) as asked:
        with pytest.raises(ProblemError, match="No problem is called 'nothing'"):
            asked.ask("promote", problem="nothing", expected=2)
        with pytest.raises(ChangeRefused, match="no version 99"):
            asked.ask("promote", version=99, expected=2, override=True)
        asked.change("promote", expected=2, override=True)
        for _ in range(2):  # the second is told what the first was told
            with pytest.raises(ChangeRefused, match="has no challenger"):
                asked.ask("promote", expected=3, idempotency_key="none")
        newest = changes.history(three.db, MODEL, 1)[0]
        assert (newest.state, newest.target, newest.idempotency_key) == ("refused", None, "none")
        with pytest.raises(ChangeRefused, match="has no challenger"):
            asked.ask("gate_check")


def test_a_registry_that_hangs_leaves_room_for_others(three: House, monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    hanging: list[int] = []

    def hang(_self: Registry, model: str, alias: str) -> int:
        hanging.append(1)
        over.wait(20)
        return 2

    def check(asked: Console) -> object:
        return asked.ask("gate_check")["champion"]

    monkeypatch.setattr(Registry, "alias", hang)
    with console(three) as asked, ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(check, asked) for _ in range(AT_ONCE)]
        until(lambda: len(hanging) == AT_ONCE)
        with pytest.raises(AgentUnavailable, match="busy with other changes"):
            asked.ask("promote", expected=2)
        assert asked.change("freeze", frozen=True, expected=2)["state"] == "done"
        over.set()
        assert [item.result() for item in waiting] == [2] * AT_ONCE
