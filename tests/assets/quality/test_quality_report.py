"""The report and its page: what stops, what warns, what is shown, and that no name of a user becomes markup."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from PIL import Image

from artpulse_assets.pipeline.quality import CHECKS, QualityReport, page, report, thumbnails, write
from artpulse_core.data.limits import documented
from artpulse_core.data.problem import Problem
from artpulse_core.errors import Issue
from tests.assets.quality.tables import NOTHING, looks, pictures, problem, refused, rows

AT = datetime(2026, 11, 30, 15, 4, tzinfo=UTC)
EVIL = '"><script>alert(1)</script>'
IMAGES = problem(source="images")


def made(
    frame: pd.DataFrame, stated: Problem, quarantine: pd.DataFrame = NOTHING, **more: Any
) -> QualityReport:
    return report(stated, frame, quarantine, at=AT, **more)


def check_names(found: QualityReport, *, passed: bool) -> set[str]:
    return {check.name for check in found.checks if check.passed is passed}


@pytest.mark.smoke
@pytest.mark.parametrize(
    "stated", [problem(), problem("regression"), IMAGES], ids=["labels", "numbers", "pictures"]
)
def test_good_data_passes_every_check(stated: Problem) -> None:
    frame = pictures() if stated is IMAGES else rows()
    found = made(frame, stated, looks=looks(frame) if stated is IMAGES else None)
    assert check_names(found, passed=False) == set()
    assert found.status == "good"
    assert "in good order" in page(found)


def test_the_document_is_plain_data_with_every_part() -> None:
    frame = rows()
    frame.loc[3, "age"] = np.inf
    document = orjson.loads(orjson.dumps(made(frame, problem(), refused("a_reason", "a_reason")).to_dict()))
    assert document["problem"] == "shapes"
    assert document["at"] == "2026-11-30T15:04:00+00:00"
    assert document["rows"] == 120
    assert document["quarantined"] == {"total": 2, "by_reason": {"a_reason": 2}}
    assert document["labels"] == {"no": 60, "yes": 60}
    assert document["label_noise"] == {"share": None, "rows": []}
    (failure,) = document["schema"]
    assert (failure["column"], failure["count"]) == ("age", 1)
    assert failure["examples"] == [{"path": "people.csv:5", "value": "inf"}]
    keys = {
        "name",
        "severity",
        "passed",
        "summary",
        "about",
        "count",
        "value",
        "limit",
        "rows",
        "essential",
        "eased",
    }
    assert all(set(check) == keys for check in document["checks"])


def test_what_blocks_becomes_the_issues_of_a_refusal() -> None:
    frame = rows()
    frame.loc[3, "age"] = 200.0
    found = made(frame, problem())
    assert found.status == "blocked"
    (issue,) = found.issues
    assert (issue.pointer, issue.code) == ("/range", "range")
    assert "outside the hard range" in issue.message


def test_skipping_eases_what_blocks_but_not_what_makes_fitting_impossible() -> None:
    frame = rows()
    frame.loc[3, "age"] = 200.0
    eased = made(frame, problem(), skip=True)
    assert eased.status == "look"
    assert eased.issues == ()
    assert {check.name for check in eased.checks if check.eased} == {"range"}
    assert "skipped as told" in page(eased)
    frame.loc[4, "age"] = np.nan
    assert [issue.code for issue in made(frame, problem(), skip=True).issues] == ["finiteness"]


def test_doubtful_labels_are_reported_with_answers_out_of_fold() -> None:
    frame = rows(400)
    yes = (frame.loc[frame["side"] == "train", "label"] == "yes").to_numpy(float)
    p = np.stack([1 - yes, yes], axis=1) * 0.9 + 0.05
    p[:30] = p[:30, ::-1]
    found = made(frame, problem(), out_of_fold=p)
    document = found.to_dict()["label_noise"]
    assert len(document["rows"]) == 30
    assert set(document["rows"][0]) == {"path", "given", "suggested", "suspicion"}
    assert document["share"]["low"] <= document["share"]["high"] == 0.1
    assert "Doubtful labels" in page(found)


def test_checks_that_live_elsewhere_join_by_name_and_take_the_place_of_one_here() -> None:
    def coding(stated: Problem, frame: pd.DataFrame) -> list[Issue]:
        """Every row is in the coding the file states."""
        return (
            [Issue("/people.csv:7/colour", "mixed", "Row 7 is in another coding.")] if len(frame) > 50 else []
        )

    found = made(rows(), problem(), hooks={"coding": coding, "outliers": coding})
    assert [check.name for check in found.checks].count("outliers") == 1
    assert {issue.code for issue in found.issues} == {"coding", "outliers"}
    (check,) = [check for check in found.checks if check.name == "coding"]
    assert check.about == "Every row is in the coding the file states."
    assert check.finding.summary == "Row 7 is in another coding."


def test_no_usable_row_is_a_report_and_no_crash() -> None:
    found = made(pictures().iloc[:0], IMAGES, refused("truncated", "truncated"))
    assert {"minimum_samples", "minimum_labels", "left_out"} <= {issue.code for issue in found.issues}
    assert "unreadable_pictures" in check_names(found, passed=False)
    assert "no picture" in page(found)


def test_every_check_says_what_it_expects_in_one_sentence() -> None:
    for entry in CHECKS:
        assert entry.about.endswith("."), entry.name
    assert len({entry.name for entry in CHECKS}) == len(CHECKS)


def test_every_limit_has_a_default_and_a_meaning() -> None:
    for name, default, meaning in documented():
        assert default is not None, name
        assert meaning, name


class Parsed(HTMLParser):
    """Tags, addresses and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.smoke
def test_no_name_becomes_markup_and_nothing_is_fetched() -> None:
    frame = pictures(40, labels=(f"calm{EVIL}", "loud"))
    frame.loc[3, "path"] = frame.loc[3, "path"] + EVIL
    frame.loc[3, "edges"] = np.inf
    frame.loc[5, "id"] = frame.loc[3, "id"]
    quarantine = pd.DataFrame(
        [(f"{EVIL}.jpg", EVIL, EVIL), ("surrogate\udcff.jpg", "truncated", "Torn.")], columns=list(NOTHING)
    )
    html = page(made(frame, IMAGES, quarantine), {f"{EVIL}.jpg": "data:image/jpeg;base64,AAAA"})
    parsed = Parsed(html)
    assert "script" not in parsed.tags
    assert "link" not in parsed.tags
    assert {link.split(":")[0] for link in parsed.links} == {"data"}
    assert f"{EVIL}.jpg" in parsed.text
    assert r"surrogate\udcff.jpg" in parsed.text


def test_the_document_and_the_page_are_written_whatever_bytes_names_have(tmp_path: Path) -> None:
    write(tmp_path, made(rows().assign(path="odd\udcff.csv:3", age=200.0), problem()))
    document = orjson.loads((tmp_path / "data_quality_report.json").read_bytes())
    (broken,) = [check for check in document["checks"] if check["name"] == "range"]
    assert broken["rows"][0]["path"] == r"odd\udcff.csv:3"
    assert "Stopped" in (tmp_path / "data_quality_report.html").read_text(encoding="utf-8")


def test_the_page_stays_small_with_thousands_of_files_and_long_names() -> None:
    frame = pictures(60, labels=tuple(f"label {i:03d}" for i in range(60)))
    long = refused(*["truncated"] * 5000).assign(path=[f"{'x' * 3000}{i}.jpg" for i in range(5000)])
    found = made(frame, IMAGES, long)
    pictured = {row["path"]: "data:image/jpeg;base64," + "A" * 5000 for row in found.quarantine[:60]}
    html = page(found, pictured)
    assert len(html.encode()) < 1_500_000
    assert "4,760 more" in html
    assert "30 smaller labels" in html


def test_thumbnails_are_made_of_what_can_be_decoded_inside_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "art"
    (root / "calm").mkdir(parents=True)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (300, 500, 3), dtype=np.uint8)).save(tmp_path / "outside.png")
    names = [b"calm/copy.png", b"calm/odd\xff.png", b"calm/torn.png", b"calm/far.png", b"calm/link.png"]
    for name in names[:3]:
        (root / os.fsdecode(name)).write_bytes((tmp_path / "outside.png").read_bytes())
    (root / "calm" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name in names[3:]:
        (root / os.fsdecode(name)).symlink_to(tmp_path / "outside.png")
    shown = ["calm/copy.png", r"calm/odd\xff.png", "calm/torn.png", "calm/far.png", "calm/link.png"]
    reasons = ["duplicate", "label_conflict", "undecodable", "link_leaves_root", "duplicate"]
    quarantine = pd.DataFrame(zip(shown, reasons, ["Look."] * 5, strict=True), columns=list(NOTHING))
    found = made(pictures(), IMAGES, quarantine)
    pictured = thumbnails(root, zip(names, shown, strict=True), found)
    assert set(pictured) == {"calm/copy.png", r"calm/odd\xff.png"}
    assert all(uri.startswith("data:image/jpeg;base64,") for uri in pictured.values())
    parsed = Parsed(page(found, pictured))
    assert set(pictured.values()) <= set(parsed.links)
    assert "no picture" in parsed.text


def test_at_most_sixty_thumbnails_are_made_and_some_are_left_for_what_checks_name(tmp_path: Path) -> None:
    frame = pictures(80)
    Image.new("RGB", (64, 64), (9, 99, 199)).save(tmp_path / "one.png")
    left = refused(*["duplicate"] * 200)
    frame["dhash"] = np.uint64(255)
    found = made(frame, IMAGES, left)
    files = [(b"one.png", str(path)) for path in [*left["path"], *frame["path"]]]
    pictured = thumbnails(tmp_path, files, found)
    assert len(pictured) <= 60
    assert set(pictured) & set(frame["path"])
