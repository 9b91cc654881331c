"""The page of a drift report says what is known, and escapes what users named."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from artpulse_assets import plots
from artpulse_assets.pipeline.cards import drift_html

EVIL = '"><script>alert(1)</script>'


class Page(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [text or "" for name, text in attrs if name in ("src", "href", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())

    def after(self, tag: str) -> str:
        """The text of the page from the first character on, without style and title."""
        return " ".join(part for part in self.text if part)


def report(**changes: Any) -> dict[str, Any]:
    features = {
        "sat_mean": {"drift": True, "score": 3.0, "effect": -0.7, "p_value": 1e-9, "test": "location",
                     "reference": {"median": 0.45}, "current": {"median": 0.31}},
        "hue_mean": {"drift": False, "score": 0.1, "effect": 0.02, "p_value": 0.8, "test": "spread"},
    }  # fmt: skip
    document = {
        "drift": True, "score": 3.0, "status": "drift", "features": features, "n_reference": 1000,
        "reasons": ["sat_mean: values are lower."], "n_current": 300, "problem": "art_core5",
        "model": "artpulse-classifier", "version": 3, "at": "2026-01-02T03:04:05Z", "synthetic": False,
    }  # fmt: skip
    return {**document, **changes}


def heading(page: str) -> str:
    return page.partition("<h1>")[2].partition("</h1>")[0]


@pytest.mark.smoke
def test_the_first_sentence_says_whether_where_over_how_many_rows_and_what_to_do() -> None:
    assert heading(drift_html(report(), {})) == (
        "Drift in sat_mean over the last 300 rows: find out what changed, and retrain if it is here to stay."
    )
    calm = report(drift=False, status="ok", reasons=[], features={})
    assert heading(drift_html(calm, {})) == (
        "No drift: the last 300 rows look like the 1,000 the model learned from; there is nothing to do."
    )
    few = {"drift": False, "status": "insufficient_data", "n_current": 1, "n_reference": 1000, "features": {}}
    assert heading(drift_html(few, {})) == (
        "Too early to say: 1 row since training is too few, so wait for more."
    )


def test_drift_without_a_feature_to_blame_is_still_drift() -> None:
    assert heading(drift_html(report(features={}), {})).startswith("Drift in how the features relate")


def test_the_report_shows_blamed_features_first_with_their_medians() -> None:
    page = drift_html(report(), {})
    rows = re.findall(r'<tr(?: class="(\w+)")?><th scope="row">(\w+)</th>', page)
    assert rows == [("blamed", "sat_mean"), ("", "hue_mean")]
    assert "0.45 → 0.31" in page
    assert "&lt; 0.0001" in page


def test_the_page_needs_no_other_file_script_or_network() -> None:
    png = plots.drift_overview(report()["features"], "sat_mean has changed")
    page = Page(drift_html(report(), {"Overview": png}))
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_names_from_users_are_text_in_the_page() -> None:
    features = {EVIL: {"drift": True, "score": 2.0, "test": EVIL}}
    evil = report(features=features, reasons=[EVIL], problem=EVIL, model=EVIL, version=EVIL, at=EVIL)
    document = drift_html(evil, {EVIL: b"png"})
    assert "<script" not in document
    assert EVIL in " ".join(Page(document).text)


def test_a_wide_report_stays_readable() -> None:
    features = {f"f{i}": {"drift": i < 50, "score": 2.0 if i < 50 else 0.1} for i in range(375)}
    page = drift_html(report(features=features, reasons=[f"f{i} changed." for i in range(50)]), {})
    assert page.count('<tr class="blamed">') == 50
    assert "And 285 more features, all as before." in page
    assert "And 38 more; the table below names them." in page
    assert "f0, f1, f2 and 47 more of the features" in heading(page)
    assert len(page) < 60_000


def test_generated_data_is_said_on_the_page() -> None:
    assert "Synthetic data." in drift_html(report(synthetic=True), {})
    assert "Synthetic data." not in drift_html(report(), {})
