"""The three promises of the split: old rows never move, what belongs together stays together, order is nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpulse_assets.pipeline.split import (
    EXCLUDED,
    TEST,
    TRAIN,
    Assignment,
    assign,
    keep,
    near_duplicates,
)
from artpulse_core.data.problems import Problem
from artpulse_core.errors import DataError

LABELS = ("a", "b", "c")


@dataclass(frozen=True)
class Row:
    """One row as ``assign`` sees it."""

    id: str
    label: str
    group: str = ""
    hash: int = 0
    wanted: str = ""


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """Rows with few groups and few hashes, so that ties are common."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from(LABELS),
                st.sampled_from(["", "", "g1", "g2", "g3", "g4"]),
                st.sampled_from([0, 0, 0xFF, 0xFF00, 0xFF01, 0xFFFF0000, 0xF0F0F0F0]),
                st.sampled_from(["", "", "", TRAIN, TEST]),
            ),
            max_size=30,
        )
    )
    return [Row(f"id{place:02d}", *item) for place, item in enumerate(drawn)]


def place(items: list[Row], kept: dict[str, str] | None = None) -> Assignment:
    return assign(
        [row.id for row in items],
        [row.label for row in items],
        [row.group for row in items],
        [row.hash for row in items],
        kept=kept or {},
        wanted=[row.wanted for row in items],
        test_fraction=0.25,
        folds=5,
        seed=20,
    )


def sides(items: list[Row], kept: dict[str, str] | None = None) -> dict[str, str]:
    return dict(zip([row.id for row in items], place(items, kept).side, strict=True))


def kept_of(found: dict[str, str]) -> dict[str, str]:
    return {identity: side for identity, side in found.items() if side != EXCLUDED}


@given(rows(), st.data())
@settings(max_examples=150)
def test_old_rows_never_move_when_rows_are_added(items: list[Row], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(items)))
    before = kept_of(sides(items[:cut]))
    after = sides(items, before)
    assert {identity: after[identity] for identity in before} == before


@given(rows(), st.data())
@settings(max_examples=150)
def test_groups_and_near_duplicates_never_straddle(items: list[Row], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(items)))
    first = items[:cut]
    found = place(items, kept_of(sides(first)))
    for one, side, fold in zip(items, found.side, found.fold, strict=True):
        assert (fold >= 0) == (side == TRAIN)
        for other, side2, fold2 in zip(items, found.side, found.fold, strict=True):
            near = one.hash and other.hash and (one.hash ^ other.hash).bit_count() <= 4
            together = near or (one.group and one.group == other.group)
            if together and EXCLUDED not in (side, side2):
                assert (side, fold) == (side2, fold2)


@given(rows(), st.randoms())
@settings(max_examples=100)
def test_the_order_of_the_rows_changes_nothing(items: list[Row], random) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    found, other = place(items), place(shuffled)
    as_rows = {
        row.id: triple
        for row, triple in zip(items, zip(found.side, found.fold, found.unit, strict=True), strict=True)
    }
    assert as_rows == {
        row.id: triple
        for row, triple in zip(shuffled, zip(other.side, other.fold, other.unit, strict=True), strict=True)
    }


def test_near_duplicates_are_four_bits_apart_at_most_and_flat_pictures_pair_with_nothing() -> None:
    assert near_duplicates([0b1111 << 40, 0, 0, 0b1 << 63, 0xFF << 40]) == [(0, 4)]
    assert near_duplicates([2**64 - 1, 2**64 - 1 - 0b11111]) == []


@pytest.mark.smoke
def test_a_row_that_ties_both_sides_is_excluded_and_ties_nothing() -> None:
    old = [Row("p", "a", "one"), Row("q", "a", hash=0xFF00FF), Row("r", "a", hash=0xFF00FF)]
    kept = {"p": TRAIN, "q": TEST, "r": TEST}
    found = place([*old, Row("x", "a", "one", 0xFF00FE)], kept)
    assert found.side == (TRAIN, TEST, TEST, EXCLUDED)
    assert found.unit == ("p", "q", "q", "x")


@pytest.mark.smoke
def test_the_manifest_is_asked_for_new_rows_only() -> None:
    items = [Row("p", "a", wanted=TEST), Row("q", "a", wanted=TEST), Row("r", "a", wanted=TRAIN)]
    assert sides(items, {"p": TRAIN}) == {"p": TRAIN, "q": TEST, "r": TRAIN}


def test_a_group_with_one_wish_has_it_and_with_two_is_placed_as_if_it_had_none() -> None:
    group = [Row("p", "a", "g", wanted=TEST), Row("q", "a", "g")]
    assert set(sides(group).values()) == {TEST}
    assert len(set(sides([*group, Row("r", "a", "g", wanted=TRAIN)]).values())) == 1


def test_a_label_of_two_equal_groups_is_on_both_sides() -> None:
    items = [Row(f"{group}{number}", "a", group) for group in "gh" for number in range(5)]
    assert set(sides(items).values()) == {TRAIN, TEST}


def test_about_a_quarter_of_each_label_is_kept_aside() -> None:
    items = [
        Row(f"{label}{number:03d}", label, f"{label}{number // 5}")
        for label in LABELS
        for number in range(60)
    ]
    found = sides(items)
    for label in LABELS:
        held = [found[row.id] == TEST for row in items if row.label == label]
        assert sum(held) == 15


def frame(items: list[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [row.id for row in items],
            "label": [row.label for row in items],
            "group": [row.group for row in items],
            "dhash": [row.hash for row in items],
            "wanted": [row.wanted for row in items],
        }
    )


def many(label: str, count: int = 12, group: str = "") -> list[Row]:
    return [Row(f"{label}{number:02d}", label, group) for number in range(count)]


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("items", "code"),
    [
        pytest.param(many("b", group="one"), "one_sided_label", id="one group"),
        pytest.param(
            [*many("b", 6, "one"), *(Row(f"c{i}", "b", "two") for i in range(4))],
            "one_fold_label",
            id="two groups",
        ),
        pytest.param(
            [Row(row.id, row.label, wanted=TRAIN) for row in many("b")], "one_sided_label", id="manifest"
        ),
    ],
)
def test_a_label_that_cannot_be_learned_and_judged_is_refused_before_anything_is_written(
    items: list[Row], code: str, problem: Problem, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"'b'.*manifest\.csv") as caught:
        keep(problem, frame([*many("a"), *items]), tmp_path / "split.json")
    assert [(issue.pointer, issue.code) for issue in caught.value.issues] == [("/b", code)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.smoke
def test_the_assignment_is_kept_in_its_file_also_for_rows_that_went_away(
    problem: Problem, tmp_path: Path
) -> None:
    path = tmp_path / "split.json"
    everything = [*many("a"), *many("b")]
    first = keep(problem, frame(everything), path)
    keep(problem, frame(everything[:-4]), path)
    again = keep(problem, frame([*everything, *many("c")]), path)
    assert again["side"][: len(first)].tolist() == first["side"].tolist()
    assert set(orjson.loads(path.read_bytes()).values()) == {TRAIN, TEST}


@pytest.mark.smoke
def test_too_few_rows_to_judge_with_are_refused_with_how_many_pictures_are_needed(
    problem: Problem, tmp_path: Path
) -> None:
    items = frame([*many("a", 32), *many("b", 32)])
    with pytest.raises(
        DataError, match=r"Of 64 usable pictures 16 are kept aside .* at least 30: about 120 pic"
    ):
        keep(problem, items, tmp_path / "split.json", least=30)
    assert list(tmp_path.iterdir()) == []
    assert keep(problem, items, tmp_path / "split.json", least=16)["side"].tolist().count(TEST) == 16


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', ""])
def test_a_damaged_assignment_is_named_and_left_as_it_is(text: str, problem: Problem, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"split\.json.*damaged: put it back"):
        keep(problem, frame([*many("a"), *many("b")]), path)
    assert path.read_text() == text
