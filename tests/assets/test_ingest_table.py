"""A table is judged as a whole before a row of it becomes data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from artpulse_assets.pipeline import ingest_table
from artpulse_core.data import table_rows
from artpulse_core.data.problem import Problem
from artpulse_core.errors import DataError
from tests.core.data.hearts import HEART, patients, write
from tests.core.data.test_repeats import COPIED, LEGITIMATE, Columns


def of_file(path: Path, **source: Any) -> Problem:
    """The shipped problem reading ``path``, which has a line of names."""
    own = HEART.source.model_copy(update={"file": str(path), "columns": (), "sha256": "", **source})
    return HEART.model_copy(update={"source": own})


def plain(path: Path, columns: Columns) -> Problem:
    """A problem of the categories of ``columns`` that knows nothing of them."""
    path.write_text("\n".join(",".join(row) for row in ([*columns], *zip(*columns.values(), strict=True))))
    *names, target = columns
    fields = [{"name": name, "kind": "category", "levels": sorted(set(columns[name]))} for name in names]
    return Problem(
        name="mine",
        title="Mine",
        task="classification",
        input="table",
        model="artpulse-mine",
        features="table",
        source={"kind": "table", "file": str(path)},  # type: ignore[arg-type]  # pydantic makes records of these
        target={"name": target},  # type: ignore[arg-type]
        fields=fields,  # type: ignore[arg-type]
    )


def test_all_doubts_are_told_at_once_before_any_row_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "t.csv", patients() * 3, "kaggle")
    monkeypatch.setattr(table_rows, "to_rows", lambda *_, **__: pytest.fail("a row was judged"))
    with pytest.raises(DataError) as caught:
        ingest_table.frame_of(of_file(path), path)
    assert [issue.code for issue in caught.value.issues] == [
        "repeated_rows",
        "coding_unstated",
        "target_inverted",
    ]
    assert caught.value.message == caught.value.issues[0].message
    assert 'state coding = "kaggle" in [source]' in caught.value.issues[1].message


def test_a_file_whose_coding_is_stated_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", patients(), "kaggle")
    frame = ingest_table.frame_of(of_file(path, coding="kaggle"), path)
    assert frame["reason"].eq("").all()
    assert frame["label"].tolist() == [row["num"] for row in patients()]


def test_a_table_of_which_nothing_is_known_may_not_be_a_copy_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with pytest.raises(DataError, match="150 of 300 rows are exact duplicates"):
        ingest_table.frame_of(plain(path, COPIED["a file twice over"]), path)


def test_a_survey_with_few_answers_is_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    frame = ingest_table.frame_of(plain(path, LEGITIMATE["three questions with yes or no"]), path)
    assert len(frame) == 500 and frame["reason"].eq("").all()
