"""What the rows of training nearby say of a place: their targets, their traits, how far away they are.

Belongs here: searching neighbours and statistics over them. Does not belong here: which fields are coordinates and
traits (``housing``). numpy and scipy only: it runs in the request path.

A row of training is never its own neighbour: ``of_training`` tells each row what all the others say, as a new row would
be told. Leaving out a single row was measured beside twenty folds of rows and is as good, with no chance in it. (It would
not be with means over fixed groups, from which a model computes the own target back.)
"""

from __future__ import annotations

import numpy as np

from artpulse_core.features.kriging import Kernel, Kriging, search

NEAREST = 32
MEANS = (1, 2, 4, 8, 16, 32)
FEW = 8
DISTANCES = (1, 4, 16)


class Neighbours:
    """Rows of training at places (n × 2, km) with traits (n × f, of similar scale) and targets (n)."""

    def __init__(
        self, place: np.ndarray, traits: np.ndarray, target: np.ndarray, kernels: tuple[Kernel, ...]
    ) -> None:
        self._place, self._traits, self._target = place, traits, target
        self._nearest = min(NEAREST, len(place) - 1)
        from scipy.spatial import cKDTree  # here, so that naming the set costs a reader of problems nothing

        self._tree = cKDTree(place)
        self._kriged = [Kriging(kernel, place, traits, target, self._nearest) for kernel in kernels]

    def names(self, traits: tuple[str, ...]) -> tuple[str, ...]:
        """The columns of the answers; ``traits`` are the names of the traits."""
        return (
            *(f"target of nearest {k}" for k in MEANS),
            "target by distance",
            "target by square of distance",
            f"target by distance and {traits[0]}",
            f"least target of {FEW}",
            f"largest target of {FEW}",
            f"spread of targets of {FEW}",
            *(f"km to neighbour {k}" for k in DISTANCES),
            *(f"{name} of nearest {FEW}" for name in traits),
            *(f"{name} beside nearest {FEW}" for name in traits),
            *(
                f"{what} {number}"
                for number in range(1, len(self._kriged) + 1)
                for what in ("kriged target", "kriging variance")
            ),
        )

    def of_training(self) -> np.ndarray:
        """The answers for the rows of training, each from all others."""
        own = np.arange(len(self._place))
        distance, near = search(self._tree, self._place, self._nearest, own)
        kriged = [each.ask(self._place, self._traits, own) for each in self._kriged]
        return self._answer(self._traits, distance, near, kriged)

    def ask(self, place: np.ndarray, traits: np.ndarray) -> np.ndarray:
        """The answers for new rows, m × len(names)."""
        distance, near = search(self._tree, place, self._nearest, None)
        kriged = [each.ask(place, traits) for each in self._kriged]
        return self._answer(traits, distance, near, kriged)

    def roughly(self, place: np.ndarray, traits: np.ndarray) -> np.ndarray:
        """``ask`` for rows of few places: exact but for kriging, and in that for the first row."""
        _, first, group = np.unique(place, axis=0, return_index=True, return_inverse=True)
        group = group.reshape(-1)
        distance, near = search(self._tree, place[first], self._nearest, None)
        kriged = [each.roughly(place, traits) for each in self._kriged]
        return self._answer(traits, distance[group], near[group], kriged)

    def _answer(
        self, traits: np.ndarray, distance: np.ndarray, near: np.ndarray, kriged: list[np.ndarray]
    ) -> np.ndarray:
        target, kind = self._target[near], self._traits[near]
        ends = np.minimum(MEANS, self._nearest)
        close = 1.0 / (distance + 0.5)
        alike = np.exp(-2.0 * np.abs(kind[:, :, 0] - traits[:, None, 0])) / (distance + 1.0)
        few = target[:, :FEW]
        around = kind[:, :FEW].mean(axis=1)
        blocks = [
            np.cumsum(target, axis=1)[:, ends - 1] / ends,
            _weighted(close, target),
            _weighted(close * close, target),
            _weighted(alike, target),
            few.min(axis=1)[:, None],
            few.max(axis=1)[:, None],
            few.std(axis=1)[:, None],
            distance[:, np.minimum(DISTANCES, self._nearest) - 1],
            around,
            traits - around,
            *kriged,
        ]
        return np.concatenate(blocks, axis=1)


def _weighted(weight: np.ndarray, target: np.ndarray) -> np.ndarray:
    mean: np.ndarray = (weight * target).sum(axis=1) / weight.sum(axis=1)
    return mean[:, None]
