"""Local kriging: the value of a row expected from the rows of training nearest to it in space and kind.

Belongs here: the covariance and the small systems of equations. Does not belong here: what is a coordinate or a trait
(``housing``), and other statistics of neighbours (``neighbours``). numpy and scipy only: it runs in the request path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

CHUNK = 256  # rows solved at once: 256 systems of 32 × 32 are 2 MB, which stay near the processor
FEW, SLACK = 6, 1.0  # in ``roughly``: neighbours, none of which is more than twice as far as it might be
LEAST = 1e-3  # a target is at least this where its logarithm is taken


@dataclass(frozen=True)
class Kernel:
    """Covariance of two rows ``d`` km and ``t`` (traits, each times its weight) apart, and what counts as near.

    (``both`` exp(-d/near) + ``alike_far`` exp(-d/far)) exp(-t/alike) + ``place`` exp(-d/near), and ``nugget`` more for
    a row with itself. ``km`` is how many km weigh as much as one trait when neighbours are chosen.
    """

    weights: tuple[float, ...]
    near: float
    alike: float
    far: float
    km: float
    nugget: float
    both: float
    alike_far: float
    place: float
    logarithm: bool = False  # of the target

    def of(self, d: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Covariance without the nugget."""
        alike, near = np.exp(t / -self.alike), np.exp(d / -self.near)
        return (self.both * near + self.alike_far * np.exp(d / -self.far)) * alike + self.place * near

    @property
    def variance(self) -> float:
        """Of a row, without the nugget."""
        return self.both + self.alike_far + self.place


class Kriging:
    """Ordinary kriging, mean unknown (Cressie, "Statistics for Spatial Data", 1993, section 3.2), from the ``nearest``
    rows only (Datta, Banerjee, Finley, Gelfand, JASA 111, 2016)."""

    def __init__(
        self, kernel: Kernel, place: np.ndarray, traits: np.ndarray, target: np.ndarray, nearest: int
    ) -> None:
        self._kernel, self._nearest = kernel, nearest
        self._weights = np.array(kernel.weights)
        self._place, self._traits = place, traits * self._weights
        self._target = np.log(np.maximum(target, LEAST)) if kernel.logarithm else target
        from scipy.spatial import cKDTree  # here, so that naming the set costs a reader of problems nothing

        self._tree = cKDTree(np.concatenate([place, self._traits * kernel.km], axis=1))

    def ask(self, place: np.ndarray, traits: np.ndarray, own: np.ndarray | None = None) -> np.ndarray:
        """Expected target and its variance, m × 2. ``own``: each row's number among those of training, left out."""
        _, near = search(self._tree, self._points(place, traits), self._nearest, own)
        return self._answer(place, traits, near)

    def roughly(self, place: np.ndarray, traits: np.ndarray) -> np.ndarray:
        """As ``ask`` for the first row, from some six near neighbours for the others: a tenth of the cost."""
        points = self._points(place[1:], traits[1:])
        near = self._tree.query(points, k=[*range(1, min(FEW, self._nearest) + 1)], eps=SLACK)[1]
        return np.concatenate([self.ask(place[:1], traits[:1]), self._answer(place[1:], traits[1:], near)])

    def _points(self, place: np.ndarray, traits: np.ndarray) -> np.ndarray:
        return np.concatenate([place, traits * self._weights * self._kernel.km], axis=1)

    def _answer(self, place: np.ndarray, traits: np.ndarray, near: np.ndarray) -> np.ndarray:
        traits = traits * self._weights
        answer = np.empty((len(place), 2))
        for at in range(0, len(place), CHUNK):
            rows = slice(at, at + CHUNK)
            answer[rows] = self._solve(place[rows, None], traits[rows, None], near[rows])
        return answer

    def _solve(self, place: np.ndarray, traits: np.ndarray, near: np.ndarray) -> np.ndarray:
        kernel = self._kernel
        # Seen from the row asked about, the numbers are small and their squares do not cancel.
        places, alike = self._place[near] - place, self._traits[near] - traits
        between = kernel.of(_apart(places), _apart(alike))
        diagonal = np.arange(near.shape[1])
        between[:, diagonal, diagonal] = kernel.variance + kernel.nugget
        to = kernel.of(np.sqrt((places**2).sum(axis=2)), np.sqrt((alike**2).sum(axis=2)))
        right = np.ones((*near.shape, 3))
        right[:, :, 0] = self._target[near]
        right[:, :, 2] = to
        solved = np.linalg.solve(between, right)
        total, told = solved.sum(axis=1), (to[:, :, None] * solved).sum(axis=1)
        mean = total[:, 0] / total[:, 1]
        expected = mean + told[:, 0] - mean * told[:, 1]
        return np.stack(
            [np.exp(expected) if kernel.logarithm else expected, kernel.variance - told[:, 2]], axis=1
        )


def search(tree: Any, points: np.ndarray, k: int, own: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Distances and numbers (m × k) of the nearest rows; ``own`` is each point's own number in the tree, left out."""
    if own is None:
        distance, near = tree.query(points, k=k)
        return distance.reshape(-1, k), near.reshape(-1, k)
    distance, near = tree.query(points, k=k + 1)
    drop = near == own[:, None]
    # Where more than k rows lie on one point the own one may not be among the answers: then the last one goes.
    drop[~drop.any(axis=1), -1] = True
    return distance[~drop].reshape(-1, k), near[~drop].reshape(-1, k)


def _apart(points: np.ndarray) -> np.ndarray:
    squares = np.einsum("mkd,mkd->mk", points, points)
    product = points @ points.transpose(0, 2, 1)
    apart: np.ndarray = np.sqrt(np.maximum(squares[:, :, None] + squares[:, None, :] - 2.0 * product, 0.0))
    return apart
