"""One picture: every odd one gets its verdict, every good one its pixels."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from artpulse_core.data.images import REASONS, decode, inspect
from artpulse_core.errors import ImageRefused

RNG = np.random.default_rng(5)


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    across = np.linspace(0, 255, width)[None, :] * np.ones((height, 1))
    pixels = np.stack([across, across[:, ::-1], np.full_like(across, 80)], axis=2).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of_zeros(width: int, height: int, bits: int, colour: int) -> bytes:
    channels = {0: 1, 2: 3, 6: 4}[colour]
    row = 1 + (width * bits * channels + 7) // 8
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(row * 256)) for _ in range(height // 256)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def crc_broken() -> bytes:
    data = bytearray(save(picture(), "PNG"))
    data[data.index(b"IDAT") + 12] ^= 0xFF
    return bytes(data)


def clear(alpha: int) -> bytes:
    return save(Image.new("RGBA", (32, 32), (255, 0, 0, alpha)), "PNG")


def webp_claiming_a_huge_canvas() -> bytes:
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + b"\xff\x3e\0" * 2
    return b"RIFF" + struct.pack("<I", len(body)) + body


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "empty": ("empty_file", lambda: b""),
    "text": ("not_an_image", lambda: b"this is no picture, whatever its name says"),
    "tiff": ("format_unsupported", lambda: save(picture(), "TIFF")),
    "pdf": ("format_unsupported", lambda: b"%PDF-1.7 ..."),
    "truncated jpeg": ("truncated", lambda: save(picture(), "JPEG")[:-200]),
    "jpeg header alone": ("truncated", lambda: save(picture(), "JPEG")[:40]),
    "truncated png": ("truncated", lambda: save(picture(), "PNG")[:-30]),
    "truncated webp": ("truncated", lambda: save(picture(), "WEBP")[:-30]),
    "truncated gif": ("truncated", lambda: save(picture(), "GIF")[:-80]),
    "truncated bmp": ("truncated", lambda: save(picture(), "BMP")[:-300]),
    "png with a wrong checksum": ("checksum_mismatch", crc_broken),
    "one pixel": ("side_too_short", lambda: save(picture(1, 1), "PNG")),
    "fifteen pixels": ("side_too_short", lambda: save(picture(15, 40), "JPEG")),
    "9,400 px square png": ("too_many_pixels", lambda: png_of_zeros(9400, 9400, 8, 2)),
    "169 megapixels of one bit": ("too_many_pixels", lambda: png_of_zeros(13000, 13000, 1, 0)),
    "very long": ("side_too_long", lambda: png_of_zeros(16640, 256, 1, 0)),
    "webp with a huge canvas": ("too_many_pixels", webp_claiming_a_huge_canvas),
    "more than 10 MB": ("file_too_large", lambda: save(picture(), "JPEG") + bytes(10 * 1024 * 1024)),
    "fully transparent": ("fully_transparent", lambda: clear(0)),
    "a jpeg of many scans": ("too_many_scans", lambda: save(picture(), "JPEG") + b"\xff\xda" * 101),
}


@pytest.mark.smoke
@pytest.mark.parametrize("name", REFUSED)
def test_an_unusable_picture_is_refused_with_its_reason(name: str) -> None:
    reason, make = REFUSED[name]
    with pytest.raises(ImageRefused) as caught:
        decode(make(), 64)
    assert (caught.value.reason, caught.value.message[-1]) == (reason, ".")
    assert reason in REASONS


def exif_of(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def animation(kind: str) -> bytes:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "green")]
    return save(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)


ACCEPTED: dict[str, Callable[[], bytes]] = {
    "cmyk": lambda: save(picture(mode="CMYK"), "JPEG"),
    "grey": lambda: save(picture(mode="L"), "JPEG"),
    "one bit": lambda: save(picture(mode="1"), "PNG"),
    "palette": lambda: save(picture(mode="P"), "PNG"),
    "palette with transparency": lambda: save(picture(mode="P"), "PNG", transparency=b"\xff\x80\x00"),
    "grey with alpha": lambda: save(picture(mode="LA"), "PNG"),
    "progressive": lambda: save(picture(), "JPEG", progressive=True),
    "trailing bytes": lambda: save(picture(), "JPEG") + b"after the end" * 50,
    "png with trailing bytes": lambda: save(picture(), "PNG") + b"after the end",
    "broken colour profile": lambda: save(picture(), "JPEG", icc_profile=b"not a profile"),
    "broken exif": lambda: save(picture(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f broken"),
    "webp": lambda: save(picture(), "WEBP"),
    "bmp": lambda: save(picture(), "BMP"),
    "animated gif": lambda: animation("GIF"),
    "animated webp": lambda: animation("WEBP"),
    "animated png": lambda: animation("PNG"),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_odd_but_usable_picture_becomes_pixels_without_a_warning(name: str) -> None:
    pixels = decode(ACCEPTED[name](), 32)
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert max(pixels.shape[:2]) <= 32


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_its_first_frame(kind: str) -> None:
    data = animation(kind)
    assert inspect(data).frames > 1
    assert decode(data, 16)[4, 4].tolist() == [255, 0, 0]


@pytest.mark.smoke
def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (32, 1))
    pixels = decode(save(Image.fromarray(ramp), "PNG"), 64)
    assert (int(pixels[0, 0, 0]), int(pixels[0, -1, 0])) == (0, 255)
    assert abs(int(pixels[0, 32, 0]) - 129) <= 1


def test_transparency_is_composited_over_white() -> None:
    assert decode(clear(128), 32)[3, 3].tolist() == [255, 127, 127]


def test_a_large_picture_with_alpha_is_reduced_in_strips_to_the_same_pixels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = save(picture(1000, 700, "RGBA"), "PNG")
    whole = decode(data, 64).astype(int)
    monkeypatch.setattr("artpulse_core.data.picture._LARGE", 0)
    assert np.abs(decode(data, 64).astype(int) - whole).max() <= 1


def test_cmyk_is_converted_to_the_colours_it_prints() -> None:
    red = Image.new("RGB", (32, 32), (200, 30, 30)).convert("CMYK")
    assert np.abs(decode(save(red, "JPEG", quality=95), 32).mean(axis=(0, 1)) - [200, 30, 30]).max() < 6


@pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_exif_orientation_is_applied(orientation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (48, 32), "black")
    image.paste("white", (0, 0, 16, 16))
    pixels = decode(save(image, "JPEG", exif=exif_of(orientation), quality=95), 64)
    assert pixels.shape[:2] == ((32, 48) if orientation in (1, 3) else (48, 32))
    assert pixels[corner].min() > 200


def test_the_long_side_is_met_and_nothing_is_enlarged() -> None:
    assert decode(save(picture(400, 100), "JPEG"), 128).shape == (32, 128, 3)
    assert decode(save(picture(40, 20), "JPEG"), 128).shape == (20, 40, 3)
    assert decode(save(picture(2000, 16), "PNG"), 64).shape == (1, 64, 3)


def test_the_header_tells_format_size_and_mode() -> None:
    header = inspect(save(picture(70, 50, "CMYK"), "JPEG"))
    assert (header.format, header.width, header.height, header.mode, header.frames) == (
        "JPEG",
        70,
        50,
        "CMYK",
        1,
    )


def test_threads_get_the_same_pixels_and_leave_the_warning_filters_alone() -> None:
    import warnings

    before = list(warnings.filters)
    data = ACCEPTED["broken exif"]()
    expected = decode(data, 32)
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(i for i in range(30) if not np.array_equal(decode(data, 32), expected))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert list(warnings.filters) == before


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP"])
def test_damaged_bytes_never_raise_anything_but_a_refusal(kind: str) -> None:
    good = save(picture(), kind)
    rng = np.random.default_rng(1)
    outcomes = []
    for _ in range(40):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), 4):
            bad[place] = int(rng.integers(256))
        try:
            outcomes.append(decode(bytes(bad), 32).shape[2])
        except ImageRefused as error:
            outcomes.append(error.reason in REASONS)
    assert set(outcomes) <= {3, True}
