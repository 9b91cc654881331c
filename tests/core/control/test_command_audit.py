"""The record of changes on the command line: shown, checked, exported."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from artpulse_core.cli import main
from artpulse_core.store import changes
from tests.core.control.conftest import MODEL, House


@pytest.fixture
def home(three: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The commands find the house by its environment."""
    monkeypatch.setenv("ARTPULSE_HOME", str(three.settings.home))
    return three


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, ["audit", *words])


def document(*words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(asked(*words, "--json").stdout)
    return found


@pytest.mark.smoke
def test_the_newest_changes_are_shown_last(home: House) -> None:
    home.rollback(reason="it was worse")
    done = asked("tail", "art_core5", "-n", "2")
    assert done.exit_code == 0, done.output
    head, register, rollback = done.stdout.splitlines()
    assert head.split()[:2] == ["sequence", "opened_at"]
    assert register.split()[2:4] == [MODEL, "register"]
    assert rollback.split()[2:6] == [MODEL, "rollback", "2", "1"]
    assert "it was worse" in rollback
    assert len(document("tail")["changes"]) == len(changes.history(home.db))  # type: ignore[arg-type]  # a list


def test_a_refused_change_is_shown_with_what_was_said(home: House) -> None:
    CliRunner().invoke(main, ["promote", "art_core5"])
    row = asked("tail", "-n", "1").stdout.splitlines()[-1]
    assert "refused" in row
    assert "needs the gate's verdict" in row


def test_each_change_is_shown_by_the_word_that_makes_it(home: House) -> None:
    words = ("--override", "--reason", "x")
    for command in (
        ("rollout", "start", "art_core5", *words), ("rollout", "set", "art_core5", "--percent", "7.5"),
        ("rollout", "pause", "art_core5"), ("rollout", "abort", "art_core5", "--reason", "x"),
        ("models", "freeze", "art_core5", "--reason", "x"), ("models", "lift", "art_core5", "--reason", "x"),
    ):  # fmt: skip
        done = CliRunner().invoke(main, list(command))
        assert done.exit_code == 0, done.output
    shown = [
        line.split(MODEL)[1].split("2 ")[0].strip()
        for line in asked("tail", "-n", "6").stdout.splitlines()[1:]
    ]
    assert shown == ["rollout start at 1 %", "rollout set at 7.5 %", "rollout pause at 7.5 %", "rollout aborted", "freeze", "lift"]  # fmt: skip


@pytest.mark.smoke
def test_a_whole_table_gives_its_head_which_is_accepted_later(home: House) -> None:
    first = document("verify")
    assert (first["whole"], first["broken"]) == (True, None)
    assert f"head {first['head']}" in asked("verify").stdout
    home.rollback()
    again = asked("verify", "--head", str(first["head"]))
    assert (again.exit_code, "go on from change" in again.stdout) == (0, True), again.output


@pytest.mark.parametrize(
    ("harm", "sequence"),
    [("UPDATE changes SET reason = 'x' WHERE sequence = 2", 2), ("UPDATE changes SET state = 'undone' WHERE sequence = 3", 3)],
)  # fmt: skip
def test_a_row_that_was_altered_is_named(home: House, harm: str, sequence: int) -> None:
    with home.db.write() as connection:
        connection.execute(text(harm))
    done = asked("verify")
    assert (done.exit_code, done.stdout.startswith(f"Change {sequence} is the first")) == (65, True), (
        done.output
    )
    assert document("verify")["broken"] == sequence


def test_a_row_cut_off_the_end_is_found_by_a_noted_head_alone(home: House) -> None:
    head = str(document("verify")["head"])
    last = changes.history(home.db)[0].sequence
    with home.db.write() as connection:
        connection.execute(text(f"DELETE FROM changes WHERE sequence = {last}"))
    assert asked("verify").exit_code == 0
    done = asked("verify", "--head", head)
    assert (done.exit_code, f"Change {last} is the first" in done.stdout) == (65, True), done.output


@pytest.mark.parametrize("head", ["", "17", "1:2:3", "x" * 200])
def test_what_is_no_head_is_refused_by_one_sentence(home: House, head: str) -> None:
    done = asked("verify", "--head", head)
    assert (done.exit_code, done.stdout) == (77, ""), done.output
    assert "sequence:hash:seal" in done.stderr


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_has_every_column_of_every_change_oldest_first(
    home: House, form: str, tmp_path: Path
) -> None:
    output = tmp_path / "there" / f"changes.{form}"
    shown = asked("export", "--format", form)
    written = asked("export", "--format", form, "--output", str(output))
    assert (shown.exit_code, written.exit_code) == (0, 0), written.output
    text = output.read_text()
    assert shown.stdout == text
    rows = (
        [json.loads(line) for line in text.splitlines()]
        if form == "jsonl"
        else [*csv.DictReader(io.StringIO(text))]
    )
    expected = [row.to_dict() for row in changes.history(home.db)][::-1]
    assert [set(row) for row in rows] == [set(row) for row in expected]
    assert [int(row["sequence"]) for row in rows] == [row["sequence"] for row in expected]
    assert [row["hash"] for row in rows] == [row["hash"] for row in expected]
    state = rows[0]["rollout"] if form == "jsonl" else json.loads(rows[0]["rollout"])
    assert state == expected[0]["rollout"]


def test_an_export_of_a_model_and_of_a_time_is_smaller(home: House) -> None:
    assert document("export", "art")["changes"] == []
    assert document("export", "--since", "2026-03-02")["changes"] == []
    assert len(document("export", "art_core5", "--since", "2026-03-01")["changes"]) == len(
        changes.history(home.db)
    )  # type: ignore[arg-type]  # a list
    assert asked("export", "art").output == ""


def test_nothing_changed_yet_is_said_and_is_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTPULSE_HOME", str(house.settings.home))
    assert asked("tail").stdout == "Nothing was changed yet.\n"
    assert document("verify") | {"head": "", "noted": None} == {
        "whole": True, "broken": None, "changes": 0, "head": "", "noted": None,
    }  # fmt: skip
