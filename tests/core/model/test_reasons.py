"""What is told apart for a problem, and that mixtures of rows are told nearly and the row itself exactly."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from artpulse_core.data import problems
from artpulse_core.errors import BundleError
from artpulse_core.features import table
from artpulse_core.features.housing import FIELDS
from artpulse_core.model import reasons, shapley
from artpulse_core.model.explain import explain
from artpulse_core.model.neighbours import reference

HOUSING = problems.read(problems.SHIPPED / "housing.toml").contract


def homes(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    latitude = rng.uniform(33.8, 34.2, n)
    columns = [
        rng.lognormal(1.2, 0.4, n), rng.uniform(2, 50, n), rng.lognormal(1.6, 0.3, n), rng.lognormal(0.05, 0.1, n),
        rng.lognormal(7, 0.7, n), rng.lognormal(1.0, 0.3, n), latitude, rng.uniform(-118.5, -118, n),
    ]  # fmt: skip
    return np.stack(columns, axis=1)


@pytest.fixture(scope="module")
def encoder() -> Any:
    """The housing set fitted on rows along a coast."""
    x = homes(1500)
    y = np.clip(x[:, 0] / 2 + 20 * (x[:, 6] - 34) ** 2, 0.1, 5)
    chosen = table.get("housing")
    return chosen.open(chosen.fit(HOUSING.fields, x, y, seed=0).arrays)


def test_the_row_itself_is_told_exactly_and_mixtures_nearly(encoder: Any) -> None:
    assert isinstance(encoder, table.Mixing)
    players = np.array([0, 1, 2, 3, 4, 5, 6, 6])
    mixed = shapley.plan(7, 16, 400).mix(homes(1, 1)[0], homes(16, 2), players)
    exact, rough = encoder.transform(mixed), encoder.mixtures(mixed)
    assert np.array_equal(exact[0], rough[0])
    kriged = [place for place, name in enumerate(encoder.names) if name.startswith("krig")]
    others = np.delete(np.arange(len(encoder.names)), kriged)
    assert np.array_equal(exact[:, others], rough[:, others])
    targets = [place for place in kriged if encoder.names[place].startswith("kriged target")]
    gap = np.abs(exact[:, targets] - rough[:, targets]).mean(axis=0)
    assert (gap < 0.4 * exact[:, targets].std(axis=0)).all()


def test_one_row_is_enough_for_mixtures(encoder: Any) -> None:
    row = homes(1, 3)
    assert np.array_equal(encoder.mixtures(row), encoder.transform(row))


def predictor(
    fields: tuple[Any, ...], features: str, names: tuple[str, ...], *, pictures: bool = False
) -> Any:
    return SimpleNamespace(
        encoder=None if pictures else object(),
        bundle=SimpleNamespace(
            contract=SimpleNamespace(fields=fields),
            manifest=SimpleNamespace(features=features, feature_names=names),
            state={},
        ),
    )


def test_a_place_is_told_as_one_and_every_other_field_for_itself() -> None:
    parts = reasons.parts(predictor(HOUSING.fields, "housing", FIELDS))
    assert parts is not None
    assert list(parts) == [*FIELDS[:6], "Latitude, Longitude"]
    assert parts["Latitude, Longitude"] == (6, 7)
    assert reasons.parts(predictor(HOUSING.fields, "table", FIELDS)) == {}
    assert reasons.parts(predictor(HOUSING.fields[:7], "housing", FIELDS[:7])) == {}


def test_pictures_are_told_by_fields_blocks_or_not_at_all() -> None:
    from artpulse_core.features.rich import Rich

    rich = Rich().names
    assert reasons.parts(predictor(HOUSING.fields[:5], "core5", FIELDS[:5], pictures=True)) == {}
    found = reasons.parts(predictor((), "rich+embedding", (*rich, "e0", "e1"), pictures=True))
    assert found is not None and {"colour", "texture", "other numbers"} <= set(found)
    assert reasons.parts(predictor((), "embedding", ("e0", "e1"), pictures=True)) is None


def test_a_group_shows_the_values_of_its_few_columns() -> None:
    x = homes(60)
    state = reference(x, (), x[:, 0], [str(i) for i in range(60)], seed=0)
    model = SimpleNamespace(
        labels=(),
        bundle=SimpleNamespace(
            state=state,
            contract=SimpleNamespace(fields=HOUSING.fields),
            manifest=SimpleNamespace(feature_names=FIELDS),
        ),
        predict=lambda matrix: SimpleNamespace(
            probabilities=None, predictions=None, values=matrix[:, 0] + matrix[:, 6] * matrix[:, 7]
        ),
    )
    row = x[0].copy()
    row[6:] = 34.5, -118.25
    parts = reasons.parts(predictor(HOUSING.fields, "housing", FIELDS))
    told = {item.name: item for item in explain(model, row, groups=parts).contributions}
    assert told["Latitude, Longitude"].value == "34.5, -118.25"
    assert told["MedInc"].value == row[0]
    many = explain(model, row, groups={"all but income": range(1, 8), "MedInc": (0,)})
    assert {item.name: item.value for item in many.contributions} == {
        "all but income": None,
        "MedInc": row[0],
    }


def test_weights_are_summed_over_a_group() -> None:
    model = SimpleNamespace(
        labels=(),
        bundle=SimpleNamespace(
            state={"linear.weights": np.array([[1.0], [2.0], [4.0]]), "linear.reference": np.zeros(3)},
            contract=SimpleNamespace(fields=()),
            manifest=SimpleNamespace(feature_names=("a", "b", "c")),
        ),
        predict=lambda matrix: SimpleNamespace(
            probabilities=None, predictions=None, values=matrix @ np.array([1.0, 2.0, 4.0]) + 5
        ),
    )
    told = explain(model, np.array([1.0, 1.0, 1.0]), groups={"ends": (0, 2), "b": (1,)})
    assert (told.method, told.reference) == ("linear", 5.0)
    assert [(item.name, item.contribution) for item in told.contributions] == [("ends", 5.0), ("b", 2.0)]


def test_a_model_that_was_packaged_without_examples_is_named() -> None:
    with pytest.raises(BundleError, match="train it again"):
        reasons.check(predictor((), "table", ()))
