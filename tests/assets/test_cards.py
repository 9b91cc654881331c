"""The model card says what is known, and escapes what users named."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import orjson
import pytest

from artpulse_assets.pipeline import document
from artpulse_assets.pipeline.cards import cell, figure, model_card
from artpulse_core.model import bundle
from tests.assets.evaluations import (
    BINARY,
    CONTRACT,
    LABELS,
    REGRESSION,
    decision,
    evaluation,
    manifest,
    numbers,
    value,
)


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
    assert "- Where it says 0.0 %" not in weak  # 19 rows are too few to tell
    assert "b is not clearly worse" not in weak  # its difference is clear


def test_a_document_that_names_no_metric_is_read_by_what_its_candidates_have() -> None:
    rest = {key: item for key, item in numbers().items() if key != "metric"}
    assert "Compared by RMSE (less is better)" in model_card(manifest(), rest, REGRESSION)
    assert "Compared by macro F1 (more is better)" in model_card(manifest(), evaluation(), CONTRACT)


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
    lines = model_card(manifest(), {}, BINARY, {"not_for": "Diagnosis.\nScreening.\n"})
    assert "- Diagnosis.\n- Screening.\n" in lines


def test_blank_words_of_a_problem_leave_the_general_ones() -> None:
    card = model_card(manifest(), {}, BINARY, dict.fromkeys(document.CARD_KEYS, ""))
    assert card == model_card(manifest(), {}, BINARY)
    assert "Nobody has stated" in section(card, "What it is for")
    assert "- Saying why" in section(card, "What it must not be used for")


def test_a_model_no_better_than_the_baseline_says_so_first() -> None:
    poor = {"metrics": {"accuracy": value(0.5)}, "baseline": {"accuracy": 0.48}}
    weak = section(model_card(manifest(), poor, CONTRACT), "Known weak points").strip().splitlines()
    assert weak[0].startswith(
        "- Its accuracy of 0.500 (0.450–0.550) on the test rows is not clearly better than the 0.480"
    )
    fine = {"metrics": {"rmse": value(0.5)}, "baseline": {"rmse": 0.9}}
    assert "Nothing stands out" in section(model_card(manifest(), fine, REGRESSION), "Known weak points")


def test_weights_of_others_are_named_with_their_licence() -> None:
    origin = "The numbers are those of a net trained on ImageNet-1k, under the Apache License 2.0."
    made = {**manifest(), "provenance": {**manifest()["provenance"], "origin_of_features": origin}}
    assert f"| Origin of features | {origin} |" in model_card(made, {}, CONTRACT)


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
