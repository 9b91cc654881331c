"""Pictures: which region speaks for an answer, which numbers belong together, and the palette."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from artpulse_core.errors import ImageRefused
from artpulse_core.features.rich import Rich
from artpulse_core.model.palette import palette
from artpulse_core.model.regions import blocks, regions


class Reddish:
    """Answers "red" with the share of red in the one number it is given."""

    labels = ("other", "red")
    bundle = None
    calls = 0

    def predict(self, matrix: np.ndarray) -> Any:
        self.calls += 1
        p = np.column_stack([1 - matrix[:, 0], matrix[:, 0]])
        return SimpleNamespace(probabilities=p, predictions=np.ones(len(p), int), values=None)


def redness(pixels: np.ndarray) -> np.ndarray:
    return np.array([((pixels[..., 0] > 200) & (pixels[..., 1] < 60)).mean()])


def painted() -> np.ndarray:
    pixels = np.full((100, 80, 3), 90, dtype=np.uint8)
    pixels[:25, :20] = (230, 20, 20)
    return pixels


def test_the_region_an_answer_rests_on_has_the_largest_drop() -> None:
    model = Reddish()
    seen = regions(model, painted(), redness, grid=4)
    drops = np.array(seen.drops)
    assert (seen.label, seen.runs, model.calls) == ("red", 17, 1)
    assert drops[0, 0] == pytest.approx(seen.answer)
    assert np.abs(drops).sum() == pytest.approx(drops[0, 0])
    assert json.loads(json.dumps(seen.to_dict()))["grid"] == 4
    assert regions(model, painted(), redness, label=0).label == "other"


@pytest.mark.parametrize("grid", [1, 7])
def test_the_cost_of_regions_is_bounded(grid: int) -> None:
    with pytest.raises(ValueError, match="between 2 and 6"):
        regions(Reddish(), painted(), redness, grid=grid)


def test_a_picture_smaller_than_the_grid_is_no_error() -> None:
    assert len(regions(Reddish(), painted()[:1, :1], redness, grid=4).drops) == 4


def test_numbers_of_rich_fall_into_blocks_and_others_into_the_rest() -> None:
    names = Rich().names
    found = blocks((*names, "stage_0001"), rest="embedding")
    assert list(found) == ["colour", "texture", "detail", "layout", "embedding"]
    assert sorted(place for places in found.values() for place in places) == list(range(len(names) + 1))
    assert found["embedding"] == (len(names),)
    assert blocks(("hue_mean", "edges")) == {}


def test_the_palette_is_the_colours_and_their_shares() -> None:
    found = palette(painted())
    assert found == [
        {"colour": "#5a5a5a", "share": pytest.approx(0.9375)},
        {"colour": "#e61414", "share": pytest.approx(0.0625)},
    ]


def test_a_palette_of_many_colours_is_repeatable_sums_to_one_and_reads_pictures() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    found = palette(buffer.getvalue(), k=7)
    assert found == palette(pixels, k=7)
    assert len(found) == 7
    assert sum(item["share"] for item in found) == pytest.approx(1.0)
    assert [item["share"] for item in found] == sorted((item["share"] for item in found), reverse=True)
    with pytest.raises(ImageRefused):
        palette(b"no picture")


def test_a_gradient_is_cut_into_colours_that_are_apart() -> None:
    ramp = np.linspace(0, 255, 192).astype(np.uint8)
    pixels = np.stack([np.tile(ramp, (64, 1))] * 3, axis=-1)
    greys = sorted(int(item["colour"][1:3], 16) for item in palette(pixels, k=4))
    assert min(np.diff(greys)) > 30
