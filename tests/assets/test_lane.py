"""The whole lane on generated pictures: real Dagster instance, real MLflow store, in this process."""

from __future__ import annotations

import dagster as dg

from artpulse_core.model import bundle
from tests.assets.conftest import MODEL, Lane, metadata


def test_the_first_training_ends_in_a_champion_whose_digest_is_that_of_its_bundle(
    lane: Lane, first_run: dg.ExecuteInProcessResult, tmp_path
) -> None:
    assert lane.aliases == {"champion": 1}
    folder = lane.registry.download(MODEL, 1, tmp_path / "bundle")
    digest = bundle.digest_of(folder)
    assert bundle.verify(folder, digest)
    assert metadata(first_run, "champion")["digest"] == digest


def test_a_second_training_computes_and_fits_nothing(lane: Lane) -> None:
    result = lane.run()
    assert metadata(result, "features")["computed"] == 0
