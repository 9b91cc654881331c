"""Explanations add up, are exact where they say so, and cost the rows they say."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from artpulse_core.data.fields import Field
from artpulse_core.errors import BundleError
from artpulse_core.model.explain import MAX_PLAYERS, ROWS, explain
from artpulse_core.model.neighbours import reference
from artpulse_core.model.shapley import plan

Model = Callable[[np.ndarray], np.ndarray]


@dataclass
class Fake:
    """A predictor made of a function: (n, f) → (n,) values, or (n, k) probabilities."""

    model: Model
    fields: tuple[Field, ...]
    state: dict[str, np.ndarray]
    labels: tuple[str, ...] = ()
    asked: list[int] = field(default_factory=list)

    @property
    def bundle(self) -> Any:
        return SimpleNamespace(
            contract=SimpleNamespace(fields=self.fields),
            state=self.state,
            manifest=SimpleNamespace(feature_names=tuple(item.name for item in self.fields)),
        )

    def predict(self, matrix: np.ndarray) -> Any:
        self.asked.append(len(matrix))
        found = self.model(matrix)
        if not self.labels:
            return SimpleNamespace(probabilities=None, predictions=None, values=found)
        return SimpleNamespace(probabilities=found, predictions=found.argmax(axis=1), values=None)


def numbers(count: int) -> tuple[Field, ...]:
    return tuple(Field(f"x{i}") for i in range(count))


def fake(model: Model, width: int, labels: tuple[str, ...] = (), x: np.ndarray | None = None) -> Fake:
    rows = np.random.default_rng(0).normal(size=(300, width)) if x is None else x
    state = reference(rows, (), np.arange(len(rows)), [str(i) for i in range(len(rows))], seed=0)
    return Fake(model, numbers(width), state, labels)


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def curved(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(x[:, 0]) * x[:, 1] + np.maximum(x[:, 2], x[:, 3]) * x[:, 1] + x[:, 4] ** 2)


def by_definition(model: Model, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values as the mean over every order and background row."""
    total = np.zeros(len(row))
    orders = list(permutations(range(len(row))))
    for order in orders:
        mixed = background.copy()
        before = model(mixed).mean()
        for player in order:
            mixed[:, player] = row[player]
            after = model(mixed).mean()
            total[player] += after - before
            before = after
    return total / len(orders)


def found(explanation: Any, width: int) -> np.ndarray:
    values = {item.name: item.contribution for item in explanation.contributions}
    return np.array([values[f"x{i}"] for i in range(width)])


ROW = np.array([0.7, -1.2, 0.4, 1.1, 2.0])


def test_few_fields_are_explained_exactly_as_shapley_defines_it() -> None:
    predictor = fake(curved, 5)
    told = explain(predictor, ROW, rows=480)
    assert told.method == "exact"
    assert told.uncertainty == 0.0
    truth = by_definition(curved, ROW, predictor.state["explain.background"])
    assert found(told, 5) == pytest.approx(truth, abs=1e-12)


def test_many_fields_are_sampled_close_to_the_truth_and_say_how_close() -> None:
    predictor = fake(curved, 7)
    row = np.append(ROW, [0.3, 0.1])
    told = explain(predictor, row)
    assert told.method == "sampled"
    exact = explain(predictor, row, rows=10_000)
    assert exact.method == "exact"
    gap = np.abs(found(told, 7) - found(exact, 7))
    assert gap.max() < 0.05 * np.abs(found(exact, 7)).max()
    assert gap.max() < 4 * told.uncertainty


@pytest.mark.parametrize("width", [1, 2, 5, 9, 30, 80])
def test_contributions_sum_to_the_answer_less_the_mean_answer_of_typical_rows(width: int) -> None:
    predictor = fake(lambda x: np.exp(0.3 * x).prod(axis=1), width)
    row = np.random.default_rng(1).normal(size=width)
    told = explain(predictor, row, most=3)
    assert told.answer == pytest.approx(float(predictor.model(row[None])[0]))
    used = plan(min(width, MAX_PLAYERS), 16, ROWS).used
    mean = predictor.model(predictor.state["explain.background"][:used]).mean()
    assert told.reference == pytest.approx(float(mean))
    assert len(told.contributions) <= 3
    parts = told.reference + sum(item.contribution for item in told.contributions) + told.rest
    assert parts == pytest.approx(told.answer)


def test_a_field_that_does_not_matter_gets_exactly_nothing() -> None:
    predictor = fake(lambda x: curved(x[:, [0, 1, 2, 3, 4]]), 9)
    values = found(explain(predictor, np.append(ROW, [5.0, -5.0, 1.0, 2.0])), 9)
    assert np.abs(values[5:]).max() == pytest.approx(0.0, abs=1e-12)
    assert np.abs(values[:5]).min() > 0.005


def test_fields_that_do_the_same_get_the_same() -> None:
    x = np.repeat(np.random.default_rng(2).normal(size=(300, 1)), 8, axis=1)
    predictor = fake(lambda x: x[:, 0] * x[:, 1] + x[:, 2] + np.abs(x[:, 3]), 8, x=x)
    values = found(explain(predictor, np.full(8, 1.5)), 8)
    assert values[0] == pytest.approx(values[1], abs=1e-12)


def test_the_same_row_is_explained_the_same_each_time_by_the_rows_it_says() -> None:
    predictor = fake(curved, 13)
    row = np.append(ROW, np.arange(8.0))
    first, second = explain(predictor, row), explain(predictor, row)
    assert first == second
    assert predictor.asked == [first.rows, first.rows]
    assert json.loads(json.dumps(first.to_dict(), allow_nan=False))["quantity"] == "value"


@pytest.mark.parametrize("width", [1, 3, 5, 8, 13, 40, 400])
def test_one_call_of_a_bounded_number_of_rows_is_made_however_many_fields(width: int) -> None:
    predictor = fake(lambda x: x.sum(axis=1), width)
    told = explain(predictor, np.ones(width))
    assert predictor.asked == [told.rows]
    assert told.rows <= 1 + 16 + ROWS
    assert len(told.contributions) <= 10


def test_too_many_fields_are_explained_in_groups_that_say_which() -> None:
    predictor = fake(lambda x: x[:, 0] * 3.0, 400)
    told = explain(predictor, np.ones(400))
    assert told.contributions[0].name == "x0 to x6"
    assert told.contributions[0].value is None


def test_groups_can_be_named_and_the_columns_left_over_are_other() -> None:
    predictor = fake(lambda x: x[:, 0] * x[:, 3] + x[:, 1], 6)
    told = explain(predictor, np.ones(6), groups={"first": [0, 3], "second": [1]})
    assert {item.name for item in told.contributions} == {"first", "second", "other"}
    assert told.contributions[-1].contribution == pytest.approx(0.0, abs=1e-12)


def test_the_label_answered_is_explained_or_the_one_asked_for() -> None:
    weights = np.random.default_rng(3).normal(size=(4, 3))
    predictor = fake(lambda x: softmax(x @ weights), 4, ("a", "b", "c"))
    row = np.ones(4)
    best = int(softmax(row[None] @ weights).argmax())
    told = explain(predictor, row)
    assert (told.quantity, told.label) == ("probability", "abc"[best])
    assert told.answer == pytest.approx(softmax(row[None] @ weights)[0, best])
    assert explain(predictor, row, label=2).label == "c"


def test_categories_and_missing_values_are_swapped_whole_and_shown_as_people_write_them() -> None:
    fields = (
        Field("colour", kind="category", levels=("red", "blue", "green")),
        Field("age", nullable=True),
    )
    rng = np.random.default_rng(4)
    x = np.column_stack(
        [rng.integers(0, 3, 200), np.where(rng.random(200) < 0.3, np.nan, rng.normal(size=200))]
    )

    def model(rows: np.ndarray) -> np.ndarray:
        assert set(rows[:, 0].tolist()) <= {0.0, 1.0, 2.0}
        return np.asarray((rows[:, 0] == 1) * 2.0 + np.isnan(rows[:, 1]) * 1.0)

    state = reference(x, fields, np.arange(200), [str(i) for i in range(200)], seed=0)
    told = explain(Fake(model, fields, state), np.array([1.0, np.nan]))
    assert {item.name: item.value for item in told.contributions} == {"colour": "blue", "age": None}
    assert all(item.contribution > 0.5 for item in told.contributions)


def linear(weights: np.ndarray, labels: tuple[str, ...]) -> tuple[Fake, np.ndarray]:
    mean = np.array([1.0, 2.0, 0.5])
    state = {"linear.weights": weights, "linear.reference": mean}

    def model(x: np.ndarray) -> np.ndarray:
        scores = x @ weights + 0.3
        if not labels:
            return np.asarray(scores[:, 0])
        return softmax(np.column_stack([np.zeros(len(x)), scores]) if weights.shape[1] == 1 else scores)

    return Fake(model, numbers(3), state, labels), mean


def test_a_linear_value_is_explained_exactly_by_its_weights() -> None:
    weights = np.array([[2.0], [-1.0], [0.0]])
    predictor, mean = linear(weights, ())
    row = np.array([3.0, 1.0, 9.0])
    told = explain(predictor, row)
    assert (told.method, told.quantity, told.rows) == ("linear", "value", 1)
    assert found(told, 3) == pytest.approx(weights[:, 0] * (row - mean))
    assert told.reference == pytest.approx(predictor.model(mean[None])[0])


@pytest.mark.parametrize("count", [1, 2, 4])
def test_linear_log_odds_are_explained_exactly_for_two_and_for_several_labels(count: int) -> None:
    labels = ("a", "b", "c", "d")[: max(count, 2)]
    predictor, mean = linear(np.random.default_rng(5).normal(size=(3, count)), labels)
    row = np.array([0.2, -1.0, 2.0])
    for label in range(len(labels)):
        told = explain(predictor, row, label=label)
        p = np.log(predictor.model(mean[None])[0])
        assert told.quantity == "log_odds"
        assert told.reference == pytest.approx(p[label] - np.delete(p, label).mean())
        assert told.reference + found(told, 3).sum() == pytest.approx(told.answer)


def test_the_columns_of_an_encoded_field_are_summed() -> None:
    weights = np.array([[2.0], [1.0], [3.0], [0.5]])
    state = {
        "linear.weights": weights,
        "linear.reference": np.full(4, 0.25),
        "linear.fields": np.array([0, 0, 0, 1]),
    }

    def encode(x: np.ndarray) -> np.ndarray:
        return np.column_stack([x[:, 0] == 0, x[:, 0] == 1, x[:, 0] == 2, x[:, 1]]).astype(float)

    predictor = Fake(lambda x: np.asarray((encode(x) @ weights)[:, 0]), numbers(2), state)
    told = explain(predictor, np.array([2.0, 4.0]), encode=encode)
    assert found(told, 2) == pytest.approx([3.0 - 0.25 * 6.0, 0.5 * 3.75])


def test_a_bundle_without_the_arrays_and_a_row_of_another_width_are_named() -> None:
    predictor = Fake(lambda x: x.sum(axis=1), numbers(2), {})
    with pytest.raises(BundleError, match=r"explain\.background"):
        explain(predictor, np.ones(2))
    with pytest.raises(ValueError, match="expected a row of 5"):
        explain(fake(curved, 5), np.ones(4))
    with pytest.raises(ValueError, match="needs a player"):
        plan(0, 16, 100)
