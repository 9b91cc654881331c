"""The verdict: what promotes, what rejects, and what leaves the champion in place."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from artpulse_core.gates import Evidence, Verdict, evaluate, evaluate_first, load_policy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES = ("minimal", "monochrome", "neo-pop", "surreal", "vibrant")
K = len(CLASSES)
POLICY = load_policy()
Rng = np.random.Generator


def soft(labels: np.ndarray, top: float = 0.8) -> np.ndarray:
    p = np.full((len(labels), K), (1 - top) / (K - 1))
    p[np.arange(len(labels)), labels] = top
    return p


def answers(rng: Rng, y: np.ndarray, accuracy: float) -> np.ndarray:
    return np.where(rng.random(len(y)) < accuracy, y, (y + rng.integers(1, K, len(y))) % K)


def changed(rng: Rng, y: np.ndarray, champion: np.ndarray, change: float, only: int | None) -> np.ndarray:
    """The champion's answers, a tenth drawn anew, then better or worse by ``change``."""
    base = float((champion == y).mean())
    new = np.where(rng.random(len(y)) < 0.9, champion, answers(rng, y, base))
    rate = abs(change) / (base if change < 0 else 1 - base)
    touched = (y == only) if only is not None else np.ones(len(y), bool)
    flip = touched & (rng.random(len(y)) < rate) & ((new == y) == (change < 0))
    return np.where(flip, (y + 1) % K if change < 0 else y, new)


def gather(y: Any, champion: Any, challenger: Any, **other: Any) -> Evidence:
    known = {"test_hash": "t", "champion_test_hash": "t", "generated_at": NOW - timedelta(hours=1), **other}
    return Evidence.from_predictions(y, champion, challenger, CLASSES, **known)


def better(n: int = 600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = rng.integers(0, K, n)
    champion = answers(rng, y, 0.7)
    return y, soft(champion), soft(changed(rng, y, champion, 0.1, None))


def judge(evidence: Evidence | None, **other: Any) -> Verdict:
    return evaluate(POLICY, evidence, **{"now": NOW, "seed": 0, **other})


def decisions(n: int, change: float, only: int | None, count: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for i in range(count):
        rng = np.random.default_rng([5, i])
        y = rng.integers(0, K, n)
        champion = answers(rng, y, 0.8)
        challenger = changed(rng, y, champion, change, only)
        found[judge(gather(y, soft(champion), soft(challenger)), seed=i).decision] += 1
    return found


def test_an_equal_challenger_is_hardly_ever_promoted() -> None:
    assert decisions(1000, 0.0, None, 100)["promote"] <= 5


def test_three_points_worse_on_one_class_is_hardly_ever_promoted() -> None:
    assert decisions(2000, -0.03, 0, 60)["promote"] <= 2


def test_twelve_points_worse_on_one_class_is_rejected() -> None:
    assert decisions(2000, -0.12, 0, 60)["reject"] >= 55


def test_three_points_better_is_promoted() -> None:
    assert decisions(1000, 0.03, None, 60)["promote"] >= 54


@pytest.mark.smoke
def test_a_better_challenger_is_promoted_with_every_rule_told() -> None:
    verdict = judge(gather(*better()))
    assert verdict.decision == "promote"
    assert verdict.summary.startswith("Promote: The challenger is better: macro_f1 +0.")
    assert {"superiority", "mcnemar", "calibration", "test_rows", "same_test_rows", "evidence_age"} <= {
        rule.name for rule in verdict.rules
    }
    assert {f"class:{name}" for name in CLASSES} <= {rule.name for rule in verdict.rules}
    assert verdict.reasons == ()
    assert json.loads(json.dumps(verdict.to_dict(), allow_nan=False))["decision"] == "promote"


@pytest.mark.smoke
def test_names_and_indices_of_the_true_classes_give_the_same_verdict() -> None:
    y, old, new = better()
    named = judge(gather(np.asarray(CLASSES)[y], old, new))
    assert named == judge(gather(y, old, new)) == judge(gather(y.astype(float), old, new))
    assert named == judge(gather(y, old, new), now=NOW.replace(tzinfo=None))


def _nan(p: np.ndarray) -> np.ndarray:
    out = p.copy()
    out[3, 2] = np.nan
    return out


Y, OLD, NEW = better()
BAD: dict[str, tuple[Evidence | None, str]] = {
    "no evidence": (None, "inconclusive"),
    "no champion": (gather(Y, None, NEW), "inconclusive"),
    "champion NaN": (gather(Y, _nan(OLD), NEW), "inconclusive"),
    "challenger NaN": (gather(Y, OLD, _nan(NEW)), "reject"),
    "challenger infinite": (gather(Y, OLD, np.where(NEW > 0.5, np.inf, NEW)), "reject"),
    "challenger short": (gather(Y, OLD, NEW[:-1]), "reject"),
    "challenger of other classes": (gather(Y, OLD, NEW[:, :4]), "reject"),
    "challenger labels only": (gather(Y, OLD, NEW.argmax(axis=1)), "reject"),
    "challenger text": (gather(Y, OLD, [["a"] * K] * len(Y)), "reject"),
    "challenger no probabilities": (gather(Y, OLD, NEW * 2), "reject"),
    "challenger negative": (gather(Y, OLD, NEW - np.asarray([0.3, -0.3, 0, 0, 0])), "reject"),
    "unknown label": (gather([*Y[:-1], 7], OLD, NEW), "inconclusive"),
    "no rows": (gather([], np.empty((0, K)), np.empty((0, K))), "inconclusive"),
    "few rows": (gather(Y[:40], OLD[:40], NEW[:40]), "inconclusive"),
    "foreign": (gather(Y, OLD, NEW, champion_test_hash="other"), "inconclusive"),
    "champion hash missing": (gather(Y, OLD, NEW, champion_test_hash=None), "inconclusive"),
    "hash missing": (gather(Y, OLD, NEW, test_hash=None, champion_test_hash=None), "inconclusive"),
    "stale": (gather(Y, OLD, NEW, generated_at=NOW - timedelta(days=15)), "inconclusive"),
    "undated": (gather(Y, OLD, NEW, generated_at=None), "inconclusive"),
    "date unreadable": (gather(Y, OLD, NEW, generated_at="yesterday"), "inconclusive"),
    "from the future": (gather(Y, OLD, NEW, generated_at=NOW + timedelta(hours=1)), "inconclusive"),
    "slice of another length": (gather(Y, OLD, NEW, slices={"s": [True]}), "inconclusive"),
    "the same model": (gather(Y, OLD, OLD), "inconclusive"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", BAD)
def test_missing_broken_stale_or_foreign_evidence_never_promotes_and_says_why(name: str) -> None:
    evidence, decision = BAD[name]
    verdict = judge(evidence)
    assert verdict.decision == decision
    assert verdict.reasons
    assert verdict.summary.lower().startswith(decision)
    first = evaluate_first(POLICY, evidence, now=NOW, seed=0)
    if name != "no champion":
        assert first.decision != "promote"


def test_a_class_without_enough_test_rows_leaves_the_champion() -> None:
    y, old, new = better()
    kept = (y != 2) | (np.cumsum(y == 2) <= 3)
    verdict = judge(gather(y[kept], old[kept], new[kept]))
    assert verdict.decision == "inconclusive"
    assert verdict.summary == "Inconclusive: Class neo-pop has 3 test rows; at least 8 are needed."


def test_a_badly_calibrated_challenger_is_rejected_and_one_like_its_champion_is_not() -> None:
    y, old, new = better()
    assert judge(gather(y, old, soft(new.argmax(axis=1), 0.999))).decision == "reject"
    both = gather(y, soft(old.argmax(axis=1), 0.999), soft(new.argmax(axis=1), 0.999))
    assert judge(both).decision == "promote"


def test_a_slice_that_gets_worse_rejects_and_a_small_one_is_only_listed() -> None:
    y, old, new = better()
    part = np.arange(len(y)) < 120
    worse = new.copy()
    worse[part] = soft((y[part] + (np.arange(120) % 2)) % K)
    verdict = judge(
        gather(y, old, worse, slices={"source": np.where(part, "phone", "scan"), "tiny": part & (y == 0)})
    )
    rules = {rule.name: rule for rule in verdict.rules}
    assert rules["slice:source=phone"].passed is False
    assert rules["slice:source=scan"].passed is True
    assert (rules["slice:tiny"].passed, rules["slice:tiny"].blocks) == (None, False)
    assert verdict.decision == "reject"


def test_a_required_slice_that_is_absent_leaves_the_champion() -> None:
    slices = POLICY.slices.model_copy(update={"required": ("source=phone",)})
    policy = POLICY.model_copy(update={"slices": slices})
    assert evaluate(policy, gather(*better()), now=NOW, seed=0).decision == "inconclusive"


def test_a_first_champion_is_judged_by_absolute_floors() -> None:
    y, _, new = better(60)
    lone = gather(y, None, new, champion_test_hash=None)
    verdict = evaluate_first(POLICY, lone, now=NOW, seed=0)
    assert verdict.decision == "promote"
    assert verdict.summary.startswith("Promote: macro_f1 is 0.")
    rng = np.random.default_rng(0)
    guess = gather(y, None, soft(rng.integers(0, K, 60), 0.3))
    assert evaluate_first(POLICY, guess, now=NOW, seed=0).decision == "reject"
    constant = gather(y, None, soft(np.zeros(60, dtype=int), 0.3))
    assert evaluate_first(POLICY, constant, now=NOW, seed=0).decision == "reject"


def test_the_verdict_depends_on_nothing_but_its_arguments() -> None:
    evidence = gather(*better())
    assert judge(evidence) == judge(evidence)
    assert judge(evidence).rules != judge(evidence, now=NOW + timedelta(hours=2)).rules
