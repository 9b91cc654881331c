"""The contract of rows: what is accepted, as which number, and the sentence that says why not."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpulse_core.data.contract import Contract, Field, Rule, Target
from artpulse_core.errors import ContractViolation, Issue

WIDTH = Field("width", minimum=0.0, maximum=3.0, typical_maximum=2.0)
COLOUR = Field(
    "colour",
    kind="category",
    levels=("red", "blue"),
    nullable=True,
    codes={"shop": {"R": "red", "B": "blue", "?": "missing"}},
)
GRADE = Field("grade", kind="category", levels=(1, 2, 4), codes={"old": {"3": 1, "1": 4}})
AGE = Field("age", nullable=True)


def contract(*fields: Field, **more: Any) -> Contract:
    return Contract("doors", "table", Target("price"), fields, **more)


def refused(kept: Contract, *rows: Any) -> list[Issue]:
    with pytest.raises(ContractViolation) as caught:
        kept.validate(rows)
    return list(caught.value.issues)


@pytest.mark.smoke
def test_a_category_is_the_index_of_its_level_and_a_gap_is_nan() -> None:
    kept = contract(WIDTH, COLOUR, GRADE, AGE)
    rows = [
        {"width": 1, "colour": "blue", "grade": 4, "age": 7.5},
        {"width": 0.5, "colour": None, "grade": 2.0, "age": None},
        {"width": 0.5, "grade": 1},
    ]
    nan = math.nan
    wanted = np.array([[1.0, 1.0, 2.0, 7.5], [0.5, nan, 1.0, nan], [0.5, nan, 0.0, nan]])
    found = kept.validate(rows).matrix
    assert np.array_equal(found, wanted, equal_nan=True)
    assert kept.shown(found[0]) == rows[0]
    assert kept.shown(found[2]) == {"width": 0.5, "colour": None, "grade": 1, "age": None}


@pytest.mark.smoke
@pytest.mark.parametrize("value", ["4", 3, True, 4.5, None, [4], {"a": 1}, math.nan, math.inf, 10**400, ""])
def test_what_is_no_level_is_refused_with_the_levels_there_are(value: Any) -> None:
    (issue,) = refused(contract(GRADE), {"grade": value})
    assert (issue.pointer, issue.code) == ("/rows/0/grade", "unknown_level")
    assert issue.message.startswith("The value must be one of 1, 2, 4.")


def test_of_many_levels_only_the_first_are_told() -> None:
    many = Field("place", kind="category", levels=tuple(f"p{n}" for n in range(200)))
    (issue,) = refused(contract(many), {"place": "nowhere"})
    assert "p11 …" in issue.message
    assert "p12" not in issue.message


@pytest.mark.parametrize("value", ["1", True, None, math.nan, math.inf, -math.inf, [1], 10**400])
def test_what_is_no_finite_number_is_refused(value: Any) -> None:
    (issue,) = refused(contract(WIDTH), {"width": value})
    assert issue.pointer == "/rows/0/width"


@pytest.mark.parametrize(("value", "words"), [(-0.1, "at least 0."), (3.1, "at most 3.")])
def test_a_number_outside_its_hard_range_is_told_the_bound(value: float, words: str) -> None:
    (issue,) = refused(contract(WIDTH), {"width": value})
    assert words in issue.message


def test_a_field_without_bounds_takes_any_finite_number() -> None:
    kept = contract(AGE)
    assert kept.validate([{"age": -1e300}]).matrix[0, 0] == -1e300
    assert kept.warnings(np.array([[1e300], [np.nan]])) == ((), ())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (WIDTH, 2.5, "width is outside its typical range up to 2"),
        (Field("old", typical_minimum=5.0), 4.0, "old is outside its typical range from 5"),
        (
            Field("both", typical_minimum=1.0, typical_maximum=2.0),
            9.0,
            "both is outside its typical range 1 to 2",
        ),
    ],
)
def test_an_untypical_number_is_accepted_with_a_warning(field: Field, value: float, words: str) -> None:
    assert contract(field).validate([{field.name: value}]).warnings == ((words,),)


def test_codes_of_a_stated_coding_become_levels_and_gaps() -> None:
    kept = contract(COLOUR, GRADE, coding="house")
    rows = [
        {"coding": "shop", "colour": "B", "grade": 2},
        {"coding": "shop", "colour": "?", "grade": 2},
        {"coding": "old", "colour": "red", "grade": 3.0},
        {"coding": "house", "colour": "red", "grade": 1},
        {"colour": "red", "grade": 1},
    ]
    wanted = [[1, 1], [np.nan, 1], [0, 0], [0, 0], [0, 0]]
    assert np.array_equal(kept.validate(rows).matrix, np.array(wanted), equal_nan=True)


def test_a_code_of_the_other_coding_is_hinted_at_in_both_directions() -> None:
    kept = contract(GRADE, coding="new")
    (issue,) = refused(kept, {"grade": 3})
    assert 'grade 3 occurs only in the coding old: send "coding": "old".' in issue.message
    (issue,) = refused(kept, {"coding": "old", "grade": 2})
    assert (
        issue.message
        == 'In the coding old the value must be one of 3, 1. 2 is new\'s own: leave "coding" out.'
    )
    (issue,) = refused(kept, {"coding": "lost", "grade": 2})
    assert issue.pointer == "/rows/0/coding"


def test_a_wrong_code_and_another_wrong_field_are_told_once_each() -> None:
    kept = contract(GRADE, WIDTH, coding="new")
    found = refused(kept, {"coding": "old", "grade": 2, "width": 9})
    assert sorted(issue.pointer for issue in found) == ["/rows/0/grade", "/rows/0/width"]


def test_a_rule_refuses_or_warns_and_says_its_sentence_and_a_gap_keeps_it() -> None:
    high, low = Field("high"), Field("low", nullable=True)
    strict = contract(low, high, rules=(Rule("low", "<=", "high", "refuse", "Upside down."),))
    (issue,) = refused(strict, {"low": 1, "high": 2}, {"low": 3, "high": 2})
    assert (issue.pointer, issue.code, issue.message) == ("/rows/1/low", "rule_broken", "Upside down.")
    assert len(strict.validate([{"low": None, "high": 2}]).matrix) == 1
    mild = contract(low, high, rules=(Rule("low", "<", "high"),))
    assert mild.validate([{"low": 1, "high": 2}, {"low": 2, "high": 2}]).warnings == (
        (),
        ("low must be < high.",),
    )


ODD = [
    "age (years)", "Größe 🎨", "copy", "json", "model_fields", "model_config", "dict", "schema", "validate", "__class__",
    "_private", "class", "f0", "f1", "self", "1st", "a/b~c", 'quo"te', "coding_", "x" * 100,
]  # fmt: skip


@pytest.mark.smoke
@pytest.mark.parametrize("name", ODD)
def test_a_field_may_have_any_name(name: str) -> None:
    kept = contract(Field(name, minimum=0.0), Field("width"))
    assert kept.validate([{name: 1, "width": 2}]).matrix.tolist() == [[1.0, 2.0]]
    (issue,) = refused(kept, {name: -1, "width": 2})
    assert issue.pointer == "/rows/0/" + name.replace("~", "~0").replace("/", "~1")
    (issue,) = refused(kept, {"width": 2})
    assert issue.code == "missing"
    assert set(kept.json_schema()["properties"]) == {name, "width"}
    assert Contract.from_dict(json.loads(json.dumps(kept.to_dict()))) == kept


def test_all_odd_names_stand_beside_each_other() -> None:
    kept = contract(*(Field(name) for name in ODD))
    row = {name: float(place) for place, name in enumerate(ODD)}
    assert kept.validate([row]).matrix.tolist() == [list(row.values())]


def test_the_attribute_of_a_field_is_no_name_for_it() -> None:
    found = refused(contract(WIDTH), {"f0": 1})
    assert {issue.code for issue in found} == {"missing", "extra_forbidden"}


def test_a_field_may_be_called_coding_where_rows_have_no_coding_to_state() -> None:
    assert contract(Field("coding")).validate([{"coding": 1}]).matrix.tolist() == [[1.0]]


def test_a_contract_survives_its_document_and_what_is_at_its_default_is_left_out() -> None:
    kept = contract(
        WIDTH, COLOUR, GRADE, AGE, task="regression", coding="house", rules=(Rule("width", "<", "age"),)
    )
    document = json.loads(json.dumps(kept.to_dict()))
    assert Contract.from_dict(document) == kept
    assert Contract.from_dict(document).digest == kept.digest
    assert document["fields"][3] == {"name": "age", "nullable": True}
    plain = contract(WIDTH).to_dict()
    assert set(plain) == {"problem", "input", "target", "fields"}


@pytest.mark.parametrize("row", [None, 1, "a", [], [1]])
def test_a_row_that_is_no_object_is_refused(row: Any) -> None:
    kept = contract(WIDTH, COLOUR)
    (issue,) = refused(kept, row)
    assert (issue.pointer, issue.message) == ("/rows/0", "A row is an object of field names and values.")


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3)
)
def test_any_value_is_a_number_of_the_matrix_or_a_refusal(value: Any) -> None:
    kept = contract(WIDTH, COLOUR, GRADE, AGE, coding="house")
    for name in kept.names:
        row = {"width": 1, "colour": "red", "grade": 1, "age": 1, name: value}
        try:
            found = kept.validate([row]).matrix[0]
        except ContractViolation as violation:
            assert [issue.pointer for issue in violation.issues] == [f"/rows/0/{name}"]
        else:
            low, high = np.array([item.bounds for item in kept.fields]).T
            assert ((found >= low) & (found <= high) | np.isnan(found)).all()
