"""The dataset: what is wrong is named by file, label or rule before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline import dataset, frames, schema
from artpulse_core import features
from artpulse_core.data.problems import Problem
from artpulse_core.errors import DataError
from tests.assets.conftest import NAME, Lane

NAMES = features.get("core5").names


def pictures(per_label: int = 12, labels: tuple[str, ...] = ("calm", "loud")) -> pd.DataFrame:
    """Rows as ``ingest.extract`` gives them."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for label in labels:
        for number in range(per_label):
            path = f"{label}/{number:02d}.jpg"
            base = {"id": f"{len(rows):064d}", "path": path, "label": label, "target": np.nan}
            numbers = dict(zip(NAMES, rng.random(len(NAMES)).tolist(), strict=True))
            rows.append(
                {**base, "group": "", "wanted": "", "dhash": 0, "reason": "", "message": "", **numbers}
            )
    return pd.DataFrame(rows).astype({"dhash": np.uint64})


def none() -> pd.DataFrame:
    return pictures().iloc[:0]


def check(problem: Problem, frame: pd.DataFrame) -> None:
    """What the asset does before it writes."""
    dataset.refuse(
        problem, [*dataset.shortages(problem, frame["label"], {}), *schema.failures(problem, frame)]
    )


def reasons(found: dataset.Assembled) -> dict[str, str]:
    return dict(zip(found.quarantine["path"], found.quarantine["reason"], strict=True))


@pytest.mark.smoke
def test_the_same_content_under_one_label_counts_once_and_the_first_path_stays() -> None:
    frame = pictures()
    frame.loc[5, "id"] = frame.loc[3, "id"]
    found = dataset.assemble(frame, none())
    assert reasons(found) == {"calm/05.jpg": "duplicate"}
    assert "calm/03.jpg" in set(found.frame["path"])
    assert len(found.frame) == len(frame) - 1


@pytest.mark.smoke
def test_the_same_content_under_two_labels_leaves_the_dataset_whole() -> None:
    frame = pictures()
    frame.loc[[5, 13, 14], "id"] = frame.loc[3, "id"]
    found = dataset.assemble(frame, none())
    assert reasons(found) == dict.fromkeys(
        ["calm/03.jpg", "calm/05.jpg", "loud/01.jpg", "loud/02.jpg"], "label_conflict"
    )
    assert len(found.frame) + len(found.quarantine) == len(frame)


def test_refused_pictures_go_to_quarantine_with_their_own_reason() -> None:
    frame = pictures()
    frame.loc[2, ["id", "reason", "message"]] = ["", "truncated", "The file ends too early."]
    found = dataset.assemble(frame, none())
    assert found.quarantine.to_dict("records") == [
        {"path": "calm/02.jpg", "reason": "truncated", "message": "The file ends too early."}
    ]


def test_feedback_joins_and_hashes_keep_all_their_bits() -> None:
    frame = pictures()
    frame["dhash"] = np.array([2**63 + 1 + place for place in range(len(frame))], dtype=np.uint64)
    told = pictures(1).assign(id=["f0", "f1"], path=["feedback:r:0", "feedback:r:1"])
    found = dataset.assemble(frame, told)
    assert found.frame["dhash"].dtype == np.uint64
    assert set(found.frame["dhash"]) == {0, *range(2**63 + 1, 2**63 + 1 + len(frame))}
    assert set(told["path"]) <= set(found.frame["path"])


def test_rows_come_in_the_order_of_their_content_whatever_the_order_of_the_files() -> None:
    frame = pictures()
    shuffled = frame.sample(frac=1, random_state=1)
    first, second = (dataset.assemble(part, none()).frame for part in (frame, shuffled))
    assert frames.digest(first) == frames.digest(second)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("value", "rule"),
    [(float("nan"), "not_nullable"), (float("inf"), "in_range"), (1.5, "in_range"), (-0.01, "in_range")],
)
def test_a_number_that_breaks_the_contract_is_named_with_file_field_and_rule(
    value: float, rule: str, problem: Problem
) -> None:
    frame = pictures()
    frame.loc[4, "sat_mean"] = value
    with pytest.raises(DataError, match=r"sat_mean.*calm/04\.jpg") as caught:
        check(problem, frame)
    (issue,) = caught.value.issues
    assert issue.pointer == "/calm/04.jpg/sat_mean"
    assert rule in issue.code


@pytest.mark.smoke
def test_a_missing_column_is_named(problem: Problem) -> None:
    with pytest.raises(DataError, match="edges"):
        check(problem, pictures().drop(columns=["edges"]))


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("frame", "code", "words"),
    [
        pytest.param(pictures(labels=("calm",)), "too_few_labels", "only the label 'calm'; at least 2", id="one"),
        pytest.param(
            pd.concat([pictures(), pictures(9, ("odd",)).assign(id=[f"o{i}" for i in range(9)])]),
            "too_few_pictures", "Label 'odd' has 9 usable pictures; at least 10", id="few",
        ),
        pytest.param(none(), "empty", "no usable picture", id="empty"),
    ],
)  # fmt: skip
def test_too_little_data_is_refused_by_label_and_number(
    frame: pd.DataFrame, code: str, words: str, problem: Problem
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        check(problem, frame.reset_index(drop=True))
    assert [issue.code for issue in caught.value.issues] == [code]


def test_pictures_that_were_all_refused_make_an_empty_dataset_and_no_crash(problem: Problem) -> None:
    found = dataset.assemble(pictures().assign(id="", reason="truncated", message="Torn."), none())
    assert len(found.quarantine) == 24
    with pytest.raises(DataError, match="no usable picture"):
        check(problem, found.frame)


def test_train_and_test_rows_share_their_labels_and_their_numbers_survive_single_precision(
    problem: Problem,
) -> None:
    frame = pictures()
    frame = frame.assign(side=["test", "train", "train"] * 8, fold=1, unit=frame["id"])
    train, test = frames.train_rows(problem, frame), frames.test_rows(problem, frame)
    assert train.labels == ("calm", "loud")
    assert (len(train.y), len(test.y)) == (16, 8)
    assert np.array_equal(train.x, train.x.astype(np.float32).astype(np.float64))
    assert set(test.y) == {0, 1}
    moved = frames.test_rows(problem, frame.assign(label=["loud"] * 12 + ["calm"] * 12))
    assert moved.digest != test.digest


def test_bad_data_stops_the_run_before_the_old_dataset_is_overwritten(lane: Lane) -> None:
    from artpulse_assets.instance import RunFailed

    stored = lane.settings.home / "assets" / NAME / "dataset.parquet"
    before = stored.read_bytes()
    for path in sorted((lane.pictures / "vibrant").glob("*.jpg"))[:30]:
        path.write_bytes(b"no picture any more " + path.name.encode())
    with pytest.raises(RunFailed, match="Label 'vibrant' has 6 usable pictures; at least 10"):
        lane.run()
    assert stored.read_bytes() == before
    assert lane.aliases == {"champion": 1}
    with lane.instance() as opened:
        (record,) = opened.get_run_records(limit=1)
        seen = {item.check_name: item for item in map(_evaluation, _events(opened, record)) if item}
    assert seen["enough_to_learn_from"].passed is False
    assert lane.runs()[0].info.status == "FAILED"


def _events(opened: Any, record: Any) -> list[Any]:
    return [
        entry.dagster_event for entry in opened.all_logs(record.dagster_run.run_id) if entry.dagster_event
    ]


def _evaluation(event: Any) -> Any:
    is_check = event.event_type_value == "ASSET_CHECK_EVALUATION"
    return event.event_specific_data if is_check else None


@pytest.mark.smoke
def test_feedback_on_a_picture_of_the_folder_never_unseats_the_picture() -> None:
    folder = pictures()
    told = folder.iloc[[0, 1]].assign(path=["feedback:a:0", "feedback:b:0"], label=["loud", "calm"])
    found = dataset.assemble(folder, told)
    assert len(found.frame) == len(folder)
    assert reasons(found) == {"feedback:a:0": "known_picture", "feedback:b:0": "known_picture"}
