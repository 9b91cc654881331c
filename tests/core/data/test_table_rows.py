"""Rows of a table against a problem: which can be learned from, and why the others cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artpulse_core.data.fields import Field, Task
from artpulse_core.data.problem import Ratio, TableFile, TargetText
from artpulse_core.data.table_rows import ROW_REASONS, Judged, to_rows
from artpulse_core.data.tables import read
from artpulse_core.errors import DataError

AGE = Field("age", 0, 120)
KIND = Field("kind", kind="category", levels=(1, 2, 4))
COLOUR = Field("colour", kind="category", levels=("red", "blue"), nullable=True)
LABEL = TargetText(name="y", values={"0": "healthy", "1": "disease"})


def judged(
    tmp_path: Path,
    text: str,
    fields: tuple[Field, ...],
    target: TargetText | None = LABEL,
    *,
    task: Task = "classification",
    **source: object,
) -> Judged:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    described = TableFile(kind="table", file=str(path), **source)  # type: ignore[arg-type]  # pydantic checks it
    return to_rows(read(described, path), fields, target, task=task)


@pytest.mark.smoke
def test_rows_become_the_input_matrix_with_levels_as_indices_and_missing_as_nan(tmp_path: Path) -> None:
    found = judged(tmp_path, "age,kind,colour,y\n40, 4.0,blue,1\n50.5,1,,0.0\n", (AGE, KIND, COLOUR))
    np.testing.assert_array_equal(found.matrix, [[40, 2, 1], [50.5, 0, np.nan]])
    assert found.matrix.dtype == np.float64
    assert found.target is not None
    assert found.target.tolist() == ["disease", "healthy"]
    assert (found.names, found.groups, found.quarantine) == (("line 2", "line 3"), ("", ""), ())


BAD = [
    ("x,1,red,1", "not_a_number", "age is 'x', which is no number."),
    ("inf,1,red,1", "not_finite", "age is 'inf', which is no finite number."),
    (",1,red,1", "missing", "age is missing and may not be."),
    ("?,1,red,1", "missing", "age is missing and may not be."),
    ("-1,1,red,1", "below_minimum", "age is '-1', below its minimum 0."),
    ("121,1,red,1", "above_maximum", "age is '121', above its maximum 120."),
    ("40,3,red,1", "unknown_level", "kind is '3'; it must be one of 1, 2, 4."),
    ("40,,red,1", "missing", "kind is missing and may not be."),
    ("40,1,Red,1", "unknown_level", "colour is 'Red'; it must be one of red, blue."),
    ("40,1,red,2", "target_unknown", "the target y is '2'; it must be one of 0, 1."),
    ("40,1,red,", "target_missing", "the target y is missing."),
    (
        "x,3,red,2",
        "not_a_number",
        "age is 'x', which is no number; kind is '3'; it must be one of 1, 2, 4; the target y is",
    ),
]


@pytest.mark.parametrize(("row", "reason", "says"), BAD, ids=[row for row, _, _ in BAD])
def test_a_row_that_breaks_the_contract_goes_to_quarantine_with_field_value_and_rule(
    tmp_path: Path, row: str, reason: str, says: str
) -> None:
    found = judged(tmp_path, f"age,kind,colour,y\n40,1,red,1\n{row}\n", (AGE, KIND, COLOUR), missing=("?",))
    (refused,) = found.quarantine
    assert (refused.row, refused.reason) == ("line 3", reason)
    assert refused.message.startswith(says)
    assert refused.reason in ROW_REASONS
    assert found.kept.tolist() == [0]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x", "target_not_a_number"),
        ("nan", "target_not_a_number"),
        ("6", "target_out_of_range"),
        ("", "target_missing"),
    ],
)
def test_a_number_to_estimate_is_judged_too(tmp_path: Path, value: str, reason: str) -> None:
    target = TargetText(name="y", minimum=0, maximum=5)
    found = judged(tmp_path, f"age,y\n40,5\n41,{value}\n", (AGE,), target, task="regression")
    assert found.target is not None
    assert (found.target.tolist(), [item.reason for item in found.quarantine]) == ([5.0], [reason])


RATIOS = (Ratio(name="a_per_b", of="a", by="b"), Ratio(name="y", of="worth", by=100.0))


def test_ratios_are_columns_and_a_zero_below_goes_to_quarantine(tmp_path: Path) -> None:
    fields = (Field("a_per_b", 0, 10), Field("a"))
    text = "a,b,worth\n6,3,250\n6,0,100\n60,3,100\nx,3,100\n"
    found = judged(tmp_path, text, fields, TargetText(name="y"), task="regression", ratios=RATIOS)
    np.testing.assert_array_equal(found.matrix, [[2, 6]])
    assert found.target is not None
    assert found.target.tolist() == [2.5]
    assert [(item.reason, item.message.split(";")[0]) for item in found.quarantine] == [
        ("division_by_zero", "a_per_b cannot be computed: it would divide by zero."),
        ("above_maximum", "a_per_b is 20, above its maximum 10."),
        ("not_a_number", "a_per_b is 'x' / '3', which is no number"),
    ]


CHEST = Field(
    "cp", kind="category", levels=(1, 2), nullable=True, codes={"kaggle": {"3": 1, "1": 2, "9": "missing"}}
)
CODED = TargetText(
    name="y", values={"0": "healthy", "1": "disease"}, codes={"kaggle": {"1": "healthy", "0": "disease"}}
)


def test_a_file_in_another_coding_is_read_by_its_codes(tmp_path: Path) -> None:
    found = judged(tmp_path, "cp,y\n3,1\n1,0\n9,0\n2,0\n", (CHEST,), CODED, coding="kaggle")
    np.testing.assert_array_equal(found.matrix, [[0], [1], [np.nan]])
    assert found.target is not None
    assert found.target.tolist() == ["healthy", "disease", "disease"]
    assert found.quarantine[0].message == "cp is '2'; it must be one of 3, 1 in the coding kaggle."


def test_rows_are_named_by_their_id_and_grouped(tmp_path: Path) -> None:
    found = judged(
        tmp_path, "who,site,age,y\nada,n,40,1\n,s,41,1\nbob,s,x,1\n", (AGE,), id="who", group="site"
    )
    assert (found.names, found.groups) == (("ada", "line 3"), ("n", "s"))
    assert found.quarantine[0].row == "bob"


def test_without_a_target_every_good_row_is_kept(tmp_path: Path) -> None:
    found = judged(tmp_path, "age,b\n40,1\n41,1\n", (AGE,), None)
    assert (found.target, len(found.matrix)) == (None, 2)


@pytest.mark.parametrize(
    ("fields", "target", "says"),
    [
        ((Field("Age"),), LABEL, "did you mean 'age'"),
        ((KIND,), LABEL, "no column 'kind'"),
        ((AGE,), TargetText(name="z"), "no column 'z'"),
    ],
)
def test_a_column_that_is_not_there_is_named(
    tmp_path: Path, fields: tuple[Field, ...], target: TargetText, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        judged(tmp_path, "age,y\n40,1\n", fields, target)


def test_a_ratio_of_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ratio 'a_per_b' needs the column 'b'"):
        judged(tmp_path, "a,worth,y\n1,2,1\n", (Field("a_per_b"),), ratios=RATIOS[:1])


def test_names_with_braces_do_not_break_a_sentence(tmp_path: Path) -> None:
    found = judged(tmp_path, "{0} {x},y\nq,1\n1,1\n", (Field("{0} {x}"),))
    assert found.quarantine[0].message == "{0} {x} is 'q', which is no number."
