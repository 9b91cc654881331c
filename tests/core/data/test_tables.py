"""Reading a CSV: what is found out, what is told apart, and every way a file can be no table."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpulse_core.data import dialect, tables
from artpulse_core.data.cells import ENDLESS, GOOD, MISSING, WRONG, canonical, is_number, numbers
from artpulse_core.data.tables import read_table
from artpulse_core.errors import DataError

ROWS = "a,b\n1,x\n2,y\n"


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cells(path: Path, **options: object) -> list[list[str]]:
    table = read_table(path, **options)  # type: ignore[arg-type]  # passed on
    return [list(row) for row in zip(*(column.tolist() for column in table.columns), strict=True)]


@pytest.mark.smoke
@pytest.mark.parametrize(
    "content",
    [
        ROWS, ROWS.replace(",", ";"), ROWS.replace(",", "\t"), ROWS.replace(",", "|"), ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\r"), "\ufeff" + ROWS, ROWS[:-1], " a , b \n1,x\n2,y\n", "a,b,\n1,x,\n2,y,\n", "a,b\n1,x,\n2,y,\n",
        ROWS + "\n\n,\n", '"a","b"\n"1","x"\n"2","y"\n', "sep=,\n" + ROWS, gzip.compress(ROWS.encode()),
    ],
    ids=["comma", "semicolon", "tab", "pipe", "crlf", "cr", "bom", "no newline at the end", "space around names",
         "separator at each end", "separator at rows' ends", "blank lines", "quoted", "excel hint", "gzip"],
)  # fmt: skip
def test_the_same_table_is_read_from_every_dialect(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path, content)
    assert read_table(path).names == ("a", "b")
    assert cells(path) == [["1", "x"], ["2", "y"]]


def test_quoted_cells_may_hold_separators_line_breaks_and_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"x, ""y""\nz"\n2,w\n')
    assert cells(path) == [["1", 'x, "y"\nz'], ["2", "w"]]
    assert read_table(path).lines.tolist() == [2, 4]


def test_a_file_without_a_head_is_read_by_stated_columns_and_with_one_too(tmp_path: Path) -> None:
    bare = write(tmp_path, "1,x\n2,y\n")
    headed = write(tmp_path, ROWS, "headed.csv")
    for path in (bare, headed):
        assert cells(path, columns=("a", "b")) == [["1", "x"], ["2", "y"]]


def test_a_first_column_without_a_name_is_called_as_pandas_does(tmp_path: Path) -> None:
    assert read_table(write(tmp_path, ",b\n0,x\n1,y\n")).names == ("Unnamed: 0", "b")


def test_semicolons_win_over_decimal_commas(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a;b\n1,5;2,5\n3,5;4,5\n"))
    assert (table.separator, table.names) == (";", ("a", "b"))


WIDE = ",".join(f"c{place}" for place in range(10_000)) + "\n" + ",".join("1" for _ in range(10_000)) + "\n"
BROKEN = [
    (b"", "is empty"),
    ("\n\n", "nothing but empty lines"),
    ("a,b\n", "no row below"),
    ("abc\n1\n2\n", "one column only"),
    ("a,b\n1,2\n3,4,5\n", "line 3 has 3 cells instead of 2"),
    ("a,b\n1,2\n3\n", "line 3 has 1 cells instead of 2"),
    ('a,b\n1,"x\n2,y\n3,z\n', "line 2: a quote opens and never closes"),
    ('a,b\n1,"x" y\n2,z\n', "line 2: a quote ends before its cell does"),
    ("a,b,a\n1,2,3\n", "two columns called 'a' (1 and 3)"),
    ("a,a \n1,2\n", "two columns called 'a'"),
    ("a\x07,b\n1,2\n", "control character"),
    ("x" * 101 + ",b\n1,2\n", "longer than 100"),
    ("1,2\n3,4\n", "holds numbers (1, 2), not the names"),
    (WIDE, "has 10,000 columns; a table may have 1,000"),
    (ROWS.encode() + b"3,\x00\n", "line 4 holds a NUL byte (byte 14)"),
    (ROWS.encode("utf-16"), "UTF-16"),
    (ROWS.encode("utf-16-le"), "UTF-16"),
    ("a,b\n1,café\n".encode("latin-1"), "not UTF-8 text (byte 9); save it as CSV UTF-8"),
    ("a,b\n1,café".encode()[:-1], "not UTF-8 text (byte 9)"),
    (b"PK\x03\x04rest", "Excel workbook"),
    (b"PAR1....", "Parquet"),
    (gzip.compress(ROWS.encode())[:-9], "damaged gzip"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "says"), BROKEN, ids=[says for _, says in BROKEN])
def test_what_is_no_table_is_one_sentence_that_names_the_file_and_the_place(
    tmp_path: Path, content: str | bytes, says: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert says in caught.value.message
    assert path.name in caught.value.message
    assert "\n" not in caught.value.message


def test_two_gigabytes_are_refused_by_their_size_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as handle:
        handle.write(ROWS.encode())
        handle.truncate(2 * 1024**3)
    with pytest.raises(DataError, match=r"huge\.csv is 2,048 MiB; a table may have 512 MiB"):
        read_table(path)


def test_a_gzip_that_unpacks_beyond_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "MAX_BYTES", 3 * 1024 * 1024)
    path = write(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="larger than that when unpacked"):
        read_table(path)


def test_too_many_rows_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 10)
    with pytest.raises(DataError, match="more than 10 rows"):
        read_table(write(tmp_path, "a,b\n" + "1,2\n" * 11))


def test_a_pipe_a_folder_and_nothing_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("pipe", "no plain file"), ("", "no plain file"), ("gone.csv", "no file")):
        with pytest.raises(DataError, match=says):
            read_table(tmp_path / name)


def test_a_cut_letter_is_found_behind_the_first_block(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,2\n" * 300_000
    with pytest.raises(DataError, match=f"byte {len(content) + 2:,}"):
        read_table(write(tmp_path, content + b"1,\xff\n"))


CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8))
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["a", "b", "c"], *rows])
    path = write(tmp_path_factory.mktemp("any"), buffer.getvalue())
    kept = [row for row in rows if any(row)]
    assert (cells(path, separator=",") if kept else kept) == kept


# --- Cells ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["1", "-1.5", "+.5", "1.", "1e3", "2E-7"])
def test_a_decimal_number_is_one(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize(
    "text", ["", "1_000", "0x10", "nan", "inf", "1e999", "1,5", "1 000", "12%", "--1", "1.2.3"]
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert not is_number(text)


@pytest.mark.parametrize("others", [[], ["oops"]], ids=["all good", "one bad"])
def test_cells_become_numbers_with_their_state(others: list[str]) -> None:
    column = np.array([" 1.5", "", "?", "inf", "1_0", *others], dtype=np.dtypes.StringDType())
    values, states = numbers(column, ("?",))
    assert values[0] == 1.5
    assert np.isnan(values[1:]).all()
    assert states.tolist() == [GOOD, MISSING, MISSING, ENDLESS, WRONG, *(WRONG for _ in others)]


def test_a_missing_code_that_is_a_number_is_missing() -> None:
    values, states = numbers(np.array(["1", "-999"], dtype=np.dtypes.StringDType()), ("-999",))
    assert (values[0], states.tolist()) == (1.0, [GOOD, MISSING])


def test_a_decimal_comma_is_read_and_a_point_then_is_none() -> None:
    values, states = numbers(np.array(["1,5", "1.5"], dtype=np.dtypes.StringDType()), (), ",")
    assert (values[0], states.tolist()) == (1.5, [GOOD, WRONG])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_every_float_is_read_exactly_on_both_ways(found: list[float]) -> None:
    texts = [repr(number) for number in found]
    quick, _ = numbers(np.array(texts, dtype=np.dtypes.StringDType()))
    slow, _ = numbers(np.array([*texts, "x"], dtype=np.dtypes.StringDType()))
    assert quick.tolist() == found
    assert slow[:-1].tolist() == found


def test_a_level_is_the_same_however_a_file_writes_it() -> None:
    assert {canonical(value) for value in (4, 4.0, "4", "4.0", " 4 ")} == {"4"}
    assert canonical("4.5") == "4.5"
