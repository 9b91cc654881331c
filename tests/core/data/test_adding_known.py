"""A file about what a shipped problem is about: judged by what is known, taken over when its coding is stated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artpulse_core import settings as settings_module
from artpulse_core.data import adding, tables, validating, whole_table
from artpulse_core.data.adding_table import from_csv
from artpulse_core.data.looking import Wishes
from artpulse_core.data.problem import Problem, TableFile
from artpulse_core.data.table_rows import Judged, to_rows
from artpulse_core.errors import DataError
from tests.core.data.hearts import HEART, NAMES, patients, write


def refused(path: Path, **wishes: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        from_csv("mine", path, Wishes(**{"target": "target", **wishes}))
    return caught.value


def taken(path: Path, coding: str, target: str) -> Problem:
    return adding.checked(from_csv("mine", path, Wishes(target=target, coding=coding)))


def read(problem: Problem) -> Judged:
    assert isinstance(problem.source, TableFile)
    raw = tables.read(problem.source, Path(problem.source.file))
    assert whole_table.of_problem(problem, raw) == []
    return to_rows(raw, problem.contract.fields, problem.target, task=problem.task)


def test_repeated_rows_a_foreign_coding_and_a_target_turned_round_are_each_a_sentence(tmp_path: Path) -> None:
    error = refused(write(tmp_path / "t.csv", patients() * 3, "kaggle", "target"))
    assert [issue.code for issue in error.issues] == ["repeated_rows", "coding_unstated", "target_inverted"]
    repeated, coding, inverted = (issue.message for issue in error.issues)
    assert error.message == repeated
    assert repeated.startswith("240 of 360 rows are exact duplicates of an earlier one (120 are distinct)")
    assert coding.startswith("The coding is kaggle: cp 0 (") and coding.endswith("state --coding kaggle.")
    assert inverted.startswith("The target 'target' is inverted: age falls")
    assert not any("\n" in issue.message for issue in error.issues)


def test_without_copies_the_rest_is_still_refused_until_the_coding_is_stated(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", patients(), "kaggle", "target")
    assert [issue.code for issue in refused(path).issues] == ["coding_unstated", "target_inverted"]
    contradicted = refused(write(tmp_path / "u.csv", patients(), "uci", "target"), coding="kaggle")
    assert contradicted.issues[0].code == "coding_contradicted"
    problem = taken(path, "kaggle", "target")
    assert (problem.coding, problem.source.coding, problem.model) == ("uci", "kaggle", "artpulse-mine")  # type: ignore[union-attr]  # a table
    assert problem.fields == HEART.fields
    assert problem.target.model_dump(exclude={"name"}) == HEART.target.model_dump(exclude={"name"})
    assert (problem.decision, problem.training, problem.features) == (
        HEART.decision, HEART.training, HEART.features,
    )  # fmt: skip
    assert problem.card.not_for == HEART.card.not_for
    assert problem.card.limits == ""


def test_both_codings_of_the_same_rows_give_equal_matrices_and_labels(tmp_path: Path) -> None:
    rows = patients()
    own = read(taken(write(tmp_path / "u.csv", rows), "uci", "num"))
    other = read(taken(write(tmp_path / "k.csv", rows, "kaggle", "target"), "kaggle", "target"))
    np.testing.assert_array_equal(own.matrix, other.matrix)
    assert own.target is not None and other.target is not None
    assert own.target.tolist() == other.target.tolist() == [row["num"] for row in rows]
    assert own.quarantine == other.quarantine == ()
    assert np.isnan(own.matrix).any() and len(np.unique(own.matrix[:, NAMES.index("cp")])) == 4


def test_labels_are_counted_and_other_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "k.csv", patients(), "kaggle", "target")
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([f"site,{lines[0]}", *(f"a{place % 2},{line}" for place, line in enumerate(lines[1:]))])
    )
    draft = from_csv("mine", path, Wishes(target="target", coding="kaggle"))
    assert draft.labels == {"disease": 60, "healthy": 60}
    assert "heart has no field 'site', which is left out" in draft.warnings


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"coding": "kagle", "target": "num"}, "no coding 'kagle' of heart; state --coding uci or --coding kaggle, or --coding none"),
        ({"coding": "uci", "target": "chol"}, "The target 'chol' is a field of heart"),
        ({"coding": "uci", "target": "word"}, "The target 'word' holds no, yes; in the coding uci of heart it is one of 0"),
    ],
)  # fmt: skip
def test_a_coding_that_does_not_fit_is_one_sentence(
    tmp_path: Path, wishes: dict[str, str], says: str
) -> None:
    path = write(tmp_path / "t.csv", patients())
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join(
            [f"{lines[0]},word", *(f"{line},{('no', 'yes')[n % 2]}" for n, line in enumerate(lines[1:]))]
        )
    )
    assert says in refused(path, **wishes).message


def test_a_file_that_only_looks_like_it_is_learned_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", patients(), "kaggle", "target")
    for wishes in (Wishes(target="target", coding="none"), Wishes(target="chol")):
        problem = adding.checked(from_csv("mine", path, wishes))
        assert (problem.coding, problem.features) == ("", "table")
    good = from_csv("mine", write(tmp_path / "u.csv", patients()), Wishes(target="num"))
    assert any("--coding uci or --coding kaggle takes over" in warning for warning in good.warnings)


# --- Another file against a problem's contract -------------------------------------------------------------------
def judged(path: Path, **stated: Any) -> validating.Finding:
    settings = settings_module.load({}, home=path.parent / "home")
    return validating.judge(validating.other_file(HEART, path, **stated), settings, stating="--coding {}")


def test_another_file_is_read_as_the_problems_own_and_its_bad_rows_are_named(tmp_path: Path) -> None:
    rows = patients()
    rows[3]["chol"] = 5
    rows[5]["restecg"] = 7
    found = judged(write(tmp_path / "hospital.data", rows, head=False))
    assert (found.rows, found.usable, found.doubts) == (120, 118, ())
    assert found.labels == {"healthy": 60, "disease": 58}
    assert [(item.row, item.reason) for item in found.refused] == [
        ("line 4", "below_minimum"),
        ("line 6", "unknown_level"),
    ]
    assert found.can_learn


def test_a_file_with_names_is_read_by_them_in_any_order(tmp_path: Path) -> None:
    path = write(tmp_path / "k.csv", patients(), "kaggle", "target")
    path.write_text("\n".join(",".join(reversed(line.split(","))) for line in path.read_text().splitlines()))
    found = judged(path, coding="kaggle", target="target")
    assert (found.usable, found.doubts) == (120, ())
    with pytest.raises(DataError, match="no column 'num'; name the one to predict with --target"):
        judged(path)


def test_the_doubts_about_another_file_forbid_learning_from_it(tmp_path: Path) -> None:
    found = judged(write(tmp_path / "k.csv", patients(), "kaggle", "target"), target="target")
    assert [issue.code for issue in found.doubts] == ["coding_unstated", "target_inverted"]
    assert "state --coding kaggle" in found.doubts[0].message
    assert not found.can_learn
    assert found.to_dict()["doubts"][0]["pointer"] == "/cp"
    with pytest.raises(DataError, match="heart has no coding 'x'; it has uci, kaggle"):
        judged(tmp_path / "k.csv", coding="x")
