"""A user's own network as a feature set: its name, what is asked of the file, and what travels in a bundle."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from artpulse_core import features
from artpulse_core.data.generator import picture
from artpulse_core.data.images import scan
from artpulse_core.errors import BundleError, ProblemError
from artpulse_core.features import ownfile
from artpulse_core.features.cache import FeatureCache
from artpulse_core.features.embedding import GRAPH, Embedding
from artpulse_core.features.network import EXTERNAL_DATA, Input
from tests.core.features import networks

PIXELS = np.random.default_rng(3).integers(0, 256, (40, 70, 3), dtype=np.uint8)
IMAGENET = "mean=0.485,0.456,0.406&std=0.229,0.224,0.225"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.onnx"
    path.write_bytes(networks.means())
    return path


def numbers(name: str) -> np.ndarray:
    return features.get(name).extract(PIXELS)


def test_a_file_gives_its_numbers_of_the_whole_picture_resized_to_a_square(mine: Path) -> None:
    flat = np.full((30, 90, 3), (255, 51, 0), dtype=np.uint8)
    found = features.get(f"embedding:{mine}?input=32")
    assert found.names == ("embedding_0000", "embedding_0001", "embedding_0002")
    np.testing.assert_allclose(found.extract(flat), [1.0, 0.2, 0.0], atol=1e-6)


def test_mean_deviation_and_scale_are_applied_to_each_channel(mine: Path) -> None:
    plain = numbers(f"embedding:{mine}?input=32")
    wanted = (plain - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(numbers(f"embedding:{mine}?input=32&{IMAGENET}"), wanted, atol=1e-5)
    np.testing.assert_allclose(
        numbers(f"embedding:{mine}?input=32&scale=1&mean=127&std=128"), (plain * 255 - 127) / 128, atol=1e-5
    )


def test_the_two_layouts_give_the_same_numbers(mine: Path, tmp_path: Path) -> None:
    last = tmp_path / "last.onnx"
    last.write_bytes(networks.means(("n", "h", "w", 3), axes=(1, 2)))
    np.testing.assert_allclose(
        numbers(f"embedding:{last}?input=32&layout=nhwc"), numbers(f"embedding:{mine}?input=32"), atol=1e-6
    )


def test_a_path_with_a_plus_or_a_question_mark_is_written_with_percent_signs(tmp_path: Path) -> None:
    path = tmp_path / "a+b?.onnx"
    path.write_bytes(networks.means())
    assert ownfile.parse(f"embedding:{tmp_path}/a%2Bb%3F.onnx?input=32")[0] == path
    assert features.available(f"rich+embedding:{tmp_path}/a%2Bb%3F.onnx")


def test_without_parameters_pixels_are_between_0_and_1_at_224() -> None:
    form = ownfile.parse("embedding:/models/mine.onnx")[1]
    assert form == Input(224, (0.0,) * 3, (1.0,) * 3, 255.0, "nchw")


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("mine.onnx", "full path"),
        ("/models/mine.pt", "ONNX file"),
        ("/m.onnx?size=3", "no parameter 'size'"),
        ("/m.onnx?input=8", "input=8"),
        ("/m.onnx?input=1e9", "input"),
        ("/m.onnx?input=big", "input=big"),
        ("/m.onnx?mean=1,2", "mean=1,2"),
        ("/m.onnx?std=0", "above 0"),
        ("/m.onnx?mean=nan", "mean=nan"),
        ("/m.onnx?layout=chw", "nchw or nhwc"),
    ],
)
def test_a_name_that_cannot_be_meant_is_refused_and_the_part_named(rest: str, said: str) -> None:
    with pytest.raises(ProblemError, match=said):
        features.get(f"embedding:{rest}")


@pytest.mark.parametrize(
    ("graph", "query", "said"),
    [
        (b"no graph at all", "", "no model that ONNX Runtime can open"),
        (networks.means(("n", 3, 64, 64)), "", "its input is .*64.*input=32"),
        (networks.means(kind=TensorProto.DOUBLE), "", "one input of float32 pixels"),
        (networks.means(), "&output=other", "no output 'other'; it has means, maps"),
        (networks.means(), "&output=maps", "not one row of numbers"),
        (networks.means(("n", "h", "w", 3)), "", "not one row of numbers|its input"),
        (networks.logarithm(), "", "not finite"),
        (networks.means() + EXTERNAL_DATA, "", "weights in another file"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_the_first_picture(
    tmp_path: Path, graph: bytes, query: str, said: str
) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(graph)
    with pytest.raises(ProblemError, match=f"bad.onnx cannot be used: .*({said})"):
        assert features.get(f"embedding:{path}?input=32{query}").fingerprint
        assert features.get(f"embedding:{path}?input=32{query}").names


def test_a_missing_file_is_not_available_and_says_so_when_it_is_needed(tmp_path: Path) -> None:
    name = f"embedding:{tmp_path}/none.onnx"
    assert not features.available(name)
    with pytest.raises(ProblemError, match=r"none\.onnx cannot be used: it cannot be read: No such file"):
        assert features.get(name).fingerprint


def test_the_fingerprint_follows_the_bytes_and_the_parameters_and_not_the_place(
    mine: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(mine.read_bytes())

    def facts(name: str) -> object:
        return features.get(name).parameters()

    assert facts(f"embedding:{mine}?input=32") == facts(f"embedding:{copy}?input=32")
    assert facts(f"embedding:{mine}?input=32") != facts(f"embedding:{mine}?input=48")
    assert facts(f"embedding:{mine}?input=32") != facts(f"embedding:{mine}?input=32&std=2")
    copy.write_bytes(networks.logarithm())
    os.utime(copy, ns=(1, 1))
    assert facts(f"embedding:{mine}?input=32") != facts(f"embedding:{copy}?input=32")


def test_a_bundle_answers_with_its_own_copy_where_the_file_is_no_more(mine: Path, tmp_path: Path) -> None:
    name = f"embedding:{mine}?input=32"
    here = features.get(name)
    wanted, bundle = here.extract(PIXELS), tmp_path / "bundle"
    bundle.mkdir()
    for file, data in here.files().items():
        (bundle / file).write_bytes(data)
    fingerprint = here.fingerprint
    assert f"mine.onnx (sha256 {hashlib.sha256(mine.read_bytes()).hexdigest()})" in here.origin
    mine.unlink()
    there = features.get(name, bundle=bundle)
    assert there.fingerprint == fingerprint
    assert there.names == here.names
    assert np.array_equal(there.extract(PIXELS), wanted)


def test_a_file_changed_since_it_was_opened_is_not_packed(mine: Path) -> None:
    chosen = features.get(f"embedding:{mine}?input=32")
    assert chosen.fingerprint
    mine.write_bytes(networks.logarithm())
    with pytest.raises(ProblemError, match="changed since"):
        chosen.files()


def test_a_replaced_file_is_another_set_in_the_same_process(mine: Path) -> None:
    name = f"embedding:{mine}?input=32"
    before = features.get(name)
    assert features.get(name) is before
    old = before.fingerprint
    mine.write_bytes(networks.means(("n", 3, 32, 32)))
    assert features.get(name).fingerprint != old


@pytest.mark.parametrize("left", [(), (GRAPH,)])
def test_a_bundle_without_a_usable_graph_is_a_broken_bundle(tmp_path: Path, left: tuple[str, ...]) -> None:
    for name in left:
        (tmp_path / name).write_bytes(b"broken")
    with pytest.raises(BundleError, match=GRAPH):
        features.get("embedding:/gone/mine.onnx?input=32", bundle=tmp_path).extract(PIXELS)


def test_two_sets_of_one_file_share_one_session(mine: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / GRAPH).write_bytes(mine.read_bytes())
    name = f"embedding:{mine}?input=32"
    one, other = features.get(name), features.get(name, bundle=bundle)
    assert isinstance(one, Embedding)
    assert isinstance(other, Embedding)
    assert one.open() is other.open()


def test_joined_with_other_sets_every_part_sees_the_picture_as_alone(mine: Path) -> None:
    own = f"embedding:{mine}?input=32"
    joined, data = features.get(f"core5+{own}"), picture("minimal", 1, seed=2)
    wanted = [features.get(part).vector(data) for part in ("core5", own)]
    assert np.array_equal(joined.vector(data), np.concatenate(wanted))
    assert joined.names == (
        *features.get("core5").names,
        "embedding_0000",
        "embedding_0001",
        "embedding_0002",
    )
    assert joined.blocks == (5, 3)
    assert joined.watch is joined
    assert list(joined.files()) == [GRAPH]
    assert joined.tolerance == features.get(own).tolerance > features.get("core5").tolerance


def test_two_embeddings_in_one_set_are_refused(mine: Path) -> None:
    with pytest.raises(ProblemError, match="two embeddings"):
        features.get(f"embedding+embedding:{mine}")


def test_numbers_of_a_folder_are_kept_under_a_name_without_the_path(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "one.jpg").write_bytes(picture("minimal", 1, seed=2))
    cache = FeatureCache(tmp_path / "cache", features.get(f"core5+embedding:{mine}?input=32"))
    assert cache.extract_files(tmp_path / "pictures", scan(tmp_path / "pictures").files).computed == 1
    assert {folder.name[:16] for folder in (tmp_path / "cache").iterdir()} == {"stamps", "core5+embedding-"}


def test_a_name_that_is_nearly_right_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ProblemError, match=r"no feature set 'embeddings'; known are core5, rich, embedding"):
        features.get("embeddings")


def test_a_network_with_fixed_batch_and_trailing_ones_is_one_row(tmp_path: Path) -> None:
    node = helper.make_node("ReduceMean", ["pixels"], ["pooled"], axes=[2, 3], keepdims=1)
    path = tmp_path / "pooled.onnx"
    path.write_bytes(networks.model([node], (1, 3, 32, 32), {"pooled": (1, 3, 1, 1)}))
    assert numbers(f"embedding:{path}?input=32").shape == (3,)
