"""Codings are turned into each other exactly, told from whole columns, and a target turned round is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpulse_core.data import problems
from artpulse_core.data.coding import encode, hint, judge, recode, recode_columns, text_of
from artpulse_core.data.doubts import TargetWords, doubts, leaning, resembling
from artpulse_core.data.repeats import count
from artpulse_core.errors import DataError

HEART = problems.read(problems.SHIPPED / "heart.toml")
FIELDS = HEART.contract.fields
CP = next(field for field in FIELDS if field.name == "cp")
WORDS = TargetWords("num", HEART.target.values, "disease", HEART.target.codes)
TABLE = {  # own level -> code, as established by joining both files row by row
    "cp": {1: 3, 2: 1, 3: 2, 4: 0},
    "restecg": {0: 1, 1: 2, 2: 0},
    "slope": {1: 2, 2: 1, 3: 0},
    "ca": {0: 0, 1: 1, 2: 2, 3: 3, None: 4},
    "thal": {3: 2, 6: 1, 7: 3, None: 0},
}


@dataclass(frozen=True)
class Colour:
    """A field with two foreign codings."""

    name: str = "colour"
    kind: str = "category"
    levels: tuple[int | str, ...] = ("red", "blue")
    nullable: bool = False

    @property
    def codes(self) -> dict[str, dict[str, int | str]]:
        return {"short": {"r": "red", "b": "blue"}, "numbers": {"1": "red", "2": "blue"}}


def patients(n: int, seed: int, *, effect: float = 1.0) -> dict[str, list[Any]]:
    """Generated rows in the own coding, text; ``effect`` 0 leaves no relation to the target."""
    rng = np.random.default_rng(seed)
    ill = rng.random(n) < 0.46
    push = effect * ill

    def some(levels: list[str]) -> list[str]:
        return rng.choice(levels, n).tolist()

    numbers = {
        "age": rng.normal(54, 9, n) + 5 * push,
        "trestbps": rng.normal(130, 15, n),
        "chol": rng.normal(240, 45, n),
        "thalach": rng.normal(158, 20, n) - 20 * push,
        "oldpeak": rng.exponential(0.6, n) + push,
    }
    found: dict[str, list[Any]] = {name: [f"{v:.1f}" for v in values] for name, values in numbers.items()}
    found |= {
        "sex": (rng.random(n) < 0.55 + 0.25 * push).astype(int).astype(str).tolist(),
        "exang": (rng.random(n) < 0.2 + 0.35 * push).astype(int).astype(str).tolist(),
        "cp": some(["1.0", "2.0", "3.0", "4.0"]),
        "fbs": some(["0", "1"]),
        "restecg": some(["0", "1", "2"]),
        "slope": some(["1", "2", "3"]),
        "ca": some(["0", "1", "2", "3", "?"]),
        "thal": some(["3", "6", "7", "?"]),
        "num": np.where(ill, rng.integers(1, 5, n), 0).astype(str).tolist(),
    }
    return found


def in_kaggle(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The same rows in the coding kaggle, its target turned round."""
    names = list(table)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*table.values(), strict=True)]
    known = [{name: None if cell == "?" else cell for name, cell in row.items()} for row in rows]
    coded = [encode(row, FIELDS, "kaggle") for row in known]
    found = {name: [str(row[name]) for row in coded] for name in names}
    found["num"] = ["1" if cell == "0" else "0" for cell in table["num"]]
    return found


def refusals(table: dict[str, list[Any]], stated: str = "") -> dict[str, str]:
    """Code → message."""
    found = doubts(
        table, FIELDS, WORDS, own="uci", stated=stated, directions=HEART.quality.directions, missing=("?",)
    )
    return {issue.code: issue.message for issue in found}


def test_every_level_has_the_code_of_the_table_and_comes_back() -> None:
    for name, codes in TABLE.items():
        for level, code in codes.items():
            assert encode({name: level}, FIELDS, "kaggle") == {name: code}
            for written in (code, float(code), str(code), f" {code}.0 "):
                assert recode({name: written}, FIELDS, "kaggle") == {name: level}


@given(st.fixed_dictionaries({name: st.sampled_from(list(codes)) for name, codes in TABLE.items()}))
def test_a_row_survives_the_way_there_and_back(row: dict[str, int | None]) -> None:
    there = encode({**row, "age": 63, "fbs": 1}, FIELDS, "kaggle")

    assert recode(there, FIELDS, "kaggle") == {**row, "age": 63, "fbs": 1}


def test_whole_columns_are_recoded_as_rows_are() -> None:
    table = patients(200, 1)

    back = recode_columns(in_kaggle(table), FIELDS, "kaggle")

    for name in TABLE:
        own = [None if cell == "?" else int(float(cell)) for cell in table[name]]
        assert back[name] == own


def test_a_value_the_coding_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(DataError, match="thal 7 does not occur in the coding kaggle, which has 2, 1, 3, 0"):
        recode({"thal": 7}, FIELDS, "kaggle")
    with pytest.raises(DataError, match="cp 9 has no code"):
        encode({"cp": 9}, FIELDS, "kaggle")


def test_the_hint_names_the_coding_to_send() -> None:
    assert hint(CP, 0, "uci") == 'cp 0 occurs only in the coding kaggle: send "coding": "kaggle".'
    assert hint(CP, 4, "uci") == ""
    assert hint(CP, 9, "uci") == ""
    assert hint(CP, None, "uci") == ""


def test_columns_are_told_apart_by_the_values_that_occur_in_one_coding_alone() -> None:
    table = patients(150, 2)

    own = judge(table, FIELDS, "uci", missing=("?",))
    other = judge(in_kaggle(table), FIELDS, "uci", missing=("?",))

    assert (own.kind, own.possible) == ("own", ("uci",))
    assert own.evidence["uci"] == ("cp 4", "slope 3", "thal 6", "thal 7")
    assert (other.kind, other.possible) == ("other", ("kaggle",))
    assert other.evidence["kaggle"] == ("cp 0", "slope 0", "ca 4", "thal 0", "thal 1", "thal 2")


def test_values_that_both_codings_have_leave_the_question_open() -> None:
    verdict = judge(
        {"cp": ["1", "2", "3"], "thal": ["3", "3", ""], "restecg": ["0", "1", "2"]}, FIELDS, "uci"
    )

    assert (verdict.kind, verdict.possible) == ("either", ("uci", "kaggle"))


def test_a_value_of_no_coding_is_no_evidence() -> None:
    assert judge({"cp": ["9", "typical", "4"]}, FIELDS, "uci").kind == "own"


def test_one_of_several_other_codings_is_named() -> None:
    verdict = judge({"colour": ["1", "2", "1"]}, [Colour()], "words")

    assert (verdict.kind, verdict.possible) == ("other", ("numbers",))
    assert judge({"colour": ["r", "2"]}, [Colour()], "words").kind == "mixed"


def test_mixed_columns_are_refused_with_the_values_that_give_them_away() -> None:
    table = patients(150, 3)
    table["thal"] = in_kaggle(table)["thal"]

    told = refusals(table)

    assert set(told) == {"coding_mixed"}
    assert "uci alone has cp 4" in told["coding_mixed"]
    assert "kaggle alone has thal 0" in told["coding_mixed"]


def test_a_file_of_another_coding_is_refused_until_it_is_stated() -> None:
    table = in_kaggle(patients(300, 4))

    told = refusals(table)

    assert set(told) == {"coding_unstated", "target_inverted"}
    assert 'state coding = "kaggle" in [source]' in told["coding_unstated"]
    assert "oldpeak falls" in told["target_inverted"]
    assert 'or state coding = "kaggle"' in told["target_inverted"]
    assert refusals(table, "kaggle") == {}


def test_a_stated_coding_that_the_values_contradict_is_refused() -> None:
    told = refusals(patients(300, 5), "kaggle")

    assert told["coding_contradicted"].startswith("The coding kaggle is stated, but cp 4")
    assert 'occur only in the coding uci: state coding = "uci" in [source]' in told["coding_contradicted"]


def test_a_target_turned_round_in_the_own_coding_names_its_fields_and_no_coding() -> None:
    table = patients(300, 6)
    table["num"] = ["1" if cell == "0" else "0" for cell in table["num"]]

    told = refusals(table)

    assert set(told) == {"target_inverted"}
    assert (
        "age falls, sex falls, thalach rises, exang falls, oldpeak falls with disease"
        in told["target_inverted"]
    )
    assert "kaggle" not in told["target_inverted"]


def test_a_good_table_raises_no_doubt() -> None:
    assert all(refusals(patients(300, seed)) == {} for seed in range(10, 20))


def test_noise_is_not_called_inverted() -> None:
    called = sum("target_inverted" in refusals(patients(120, seed, effect=0.0)) for seed in range(300))

    assert called <= 8  # 1 % of 300 are expected at most; nine or more have a chance of 0.4 %


def test_repeated_rows_do_not_make_a_chance_direction_certain() -> None:
    small = patients(30, 7, effect=0.0)
    many = {name: cells * 40 for name, cells in small.items()}

    told = refusals(many)

    assert set(told) == {"repeated_rows"}
    assert (
        "1,170 of 1,200 rows are exact duplicates of an earlier one (30 are distinct)"
        in told["repeated_rows"]
    )


def test_a_single_repeated_row_in_a_hundred_is_let_pass() -> None:
    table = {name: [*cells, cells[0]] for name, cells in patients(100, 8).items()}

    assert (count(table).again, count(table).rows) == (1, 101)
    assert refusals(table) == {}


def test_directions_weigh_only_what_chance_does_not_explain() -> None:
    rng = np.random.default_rng(9)
    target = (np.arange(400) % 2).astype(float)
    columns = {
        "with": target + rng.normal(size=400),
        "against": -target + rng.normal(size=400),
        "noise": rng.normal(size=400),
        "constant": np.ones(400),
        "unknown": np.full(400, np.nan),
    }

    seen = leaning(columns, target, dict.fromkeys([*columns, "absent"], 1))

    assert (set(seen.agreeing), set(seen.opposed)) == ({"with"}, {"against"})
    assert not seen.inverted


def test_a_table_is_recognised_by_the_columns_it_has() -> None:
    known = {"heart": FIELDS}

    assert resembling([*HEART.contract.names, "target", "id"], known) == "heart"
    assert resembling(HEART.contract.names[1:], known) is None


def test_text_of_a_value_is_what_codings_write() -> None:
    assert [text_of(value) for value in (3, 3.0, " 3.0 ", "3", "red", 2.5)] == [
        "3",
        "3",
        "3",
        "3",
        "red",
        "2.5",
    ]
    assert text_of(None) is None
    assert text_of(float("nan")) is None
