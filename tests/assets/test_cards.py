"""The model card and the drift report say what is known, and escape what users named."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from artpulse_assets import plots
from artpulse_assets.pipeline.cards import cell, drift_html, figure, model_card

LABELS = ["minimal", "neo-pop", "x|<b>y"]
EVIL = '"><script>alert(1)</script>'


def value(number: float) -> dict[str, float]:
    return {"value": number, "low": number - 0.05, "high": number + 0.05}


def manifest(*, synthetic: bool = False) -> dict[str, Any]:
    return {
        "model": "artpulse-classifier",
        "problem": "art_core5",
        "features": "core5",
        "fingerprint": "core5-1-9f2a",
        "feature_names": ["hue_mean", "sat_mean"],
        "algorithm": "soft_vote",
        "key": "ab12cd",
        "created_at": "2026-01-02T03:04:05Z",
        "provenance": {"data_digest": "sha256:aa", "git_commit": "618fbdf", "synthetic": synthetic},
    }


def evaluation() -> dict[str, Any]:
    return {
        "metrics": {"macro_f1": value(0.61), "accuracy": value(0.63)},
        "per_label": {
            label: {"f1": 0.45 + 0.1 * i, "precision": 0.6, "recall": 0.6, "n": 1234}
            for i, label in enumerate(LABELS)
        },
        "cv": {"grouped": {"macro_f1": value(0.55)}, "random": {"macro_f1": value(0.62)}},
        "baseline": {"macro_f1": 0.17, "accuracy": 0.33},
        "n_train": 450,
        "n_test": 150,
        "n_groups": 60,
        "seconds": 8.123,
        "leaderboard": [
            {"algorithm": "soft_vote", "macro_f1": value(0.55), "chosen": True},
            {"algorithm": "random_forest", "macro_f1": value(0.53), "chosen": False},
        ],
        "temperature": 1.21,
    }


CONTRACT: dict[str, Any] = {
    "problem": "art_core5",
    "input": "table",
    "target": {"name": "style", "labels": LABELS, "description": "Folder of the picture."},
    "fields": [{"name": "hue_mean", "minimum": 0.0, "maximum": 1.0, "unit": "turns"}],
}


@pytest.mark.smoke
def test_a_model_card_shows_figures_with_intervals_and_the_baseline_beside_them() -> None:
    card = model_card(manifest(), evaluation(), CONTRACT)
    assert "| macro F1 | 0.610 (0.560–0.660) | 0.170 |" in card
    assert "| macro F1 | 0.550 (0.500–0.600) | 0.620 (0.570–0.670) |" in card
    assert "flatters this model by 0.070 macro F1" in card
    assert "| soft_vote | 0.550 (0.500–0.600) | chosen |" in card
    for fact in ("`core5-1-9f2a`", "`ab12cd`", "618fbdf", "sha256:aa", "450 rows to learn from", "60 groups"):
        assert fact in card


def test_a_model_card_names_the_labels_it_is_weak_on_and_only_those() -> None:
    limits = model_card(manifest(), evaluation(), CONTRACT).partition("## What it must not be used for")[2]
    assert "- minimal: F1 is below one half" in limits
    assert "neo-pop" not in limits


def test_every_table_of_a_model_card_is_whole() -> None:
    lines = model_card(manifest(), evaluation(), CONTRACT).splitlines()
    width = 0
    for line in lines:
        columns = len(re.findall(r"(?<!\\)\|", line))
        if line.startswith("|"):
            assert width in (0, columns), line
        else:
            assert columns == 0, line
        width = columns
    assert sum(line.startswith("|---") for line in lines) == 7


def test_generated_data_is_said_first_and_only_where_it_is_true() -> None:
    assert "SYNTHETIC" in "\n".join(model_card(manifest(synthetic=True), {}, CONTRACT).splitlines()[:4])
    assert "ynthetic" not in model_card(manifest(), evaluation(), CONTRACT)


def test_what_is_not_known_is_left_out_of_the_card() -> None:
    image = {"input": "image", "target": {"name": "style", "labels": LABELS}}
    card = model_card({**manifest(), "provenance": {}}, {}, image)
    assert "Given a picture" in card
    for word in ("None", "–", "cross-validation", "Temperature", "ranges"):
        assert word not in card


def test_foreign_text_is_no_markup_in_a_card() -> None:
    card = model_card(manifest(), evaluation(), CONTRACT)
    assert "<b>" not in card
    assert "x\\|&lt;b&gt;y" in card
    assert cell("[a](javascript:b) `c`\n# d") == r"\[a\](javascript:b) \`c\` # d"
    assert cell("# x_y_z_") == r"\# x_y_z\_"


def test_numbers_are_written_as_people_read_them() -> None:
    shown = [figure(v) for v in (0.6711, 1204, None, float("nan"), 1e-9, 0.0, True)]
    assert shown == ["0.671", "1,204", "–", "–", "1e-09", "0.000", "–"]


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
