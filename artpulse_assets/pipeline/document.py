"""The evaluation document: every key of ``evaluation.json`` of a bundle, and of ``[card]`` in a problem file.

Belongs here: names, shapes and units, so that who fills it, who draws it and who writes the card agree. Does not belong
here: computing any of it. Every key may be absent: what is not known is left out, never made up. A key that is None
counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

Metrics = Mapping[str, Mapping[str, float]]


class CardText(TypedDict, total=False):
    """``[card]`` of a problem file: what people decide and no figure can say: text, a line an item, or a list of texts.

    ``intended_use`` who may use it for what; ``not_for`` what it must not be used for; ``limits`` what is known of the
    data and not seen in figures; ``licence`` of the data; ``citation`` whom to name.
    """

    intended_use: str
    not_for: str | Sequence[str]
    limits: str | Sequence[str]
    licence: str
    citation: str


class DataFacts(TypedDict, total=False):
    """Where the rows come from: ``source`` in a few words, ``rows`` read, ``quarantined`` of them, ``reasons`` → rows,
    ``digest`` of the file or folder, ``capped`` rows whose truth lies at the cap.
    """

    source: str
    rows: int
    quarantined: int
    reasons: Mapping[str, int]
    digest: str
    capped: int


class Folds(TypedDict, total=False):
    """How a cross-validation cut the rows: ``folds`` parts, ``repeats`` times over (absent: once)."""

    folds: int
    repeats: int


class CrossValidation(TypedDict, total=False):
    """Metrics on the train rows, each as ``measures.measure`` gives them; ``repeated`` from ``measures.repeated``.

    ``grouped`` keeps groups and near duplicates on one side, ``spatial`` whole blocks of the map, ``random`` nothing.
    """

    grouped: Metrics
    spatial: Metrics
    repeated: Metrics
    random: Metrics


class Unsure(TypedDict, total=False):
    """Answers under the stated confidence: ``below`` 0–1, their ``share`` of the test rows, accuracy of both parts."""

    below: float
    share: float
    accuracy_sure: float | None
    accuracy_unsure: float | None


class Evaluation(TypedDict, total=False):
    """The document.

    * ``task`` ``classification`` or ``regression`` (absent: as ``metrics`` say); ``algorithm`` the chosen one;
      ``metric`` the one it was chosen by; ``effort`` ``quick`` or ``full``; ``seconds`` of training.
    * ``n_train``, ``n_test`` rows, ``n_groups`` groups of the train rows; ``test_digest`` pins the test rows;
      ``data`` see ``DataFacts``.
    * ``metrics`` on the test rows: ``{name: {"value", "low", "high"}}`` (``measures.measure``); ``baseline``
      ``{name: value}`` of the most frequent label, or of one number for every row.
    * ``cv`` see ``CrossValidation``; ``cv_folds`` ``{kind: Folds}``.
    * ``per_label`` ``{label: {"f1", "precision", "recall", "n"}}``; ``confusion`` k × k counts, truth in rows.
    * ``slices`` (``slices.table``) ``[{"by", "slice", "n", "metric", "value", "low", "high", "bias"?, "coverage"?}]``;
      figures of errors are in units of the target.
    * ``leaderboard`` best first: ``[{"algorithm", "seconds", "chosen", <metric>: {"value", "low", "high"}…,
      "difference": {"metric", "value", "low", "high", "gained"?, "lost"?, "p_value"?} | None}]``, the difference to the
      chosen one (``measures.against_best``), None for itself. Out-of-fold answers of the train rows alone.
    * ``calibration`` (``calibration.reliability_table``): of the answer given, or for a binary problem with a positive
      label of its probability. ``temperature`` of the probabilities.
    * ``interval`` (``calibration.coverage_table``): ``{"level", "coverage", "width", "bands"}``; regression.
    * ``thresholds`` (``calibration.threshold_table``); binary problems with a positive label. ``unsure``: see
      ``Unsure``; the others.
    * ``importance`` (``importance.permutation``): ``{"metric", "rows", "repeats", "whole", "fields"}``.
    * ``learning_curve`` (``learning.curve``): ``[{"share", "n", "metric", "value", "low", "high"}]``.
    """

    task: str
    algorithm: str
    metric: str
    effort: str
    seconds: float
    n_train: int
    n_test: int
    n_groups: int
    test_digest: str
    data: DataFacts
    metrics: Metrics
    baseline: Mapping[str, float]
    cv: CrossValidation
    cv_folds: Mapping[str, Folds]
    per_label: Mapping[str, Mapping[str, float]]
    confusion: Sequence[Sequence[int]]
    slices: Sequence[Mapping[str, Any]]
    leaderboard: Sequence[Mapping[str, Any]]
    calibration: Mapping[str, Any]
    temperature: float
    interval: Mapping[str, Any]
    thresholds: Mapping[str, Any]
    unsure: Unsure
    importance: Mapping[str, Any]
    learning_curve: Sequence[Mapping[str, Any]]


KEYS = tuple(Evaluation.__annotations__)
CARD_KEYS = tuple(CardText.__annotations__)
CV_KINDS = tuple(CrossValidation.__annotations__)
