"""The detail blocks of ``rich``: how much happens at each scale, in lightness and in colour.

Belongs here: what is lost by halving, wavelet magnitudes, small steps between neighbours, repetition. Does
not belong here: directions, local patterns and frequencies (``texture``).
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from artpulse_core.features.colour import Lab, points

_LEVELS = 4
_QUALITIES = (10, 40, 75)


def detail_block(pixels: np.ndarray, lab: Lab, grey: np.ndarray) -> dict[str, float]:
    """All detail numbers of uint8 pixels, their Lab planes and float32 ``grey`` in [0, 1]; any size from 1 ×
    1.
    """
    out: dict[str, float] = {}
    for name, plane in zip("lab", lab, strict=True):
        out |= _scales(name, plane)
    out |= _blocks(lab[0])
    out |= _quiet_and_busy(lab[0])
    out |= _steps(grey, lab)
    out |= _repetition(lab)
    out |= _jpeg_sizes(pixels)
    return out


def halve(plane: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 cells; a side of one pixel stays."""
    if plane.shape[0] > 1:
        rows = plane[: plane.shape[0] // 2 * 2]
        plane = (rows[::2] + rows[1::2]) * np.float32(0.5)
    if plane.shape[1] > 1:
        columns = plane[:, : plane.shape[1] // 2 * 2]
        plane = (columns[:, ::2] + columns[:, 1::2]) * np.float32(0.5)
    return plane


def _scales(name: str, plane: np.ndarray) -> dict[str, float]:
    """Four halvings: spread and spikiness of what is lost, and percentiles of its Haar magnitude."""
    out: dict[str, float] = {}
    current = plane
    for level in range(_LEVELS):
        height, width = current.shape[0] // 2 * 2, current.shape[1] // 2 * 2
        if min(height, width) < 2:
            energy = np.zeros((1, 1), dtype=np.float32)
            fourth = 0.0
        else:
            cells = current[:height, :width]
            a, b, c, d = cells[::2, ::2], cells[::2, 1::2], cells[1::2, ::2], cells[1::2, 1::2]
            first, second = a - d, b - c
            across, down, diagonal = first - second, first + second, (a + d) - (b + c)
            across, down, diagonal = across * across, down * down, diagonal * diagonal
            energy = (across + down + diagonal) * np.float32(1 / 16)
            fourth = float((energy * energy).mean(dtype=np.float64))
        variance = float(energy.mean(dtype=np.float64))
        out[f"detail_{name}{level}"] = float(np.log(variance**0.5 + 1e-2))
        out[f"detail_{name}{level}_kurt"] = float(np.log1p(fourth / variance**2)) if variance > 1e-4 else 0.0
        for point, value in zip((50, 75, 95), points(energy, (50, 75, 95)), strict=True):
            out[f"detail_{name}{level}_p{point}"] = float(np.log(max(float(value), 0.0) ** 0.5 + 0.05))
        current = halve(current)
    return out


def _blocks(light: np.ndarray, size: int = 8) -> dict[str, float]:
    """Percentiles of the standard deviation of L inside 8 × 8 blocks: are there quiet areas."""
    height, width = light.shape[0] // size, light.shape[1] // size
    if min(height, width) < 1:
        blocks = np.asarray([float(light.std())])
    else:
        cut = light[: height * size, : width * size].reshape(height, size, width, size)
        mean = cut.mean(axis=(1, 3))
        blocks = np.sqrt(np.maximum((cut * cut).mean(axis=(1, 3)) - mean * mean, 0)).ravel()
    wanted = (10, 25, 50, 75, 90)
    out = {f"block_p{p}": float(np.log1p(v)) for p, v in zip(wanted, points(blocks, wanted), strict=True)}
    out["block_quiet"] = float((blocks < 1.5).mean())
    return out


def _quiet_and_busy(light: np.ndarray) -> dict[str, float]:
    """At three scales, how unevenly fine detail is spread over blocks of the same size."""
    out: dict[str, float] = {}
    current = light
    for level in range(3):
        size = 16 >> level
        fine = np.abs(current - _blur(current))
        height, width = fine.shape[0] // size, fine.shape[1] // size
        if min(height, width) < 1:
            blocks = np.asarray([float(fine.mean())])
        else:
            cut = fine[: height * size, : width * size].reshape(height, size, width, size)
            blocks = cut.mean(axis=(1, 3)).ravel()
        blocks = np.log(blocks + 0.05)
        for point, value in zip((10, 50, 90), points(blocks, (10, 50, 90)), strict=True):
            out[f"busy{level}_p{point}"] = float(value)
        out[f"busy{level}_std"] = float(blocks.std())
        current = halve(current)
    return out


def _blur(plane: np.ndarray) -> np.ndarray:
    """A binomial 3 × 3 blur."""
    padded = np.pad(plane, 1, mode="edge")
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    blurred: np.ndarray = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) * np.float32(1 / 16)
    return blurred


def _steps(grey: np.ndarray, lab: Lab) -> dict[str, float]:
    """Histogram of the size of steps in brightness (each bin doubles), flat shares, percentiles of colour
    steps.
    """
    size = np.zeros((1, 1), dtype=np.float32)
    colour = np.zeros((1, 1), dtype=np.float32)
    if min(grey.shape) > 1:
        size = _length(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1])
        across = [np.diff(plane, axis=1)[:-1] for plane in lab[1:]]
        down = [np.diff(plane, axis=0)[:, :-1] for plane in lab[1:]]
        colour = _length(*across) + _length(*down)
    place = np.clip((np.log2(size + np.float32(1 / 512)) + 9) * np.float32(8 / 9), 0, 7).astype(np.int8)
    shares = np.bincount(place.ravel(), minlength=8) / place.size
    out = {f"step_{i}": float(value) ** 0.5 for i, value in enumerate(shares)}
    for name, limit in (("4", 0.004), ("12", 0.012), ("30", 0.030)):
        out[f"step_flat{name}"] = float((size < limit).mean())
    wanted = (50, 75, 90, 97)
    out |= {
        f"step_colour_p{p}": float(np.log(v + 0.2))
        for p, v in zip(wanted, points(colour, wanted), strict=True)
    }
    return out


def _length(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """What ``np.hypot`` gives, five times faster: nothing here is near overflow."""
    length: np.ndarray = np.sqrt(first * first + second * second)
    return length


def _repetition(lab: Lab) -> dict[str, float]:
    """Autocorrelation of L along the width minus along the height, 2 to 40 pixels apart."""
    centred = lab[0] - lab[0].mean()
    power = float((centred * centred).mean(dtype=np.float64)) + 1e-2
    out: dict[str, float] = {}
    for distance in (2, 6, 16, 40):
        if min(centred.shape) <= distance:
            out[f"repeat_{distance}"] = 0.0
            continue
        across = float((centred[:, distance:] * centred[:, :-distance]).mean(dtype=np.float64))
        down = float((centred[distance:] * centred[:-distance]).mean(dtype=np.float64))
        out[f"repeat_{distance}"] = (across - down) / power
    return out


def _jpeg_sizes(pixels: np.ndarray) -> dict[str, float]:
    """Logarithm of the bits a pixel of the working picture saved at fixed qualities: how much there is to
    say.
    """
    image = Image.fromarray(pixels)
    out: dict[str, float] = {}
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        out[f"jpeg_{quality}"] = float(np.log(8 * buffer.tell() / (pixels.shape[0] * pixels.shape[1])))
    return out
