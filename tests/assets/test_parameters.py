"""What a problem states of its estimators is judged before anything is fitted."""

from __future__ import annotations

from typing import Any

import pytest

from artpulse_assets.pipeline import estimators, parameters
from artpulse_core.data import problems
from artpulse_core.data.problem import Problem, Training
from artpulse_core.errors import ProblemError
from tests.core.data.hearts import HEART


def with_training(**training: Any) -> Problem:
    return HEART.model_copy(update={"training": Training(**training)})


def test_every_shipped_problem_passes() -> None:
    for path in problems.available([problems.SHIPPED]).values():
        parameters.judge(problems.read(path))


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ({"candidates": ("random_forrest",)}, "training.candidates names 'random_forrest'; a classification has"),
        ({"parameters": {"ridge": {"alpha": 1}}}, "training.parameters names 'ridge', which is no candidate"),
        ({"quick": {"ridge": {"alpha": 1}}}, "training.quick names 'ridge', which is no candidate"),
        ({"candidates": ("random_forest",), "quick_candidates": ("extra_trees",)}, "names 'extra_trees', which does not compete"),
        ({"candidates": ("random_forest",), "chosen": "extra_trees"}, "training.chosen names 'extra_trees', which does not"),
    ],
)  # fmt: skip
def test_an_algorithm_that_does_not_exist_is_told_when_the_graph_is_built(
    training: dict[str, Any], says: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        estimators.field(with_training(**training))
    assert caught.value.message.startswith("heart: ")
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("training", "says"),
    [
        ({"parameters": {"logistic_regression": {"D": 1}}}, "training.parameters.logistic_regression: there is no parameter 'D'"),
        ({"parameters": {"support_vector_machine": {"gama": 1}}}, "support_vector_machine: there is no parameter 'gama'"),
        ({"parameters": {"random_forest": {"random_state": 1}}}, "random_state is set by the pipeline itself"),
        ({"parameters": {"logistic_regression": {"C": -1.0}}}, "The 'C' parameter of LogisticRegression must be"),
        ({"parameters": {"support_vector_machine": {"C": -1.0}}}, "The 'C' parameter of SVC must be"),
        ({"parameters": {"logistic_regression": {"scale": "odd"}}}, "scale is 'odd'; it is standard or robust"),
        ({"parameters": {"extra_trees": {"trees": 9}}}, "training.parameters.extra_trees: there is no parameter 'trees'"),
        ({"quick": {"random_forest": {"trees": 9}}}, "training.quick.random_forest: there is no parameter 'trees'"),
        ({"candidates": ("deep",), "parameters": {"deep": {"algorithm": "random_forest", "depth": 9}}}, "training.parameters.deep: there is no parameter 'depth'"),
    ],
)  # fmt: skip
def test_a_parameter_that_is_not_known_or_not_taken_is_one_sentence(
    training: dict[str, Any], says: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        parameters.judge(with_training(**training))
    assert says in caught.value.message
    assert "\n" not in caught.value.message
