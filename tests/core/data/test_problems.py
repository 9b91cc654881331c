"""Problem files: what may stand in one, and the one sentence that names file and key where something may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from artpulse_core.data import problems
from artpulse_core.errors import ProblemError
from artpulse_core.settings import load
from tests import tables

PICTURES = """
name = "pics"
title = "Pictures"
task = "classification"
input = "image"
model = "artpulse-pics"
features = "core5"
[source]
kind = "images"
dataset = "art"
[target]
name = "style"
"""
CATEGORY = 'kind = "category"\nlevels = ["red", "blue", "plain wood"]'


def refusal(folder: Path, text: str, name: str = "doors") -> str:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProblemError) as caught:
        problems.read(path)
    return caught.value.message


def changed(old: str, new: str, text: str = tables.DOORS) -> str:
    assert text.count(old) >= 1
    return text.replace(old, new, 1)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('unit = "EUR"', 'unti = "EUR"', "target.unti: there is no such key; correct its name or remove the line"),
        ('title = "Price of a door"', "", "title: this key is missing; add it"),
        ('title = "Price of a door"', "title =", "is not TOML"),
        ("maximum = 3.0", "maximum = 1.0", "the ranges of width do not nest: minimum ≤ typical_minimum"),
        ("minimum = 0.1", "minimum = inf", "fields.0.minimum: "),
        ("minimum = 0.1", "minimum = nan", "fields.0.minimum: "),
        ('file = "doors.csv"', 'file = "../doors.csv"', "source.file: the path leads outside its folder; remove the .."),
        ('file = "doors.csv"', 'file = "a\\\\..\\\\doors.csv"', "source.file: the path leads outside its folder"),
        ('file = "doors.csv"', 'file = ""', "source.file: "),
        ('"plain wood"]', '"red"]', "colour names the level 'red' twice"),
        (CATEGORY, 'kind = "category"\nlevels = ["red"]', "colour needs from 2 to 200 levels"),
        (CATEGORY, f'{CATEGORY}\nminimum = 0', "colour is a category, which has levels and no ranges"),
        ('unit = "m"', 'levels = ["a", "b"]', 'width has levels or codes; they belong to kind = "category"'),
        ('"B" = "blue"', '"B" = "green"', "the coding shop maps to 'green', which is no level of it"),
        (f"{CATEGORY}\nnullable = true", CATEGORY, "has a code for missing; state nullable = true"),
        ('coding = "house"', 'coding = "shop"', "coding = 'shop' is that of the levels themselves"),
        ('name = "age (years)"', 'name = "coding"', "a field is called 'coding', by which a row states its coding"),
        ('left = "width"', 'left = "breadth"', "a rule names 'breadth', which is no number field"),
        ('right = "height"', 'right = "colour"', "a rule names 'colour', which is no number field"),
        ('op = "<="', 'op = "=="', "rules.0.op: "),
        ('name = "height"', 'name = "width"', "the field 'width' is named twice"),
        ('name = "height"', 'name = " height"', "a field's name is printable text without spaces around it"),
        ('name = "height"', 'name = "he\\night"', "a field's name is printable text"),
        ('name = "height"', f'name = "{"h" * 101}"', "fields.1.name: "),
        ("folds = 3", 'metric = "macro_f1"', "training.metric of a regression is one of rmse, mae"),
        ("folds = 3", "folds = 1", "training.folds: "),
        ("folds = 3", "fold = 3", "training.fold: there is no such key"),
        ("folds = 3", 'split = "spatial"', "training.split: there is no such key"),
        ('features = "table"', 'features = "rich"', "features: a table has one of table, "),
        ('features = "table"', 'features = ["nothing"]', "features: There is no feature set 'nothing'"),
        ('features = "table"', "features = []", "features: none of nothing is available here"),
        ('task = "regression"', 'task = "ranking"', "task: "),
        ('input = "table"', 'input = "image"', 'input = "table" needs [[fields]]; input = "image" has none'),
        ('kind = "table"', 'kind = "images"', "source.file: there is no such key"),
        ('model = "artpulse-doors"', 'model = "Doors!"', "model: "),
        ('name = "doors"', 'name = "gates"', "name is 'gates' but the file is called 'doors'"),
    ],
)  # fmt: skip
def test_what_may_not_stand_in_a_problem_is_one_sentence_that_names_file_and_key(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    said = refusal(tmp_path, changed(old, new))
    assert said.startswith("doors.toml")
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('task = "classification"', 'task = "regression"', 'task = "regression" needs [source] kind = "table"'),
        ('dataset = "art"', "", "images come from either a dataset or a folder; state one of them"),
        ('dataset = "art"', 'dataset = "art"\nfolder = "/pictures"', "either a dataset or a folder"),
        ('dataset = "art"', 'dataset = "../art"', "source.dataset: "),
        ('features = "core5"', 'features = "poor"', "features: There is no feature set 'poor'"),
        ('features = "core5"', 'features = "table"', "features: There is no feature set 'table'"),
        ('features = "core5"', 'features = ["embedding:/nowhere.onnx"]', "none of embedding:/nowhere.onnx is available here"),
        ('input = "image"', 'input = "table"', 'input = "table" needs [[fields]]'),
    ],
)  # fmt: skip
def test_what_no_problem_of_pictures_may_say_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    said = refusal(tmp_path, changed(old, new, PICTURES), "pics")
    assert said.startswith("pics.toml")
    assert words in said


def test_fields_of_pictures_are_the_numbers_of_their_feature_set(tmp_path: Path) -> None:
    text = changed('input = "image"', 'input = "table"', PICTURES) + '[[fields]]\nname = "hue_mean"\n'
    said = refusal(tmp_path, text, "pics")
    assert "[[fields]] must be the numbers of the feature set core5, in its order: hue_mean, sat_mean" in said


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "doors.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProblemError, match=r"doors\.toml is not TOML"):
        problems.read(tmp_path / "doors.toml")


@pytest.mark.smoke
def test_of_a_list_of_feature_sets_the_first_that_can_be_computed_counts(tmp_path: Path) -> None:
    path = tmp_path / "pics.toml"
    path.write_text(changed('"core5"', '["embedding:/nowhere.onnx", "rich", "core5"]', PICTURES))
    assert problems.read(path).features == "rich"


def test_a_list_may_name_sets_of_tables_too(tmp_path: Path) -> None:
    path = tmp_path / "doors.toml"
    path.write_text(changed('features = "table"', 'features = ["table"]'), encoding="utf-8")
    assert problems.read(path).features == "table"


def test_what_a_problem_leaves_out_has_its_usual_value(tmp_path: Path) -> None:
    doors, patients = tables.problem("doors"), tables.problem("patients")
    assert (doors.metric, patients.metric) == ("rmse", "auc")
    assert (doors.noun, patients.noun) == ("row", "row")
    assert patients.contract.target.threshold == 0.3
    assert doors.contract.codings == ("shop",)
    assert doors.contract.task == "regression"


@pytest.mark.parametrize("name", ["art_core5", "art", "housing", "heart"])
def test_every_shipped_problem_can_be_read(name: str) -> None:
    problem = problems.read(problems.SHIPPED / f"{name}.toml")
    assert problem.description and problem.contract.digest.startswith("sha256:")


def test_problems_of_ones_own_join_the_shipped_ones_and_a_model_belongs_to_one_problem(
    tmp_path: Path,
) -> None:
    own = tmp_path / "problems"
    own.mkdir()
    (own / "doors.toml").write_text(tables.DOORS, encoding="utf-8")
    settings = load({}, home=tmp_path)
    assert [*problems.load(settings)] == [*settings.problems, "doors"]
    with pytest.raises(ProblemError, match=r"No problem is called 'gates'\. There are: .*doors"):
        problems.get(settings, "gates")
    (own / "gates.toml").write_text(tables.DOORS.replace('"doors"', '"gates"'), encoding="utf-8")
    with pytest.raises(ProblemError, match="'artpulse-doors' belongs to two problems"):
        problems.load(settings)
