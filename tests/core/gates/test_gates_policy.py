"""The policy file: one truth, every key named when it is wrong."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml

from artpulse_core.errors import PolicyError
from artpulse_core.gates import load_policy

ROOT = Path(__file__).parents[3]
SHIPPED = (resources.files("artpulse_core.gates") / "policy.yaml").read_text(encoding="utf-8")


def test_the_policy_of_the_repository_is_the_shipped_one() -> None:
    assert (ROOT / "policy.yaml").read_text(encoding="utf-8") == SHIPPED


@pytest.mark.smoke
def test_the_policy_of_the_current_folder_comes_before_the_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_policy().metric == "macro_f1"
    (tmp_path / "policy.yaml").write_text(SHIPPED.replace("metric: macro_f1", "metric: accuracy"))
    assert load_policy().metric == "accuracy"
    assert load_policy(ROOT / "policy.yaml").metric == "macro_f1"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("superiority.alpha", 0.7),
        ("superiority.margin", -0.1),
        ("superiority.margin", "nan"),
        ("superiority.resamples", 10),
        ("per_class.max_drop", "much"),
        ("per_class.min_rows", 0),
        ("evidence.max_age_hours", float("inf")),
        ("slices.requird", []),
        ("metric", "f1"),
        ("format", 2),
        ("extra", 1),
        ("calibration", None),
        ("regression", None),
        ("regression.metric", "r2"),
        ("regression.superiority.margin", 2),
        ("regression.intervals.required", "perhaps"),
    ],
)
def test_a_wrong_key_is_refused_by_name(tmp_path: Path, key: str, value: object) -> None:
    document = yaml.safe_load(SHIPPED)
    *parents, last = key.split(".")
    place = document
    for name in parents:
        place = place[name]
    place[last] = value
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    assert key in caught.value.message
    assert "own.yaml" in caught.value.message
    assert caught.value.issues[0].pointer == "/" + key.replace(".", "/")


@pytest.mark.parametrize("text", ["[1", "- 1", "", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError, match=r"own\.yaml"):
        load_policy(path)


def test_a_missing_key_and_a_missing_file_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(SHIPPED.replace("  max_ece: 0.10\n", ""))
    with pytest.raises(PolicyError, match=r"calibration\.max_ece"):
        load_policy(path)
    with pytest.raises(PolicyError, match=r"absent\.yaml cannot be read"):
        load_policy(tmp_path / "absent.yaml")


def test_every_key_of_the_policy_has_its_meaning_beside_or_above_it() -> None:
    commented = False
    for line in SHIPPED.splitlines():
        if line and not line.startswith((" ", "#")) and ":" in line and not line.startswith("format"):
            assert commented or "#" in line, line
        commented = line.startswith("#") or (commented and bool(line))
