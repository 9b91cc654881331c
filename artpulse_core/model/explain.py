"""Why a model gave this answer: what each input field adds to it.

Belongs here: what is explained (a probability, log-odds, a value), exact contributions of linear models, and the shape of
the explanation. Does not belong here: the sampling (``shapley``), examples like the row (``neighbours``), regions of
pictures (``regions``). It runs in the request path: numpy, and one call of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from artpulse_core.errors import BundleError
from artpulse_core.model.shapley import plan

Method = Literal["linear", "exact", "sampled"]
Quantity = Literal["probability", "log_odds", "value"]
PREFIX = "explain."
ROWS = 400  # mixtures asked at most; eight fields take 224: 2 ms of a thousand boosted trees
MAX_PLAYERS = 64


class Answer(Protocol):
    """What a predictor gives for n rows."""

    @property
    def probabilities(self) -> np.ndarray | None: ...  # (n, k)
    @property
    def predictions(self) -> np.ndarray | None: ...  # (n,) indices of labels
    @property
    def values(self) -> np.ndarray | None: ...  # (n,)


class Explainable(Protocol):
    """What is needed of a predictor."""

    @property
    def labels(self) -> Sequence[str]: ...
    @property
    def bundle(self) -> Any: ...  # .contract.fields, .state, .manifest.feature_names
    def predict(self, matrix: np.ndarray, /) -> Any: ...  # an Answer


@dataclass(frozen=True)
class Contribution:
    """What one field (or group of fields, then without a value where they are many) adds to the answer."""

    name: str
    value: float | int | str | None
    contribution: float


@dataclass(frozen=True)
class Explanation:
    """An answer taken apart: ``reference`` + Σ ``contributions`` + ``rest`` = ``answer``.

    ``quantity`` says what is taken apart: the ``probability`` or ``log_odds`` of ``label``, or the ``value`` in the unit
    of the target. ``reference`` is the mean answer of typical training rows. The largest contributions come first;
    ``rest`` sums those not shown. ``uncertainty`` bounds the standard error of the contributions, where they were sampled;
    ``rows`` is how many rows the model was asked.
    """

    method: Method
    quantity: Quantity
    label: str | None
    answer: float
    reference: float
    contributions: tuple[Contribution, ...]
    rest: float
    uncertainty: float
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "contributions": [dict(vars(item)) for item in self.contributions]}


def explain(
    predictor: Explainable,
    row: np.ndarray,
    *,
    most: int = 10,
    label: int | None = None,
    groups: Mapping[str, Sequence[int]] | None = None,
    encode: Callable[[np.ndarray], np.ndarray] | None = None,
    ask: Callable[[np.ndarray], Any] | None = None,
    rows: int = ROWS,
) -> Explanation:
    """Take the answer for ``row`` (f,), one row of the input matrix, apart.

    ``label``: the index of the label whose probability is explained; without it the label answered. ``groups``: name →
    columns that stay together. A bundle whose state has ``linear.weights`` is explained exactly by them, ``encode``
    turning rows into the columns they weigh; every other by asking the model once for about ``rows`` mixtures of the row
    and the rows of ``explain.background``, with ``ask`` in place of ``predictor.predict`` where that is given. Raises
    ``BundleError`` when the bundle has neither, ``ValueError`` for a row of another width.
    """
    state = predictor.bundle.state
    names, shown = _names(predictor, row)
    if "linear.weights" in state:
        players, names, shown = _players(names, shown, groups, len(names))
        found = _linear(predictor, row, players, names, shown, most, label, encode)
        if found is not None:
            return found
        names, shown = _names(predictor, row)
    if PREFIX + "background" not in state:
        raise BundleError("state.npz has no explain.background: package the model again to explain it.")
    background = np.asarray(state[PREFIX + "background"], dtype=np.float64)
    if background.shape[1:] != row.shape:
        raise ValueError(f"expected a row of {background.shape[1]} numbers, got {row.shape}")
    players, names, shown = _players(names, shown, groups, MAX_PLAYERS)
    how = plan(len(names), len(background), rows)
    answer = (ask or predictor.predict)(how.mix(row, background, players))
    answers, quantity, chosen = _quantity(predictor, answer, label)
    values, errors = how.values(answers)
    return _explanation(
        "exact" if how.exact else "sampled", quantity, chosen, float(answers[0]), names, shown, values, most,
        uncertainty=float(errors.max()), rows=how.rows,
    )  # fmt: skip


def _linear(
    predictor: Explainable,
    row: np.ndarray,
    players: np.ndarray,
    names: list[str],
    shown: list[Any],
    most: int,
    label: int | None,
    encode: Callable[[np.ndarray], np.ndarray] | None,
) -> Explanation | None:
    """Weight × (value - reference), summed over the columns of each player; None where the answer is not such a sum.

    So it is where a probability is as small as they get: its logarithm is cut off there.
    """
    state = predictor.bundle.state
    weights = np.asarray(state["linear.weights"], dtype=np.float64)
    scores = np.asarray(state.get("linear.answer", np.full(weights.shape[1], np.nan)), dtype=np.float64)[None]
    columns = row[None] if encode is None else encode(row[None])
    place = np.asarray(state["linear.fields"]) if "linear.fields" in state else np.arange(len(weights))
    told = predictor.predict(row[None])
    answer, quantity, chosen = _quantity(predictor, told, label)
    value = float(answer[0])
    if quantity == "probability":
        quantity, value = "log_odds", _log_odds(told, chosen)
        weights, middle = _against(weights, chosen), float(_against(scores, chosen)[0])
    else:
        weights, middle = weights[:, 0], float(scores[0, 0])
    added = (columns[0] - np.asarray(state["linear.reference"], dtype=np.float64)) * weights
    values = np.bincount(players[place], added, minlength=len(names))
    if abs(middle + added.sum() - value) > 1e-3 * max(1.0, abs(value)):
        return None
    return _explanation(
        "linear", quantity, chosen, value, names, shown, values, most, uncertainty=0.0, rows=1
    )


def _against(weights: np.ndarray, label: _Label | None) -> np.ndarray:
    """Weights of the log-odds of a label against the others (their geometric mean where they are several)."""
    place = label.place if label else 0
    if weights.shape[1] == 1:  # binary, of the second label
        return weights[:, 0] if place == 1 else -weights[:, 0]
    others = np.delete(weights, place, axis=1).mean(axis=1)
    return np.asarray(weights[:, place] - others)


def _log_odds(answer: Answer, label: _Label | None) -> float:
    place = label.place if label else 0
    p = np.log(np.clip(np.asarray(answer.probabilities)[0], 1e-300, 1.0))
    return float(p[place] - np.delete(p, place).mean())


@dataclass(frozen=True)
class _Label:
    place: int
    name: str


def _quantity(
    predictor: Explainable, answer: Answer, label: int | None
) -> tuple[np.ndarray, Quantity, _Label | None]:
    """The explained number of each row of ``answer``, whose first row is the one to explain."""
    if answer.probabilities is None:
        return np.asarray(answer.values, dtype=np.float64), "value", None
    if label is None:
        label = int(answer.probabilities[0].argmax() if answer.predictions is None else answer.predictions[0])
    return (
        np.asarray(answer.probabilities[:, label], dtype=np.float64),
        "probability",
        _Label(label, predictor.labels[label]),
    )


def _names(predictor: Explainable, row: np.ndarray) -> tuple[list[str], list[Any]]:
    """Names of the columns and the row's values as people write them."""
    fields = predictor.bundle.contract.fields
    if len(fields) != len(row):
        names = [str(name) for name in predictor.bundle.manifest.feature_names]
        if len(names) != len(row):
            raise ValueError(f"expected a row of {len(names)} numbers, got {row.shape}")
        return names, [float(value) for value in row]
    return [field.name for field in fields], [
        field.shown(float(value)) for field, value in zip(fields, row, strict=True)
    ]


def _players(
    names: list[str], shown: list[Any], groups: Mapping[str, Sequence[int]] | None, most: int
) -> tuple[np.ndarray, list[str], list[Any]]:
    """The player of each column, with names and values of the players; over ``most`` columns are grouped in order."""
    width = len(names)
    if groups is None and width <= most:
        return np.arange(width), names, shown
    if groups is None:
        parts = np.array_split(np.arange(width), most)
        groups = {f"{names[part[0]]} to {names[part[-1]]}": part.tolist() for part in parts}
    players = np.full(width, -1)
    for place, columns in enumerate(groups.values()):
        players[list(columns)] = place
    labels, values = list(groups), [_together([shown[i] for i in group]) for group in groups.values()]
    if (players < 0).any():
        players[players < 0] = len(labels)
        labels.append("other")
        values.append(None)
    return players, labels, values


def _together(shown: Sequence[Any]) -> Any:
    """The value of a group: that of its only column, of two or three all of them, of more none."""
    if len(shown) == 1:
        return shown[0]
    if len(shown) > 3:
        return None
    return ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in shown)


def _explanation(
    method: Method,
    quantity: Quantity,
    label: _Label | None,
    answer: float,
    names: list[str],
    shown: list[Any],
    values: np.ndarray,
    most: int,
    *,
    uncertainty: float,
    rows: int,
) -> Explanation:
    order = np.argsort(-np.abs(values), kind="stable")
    kept = order[: max(most, 0)]
    return Explanation(
        method=method,
        quantity=quantity,
        label=label.name if label else None,
        answer=answer,
        reference=answer - float(values.sum()),
        contributions=tuple(Contribution(names[i], shown[i], float(values[i])) for i in kept),
        rest=float(values[order[len(kept) :]].sum()),
        uncertainty=uncertainty,
        rows=rows,
    )
