"""``artpulse data``: good input becomes a problem, and what a problem says of its data."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from artpulse_core import settings as settings_module
from artpulse_core.commands import data_add
from artpulse_core.commands.data_check import layout_text
from artpulse_core.data import problems
from tests.core.data import hearts
from tests.core.data.test_adding import ROWS, frame
from tests.core.data.test_adding_images import pictures
from tests.core.data.test_folders import write_picture
from tests.core.test_bad_data import asked, home, like, text

__all__ = ["home"]  # a fixture, taken by its name

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("name", ["Mine", "art", "classifier"])
def test_a_name_that_cannot_be_taken_is_one_sentence(home: Path, tmp_path: Path, name: str) -> None:
    done = asked("add", name, "--csv", str(like(tmp_path)), "--target", "y")
    assert (done.exit_code, len(done.stderr.splitlines())) == (65, 1), done.output
    assert not home.exists()


@pytest.mark.parametrize(
    "words",
    [("add", "mine"), ("add", "mine", "--csv", "a", "--images", "b"), ("validate", "art", "--csv", "a")],
)
def test_naming_nothing_or_two_things_is_a_wrong_use(home: Path, words: Sequence[str]) -> None:
    assert asked(*words).exit_code == 2


GOOD = {
    "a byte order mark": ("\ufeffa,y\n", "{number},{label}"),
    "semicolons and decimal commas": ("a;y\n", "{number};{label}"),
    "an index column": (",a,y\n", "{place},{number},{label}"),
    "quoted line breaks": ("a,y,kind\n", '{number},{label},"one\nor{half}"'),
    "old line ends": ("a,y\r", "{number},{label}"),
}


@pytest.mark.parametrize(("head", "row"), GOOD.values(), ids=GOOD)
def test_what_is_only_unusual_is_read(home: Path, tmp_path: Path, head: str, row: str) -> None:
    comma = ";" in head
    rows = [
        row.format(
            place=place,
            number=str(place * 1.5).replace(".", "," if comma else "."),
            label="pq"[place % 3 > 0],
            half=place % 2,
        )
        for place in range(ROWS)
    ]
    content = head + ("\r" if "\r" in head else "\n").join(rows)
    done = asked("add", "mine", "--csv", str(text(tmp_path, content)), "--target", "y")
    assert done.exit_code == 0, done.output
    assert ("only counts the rows" in done.stdout) is head.startswith(",")
    document = tomllib.loads((home / "problems" / "mine.toml").read_text(encoding="utf-8"))
    assert document["fields"][0] | {"typical_maximum": 0} == {
        "name": "a", "kind": "number", "typical_minimum": 0.0, "typical_maximum": 0,
    }  # fmt: skip
    assert [item["levels"] for item in document["fields"][1:]] == (
        [["one\nor0", "one\nor1"]] if "kind" in head else []
    )


@pytest.mark.smoke
def test_a_csv_is_added_validated_and_replaced(home: Path, tmp_path: Path) -> None:
    path = like(tmp_path, size=["oops", *frame()["size"][1:]])
    words = ("--csv", str(path), "--target", "y", "--missing", "oops")
    done = asked("add", "mine", *words)
    assert done.exit_code == 0, done.output
    for part in (
        "classification from 60 rows",
        "one of blue, green, red",
        "artpulse train --problem mine",
        "/predict/mine",
    ):
        assert part in done.stdout
    assert asked("add", "mine", *words).exit_code == 65
    again = json.loads(asked("add", "mine", *words, "--replace", "--json").stdout)
    assert again["file"] == str(home / "problems" / "mine.toml")
    assert again["fields"][0] == {"name": "size", "kind": "number", "nullable": True}
    settings = settings_module.load()
    assert list(problems.load(settings)) == ["art_core5", "art", "housing", "heart", "mine"]
    call = next(line for line in again["next"] if "--row" in line)
    row = json.loads(call.split("--row ")[1].strip("'"))
    assert problems.get(settings, "mine").contract.validate([row]).matrix.shape == (1, 3)


def test_validate_names_what_goes_to_quarantine_and_what_is_too_little(home: Path, tmp_path: Path) -> None:
    path = like(tmp_path)
    assert asked("add", "mine", "--csv", str(path), "--target", "y").exit_code == 0
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, "x,red,0,yes", "1,pink,0,yes"]) + "\n")
    done = asked("validate", "mine")
    assert (done.exit_code, "60 of 62 usable" in done.stdout) == (0, True), done.output
    assert (
        "1 × unknown_level, first line 63: colour is 'pink'; it must be one of blue, green, red."
        in done.stdout
    )
    path.write_text("\n".join(lines[:9]) + "\n")
    done = asked("validate", "mine", "--json")
    (document,) = json.loads(done.stdout)["validated"]
    assert (done.exit_code, document["can_learn"]) == (65, False)
    assert "8 usable rows; at least 20" in document["shortages"][0]
    path.unlink()
    done = asked("validate", "mine")
    assert (done.exit_code, "not there any more" in done.stderr) == (65, True)


def test_validate_goes_through_every_problem_and_names_what_cannot_be_read(
    home: Path, tmp_path: Path
) -> None:
    assert asked("add", "mine", "--csv", str(like(tmp_path)), "--target", "y").exit_code == 0
    done = asked("validate", "--json")
    found = {item["problem"]: item for item in json.loads(done.stdout)["validated"]}
    assert (done.exit_code, found["mine"]["can_learn"], found["art"]["can_learn"]) == (65, True, False)
    assert "There are no pictures" in found["art"]["shortages"][0]


def test_validate_of_pictures_judges_each(home: Path, tmp_path: Path) -> None:
    root = pictures(tmp_path / "p", "a", "b")
    (root / "a" / "0.jpg").write_text("no picture")
    write_picture(root / "loose.jpg")
    assert asked("add", "mine", "--images", str(root)).exit_code == 0
    done = asked("validate", "mine", "--json")
    (document,) = json.loads(done.stdout)["validated"]
    assert document["quarantine"]["reasons"] == {"not_an_image": 1, "no_label": 1}
    assert document["labels"] == {"b": 10, "a": 9}
    assert (done.exit_code, document["shortages"]) == (
        65, ["Label 'a' has 9 usable pictures; at least 10 are needed: add some, or remove it."],
    )  # fmt: skip
    layout = json.loads(asked("layout", "mine", "--json").stdout)
    assert layout["labels"] == {"a": 10, "b": 10}
    assert str(root) in asked("fetch", "mine").stdout
    root.rename(tmp_path / "away")
    for words in (("validate", "mine"), ("fetch", "mine")):
        assert "not there any more" in asked(*words).stderr


def test_layout_prints_what_the_examples_say() -> None:
    assert layout_text("images") == (ROOT / "examples" / "image_dataset_layout.txt").read_text(
        encoding="utf-8"
    )
    assert layout_text("tables") == (ROOT / "examples" / "table_layout.txt").read_text(encoding="utf-8")


def test_layout_shows_both_kinds_and_of_a_table_its_columns(home: Path, tmp_path: Path) -> None:
    done = asked("layout")
    assert layout_text("images") in done.stdout
    assert layout_text("tables") in done.stdout
    assert asked("add", "mine", "--csv", str(like(tmp_path)), "--target", "y").exit_code == 0
    assert "the target (classification)" in asked("layout", "mine").stdout


def test_fetch_says_where_a_table_lies_and_checks_it(home: Path, tmp_path: Path) -> None:
    path = like(tmp_path)
    assert asked("add", "mine", "--csv", str(path), "--target", "y").exit_code == 0
    document = json.loads(asked("fetch", "mine", "--json").stdout)
    assert (document["path"], document["origin"], document["matches"]) == (str(path), "own", None)
    written = home / "problems" / "mine.toml"
    written.write_text(written.read_text().replace("[source]", f'[source]\nsha256 = "{document["sha256"]}"'))
    assert json.loads(asked("fetch", "mine", "--json").stdout)["matches"] is True
    path.write_text("other")
    assert "is not the file this problem was made for" in asked("fetch", "mine").stderr


def test_the_example_problems_can_be_loaded(tmp_path: Path) -> None:
    found = [problems.read(path) for path in sorted((ROOT / "examples").glob("*.toml"))]
    assert sorted(problem.source.kind for problem in found) == ["images", "table"]


def test_train_and_serve_follow_when_they_are_asked_for(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, ...]] = []

    def called(*words: str) -> None:
        calls.append(words)
        if words[0] == "train":
            print(json.dumps({"trained": [{"problem": "mine", "sentence": "version 1 is champion."}]}))  # noqa: T201 - stands in for the command

    monkeypatch.setattr(data_add, "_call", called)
    words = ("add", "mine", "--csv", str(like(tmp_path)), "--target", "y", "--replace", "--json")
    done = asked(*words, "--train")
    assert calls == [("train", "--problem", "mine", "--json")]
    assert json.loads(done.stdout)["trained"][0]["sentence"] == "version 1 is champion."
    assert asked(*words, "--serve").exit_code == 0
    assert calls[1:] == [("train", "--problem", "mine", "--json"), ("serve",)]


def test_a_training_that_fails_says_that_the_problem_was_added(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(*_words: str) -> None:
        print(json.dumps({"error": {"message": "no room."}}))  # noqa: T201 - stands in for the command
        raise SystemExit(1)

    monkeypatch.setattr(data_add, "_call", called)
    done = asked("add", "mine", "--csv", str(like(tmp_path)), "--target", "y", "--train")
    assert (done.exit_code, "mine was added, but training failed: no room." in done.stderr) == (65, True)


# --- Files about what a shipped problem is about -----------------------------------------------------------------
def test_copies_a_foreign_coding_and_a_target_turned_round_are_three_sentences_and_nothing_is_written(
    home: Path, tmp_path: Path
) -> None:
    path = hearts.write(tmp_path / "k.csv", hearts.patients() * 3, "kaggle", "target")
    for words in (("add", "mine"), ("validate",)):
        done = asked(*words, "--csv", str(path), "--target", "target")
        assert (done.exit_code, done.stdout) == (65, ""), done.output
        repeated, coding, inverted = done.stderr.splitlines()
        assert repeated.startswith("artpulse: 240 of 360 rows are exact duplicates")
        assert coding.startswith("  /cp: The coding is kaggle: ")
        assert inverted.startswith("  /target: The target 'target' is inverted: ")
    assert not home.exists()


def test_a_file_whose_coding_is_stated_becomes_a_problem_like_the_shipped_one(
    home: Path, tmp_path: Path
) -> None:
    path = hearts.write(tmp_path / "k.csv", hearts.patients(), "kaggle", "target")
    words = ("--csv", str(path), "--target", "target", "--coding", "kaggle", "--json")
    done = asked("add", "mine", *words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["labels"] == {"disease": 60, "healthy": 60}
    assert problems.read(home / "problems" / "mine.toml").fields == hearts.HEART.fields
    assert json.loads(asked("validate", "mine", "--json").stdout)["validated"][0]["can_learn"]


def test_another_file_is_judged_against_the_contract_of_a_problem(home: Path, tmp_path: Path) -> None:
    rows = hearts.patients()
    rows[3]["chol"] = 5
    done = asked("validate", "heart", "--csv", str(hearts.write(tmp_path / "h.data", rows, head=False)))
    assert done.exit_code == 0, done.output
    assert "heart: 119 of 120 usable in " in done.stdout
    assert "1 × below_minimum, first line 4: chol is '5', below its minimum 50." in done.stdout
    other = hearts.write(tmp_path / "k.csv", hearts.patients(), "kaggle", "target")
    words = ("validate", "heart", "--csv", str(other), "--target", "target")
    doubted = asked(*words)
    assert doubted.exit_code == 65
    assert "DOUBT: The coding is kaggle" in doubted.stdout
    assert "state --coding kaggle." in doubted.stdout
    assert asked(*words, "--coding", "kaggle").exit_code == 0
    wrong = asked(*words, "--exclude", "age")
    assert (wrong.exit_code, "--exclude cannot be given with a NAME" in wrong.stderr) == (2, True)
    assert not home.exists()


def test_numbers_that_are_names_become_a_category(home: Path, tmp_path: Path) -> None:
    path = like(tmp_path, region=[str(1 + place % 4) for place in range(ROWS)])
    done = asked("add", "mine", "--csv", str(path), "--target", "y", "--category", "region", "--json")
    assert done.exit_code == 0, done.output
    assert {"name": "region", "kind": "category", "levels": [1, 2, 3, 4]} in json.loads(done.stdout)["fields"]
