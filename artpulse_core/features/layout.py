"""The layout blocks of ``rich``: where in the picture something is.

Belongs here: a grid, the border, symmetry. Does not belong here: numbers that do not change when parts of the
picture change places (``colour``, ``texture``).
"""

from __future__ import annotations

import numpy as np

from artpulse_core.features.colour import Lab

_GRID = 3


def layout_block(lab: Lab, grey: np.ndarray) -> dict[str, float]:
    """All layout numbers of Lab planes and float32 ``grey`` in [0, 1], each (h, w)."""
    light, a, b = lab
    chroma = np.sqrt(a * a + b * b)
    out = _grid(light, chroma, grey)
    out |= _border(light, a, b)
    out |= _symmetry(light, a, b)
    return out


def _cells(plane: np.ndarray) -> np.ndarray:
    """Means of a 3 × 3 grid; a plane too small for it is repeated."""
    plane = np.repeat(plane, _GRID, axis=0) if plane.shape[0] < _GRID else plane
    plane = np.repeat(plane, _GRID, axis=1) if plane.shape[1] < _GRID else plane
    rows = [i * plane.shape[0] // _GRID for i in range(_GRID)]
    columns = [i * plane.shape[1] // _GRID for i in range(_GRID)]
    sums = np.add.reduceat(np.add.reduceat(plane, rows, axis=0, dtype=np.float64), columns, axis=1)
    counts = np.outer(np.diff([*rows, plane.shape[0]]), np.diff([*columns, plane.shape[1]]))
    means: np.ndarray = sums / counts
    return means


def _grid(light: np.ndarray, chroma: np.ndarray, grey: np.ndarray) -> dict[str, float]:
    """How much the nine cells differ in lightness, chroma and detail.

    The cells themselves are left out: with a few hundred pictures they cost 0.01 macro-F1 on other artists.
    """
    detail = np.zeros_like(grey)
    if grey.shape[1] > 1:
        detail[:, 1:] = np.abs(np.diff(grey, axis=1))
    if grey.shape[0] > 1:
        detail[1:] += np.abs(np.diff(grey, axis=0))
    out: dict[str, float] = {}
    for name, plane in (("l", light), ("c", chroma), ("detail", detail)):
        cells = _cells(plane).ravel()
        cells = np.log(cells + 1e-3) if name == "detail" else cells
        out[f"grid_{name}_spread"] = float(cells.std())
        out[f"grid_{name}_range"] = float(np.ptp(cells))
    return out


def _border(light: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """The outer sixteenth on each side against the inside: paper, frames, empty grounds."""
    height, width = light.shape
    edge = max(1, min(height, width) // 16)
    inside = np.zeros(light.shape, dtype=bool)
    inside[edge : height - edge, edge : width - edge] = True
    if not inside.any():
        inside[:] = True
    ring = ~inside if not inside.all() else inside
    out: dict[str, float] = {}
    for name, plane in (("l", light), ("a", a), ("b", b)):
        outer, inner = plane[ring], plane[inside]
        out[f"border_{name}"] = float(outer.mean(dtype=np.float64) - inner.mean(dtype=np.float64))
        out[f"border_{name}_std"] = float(np.log1p(outer.std(dtype=np.float64)))
    return out


def _symmetry(light: np.ndarray, a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Correlation of L with itself mirrored left-right, top-bottom and turned; mean colour distance when
    mirrored.
    """
    centred = light - light.mean()
    power = float((centred * centred).sum(dtype=np.float64)) + 1e-3 * centred.size
    out = {}
    for name, other in (
        ("sides", centred[:, ::-1]),
        ("height", centred[::-1]),
        ("turned", centred[::-1, ::-1]),
    ):
        out[f"mirror_{name}"] = float((centred * other).sum(dtype=np.float64)) / power
    distance = np.abs(a - a[:, ::-1]) + np.abs(b - b[:, ::-1])
    out["mirror_colour"] = float(np.log1p(distance.mean(dtype=np.float64)))
    return out
