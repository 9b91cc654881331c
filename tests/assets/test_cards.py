"""The model card and the drift report say what is known, and escape what users named."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
import pytest

from artpulse_assets import plots
from artpulse_assets.pipeline import calibration, document, measures, slices
from artpulse_assets.pipeline.cards import cell, drift_html, figure, model_card
from artpulse_assets.pipeline.measures import Answers
from artpulse_core.model import bundle

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


REGRESSION: dict[str, Any] = {
    "problem": "housing",
    "input": "table",
    "target": {"name": "price", "labels": [], "unit": "100k USD", "capped_at": 5.00001},
    "fields": [
        {"name": "income", "minimum": 0.0, "maximum": 20.0, "unit": "10k USD"},
        {"name": "sea", "kind": "category", "levels": ["near", "far"], "nullable": True},
        {"name": "free", "minimum": None, "maximum": None},
    ],
}


def numbers() -> dict[str, Any]:
    """An evaluation document of a regression with every key that one has."""
    truth = np.linspace(0, 5, 400)
    said = truth + np.where(truth > 4, 1.0, 0.05)
    answers = Answers(values=said, lower=said - 0.5, upper=said + 0.5)
    rows = slices.Rows(truth, target="price", capped_at=4.5)
    return {
        "task": "regression",
        "algorithm": "blend",
        "metric": "rmse",
        "effort": "quick",
        "metrics": measures.measure(truth, answers, seed=0, resamples=50),
        "baseline": {"rmse": 1.44},
        "cv": {"spatial": {"rmse": value(0.55)}, "random": {"rmse": value(0.4)}},
        "cv_folds": {"spatial": {"folds": 5}},
        "slices": slices.table(rows, answers, metric="rmse", seed=0, resamples=50),
        "leaderboard": [
            {"algorithm": "blend", "rmse": value(0.4), "chosen": True, "difference": None},
            {
                "algorithm": "forest",
                "rmse": value(0.41),
                "difference": {"value": 0.01, "low": -0.02, "high": 0.04},
            },
        ],
        "interval": calibration.coverage_table(truth, said, said - 0.5, said + 0.5, level=0.9),
        "importance": {
            "metric": "rmse",
            "rows": 400,
            "repeats": 5,
            "whole": 0.4,
            "fields": [{"name": "income", "value": 0.3, "low": 0.2, "high": 0.4}],
        },
        "learning_curve": [{"share": 1.0, "n": 1600, "metric": "rmse", **value(0.45)}],
        "n_train": 1600,
        "n_test": 400,
        "data": {
            "source": "a census",
            "rows": 2010,
            "quarantined": 10,
            "reasons": {"range": 10},
            "capped": 9,
        },
    }


def decision() -> dict[str, Any]:
    """What a binary problem with a positive label adds."""
    p = np.linspace(0.01, 0.99, 200)
    ill = np.arange(200) % 4 > 0  # three in four, whatever is said
    return {
        "metric": "auc",
        "metrics": {"auc": value(0.9), "top2_accuracy": value(1.0)},
        "per_label": {
            "disease": {"f1": 0.8, "precision": 0.8, "recall": 0.8, "n": 150},
            "healthy": {"f1": 0.7, "n": 50},
        },
        "confusion": [[20, 30], [5, 145]],
        "n_test": 200,
        "calibration": calibration.reliability_table(p, ill),
        "thresholds": calibration.threshold_table(ill, p, label="disease", chosen=0.5, false_negative=4.0),
        "cv": {"repeated": {"auc": value(0.92)}},
        "cv_folds": {"repeated": {"folds": 10, "repeats": 10}},
        "leaderboard": [
            {"algorithm": "a", "auc": value(0.9), "chosen": True, "difference": None},
            {
                "algorithm": "b",
                "auc": value(0.8),
                "difference": {"value": -0.1, "low": -0.2, "high": -0.05, "p_value": 0.03},
            },
        ],
    }


BINARY: dict[str, Any] = {
    "input": "table",
    "target": {"name": "state", "labels": ["healthy", "disease"], "positive_label": "disease"},
    "fields": [{"name": "age", "minimum": 18, "maximum": 100, "unit": "years", "nullable": True}],
}


@pytest.mark.smoke
def test_a_model_card_shows_figures_with_intervals_and_the_baseline_beside_them() -> None:
    card = model_card(manifest(), evaluation(), CONTRACT)
    assert "| macro F1 | 0.610 (0.560–0.660) | 0.170 |" in card
    assert "| macro F1 | 0.550 (0.500–0.600) | 0.620 (0.570–0.670) |" in card
    assert "a random split flatters this model by 0.070 macro F1" in card
    assert "| soft_vote | 0.550 (0.500–0.600) | chosen |" in card
    for fact in ("`core5-1-9f2a`", "`ab12cd`", "618fbdf", "sha256:aa", "| 450 in 60 groups |", "| 150 |"):
        assert fact in card


def test_a_model_card_names_the_labels_it_is_weak_on_and_only_those() -> None:
    weak = section(model_card(manifest(), evaluation(), CONTRACT), "Known weak points")
    assert "- minimal: F1 is 0.450, below one half" in weak
    assert "neo-pop" not in weak


def test_a_card_of_numbers_tells_units_cap_regions_of_error_and_intervals() -> None:
    card = model_card(manifest(), numbers(), REGRESSION)
    assert (
        "it answers the price as a number in 100k USD, with an interval that is meant to hold the truth 90"
        in card
    )
    assert 'A true value of 5.00001 means "at least this"' in card
    assert "| income | 0 to 20 | 10k USD | no |" in card
    assert "| sea | near, far |  | yes |" in card
    assert "| free | any number |" in card
    assert "| Of these refused (quarantine) | 10 (range 10) |" in card
    assert "Against the spatial split, a random split flatters this model by 0.150 RMSE." in card
    assert "| forest | 0.410 (0.360–0.460) | +0.010 (-0.020 to +0.040) |" in card
    assert "one of its labels" not in card
    weak = section(card, "Known weak points")
    assert "- The 90 % intervals hold 80.0 % of the test rows." in weak
    assert "- price, cap at the cap (4.5): RMSE 1.000" in weak
    assert "- forest is not clearly worse than the chosen algorithm." in weak


def test_a_card_of_a_decision_tells_threshold_costs_and_where_confidence_is_wrong() -> None:
    card = model_card(manifest(), decision(), BINARY)
    assert "A row is called disease from a probability of 0.5 on. A missed one is taken to cost 4" in card
    assert "0.200 is the cheapest threshold (Elkan 2001)" in card
    assert "| cheapest by the costs |" in card
    assert "| in use |" in card
    assert "top-2" not in card
    assert "(10 folds, 10 times over) draws the folds anew" in card
    weak = section(card, "Known weak points")
    assert "- Most frequent mistake: healthy taken for disease, 30 of 50 test rows of that label." in weak
    assert "- Where it says 10.0 % to 20.0 % (15.0 % on average), 75.0 %" in weak
    assert "b is not clearly worse" not in weak  # its difference is clear


def test_the_owner_of_a_problem_says_what_it_is_for_and_what_not() -> None:
    words = {
        "intended_use": "Teaching.",
        "not_for": ["Diagnosis of a person."],
        "limits": "One clinic.",
        "licence": "CC BY",
    }
    card = model_card(manifest(), decision(), BINARY, words)
    assert section(card, "What it is for").strip() == "Teaching."
    assert "- Diagnosis of a person." in section(card, "What it must not be used for")
    assert "- One clinic." in section(card, "Known weak points")
    assert "| Licence of the data | CC BY |" in card
    assert "Nobody has stated" in section(model_card(manifest(), {}, BINARY), "What it is for")


def test_a_model_no_better_than_the_baseline_says_so_first() -> None:
    poor = {"metrics": {"accuracy": value(0.5)}, "baseline": {"accuracy": 0.48}}
    weak = section(model_card(manifest(), poor, CONTRACT), "Known weak points").strip().splitlines()
    assert weak[0].startswith(
        "- Its accuracy of 0.500 (0.450–0.550) on the test rows is not clearly better than the 0.480"
    )
    fine = {"metrics": {"rmse": value(0.5)}, "baseline": {"rmse": 0.9}}
    assert "Nothing stands out" in section(model_card(manifest(), fine, REGRESSION), "Known weak points")


def test_weights_of_others_are_named_with_their_licence() -> None:
    weights = [{"name": "net", "licence": "Apache-2.0", "trained_on": "ImageNet-1k", "sha256": "96"}]
    made = {**manifest(), "provenance": {**manifest()["provenance"], "weights": weights}}
    assert "| Weights of net | trained on ImageNet-1k; licence: Apache-2.0; sha256 `96` |" in model_card(
        made, {}, CONTRACT
    )


def test_the_card_says_how_to_make_the_model_again_and_trusts_no_odd_commit() -> None:
    card = model_card(manifest(), {"effort": "quick"}, CONTRACT)
    assert "git checkout 618fbdf\nartpulse train --problem art_core5 --effort quick\n" in card
    odd = {**manifest(), "provenance": {"git_commit": "x; rm -rf /"}}
    assert "git checkout" not in model_card(odd, {}, CONTRACT)


def test_a_stored_document_gives_the_same_card_as_the_one_in_memory() -> None:
    stored = orjson.loads(bundle.json_bytes(decision()))  # keys sorted: disease before healthy
    assert model_card(manifest(), stored, BINARY) == model_card(manifest(), decision(), BINARY)


def section(card: str, title: str) -> str:
    return card.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize(
    ("document", "contract", "tables"),
    [(evaluation(), CONTRACT, 8), (numbers(), REGRESSION, 11), (decision(), BINARY, 10)],
)
def test_every_table_of_a_model_card_is_whole(
    document: dict[str, Any], contract: dict[str, Any], tables: int
) -> None:
    lines = model_card(manifest(), document, contract).splitlines()
    width = 0
    for line in lines:
        columns = len(re.findall(r"(?<!\\)\|", line))
        if line.startswith("|"):
            assert width in (0, columns), line
        else:
            assert columns == 0, line
        width = columns
    assert sum(line.startswith("|---") for line in lines) == tables
    assert not any(first == second == "" for first, second in pairwise(lines))


def test_every_key_of_the_document_reaches_the_card() -> None:
    full = {
        **evaluation(),
        **numbers(),
        **decision(),
        "unsure": {"below": 0.4, "share": 0.1, "accuracy_sure": 0.9},
    }
    full["test_digest"] = "sha256:cc"
    assert set(document.KEYS) == set(full)
    shown = model_card(manifest(), full, BINARY)
    for key in sorted(set(full) - {"algorithm"}):  # the manifest says it
        rest = {name: item for name, item in full.items() if name != key}
        assert model_card(manifest(), rest, BINARY) != shown, key


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
    shown = [figure(v) for v in (0.6711, 1204, 48213.7, None, float("nan"), 1e-9, 0.0, True)]
    assert shown == ["0.671", "1,204", "48,214", "–", "–", "1e-09", "0.000", "–"]


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
