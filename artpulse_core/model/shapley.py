"""Shapley values of a few players by asking a model a bounded number of rows.

Belongs here: which mixtures of a row and of background rows are asked, and what follows from the answers. Does not belong
here: what a player is, what of an answer is explained (``explain``).

A player is one input field, or a group of them. In a mixture some players have the row's values and the others those of
one background row. The Shapley value of a player is what its value adds, averaged over all orders in which the players
come in (Shapley 1953; of a model's answer: Štrumbelj & Kononenko 2010, JMLR 11). With few players every mixture is asked;
else pairs of an order and its reverse (Mitchell et al. 2022, "Sampling Permutations for Shapley Value Estimation",
JMLR 23), which are exact where at most two players act together. Either way what adds nothing gets exactly nothing,
and the values sum to the answer less the mean answer of the background.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import factorial

import numpy as np

_SEED = 20_240


@dataclass(frozen=True)
class Plan:
    """What to ask for p players and b background rows, and how to read it.

    ``masks`` (r, p): which players have the row's value in each mixture; ``background`` (r,): whose values the others
    have. ``estimates`` (s, p, 1 + b + r): each of s slices times the answers (row, background rows, mixtures) is one
    estimate of the p values, a pair of an order and its reverse in consecutive slices; the mean over s is the answer.
    ``used`` of the background rows are asked. ``exact``: every mixture is asked.
    """

    masks: np.ndarray
    background: np.ndarray
    estimates: np.ndarray
    used: int
    exact: bool

    @property
    def rows(self) -> int:
        """How many rows the model is asked."""
        return 1 + self.used + len(self.masks)

    def mix(self, row: np.ndarray, background: np.ndarray, players: np.ndarray) -> np.ndarray:
        """The rows to ask, (rows, f): ``row``, the used of ``background`` (≥ used, f), the mixtures.

        ``players`` (f,) names the player of each column.
        """
        mixed = np.where(self.masks[:, players], row, background[self.background])
        return np.concatenate([row[None], background[: self.used], mixed])

    def values(self, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shapley values (p,) and a careful standard error of each (p,) from one answer for each row of ``mix``.

        The error is that of sampling orders, against these background rows; 0 where every mixture was asked. It takes an
        order and its reverse for independent, while their errors cancel as far as only two players act together.
        """
        found = self.estimates @ answers
        if self.exact:
            return found.mean(axis=0), np.zeros(found.shape[1])
        half = (found[0::2] - found[1::2]) / 2.0
        return found.mean(axis=0), np.sqrt((half**2).sum(axis=0)) / len(half)


@lru_cache(maxsize=32)
def plan(players: int, backgrounds: int, rows: int) -> Plan:
    """The plan for ``players`` that asks about ``rows`` mixtures at most, but always one order and its reverse.

    The same arguments give the same plan. Raises ``ValueError`` without a player or a background row.
    """
    if players < 1 or backgrounds < 1:
        raise ValueError("A plan needs a player and a background row.")
    exact = (2**players - 2) * backgrounds <= rows if players <= 16 else False
    book = _Book(players)
    if exact:
        parts = [_every(book, players, b) for b in range(backgrounds)]
    else:
        pairs = max(1, min(backgrounds, rows // (2 * players - 2)))
        rng = np.random.default_rng(_SEED)
        orders = [rng.permutation(players) for _ in range(pairs)]
        parts = [_walk(book, way, b) for b, order in enumerate(orders) for way in (order, order[::-1])]
    used = len(parts) if exact else pairs
    estimates = np.zeros((len(parts), players, 1 + used + len(book.masks)))
    for place, part in enumerate(parts):
        for player, (key, weight) in part:
            estimates[place, player, book.column(key, used)] += weight
    masks = np.asarray([mask for _, mask in book.masks], dtype=bool).reshape(-1, players)
    background = np.asarray([b for b, _ in book.masks], dtype=np.int64)
    return Plan(masks, background, estimates, used, exact)


_Key = tuple[int, tuple[bool, ...]]
_Terms = list[tuple[int, tuple[_Key, float]]]


class _Book:
    """Every mixture once, however often it is used."""

    def __init__(self, players: int) -> None:
        self.players = players
        self.masks: dict[_Key, int] = {}

    def add(self, background: int, mask: tuple[bool, ...]) -> _Key:
        key = (background, mask)
        if any(mask) and not all(mask):
            self.masks.setdefault(key, len(self.masks))
        return key

    def column(self, key: _Key, used: int) -> int:
        background, mask = key
        if all(mask):
            return 0
        return 1 + used + self.masks[key] if any(mask) else 1 + background


def _every(book: _Book, players: int, background: int) -> _Terms:
    terms: _Terms = []
    for mask in product((False, True), repeat=players):
        key, size = book.add(background, mask), sum(mask)
        for player, inside in enumerate(mask):
            before = size - 1 if inside else size
            weight = factorial(before) * factorial(players - before - 1) / factorial(players)
            terms.append((player, (key, weight if inside else -weight)))
    return terms


def _walk(book: _Book, order: np.ndarray, background: int) -> _Terms:
    terms: _Terms = []
    inside = [False] * len(order)
    before = book.add(background, tuple(inside))
    for player in order.tolist():
        inside[player] = True
        after = book.add(background, tuple(inside))
        terms += [(player, (after, 1.0)), (player, (before, -1.0))]
        before = after
    return terms
