"""The table set for homes on a map: ratios, turned coordinates, distances, and what the neighbours say.

Belongs here: what is known of California and of the eight fields. Does not belong here: how neighbours are searched and
asked (``neighbours``, ``kriging``).

What is fitted is the places, traits and targets of the rows of training: each answers from them, so they travel with the
model. Everything was chosen by cross-validation on rows that no published figure is measured on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from artpulse_core.errors import ProblemError
from artpulse_core.features.kriging import Kernel
from artpulse_core.features.neighbours import Neighbours
from artpulse_core.features.table import FieldLike, Fitted, TableSet, single

FIELDS = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")
TRAITS = FIELDS[:6]
TOGETHER = (("Latitude", "Longitude"),)
LEAST_ROWS = 10
# Middle and scale of the traits, all but the age as logarithms: medians and half the distance of the 16 and 84 % points.
MIDDLE = np.array([1.263, 29.0, 1.653, 0.048, 7.06, 1.036])
SCALE = np.array([0.47, 12.6, 0.33, 0.12, 0.75, 0.30])
KERNELS = (
    Kernel(
        weights=(0.94, 0.58, 0.774, 0.364, 0.228, 0.526),
        near=8.584,
        alike=2.096,
        far=128.33,
        km=4.15,
        nugget=0.135,
        both=0.773,
        alike_far=1.426,
        place=0.338,
    ),
    Kernel(
        weights=(0.897, 0.792, 0.778, 0.207, 0.158, 0.451),
        near=8.617,
        alike=2.356,
        far=107.9,
        km=4.15,
        nugget=0.059,
        both=1.391,
        alike_far=1.9,
        place=0.558,
        logarithm=True,
    ),
)
TURNS = (15, 30, 45, 60, 75)  # degrees: trees cut along axes, and the coast runs across both
CITIES = {  # longitude, latitude
    "Los Angeles": (-118.25, 34.05),
    "San Francisco": (-122.42, 37.78),
    "San Diego": (-117.16, 32.72),
    "San Jose": (-121.89, 37.34),
    "Sacramento": (-121.49, 38.58),
}
# The coast from Oregon to Mexico in forty points, to about 5 km.
# fmt: off
COAST = (
    (-124.21, 42.00), (-124.06, 41.45), (-124.16, 40.80), (-124.41, 40.44), (-124.07, 40.08), (-123.81, 39.43),
    (-123.69, 38.91), (-123.24, 38.51), (-122.97, 38.24), (-123.02, 37.99), (-122.70, 37.90), (-122.52, 37.76),
    (-122.51, 37.50), (-122.40, 37.20), (-122.06, 36.95), (-121.81, 36.85), (-121.79, 36.62), (-121.95, 36.60),
    (-121.90, 36.30), (-121.46, 35.88), (-121.28, 35.66), (-120.87, 35.36), (-120.63, 35.14), (-120.61, 34.90),
    (-120.64, 34.56), (-120.47, 34.45), (-119.69, 34.41), (-119.29, 34.27), (-119.20, 34.14), (-118.81, 34.00),
    (-118.51, 34.02), (-118.40, 33.84), (-118.41, 33.74), (-118.19, 33.77), (-117.93, 33.61), (-117.60, 33.39),
    (-117.32, 33.03), (-117.26, 32.85), (-117.24, 32.67), (-117.12, 32.53),
)
# fmt: on
KM_A_DEGREE = (
    111.2 * np.cos(np.deg2rad(37.0)),
    111.2,
)  # of longitude at the middle of the state, of latitude
OWN_NAMES = (
    *FIELDS,
    *(f"{axis} turned {turn}" for axis in ("longitude", "latitude") for turn in TURNS),
    "km to the coast",
    *(f"km to {city}" for city in CITIES),
    "households",
    "rooms",
    "bedroom share",
    "income a person",
    "income by rooms",
    "bedrooms a person",
    "rooms a person",
)


class Housing(TableSet):
    """The eight fields of scikit-learn's California data as 62 numbers."""

    name = "housing"
    version = 1
    together = TOGETHER
    apart = OWN_NAMES
    distances = ("km to neighbour 1", "km to neighbour 4")

    def fit(self, fields: Sequence[FieldLike], x: np.ndarray, y: np.ndarray | None, *, seed: int) -> Fitted:
        """``seed`` is not used: there is no chance in it. Raises ``ProblemError`` for other fields or no targets."""
        _check(fields)
        if y is None or len(x) < LEAST_ROWS:
            raise ProblemError(f"The table set housing needs a target and at least {LEAST_ROWS} rows.")
        arrays = {"place": _place(x), "traits": _traits(x), "target": np.asarray(y, dtype=np.float64)}
        around = Neighbours(arrays["place"], arrays["traits"], arrays["target"], KERNELS)
        return Fitted(
            arrays, single(np.concatenate([_own(x, arrays["place"]), around.of_training()], axis=1))
        )

    def open(self, arrays: Mapping[str, np.ndarray]) -> HousingEncoder:
        """The encoder; three trees over the rows of training are built, 30 ms."""
        return HousingEncoder(Neighbours(arrays["place"], arrays["traits"], arrays["target"], KERNELS))

    def parameters(self) -> dict[str, Any]:
        """The kernels and what is known of the map."""
        return {"kernels": repr(KERNELS), "coast": COAST, "cities": CITIES, "turns": TURNS}


class HousingApart(TableSet):
    """The 31 numbers of ``Housing`` that need no neighbours: for places far from every row of training.

    Where whole areas are unseen, a model trained beside neighbours believes the ones far away: cells of half a degree
    left out, its error is a seventh larger than that of a model without any.
    """

    name = "housing_apart"
    version = 1
    together = TOGETHER

    def fit(self, fields: Sequence[FieldLike], x: np.ndarray, y: np.ndarray | None, *, seed: int) -> Fitted:
        """Nothing is learned. Raises ``ProblemError`` for other fields."""
        _check(fields)
        return Fitted({"width": np.array(len(OWN_NAMES))}, HousingApartEncoder().transform(x))

    def open(self, arrays: Mapping[str, np.ndarray]) -> HousingApartEncoder:
        """The encoder; the arrays say nothing."""
        return HousingApartEncoder()

    def parameters(self) -> dict[str, Any]:
        """What is known of the map."""
        return {"coast": COAST, "cities": CITIES, "turns": TURNS}


class HousingApartEncoder:
    """``HousingApart``; there is nothing to fit."""

    names = OWN_NAMES

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Rows as numbers, each from its own fields."""
        return single(_own(x, _place(x)))


class HousingEncoder:
    """``Housing``, fitted."""

    def __init__(self, around: Neighbours) -> None:
        self._around = around
        self.names = (*OWN_NAMES, *around.names(TRAITS))

    def transform(self, x: np.ndarray) -> np.ndarray:
        """Rows as numbers, each told by its neighbours among the rows of training."""
        place = _place(x)
        return single(np.concatenate([_own(x, place), self._around.ask(place, _traits(x))], axis=1))

    def mixtures(self, x: np.ndarray) -> np.ndarray:
        """As ``transform`` for the first row; the others are kriged from few neighbours.

        From all 32 of them an explanation of some 200 mixtures would cost 30 ms of CPU and not 5. What it says changes by
        4 % of the largest contribution (root mean square), less than other typical rows to compare with change it.
        """
        place = _place(x)
        return single(np.concatenate([_own(x, place), self._around.roughly(place, _traits(x))], axis=1))


def _check(fields: Sequence[FieldLike]) -> None:
    names = tuple(field.name for field in fields)
    if names == FIELDS:
        return
    wrong = next((name for name in FIELDS if name not in names), names[0] if names else "")
    raise ProblemError(
        f"The table set housing needs the fields {', '.join(FIELDS)}, in this order (look at {wrong!r});"
        ' use features = "table" for other tables.'
    )


def _place(x: np.ndarray) -> np.ndarray:
    place: np.ndarray = x[:, [7, 6]] * KM_A_DEGREE
    return place


def _traits(x: np.ndarray) -> np.ndarray:
    traits: np.ndarray = np.log(np.maximum(x[:, :6], 1e-3))
    traits[:, 1] = x[:, 1]
    return np.asarray(np.clip((traits - MIDDLE) / SCALE, -4.0, 4.0))


_ANGLES = np.deg2rad(TURNS)
_COSINE, _SINE = np.cos(_ANGLES), np.sin(_ANGLES)
_CITY = np.array(list(CITIES.values())) * KM_A_DEGREE
_SHORE = np.array(COAST) * KM_A_DEGREE
_START, _ALONG = _SHORE[:-1], np.diff(_SHORE, axis=0)
_SQUARE = (_ALONG**2).sum(axis=1)


def _own(x: np.ndarray, place: np.ndarray) -> np.ndarray:
    latitude, longitude = x[:, 6, None], x[:, 7, None]
    off = place[:, None] - _START
    foot = np.clip((off * _ALONG).sum(axis=2) / _SQUARE, 0.0, 1.0)
    shore = np.sqrt(((off - foot[:, :, None] * _ALONG) ** 2).sum(axis=2)).min(axis=1)
    cities = np.sqrt(((place[:, None] - _CITY) ** 2).sum(axis=2))
    income, _, rooms, bedrooms, people, occupants = x[:, :6].T
    households = people / occupants
    ratios = np.stack(
        [
            households,
            households * rooms,
            bedrooms / rooms,
            income / occupants,
            income * rooms,
            bedrooms / occupants,
            rooms / occupants,
        ],
        axis=1,
    )
    turned = [longitude * _COSINE + latitude * _SINE, latitude * _COSINE - longitude * _SINE]
    return np.concatenate([x, *turned, shore[:, None], cities, ratios], axis=1)
