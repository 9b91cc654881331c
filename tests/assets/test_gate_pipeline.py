"""Champion and challenger on the same rows kept aside: what one of them cannot say never promotes."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from artpulse_assets.pipeline import gate
from artpulse_assets.pipeline.frames import TestRows
from artpulse_core.gates import Verdict
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from tests.bundles import LABELS, make_bundle

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models of five labels, one of four, one of the same four and another, and one of another feature set."""
    root = tmp_path_factory.mktemp("bundles")
    make_bundle(root / "new", seed=1)
    make_bundle(root / "old", seed=2)
    make_bundle(root / "four", seed=2, labels=LABELS[:4])
    make_bundle(root / "other", seed=2, labels=(*LABELS[:4], "baroque"))
    make_bundle(root / "rich", seed=2, problem="art")
    return root


def rows(challenger: Path, wrong: int = 40, n: int = 400) -> TestRows:
    """Rows whose truth is what the challenger says, but for the first ``wrong`` ones."""
    x = np.random.default_rng(3).normal(scale=3, size=(n, 5))
    y = Predictor(bundle.load(challenger)).predict(x).predictions
    assert y is not None
    y[:wrong] = (y[:wrong] + 1) % len(LABELS)
    return TestRows(x, y, np.arange(n).astype(str), "test")


def judge(bundles: Path, champion: str | None, challenger: str = "new", **over: int) -> Verdict:
    old = bundles / champion if champion else None
    test = rows(bundles / "new", **over)
    return gate.judge(test, bundles / challenger, old, policy=None, now=NOW)


def rules(verdict: Verdict) -> dict[str, bool | None]:
    return {rule.name: rule.passed for rule in verdict.rules}


def test_a_first_model_is_judged_by_floors_and_a_later_one_against_the_champion(bundles: Path) -> None:
    first = judge(bundles, None)
    assert "floor_metric" in rules(first)
    assert first.decision == "promote"
    later = judge(bundles, "old")
    assert rules(later)["superiority"] is True
    assert rules(later)["same_test_rows"] is True


def test_the_same_model_again_is_not_better_and_a_worse_one_is_rejected(bundles: Path) -> None:
    assert judge(bundles, "new").decision == "inconclusive"
    assert judge(bundles, "new", "old").decision == "reject"


def test_a_champion_of_fewer_labels_is_compared_on_all_of_them(bundles: Path) -> None:
    found = gate._answers(bundles / "four", rows(bundles / "new").x, Predictor(bundle.load(bundles / "new")))
    assert found is not None
    assert found.shape == (400, 5)
    assert np.all(found[:, LABELS.index(LABELS[4])] == 0)
    assert np.allclose(found.sum(axis=1), 1)
    assert rules(judge(bundles, "four"))["superiority"] is True


def test_a_champion_with_a_label_that_is_gone_is_compared_on_the_labels_that_are_left(bundles: Path) -> None:
    found = gate._answers(bundles / "other", rows(bundles / "new").x, Predictor(bundle.load(bundles / "new")))
    assert found is not None
    assert np.allclose(found.sum(axis=1), 1)
    mine = Predictor(bundle.load(bundles / "other"))
    place = mine.labels.index("baroque")
    raw = np.delete(mine.answers(rows(bundles / "new").x), place, axis=1)
    order = [label for label in mine.labels if label != "baroque"]
    assert np.allclose(
        found[:, [LABELS.index(label) for label in order]], raw / raw.sum(axis=1, keepdims=True)
    )


@pytest.mark.parametrize("how", ["of another feature set", "altered", "gone"])
def test_a_champion_that_cannot_answer_never_lets_a_challenger_pass(
    bundles: Path, tmp_path: Path, how: str
) -> None:
    champion = tmp_path / "champion"
    if how != "gone":
        shutil.copytree(bundles / ("rich" if how == "of another feature set" else "old"), champion)
    if how == "altered":
        (champion / "model.onnx").write_bytes(b"something else")
    verdict = gate.judge(rows(bundles / "new"), bundles / "new", champion, policy=None, now=NOW)
    assert verdict.decision == "inconclusive"
    assert rules(verdict)["champion"] is None
    assert "no predictions of the champion" in verdict.summary


def test_a_stricter_policy_file_is_the_one_that_counts(bundles: Path, tmp_path: Path) -> None:
    from artpulse_assets.pipeline.govern import policy_file

    shipped = policy_file()
    assert shipped is not None
    strict = tmp_path / "policy.yaml"
    strict.write_text(shipped.read_text().replace("min_rows: 50\n", "min_rows: 5000\n"))
    verdict = gate.judge(rows(bundles / "new"), bundles / "new", bundles / "old", policy=strict, now=NOW)
    assert verdict.decision == "inconclusive"
    assert rules(verdict)["test_rows"] is None


def test_values_are_also_compared_within_bands_of_the_answers_and_regions(tmp_path: Path) -> None:
    from tests.bundles import make_table_bundle

    make_table_bundle(tmp_path / "new", "doors", lift=0.0)
    make_table_bundle(tmp_path / "old", "doors", lift=0.4)
    new = Predictor(bundle.load(tmp_path / "new"))
    rng = np.random.default_rng(5)
    x = np.column_stack(
        [
            rng.uniform(0.6, 1.8, 600),
            rng.uniform(1.9, 2.6, 600),
            rng.integers(0, 3, 600),
            rng.uniform(0, 60, 600),
        ]
    )
    y = new.answers(x)[:, 0] + rng.normal(scale=0.1, size=600)
    test = TestRows(x, y, np.arange(600).astype(str), "values")
    evidence = gate._evidence(test, new, Predictor(bundle.load(tmp_path / "old")).answers(x), NOW)
    assert len(evidence.slices) == 5
    assert all(name.startswith("price, predicted: ") for name in evidence.slices)
    assert sum(mask.sum() for mask in evidence.slices.values()) == 600
    assert evidence.level == new.finish.level
    assert gate._evidence(test, new, None, NOW).slices == {}
    judged = gate.judge(test, tmp_path / "new", tmp_path / "old", policy=None, now=NOW).rules
    assert any("price, predicted: " in rule.name for rule in judged)


def test_rows_with_a_place_are_also_compared_by_region() -> None:
    from artpulse_assets.pipeline import slices

    rng = np.random.default_rng(6)
    fields = [{"name": "Latitude"}, {"name": "size"}, {"name": "Longitude"}]
    x = rng.uniform(size=(900, 3))
    found = slices.by_answer(slices.Rows(x[:, 1], x, fields, target="price"), x[:, 1])
    regions = {name: mask for name, mask in found.items() if name.startswith("region: ")}
    assert (len(regions), len(found)) == (9, 14)
    assert sum(mask.sum() for mask in regions.values()) == 900


def test_the_fewest_rows_are_those_of_the_task(tmp_path: Path) -> None:
    from artpulse_assets.pipeline.govern import policy_file

    shipped = policy_file()
    assert shipped is not None
    text = shipped.read_text()
    start = text.index("regression:")
    other = tmp_path / "policy.yaml"
    other.write_text(text[:start] + text[start:].replace("min_rows: 30", "min_rows: 11"))
    assert gate.least_rows(other, "regression") == 11
    assert gate.least_rows(other, "classification") == 30
