"""``artpulse predict --explain``: why, in a terminal and as a document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from artpulse_core.cli import main
from artpulse_core.commands import predict
from artpulse_core.commands import reasons as shown
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from artpulse_core.settings import Settings
from tests.bundles import make_bundle, make_table_bundle, picture
from tests.tables import DOOR, TEXTS


@pytest.fixture
def home(mlflow_home: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that knows the problem of doors."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("ARTPULSE_HOME", str(mlflow_home.home))
    (mlflow_home.home / "problems").mkdir()
    (mlflow_home.home / "problems" / "doors.toml").write_text(TEXTS["doors"], encoding="utf-8")
    return mlflow_home.home


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """``artpulse predict <words>`` while the bundle in ``folder`` is the champion."""
    predictor = Predictor(bundle.load(folder))
    monkeypatch.setattr(predict, "champion", lambda *_: (4, predictor))
    return CliRunner().invoke(main, ["predict", *words])


def test_a_row_is_taken_apart_in_a_table_with_bars(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table_bundle(home / "bundle", "doors")
    words = ("--problem", "doors", "--row", json.dumps(DOOR), "--explain")
    done = asked(home / "bundle", monkeypatch, *words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("row: ") and "EUR" in lines[0]
    assert lines[1].startswith("  value in EUR: ") and lines[1].endswith("here (exact)")
    fields = {line.split("  ")[2]: line for line in lines[2:6]}
    assert set(fields) == set(DOOR)
    assert "blue" in fields["colour"]
    longest = lines[2].split()[-1]
    assert set(longest) in ({"+"}, {"-"}) and len(longest) == shown.BAR
    assert len({line.index(line.split()[-2]) + len(line.split()[-2]) for line in lines[2:6]}) == 1
    assert lines[6] == "  nearest training examples:"
    assert lines[7].strip().startswith("line ") and lines[7].endswith(" away")
    assert lines[-1] == "artpulse-doors version 4"

    document = json.loads(asked(home / "bundle", monkeypatch, *words, "--json").stdout)
    (answer,) = document["answers"]
    assert answer["explanation"]["answer"] == pytest.approx(answer["value"])
    assert len(answer["neighbours"]) == 5


def test_without_explain_an_answer_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_table_bundle(home / "bundle", "doors")
    done = asked(home / "bundle", monkeypatch, "--problem", "doors", "--row", json.dumps(DOOR))
    assert len(done.stdout.splitlines()) == 2


def test_a_picture_has_its_colours_and_the_pictures_it_is_like(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bundle(home / "bundle", problem="art")
    (home / "one.jpg").write_bytes(picture(2))
    words = ("--problem", "art", str(home / "one.jpg"), "--explain")
    done = asked(home / "bundle", monkeypatch, *words)
    assert done.exit_code == 0, done.output
    assert "  probability of " in done.stdout and "texture" in done.stdout
    (palette,) = [line for line in done.stdout.splitlines() if line.startswith("  palette: #")]
    assert palette.count("#") <= 5 and palette.endswith("%")
    document = json.loads(asked(home / "bundle", monkeypatch, *words, "--json").stdout)
    assert {"explanation", "neighbours", "palette"} <= set(document["answers"][0])


def test_an_older_model_is_one_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bundle(home / "bundle", problem="art", reasons=False)
    (home / "one.jpg").write_bytes(picture(2))
    done = asked(home / "bundle", monkeypatch, "--problem", "art", str(home / "one.jpg"), "--explain")
    assert done.exit_code != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("artpulse: ") and "train it again" in line


def test_numbers_without_names_are_said_to_be_so() -> None:
    found = {
        "explanation": None,
        "neighbours": [{"id": "a.jpg", "label": "red", "distance": 0.5}],
        "palette": [],
    }
    assert shown.lines(found, "")[0] == "  no part of this input has a name that people know"
