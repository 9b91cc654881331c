"""Events on the command line: exported whole, counted."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from artpulse_core import settings as settings_module
from artpulse_core.cli import main
from artpulse_core.commands.events import COLUMNS
from artpulse_core.exchange.spool import SpoolWriter
from artpulse_core.settings import Settings
from artpulse_core.store import event_reports, events
from artpulse_core.store.database import Database
from tests.core.store.test_events import NOON, line


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Three events of one problem and one of another."""
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path / "home"))
    settings = settings_module.load()
    db = Database(settings.database)
    db.migrate()
    events.insert(db, [*map(line, (3, 1, 2)), line(4, problem="art", model="artpulse-art")])
    events.add_label(db, request_id="req2", row=0, label="vibrant", caller="key-1", at=NOON)
    db.dispose()
    return settings


def asked(*words: str) -> Result:
    return CliRunner().invoke(main, ["events", *words])


@pytest.mark.smoke
def test_each_problem_gets_its_file_with_every_event(home: Settings) -> None:
    done = asked("export", "--json")
    files = {item["problem"]: (item["file"], item["events"]) for item in json.loads(done.stdout)["files"]}
    path = home.artifacts("art_core5") / "prediction_events.jsonl"
    assert (files["art_core5"], files["art"][1]) == ((str(path), 3), 1)
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    assert [row["request_id"] for row in rows] == ["req1", "req2", "req3"]
    assert set(rows[0]) == set(COLUMNS)
    assert (rows[1]["label"], rows[1]["features"]) == ("vibrant", line(2)["features"])


def test_a_csv_has_a_head_and_what_is_nested_as_json(home: Settings, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    done = asked("export", "--format", "csv", "--output", str(output))
    assert (done.exit_code, done.stdout) == (0, f"4 events in {output}\n")
    with output.open(newline="") as handle:
        rows = [*csv.DictReader(handle)]
    assert [row["request_id"] for row in rows] == ["req1", "req2", "req3", "req4"]
    assert json.loads(rows[0]["output"]) == line(1)["output"]


def test_an_export_is_of_the_time_that_was_asked_for(home: Settings, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    bounds = [(NOON + timedelta(seconds=number)).isoformat() for number in (2, 3)]
    words = ("export", "art_core5", "--since", bounds[0], "--until", bounds[1], "--output", str(output))
    assert asked(*words).exit_code == 0
    assert [json.loads(text)["id"] for text in output.read_text().splitlines()] == ["req2:0"]


def test_an_export_that_fails_leaves_the_file_before_as_it_was(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked("export", "art_core5").exit_code == 0
    path = home.artifacts("art_core5") / "prediction_events.jsonl"
    before = path.read_bytes()
    real = event_reports.export

    def full(*words: object, **more: object) -> object:
        yield from real(*words, **more)  # type: ignore[arg-type]  # handed on as it came
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(event_reports, "export", full)
    done = asked("export", "art_core5")
    assert (done.exit_code, path.read_bytes() == before) == (74, True), done.output
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_statistics_count_by_slot_and_tell_what_waits_in_the_spool(home: Settings) -> None:
    writer = SpoolWriter(home.run / "spool")
    writer.append(b'{"id":"x:0"}\n' * 3)
    writer.close()
    document = json.loads(asked("stats", "--json").stdout)
    assert [(row["problem"], row["n"], row["labelled"]) for row in document["events"]] == [
        ("art", 1, 0),
        ("art_core5", 3, 1),
    ]
    assert document["spool"]["unshipped"] == 3
    text = asked("stats", "art_core5").stdout
    assert "artpulse-art" not in text and "3 lines (39 bytes) wait for the database" in text


def test_no_event_yet_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTPULSE_HOME", str(tmp_path / "home"))
    done = asked("stats")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "No event is stored yet."), done.output
