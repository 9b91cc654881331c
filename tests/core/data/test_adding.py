"""From a CSV to a problem: what is found out, and what is refused by name."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from artpulse_core import settings as settings_module
from artpulse_core.data import adding
from artpulse_core.data.adding import Draft
from artpulse_core.data.adding_table import from_csv
from artpulse_core.data.looking import Wishes
from artpulse_core.errors import DataError, ProblemError
from artpulse_core.settings import Settings

ROWS = 60


def frame(**columns: Any) -> dict[str, list[str]]:
    """A table of numbers, colours and a label, with ``columns`` put in or, if None, left out."""
    draw = random.Random(3)
    found: dict[str, Any] = {
        "size": [f"{draw.uniform(0, 9):.3f}" for _ in range(ROWS)],
        "colour": [draw.choice(["red", "blue", "green"]) for _ in range(ROWS)],
        "flag": [draw.choice("01") for _ in range(ROWS)],
        "y": [draw.choice(["yes", "no"]) for _ in range(ROWS)],
    }
    return {name: list(map(str, cells)) for name, cells in {**found, **columns}.items() if cells is not None}


def write(folder: Path, columns: dict[str, list[str]], separator: str = ",", name: str = "t.csv") -> Path:
    path = folder / name
    quoted = [
        [f'"{cell}"' if separator in cell else cell for cell in (head, *cells)]
        for head, cells in columns.items()
    ]
    path.write_text(
        "\n".join(separator.join(row) for row in zip(*quoted, strict=True)) + "\n", encoding="utf-8"
    )
    return path


def drafted(
    folder: Path, wishes: dict[str, Any] | None = None, separator: str = ",", **columns: Any
) -> Draft:
    path = write(folder, frame(**columns), separator)
    return from_csv("mine", path, Wishes(**{"target": "y", **(wishes or {})}))


def field(draft: Draft, name: str) -> dict[str, Any]:
    (found,) = [item for item in draft.document["fields"] if item["name"] == name]
    return dict(found)


@pytest.mark.smoke
def test_a_csv_becomes_a_problem_that_every_process_can_load(tmp_path: Path) -> None:
    draft = drafted(tmp_path)
    problem = adding.checked(draft)
    assert (problem.task, problem.model, problem.metric) == ("classification", "artpulse-mine", "macro_f1")
    assert [(item.name, item.kind, item.levels) for item in problem.fields] == [
        ("size", "number", ()),
        ("colour", "category", ("blue", "green", "red")),
        ("flag", "category", (0, 1)),
    ]
    assert problem.target.values == {"no": "no", "yes": "yes"}
    assert set(draft.labels) == {"yes", "no"}
    size = field(draft, "size")
    assert 0 <= size["typical_minimum"] < size["typical_maximum"] <= 9
    assert not {"minimum", "maximum", "nullable"} & set(size)


def test_missing_cells_make_a_field_nullable_and_are_named_in_the_problem(tmp_path: Path) -> None:
    size = ["NA", "?", "", "-", *(f"{place / 7:.2f}" for place in range(ROWS - 4))]
    draft = drafted(tmp_path, size=size)
    assert draft.document["source"]["missing"] == ["-", "?", "NA"]
    assert field(draft, "size")["nullable"] is True


def test_a_decimal_comma_is_found_out_in_a_file_of_semicolons(tmp_path: Path) -> None:
    draft = drafted(tmp_path, separator=";", size=[f"{place},5" for place in range(ROWS)])
    assert (draft.document["source"]["separator"], draft.document["source"]["decimal"]) == (";", ",")
    assert field(draft, "size")["kind"] == "number"


NUMBERS = [f"{place * 1.7:.2f}" for place in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "wish", "task"),
    [
        (NUMBERS, "", "regression"),
        ([str(place % 3) for place in range(ROWS)], "", "classification"),
        ([str(place % 3) for place in range(ROWS)], "regression", "regression"),
        ([f"{place % 3}.0" for place in range(ROWS)], "", "classification"),
        ([str(place) for place in range(ROWS)], "", "regression"),
        (["a", "b"] * 30, "", "classification"),
    ],
)
def test_the_task_follows_from_the_target_unless_it_is_stated(
    tmp_path: Path, cells: list[str], wish: str, task: str
) -> None:
    draft = drafted(tmp_path, {"task": wish}, y=cells)
    assert draft.document["task"] == task
    assert adding.checked(draft).metric == {"regression": "rmse", "classification": "macro_f1"}[task]


def test_whole_numbers_as_labels_are_written_without_a_fraction(tmp_path: Path) -> None:
    draft = drafted(tmp_path, y=[f"{place % 2}.0" for place in range(ROWS)])
    assert draft.document["target"]["values"] == {"0": "0", "1": "1"}


UNUSABLE = [
    ({"odd": ["2024-01-02", "2024-02-03"] * 30}, "'odd' holds dates or times ('2024-01-02')"),
    ({"odd": [f"3/{1 + place % 28}/2024 10:0{place % 9}" for place in range(ROWS)]}, "dates"),
    ({"odd": ["12", "abc", "13", "14"] * 15}, "'odd' holds numbers and text ('abc' in line 3)"),
    ({"odd": ["same"] * ROWS}, "'odd' holds 'same' in every row"),
    ({"odd": ["1", "1.0"] * 30}, "'odd' holds 1 in every row"),
    ({"odd": [""] * ROWS}, "'odd' holds nothing"),
    ({"odd": [f"A{place:04d}Z" for place in range(ROWS)]}, "'odd' names each row differently: use --id odd"),
    ({"odd": [str(1000 - place) for place in range(ROWS)]}, "'odd' numbers the rows: use --id odd"),
    ({"row_id": [str(place * 37 % 1009) for place in range(ROWS)]}, "'row_id' numbers the rows"),
    ({"odd": [f"it was word{place} all over" for place in range(ROWS)]}, "'odd' holds free text"),
    ({"odd": [f"kind{place % 55}" for place in range(ROWS - 8)] + ["kind0"] * 8}, "holds 52 different texts"),
    ({"odd": [f"${place},{100 + place}" for place in range(ROWS)]}, "numbers as text ('$0,100')"),
    ({"odd": ["x\ny z"] * 20 + ["y"] * 20 + ["q"] * 20}, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "says"), UNUSABLE, ids=[says or "line breaks are levels" for _, says in UNUSABLE]
)
def test_a_column_that_cannot_be_a_field_is_refused_by_name(
    tmp_path: Path, columns: dict[str, list[str]], says: str | None
) -> None:
    if says is None:
        path = write(tmp_path, frame(**columns))
        path.write_text(path.read_text().replace("x\ny z", '"x\ny z"'))
        assert len(from_csv("mine", path, Wishes(target="y")).document["fields"]) == 4
        return
    with pytest.raises(DataError) as caught:
        drafted(tmp_path, **columns)
    assert says in caught.value.message
    assert f"--exclude {next(iter(columns))}" in caught.value.message
    assert drafted(tmp_path, {"exclude": tuple(columns)}, **columns).document["fields"]


def test_several_columns_are_refused_together_with_the_options_to_leave_them_out(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"2 columns of t\.csv cannot be learned from.*--exclude 'a b' --exclude c"
    ) as caught:
        drafted(tmp_path, **{"a b": ["k"] * ROWS, "c": [""] * ROWS})
    assert [issue.code for issue in caught.value.issues] == ["constant", "empty"]


@pytest.mark.parametrize(
    ("cells", "levels", "nullable"),
    [
        ([str(1 + place % 4) for place in range(ROWS)], [1, 2, 3, 4], False),
        (["10", "9", "", "2.0"] * 15, [2, 9, 10], True),
        (["1", "2", "3A"] * 20, ["1", "2", "3A"], False),
    ],
    ids=["whole numbers", "in the order of numbers", "numbers and texts"],
)
def test_a_numeric_column_is_a_category_when_a_person_says_so(
    tmp_path: Path, cells: list[str], levels: list[Any], nullable: bool
) -> None:
    draft = drafted(tmp_path, {"category": ("kind",)}, kind=cells)
    (found,) = [item for item in adding.checked(draft).fields if item.name == "kind"]
    assert (found.kind, found.levels, found.nullable) == ("category", tuple(levels), nullable)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ([f"{place % 3}.5" for place in range(ROWS)], "'kind' holds the fraction 0.5, and a category whole numbers"),
        ([str(place) for place in range(ROWS)], "'kind' holds 60 different values; a category may have 50"),
        (["7"] * ROWS, "'kind' holds '7' in every row"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_category_is_refused_with_a_way_out(
    tmp_path: Path, cells: list[str], says: str
) -> None:
    with pytest.raises(DataError) as caught:
        drafted(tmp_path, {"category": ("kind",)}, kind=cells)
    assert says in caught.value.message
    assert "--exclude kind" in caught.value.message


TARGETS = [
    ({"category": ("y",)}, {}, "'y' cannot be given to --category too"),
    ({"category": ("colur",)}, {}, "no column 'colur' (--category); did you mean 'colour'?"),
    ({"coding": "uci"}, {}, "has not all fields of a shipped problem"),
    ({"target": ""}, {}, "--target COLUMN; there are 'size', 'colour', 'flag', 'y'"),
    ({"target": "Y"}, {}, "no column 'Y' (--target); did you mean 'y'?"),
    ({"target": "colours"}, {}, "did you mean 'colour'?"),
    ({"exclude": ("colouur",)}, {}, "no column 'colouur' (--exclude); did you mean 'colour'?"),
    ({"group": "y"}, {}, "'y' cannot be given to --group too"),
    ({}, {"y": ["a"] * ROWS}, "holds 'a' in every row: there is nothing to tell apart"),
    ({}, {"y": [""] * ROWS}, "is empty in every row"),
    ({}, {"y": ["a"] * 9 + ["b"] * 51}, "fewer than 10 rows: 'a' (9)"),
    ({}, {"y": ["1"] * 9 + ["2"] * 51}, "or learn its number with --task regression"),
    ({}, {"y": ["a"] * 30 + ["A"] * 30}, "differ by case or spaces only"),
    ({}, {"y": [""] * 45 + ["a", "b", "c"] * 5}, "known in 15 rows; at least 20"),
    ({"task": "regression"}, {"y": ["1.5", "x"] * 30}, "A regression needs numbers, and the target 'y' holds 'x'"),
    ({}, {"copy": frame()["y"]}, "'copy' gives the target 'y' away"),
    ({}, {"code": ["7" if cell == "yes" else "3" for cell in frame()["y"]]}, "'code' gives the target 'y' away"),
    ({}, {"y": NUMBERS, "scaled": [f"{float(cell) * -3 + 2:.4f}" for cell in NUMBERS]}, "'scaled' gives the target"),
    ({"exclude": ("size", "colour", "flag")}, {}, "no column left to learn from"),
]  # fmt: skip


@pytest.mark.parametrize(("wishes", "columns", "says"), TARGETS, ids=[says for _, _, says in TARGETS])
def test_a_target_that_cannot_be_learned_is_one_sentence(
    tmp_path: Path, wishes: dict[str, Any], columns: dict[str, list[str]], says: str
) -> None:
    with pytest.raises(DataError) as caught:
        drafted(tmp_path, wishes, **columns)
    assert says in caught.value.message
    assert "\n" not in caught.value.message


def test_too_many_labels_are_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {"x": [f"{place / 3:.2f}" for place in range(1100)], "y": [f"l{p % 101}" for p in range(1100)]},
    )
    with pytest.raises(DataError, match="101 different labels"):
        from_csv("mine", path, Wishes(target="y"))


def test_numbers_with_points_and_with_commas_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a point in 'size' and with a comma in 'other'"):
        drafted(tmp_path, separator=";", other=[f"{place},5" for place in range(ROWS)])


def test_an_index_column_is_left_out_and_told(tmp_path: Path) -> None:
    for name in ("", "n"):
        draft = from_csv(
            "mine", write(tmp_path, {name: list(map(str, range(ROWS))), **frame()}), Wishes(target="y")
        )
        assert [item["name"] for item in draft.document["fields"]] == ["size", "colour", "flag"]
        assert any("only counts the rows; it is left out" in warning for warning in draft.warnings)


def test_a_number_may_mean_missing(tmp_path: Path) -> None:
    size = ["-999" if place % 7 == 0 else cell for place, cell in enumerate(frame()["size"])]
    found = field(drafted(tmp_path, {"missing": ("-999",)}, size=size), "size")
    assert (found["nullable"], found["typical_minimum"] >= 0) == (True, True)


def test_an_index_without_a_name_may_have_gaps_and_other_columns_need_names(tmp_path: Path) -> None:
    gaps = [str(place * 13 % 997) for place in range(ROWS)]
    draft = from_csv("mine", write(tmp_path, {"": gaps, **frame()}), Wishes(target="y"))
    assert "Unnamed: 0" not in {item["name"] for item in draft.document["fields"]}
    with pytest.raises(DataError, match="'Unnamed: 4' has no name: name it in the first line"):
        from_csv("mine", write(tmp_path, {**frame(), "": gaps}), Wishes(target="y"))


def test_what_a_person_should_look_at_is_said(tmp_path: Path) -> None:
    draft = drafted(
        tmp_path,
        {"id": "who", "group": "site"},
        who=["same", "same", *map(str, range(ROWS - 2))],
        site=["a", "b"] * 30,
        near=[
            ("p" if place % 2 else "q") if cell == "yes" else "r" for place, cell in enumerate(frame()["y"])
        ],
        shade=["Dark", "dark", "light"] * 20,
        account_id=[str(place * 7 % 31) for place in range(ROWS)],
        y=["", *frame()["y"][1:]],
    )
    said = "\n".join(draft.warnings)
    for part in ("1 rows have no target", "59 rows only", "names 1 rows more than once", "each value of 'near'",
                 "'shade' has levels that differ", "'account_id' looks like an identifier"):  # fmt: skip
        assert part in said
    assert draft.document["source"]["id"] == "who"
    assert not {"who", "site", "y"} & {item["name"] for item in draft.document["fields"]}
    assert adding.checked(draft).quality.min_rows == 20


# --- The name and the file ---------------------------------------------------------------------------------------
@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_module.load({}, home=tmp_path / "home")


@pytest.mark.parametrize("name", ["Mine", "1st", "a-b", "", "a" * 41, "../x", "a b", "é"])
def test_a_name_that_cannot_be_one_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(ProblemError, match="cannot be a problem's name"):
        adding.judge_name(settings, name)


def test_a_shipped_name_a_taken_one_and_one_with_a_taken_model_are_refused(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(ProblemError, match="ships with ArtPulse"):
        adding.judge_name(settings, "art", replace=True)
    with pytest.raises(ProblemError, match="'artpulse-classifier' belongs to the problem 'art_core5'"):
        adding.judge_name(settings, "classifier")
    path = adding.write(settings, drafted(tmp_path))
    assert path == settings.home / "problems" / "mine.toml"
    with pytest.raises(ProblemError, match="add --replace"):
        adding.judge_name(settings, "mine")
    adding.judge_name(settings, "mine", replace=True)


ODD = (
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=9)
    .map(str.strip)
    .filter(bool)
)


@examples(max_examples=40, deadline=None)
@given(
    names=st.lists(ODD, min_size=2, max_size=2, unique_by=str.casefold),
    labels=st.lists(ODD, min_size=2, max_size=2, unique=True),
)
def test_any_printable_name_of_column_and_label_goes_through_the_file(
    names: list[str], labels: list[str]
) -> None:
    document = {"a": {"name": names[0], "values": {label: label for label in labels}}, names[1]: 1}
    draft = Draft("mine", document, 1, {}, (), input="table")
    assert tomllib.loads(draft.text) == document
