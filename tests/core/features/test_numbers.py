"""The numbers taken from a picture: definitions, ranges, golden vectors, joins and fingerprints."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from artpulse_core.data.generator import picture as painted
from artpulse_core.data.images import decode
from artpulse_core.errors import ImageRefused, ProblemError
from artpulse_core.features import extract, get, names, vector
from artpulse_core.features.base import difference_hash
from artpulse_core.features.colour import to_lab
from artpulse_core.features.core5 import FIELDS, GREY_HUE


def jpeg(pixels: np.ndarray, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def tiny() -> np.ndarray:
    """A fixed 40 × 56 picture of stripes, a disc and a ramp; integers only, so every machine has the same."""
    down, across = np.mgrid[0:40, 0:56]
    red = (across * 255) // 55
    green = np.where((across // 7 + down // 5) % 2 == 0, 200, 60)
    blue = np.where((across - 30) ** 2 + (down - 18) ** 2 < 150, 230, (down * 120) // 39)
    return np.stack([red, green, blue], axis=2).astype(np.uint8)


def core5_of(*colours: tuple[int, int, int]) -> dict[str, float]:
    pixels = np.array([colours] * 20, dtype=np.uint8).repeat(20 // len(colours) + 1, axis=1)
    return dict(zip(get("core5").names, get("core5").extract(pixels).tolist(), strict=True))


def projection(found: dict[str, float]) -> float:
    """One number that moves with every other; without the JPEG sizes, which belong to the libjpeg build."""
    kept = {name: value for name, value in found.items() if not name.startswith("jpeg_")}
    weights = [int(hashlib.sha256(name.encode()).hexdigest()[:6], 16) / 2**24 - 0.5 for name in kept]
    return float(np.dot(weights, list(kept.values())))


@pytest.mark.smoke
def test_the_mean_hue_of_reds_on_both_sides_of_zero_is_red_and_not_cyan() -> None:
    hue = core5_of((255, 0, 40), (255, 40, 0))["hue_mean"]
    assert min(hue, 1 - hue) < 0.02


@pytest.mark.parametrize(
    ("colour", "hue"), [((0, 255, 0), 1 / 3), ((0, 0, 255), 2 / 3), ((255, 255, 0), 1 / 6)]
)
def test_the_hue_of_a_pure_colour_is_its_angle(colour: tuple[int, int, int], hue: float) -> None:
    assert core5_of(colour)["hue_mean"] == pytest.approx(hue, abs=0.005)


def test_a_grey_picture_has_the_grey_hue_no_saturation_and_no_edges() -> None:
    grey = core5_of((128, 128, 128))
    assert grey == {
        "hue_mean": GREY_HUE,
        "sat_mean": 0.0,
        "val_mean": 128 / 255,
        "contrast": 0.0,
        "edges": 0.0,
    }


def test_pale_and_dark_pixels_have_no_say_in_the_hue() -> None:
    assert core5_of((255, 60, 0), (235, 235, 255))["hue_mean"] == pytest.approx(1 / 24, abs=0.02)
    assert core5_of((200, 190, 170), (20, 0, 40))["hue_mean"] == GREY_HUE
    assert core5_of((200, 190, 170), (20, 0, 40))["sat_mean"] > 0.5


@pytest.mark.parametrize(("step", "edges"), [(0, 0.0), (9, 0.0), (10, 0.5), (120, 0.5)])
def test_edges_are_the_share_of_neighbours_that_differ_by_ten_steps(step: int, edges: float) -> None:
    pixels = np.full((30, 40, 3), 100, dtype=np.uint8)
    pixels[:, ::2] += step  # every pair across, no pair down
    assert get("core5").extract(pixels)[4] == edges


@pytest.mark.parametrize("label", ["neo-pop", "vibrant"])
def test_a_picture_half_as_sharp_has_less_than_half_the_edges_and_the_same_colour(label: str) -> None:
    sharp = Image.fromarray(decode(painted(label, 3, seed=0), 256))
    small = sharp.resize((128, 128), Image.Resampling.BOX)
    soft = small.resize(sharp.size, Image.Resampling.BILINEAR)
    before, after = (get("core5").extract(np.asarray(each)) for each in (sharp, soft))
    assert after[4] < before[4] / 2
    assert after[:4] == pytest.approx(before[:4], abs=0.06)


def test_half_black_and_half_white_is_full_contrast() -> None:
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[:, 16:] = 255
    assert get("core5").extract(pixels)[3] == pytest.approx(1.0)


def test_facts_of_the_five_fields_match_their_names() -> None:
    assert tuple(field.name for field in FIELDS) == get("core5").names
    assert get("core5").names == ("hue_mean", "sat_mean", "val_mean", "contrast", "edges")


@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0.0, 0.0)),
    ],
)
def test_lab_agrees_with_published_values(
    colour: tuple[int, int, int], lab: tuple[float, float, float]
) -> None:
    found = [float(plane[0, 0]) for plane in to_lab(np.array([[colour]], dtype=np.uint8))]
    assert found == pytest.approx(lab, abs=0.2)


GOLDEN_CORE5 = [0.206109469, 0.675917367, 0.718095238, 0.374617431, 0.172086247]
GOLDEN_RICH = {
    "lab_l_mean": 56.871022700,
    "lab_c_p75": 85.346693039,
    "hue_cos1": 0.017074054,
    "hue_entropy": 0.923503572,
    "cube_4": 0.021128856,
    "tail_c2": 4.458370507,
    "colourfulness": 146.699823693,
    "palette_entropy": 5.094641841,
    "grad_mean": -1.688428127,
    "grad_dir0": 0.526658957,
    "edge_upright_long": 0.000000000,
    "lbp1_3": 0.440958552,
    "lbp_half1_8": 0.046225016,
    "band_3": 4.852240267,
    "band_slope": -2.015843654,
    "detail_a1": 3.063842054,
    "detail_l2_p75": 2.600133095,
    "block_p50": 2.931789380,
    "busy1_p50": 1.911974490,
    "step_5": 0.071611487,
    "repeat_6": -0.053306559,
    "grid_l_spread": 7.189801446,
    "border_b": 22.066656677,
    "mirror_sides": -0.920992098,
}
GOLDEN_PROJECTION = 117.5911356


@pytest.mark.smoke
def test_core5_gives_its_golden_numbers() -> None:
    assert get("core5").extract(tiny()).tolist() == pytest.approx(GOLDEN_CORE5, abs=1e-6)


def test_rich_gives_its_golden_numbers() -> None:
    rich = get("rich")
    found = dict(zip(rich.names, rich.extract(tiny()).tolist(), strict=True))
    assert {name: found[name] for name in GOLDEN_RICH} == pytest.approx(GOLDEN_RICH, abs=1e-6)
    assert projection(found) == pytest.approx(GOLDEN_PROJECTION, abs=1e-5)


sides = st.integers(16, 64)
pictures = st.tuples(sides, sides).flatmap(
    lambda size: arrays.arrays(np.uint8, (*size, 3), fill=st.integers(0, 255))
)


@settings(max_examples=40, deadline=None)
@given(pictures)
def test_any_pixels_give_five_numbers_in_their_ranges(pixels: np.ndarray) -> None:
    for value, field in zip(get("core5").extract(pixels), FIELDS, strict=True):
        assert field.minimum <= value <= field.maximum
    assert get("core5").extract(pixels)[0] < 1


@settings(max_examples=30, deadline=None)
@given(pictures)
def test_any_pixels_give_finite_rich_numbers_of_moderate_size(pixels: np.ndarray) -> None:
    found = get("rich").extract(pixels)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 1e3


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (60, 1), (2, 3), (17, 192)])
@pytest.mark.parametrize("name", ["core5", "rich"])
def test_odd_shapes_and_flat_pictures_give_finite_numbers(name: str, shape: tuple[int, int]) -> None:
    for value in (0, 255):
        assert np.isfinite(get(name).extract(np.full((*shape, 3), value, dtype=np.uint8))).all()


@pytest.mark.smoke
@pytest.mark.parametrize("name", ["core5", "rich", "core5+rich"])
def test_every_way_to_the_numbers_of_one_picture_gives_the_same(name: str) -> None:
    data = jpeg(np.kron(tiny(), np.ones((8, 8, 1), dtype=np.uint8)))
    feature_set = get(name)
    once = vector(data, feature_set)
    assert once.dtype == np.float64
    assert np.array_equal(once, vector(data, feature_set))
    assert list(extract(data, name).values()) == once.tolist()
    assert np.array_equal(once, feature_set.vector_and_hash(data)[0])


def test_a_join_holds_the_same_numbers_as_its_parts() -> None:
    data = jpeg(np.kron(tiny(), np.ones((8, 8, 1), dtype=np.uint8)))
    parts = np.concatenate([vector(data, get("core5")), vector(data, get("rich"))])
    assert np.array_equal(vector(data, get("core5+rich")), parts)
    assert get("core5+rich").names == get("core5").names + get("rich").names


def test_a_refused_picture_has_no_numbers() -> None:
    with pytest.raises(ImageRefused):
        extract(b"no picture")


@pytest.mark.parametrize("name", ["poor", "core5+poor", "", "core5+core5"])
def test_an_unknown_set_is_named_with_the_known_ones(name: str) -> None:
    with pytest.raises(ProblemError, match=r"core5"):
        get(name)


def test_fingerprints_differ_between_sets_and_change_with_the_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prints = {name: get(name).fingerprint for name in (*names(), "core5+rich", "rich+core5")}
    assert len(set(prints.values())) == len(prints)
    assert all(len(value) == 64 for value in prints.values())
    monkeypatch.setattr(type(get("core5")), "version", 99)
    assert get("core5").fingerprint != prints["core5"]
    assert get("core5+rich").fingerprint != prints["core5+rich"]
    assert get("rich").fingerprint == prints["rich"]


def test_names_are_unique_words_that_a_column_may_have() -> None:
    for name in names():
        found = get(name).names
        assert len(set(found)) == len(found)
        assert all(word.isidentifier() and word == word.lower() for word in found)
    assert 350 <= len(get("rich").names) <= 400


def test_near_duplicates_have_near_hashes_and_others_have_not() -> None:
    picture = np.kron(tiny(), np.ones((6, 6, 1), dtype=np.uint8))
    again = decode(jpeg(picture), 128)
    first, second = difference_hash(picture), difference_hash(again)
    other = difference_hash(picture[:, ::-1])
    assert (first ^ second).bit_count() <= 4
    assert (first ^ other).bit_count() > 10
