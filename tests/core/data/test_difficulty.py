"""The generated sample is worth learning from: not trivial for averages, well told apart by ``rich``."""

from __future__ import annotations

import numpy as np
import pytest

from artpulse_core.data.images import scan
from artpulse_core.data.sources import generate, read_manifest
from artpulse_core.features import get
from artpulse_core.features.cache import FeatureCache

pytestmark = pytest.mark.extended  # ten CPU seconds: 300 pictures are painted, extracted and learned 20 times


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], float]:
    """Macro-F1 of a linear model on 300 pictures, by set and by how the folds are made."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    root = tmp_path_factory.mktemp("sample") / "pictures"
    generate(root, per_label=60, seed=0)
    rows = read_manifest(root)
    found = {}
    for name, strength in (("core5", 1.0), ("rich", 0.01)):
        cache = FeatureCache(root.parent / "cache", get(name))
        result = cache.extract_files(root, scan(root).files)
        labels = np.array([rows[path].label for path in result.paths])
        groups = np.array([rows[path].group for path in result.paths])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        for kind, splitter in (("grouped", StratifiedGroupKFold), ("random", StratifiedKFold)):
            given = groups if kind == "grouped" else None  # the random splitter warns about groups
            folds = list(splitter(5, shuffle=True, random_state=0).split(result.matrix, labels, given))
            guess = cross_val_predict(model, result.matrix, labels, cv=folds)
            found[name, kind] = float(f1_score(labels, guess, average="macro"))
    return found


def test_five_averages_do_not_tell_the_labels_apart(scores: dict[tuple[str, str], float]) -> None:
    assert 0.60 < scores["core5", "grouped"] < 0.90
    assert scores["core5", "random"] < 0.90


def test_rich_clearly_beats_the_five_averages(scores: dict[tuple[str, str], float]) -> None:
    assert scores["rich", "grouped"] > scores["core5", "grouped"] + 0.05
    assert scores["rich", "random"] > scores["core5", "random"] + 0.05


def test_unseen_artists_are_harder_than_known_ones(scores: dict[tuple[str, str], float]) -> None:
    assert scores["core5", "grouped"] < scores["core5", "random"] - 0.02
