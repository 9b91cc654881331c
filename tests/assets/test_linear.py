"""The weights of a linear candidate explain what its graph answers; of what is not linear nobody says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from artpulse_assets.pipeline import candidates, export, linear
from artpulse_assets.pipeline.candidates import Candidate, TrainRows
from artpulse_assets.pipeline.memo import Memo
from artpulse_core.data.problem import Training
from artpulse_core.features import table
from artpulse_core.model.explain import explain
from artpulse_core.model.finish import Prediction, soften
from artpulse_core.model.neighbours import reference
from tests import tables
from tests.assets import rows as small

PARAMETERS: Mapping[str, Mapping[str, Any]] = {"robust": {"scale": "robust"}, "standard": {}}


def of_table(name: str) -> TrainRows:
    stated = tables.problem(name)
    known = tables.rows(name, 90)
    truth = stated.target.name
    x = stated.contract.validate([{k: v for k, v in row.items() if k != truth} for row in known]).matrix
    y = np.array([row[truth] for row in known], dtype=np.float64)
    labels = () if stated.task == "regression" else ("ill", "well")
    return TrainRows(
        x, (y == 0).astype(int) if labels else y, np.arange(90) % 3, labels, name, stated.task, stated.contract.fields, "table"
    )  # fmt: skip


def of_pictures() -> TrainRows:
    return small.train()


def fitted(rows: TrainRows, algorithm: str, folder: Path, more: Mapping[str, Any] | None = None) -> Candidate:
    training = Training(seed=3, folds=3, parameters={algorithm: dict(more or {})})
    return candidates.fit(rows, algorithm, training=training, effort="full", memo=Memo(folder))


def served(rows: TrainRows, candidate: Candidate, temperature: float) -> Any:
    """A predictor of the exported graph, as far as an explanation looks at it."""
    encoder = table.get(rows.encoding).open(rows.encoded.arrays) if rows.encoding else None

    def encode(x: np.ndarray) -> np.ndarray:
        return x if encoder is None else encoder.transform(x)

    def predict(x: np.ndarray) -> Prediction:
        raw = export.run(candidate.onnx, encode(x))
        if rows.task == "regression":
            return Prediction(values=raw[:, 0])
        found = soften(raw, temperature)
        return Prediction(found, found.argmax(axis=1))

    names = tuple(field.name for field in rows.fields) or tuple(f"x{i}" for i in range(rows.x.shape[1]))
    bundle = SimpleNamespace(
        state=linear.of_state(candidate.linear, temperature),
        contract=SimpleNamespace(fields=rows.fields),
        manifest=SimpleNamespace(feature_names=names),
    )
    return SimpleNamespace(predict=predict, encode=encode, labels=rows.labels, bundle=bundle)


@pytest.mark.parametrize("scale", PARAMETERS)
@pytest.mark.parametrize(
    ("make", "algorithm", "temperature"),
    [
        (lambda: of_table("doors"), "linear_regression", 1.0),
        (lambda: of_table("patients"), "logistic_regression", 1.7),
        (of_pictures, "logistic_regression", 0.8),
    ],
    ids=["values", "two labels", "three labels"],
)
def test_contributions_and_the_reference_make_up_what_the_graph_answers(
    make: Any, algorithm: str, temperature: float, scale: str, tmp_path: Path
) -> None:
    rows = make()
    predictor = served(rows, fitted(rows, algorithm, tmp_path, PARAMETERS[scale]), temperature)
    for label in range(len(rows.labels)) or [None]:
        told = [explain(predictor, row, label=label, encode=predictor.encode, most=99) for row in rows.x[:30]]
        assert {item.method for item in told} == {"linear"}
        scale_of = np.std([item.answer for item in told])
        # that the reference is the same for every row is what makes the contributions those of the graph
        assert np.ptp([item.reference for item in told]) < 1e-4 * scale_of
        for item in told:
            whole = item.reference + sum(part.contribution for part in item.contributions) + item.rest
            assert whole == pytest.approx(item.answer)


@pytest.mark.parametrize("algorithm", ["discriminant", "random_forest", "support_vector_machine"])
def test_what_is_not_linear_leaves_no_weights(algorithm: str, tmp_path: Path) -> None:
    candidate = fitted(of_pictures(), algorithm, tmp_path)
    assert candidate.linear == {}
    assert linear.of_state(candidate.linear, 1.0) == {}


def test_a_vote_leaves_no_weights(tmp_path: Path) -> None:
    rows = of_pictures()
    members = [fitted(rows, name, tmp_path) for name in ("logistic_regression", "discriminant")]
    assert candidates.vote(rows, "soft_vote", members, memo=Memo(tmp_path)).linear == {}


def test_columns_of_several_fields_leave_no_weights() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    class Together:
        names = ("a", "b", "a times b")

        def transform(self, x: np.ndarray) -> np.ndarray:
            return np.column_stack([x, x[:, 0] * x[:, 1]])

    x = np.random.default_rng(0).normal(size=(40, 3))
    model = make_pipeline(LogisticRegression()).fit(x, np.arange(40) % 2)
    assert set(linear.arrays(model, x, "", {})) == {"weights", "reference", "answer", "fields"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "get", lambda _: SimpleNamespace(open=lambda _: Together()))
        assert linear.arrays(model, x, "heart", {}) == {}


def test_the_weights_survive_in_the_memo(tmp_path: Path) -> None:
    rows = of_pictures()
    first, again = (fitted(rows, "logistic_regression", tmp_path) for _ in range(2))
    assert again.reused and not first.reused
    assert np.array_equal(first.linear["weights"], again.linear["weights"])


def test_an_answer_that_is_cut_off_is_not_said_to_be_a_sum(tmp_path: Path) -> None:
    rows = of_table("patients")
    predictor = served(rows, fitted(rows, "logistic_regression", tmp_path), 1.0)
    predictor.bundle.state |= reference(rows.x, rows.fields, rows.y, [str(i) for i in range(90)], seed=0)
    far = np.array([1e4, 2.0])
    told = explain(predictor, far, label=0, encode=predictor.encode)
    assert told.method != "linear"
    whole = told.reference + sum(part.contribution for part in told.contributions) + told.rest
    assert whole == pytest.approx(told.answer)
