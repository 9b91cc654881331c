"""One picture has the same numbers in the graph and where it is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from artpulse_assets.pipeline import ingest
from artpulse_core import features
from artpulse_core import settings as settings_module
from artpulse_core.model import bundle
from artpulse_core.model.predictor import Predictor
from tests.assets.conftest import MODEL, NAME, Lane
from tests.bundles import picture, read


def test_the_graph_stored_what_the_champion_reads_from_the_same_bytes(lane: Lane, tmp_path: Path) -> None:
    folder = lane.registry.download(MODEL, 1, tmp_path / "bundle")
    served = Predictor(bundle.load(folder))
    stored = pd.read_parquet(lane.settings.home / "assets" / NAME / "features.parquet")
    for row in stored.iloc[::17].to_dict("records"):
        asked = served.features_of((lane.pictures / row["path"]).read_bytes())
        assert [row[name] for name in served.feature_set.names] == pytest.approx(asked.tolist(), abs=1e-9)


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["art_core5", "art"])
def test_extraction_through_the_cache_gives_the_numbers_of_the_plain_function(
    name: str, tmp_path: Path
) -> None:
    problem = read(name)
    settings = settings_module.load({}, home=tmp_path / "home", data_dir=tmp_path)
    path = tmp_path / problem.source.dataset / "label" / "one.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(picture(5, side=192))
    listing = ingest.list_data(problem, settings)
    asked = features.vector(path.read_bytes(), features.get(problem.features))
    for reused in (0, 1):
        found = ingest.extract(problem, listing.frame, listing.root, settings.cache)
        numbers = found.frame[list(features.get(problem.features).names)].to_numpy()[0]
        assert found.reused == reused
        assert np.abs(numbers - asked).max() <= 1e-9
