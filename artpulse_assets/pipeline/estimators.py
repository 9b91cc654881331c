"""The estimators: which compete for a problem, with which parameters.

Belongs here: the usual field of each task, default parameters, a problem's own overrides, and making a fresh
scikit-learn object. Does not belong here: fitting and comparing them (``candidates``). Only estimators whose export
was proven equal are in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from artpulse_core import features
from artpulse_core.data.problem import Problem, Training
from artpulse_core.errors import DataError, ProblemError

Effort = Literal["quick", "full"]
SOFT_VOTE, BLEND = "soft_vote", "blend"  # the mean of the others, for labels and for numbers
WIDE = 50  # more features than this are regularised harder; both settings chosen by grouped cross-validation
CALIBRATION_PARTS = 5
MOST_ROWS = {"support_vector_machine": 5_000}  # its cost grows with the square of the rows

USUAL: Mapping[str, tuple[str, ...]] = {
    "classification": (
        "logistic_regression",
        "random_forest",
        "hist_gradient_boosting",
        "support_vector_machine",
    ),
    "regression": ("linear_regression", "random_forest", "hist_gradient_boosting"),
    # Measured on 650 pictures of 154 artists, artists kept apart (benchmarks/art_features.py): trees of gradient
    # boosting bring nothing to several hundred numbers and cost most of the time; on the embedding the discriminant
    # alone is as good as its mean with a regression.
    "wide": ("logistic_regression", "extra_trees", "support_vector_machine"),
    "embedding": ("discriminant", "logistic_regression"),
}
USUAL_QUICK: Mapping[str, tuple[str, ...]] = {"embedding": ("discriminant",)}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """What an estimator may want to know of the columns it is given.

    ``names`` are those of a table set; ``apart`` says which of them know nothing of rows nearby, ``distances`` which
    two how far the first and the fourth nearest known row are. ``blocks`` are the widths of the blocks of a set of pictures.
    """

    names: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    distances: tuple[str, ...] = ()
    blocks: tuple[int, ...] = ()


def together(problem: Problem) -> str:
    """Name of the candidate that averages the others."""
    return BLEND if problem.task == "regression" else SOFT_VOTE


def field(problem: Problem, effort: Effort = "full") -> tuple[str, ...]:
    """The algorithms that compete; under ``quick`` those of ``training.quick_candidates`` where it names any.

    Raises ``ProblemError`` for an algorithm that does not exist, wherever [training] names it.
    """
    training = problem.training
    kind = _kind(problem)
    usual = training.candidates or USUAL[kind]
    _judge_names(problem, usual)
    quick = training.quick_candidates or (() if training.candidates else USUAL_QUICK.get(kind, ()))
    return (quick if effort == "quick" else ()) or usual


def _judge_names(problem: Problem, usual: tuple[str, ...]) -> None:
    training, task = problem.training, problem.task
    known = ", ".join(MAKERS[task])
    for name in usual:
        algorithm = algorithm_of(name, training)
        if algorithm not in MAKERS[task]:
            raise ProblemError(
                f"{problem.name}: training.candidates names {algorithm!r}; a {task} has {known}."
            )
    for key, named in (("parameters", training.parameters), ("quick", training.quick)):
        for name in named:
            if name not in usual and name not in MAKERS[task]:
                raise ProblemError(
                    f"{problem.name}: training.{key} names {name!r}, which is no candidate; a {task} has {known}."
                )
    for key, names, among in (
        ("quick_candidates", training.quick_candidates, usual),
        ("chosen", (training.chosen,) if training.chosen else (), (*usual, together(problem))),
    ):
        for name in names:
            if name not in among:
                raise ProblemError(
                    f"{problem.name}: training.{key} names {name!r}, which does not compete; {', '.join(among)} do."
                )


def _kind(problem: Problem) -> str:
    """Which usual field a problem has: by its task, and for pictures by how many numbers there are of each."""
    if problem.noun == "row":
        return problem.task
    if "embedding" in problem.features:
        return "embedding"
    return "wide" if len(features.get(problem.features).names) > WIDE else problem.task


def algorithm_of(name: str, training: Training) -> str:
    """The algorithm of a candidate: its name, or the ``algorithm`` its parameters state, so that one may compete twice."""
    return str(training.parameters.get(name, {}).get("algorithm", name))


def left_out(problem: Problem, algorithm: str, effort: Effort, rows: int) -> str:
    """Why ``algorithm`` does not compete this time; empty when it does."""
    if algorithm not in field(problem, effort):
        return f"the effort is {effort}"
    most = MOST_ROWS.get(algorithm_of(algorithm, problem.training))
    if most is not None and rows > most and len(field(problem, effort)) > 1:
        return f"there are {rows:,} rows, and its cost grows with their square from {most:,} on"
    return ""


def parameters(name: str, task: str, width: int, training: Training, effort: Effort) -> dict[str, Any]:
    """The parameters of candidate ``name`` for ``width`` numbers, with its ``algorithm``: defaults, then the problem's,
    then its quick ones.
    """
    own = training.parameters.get(name, {})
    quick = training.quick.get(name, {}) if effort == "quick" else {}
    algorithm = algorithm_of(name, training)
    return {**_default(algorithm, task, width), **own, **quick, "algorithm": algorithm}


def _default(algorithm: str, task: str, width: int) -> dict[str, Any]:
    wide = width > WIDE
    match algorithm, task:
        case "logistic_regression", _:  # labels are balanced: groups leave uneven folds
            return {"C": 0.01 if wide else 1.0, "max_iter": 500, "class_weight": "balanced"}
        case "random_forest", "classification":
            return {"n_estimators": 200, "min_samples_leaf": 2, "class_weight": "balanced"}
        case "extra_trees", "classification":
            return {"n_estimators": 200, "min_samples_leaf": 1, "class_weight": "balanced"}
        case "random_forest" | "extra_trees", _:
            return {"n_estimators": 100, "min_samples_leaf": 3, "max_features": 0.5}
        case "hist_gradient_boosting", "classification":
            return {
                "max_iter": 80 if wide else 60,
                "learning_rate": 0.08,
                "max_leaf_nodes": 8,
                "min_samples_leaf": 10,
                "l2_regularization": 1.0,
                "max_features": 0.2 if wide else 0.6,
                "max_bins": 32 if wide else 255,
                # weights make scikit-learn 1.9 find bins by a slow path: 10 s a fit on 650 × 371
                "class_weight": None if wide else "balanced",
            }
        case "hist_gradient_boosting", _:
            return {"max_iter": 200, "learning_rate": 0.08, "max_leaf_nodes": 16, "min_samples_leaf": 10}
        case "gradient_boosting", _:
            return {"n_estimators": 200, "max_depth": 4, "learning_rate": 0.1}
        case "support_vector_machine", _:
            return {
                "C": 10.0 if wide else 3.0,
                "gamma": 0.2 / width if wide else "scale",
                "class_weight": "balanced",
            }
        case "linear_regression", _:
            return {"alpha": 1.0}
        case "gated_boosting", _:
            plain = _default("hist_gradient_boosting", task, width)
            far = {**plain, "learning_rate": 0.05, "min_samples_leaf": 40}
            return {"near": plain, "far": far, "full_km": 0.0, "none_km": 10.0}
        case "discriminant", _:
            return {"shrinkage": 0.6}
        case _:
            raise DataError(f"There is no candidate called {algorithm!r}.")


def make(task: str, params: Mapping[str, Any], *, seed: int, parts: int, columns: Columns) -> Any:
    """A fresh estimator of ``params["algorithm"]`` over ``columns``. ``parts`` is how many parts the rows are cut into
    to calibrate a support vector machine, at most the rows of the rarest label.

    Beside what scikit-learn takes, ``scale = "robust"`` standardises by median and quartiles, and ``class_weight =
    "none"`` is None, which TOML cannot write.
    """
    given = {
        name: None if value == "none" else value for name, value in params.items() if name != "algorithm"
    }
    return MAKERS[task][params["algorithm"]](given, seed, parts, columns)


def _scaled(params: dict[str, Any], model: Callable[[dict[str, Any]], Any]) -> Any:
    """``model`` of the parameters behind the scaler they name."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler, StandardScaler

    scale = params.pop("scale", "standard")
    if scale not in ("standard", "robust"):
        raise DataError(f"scale is {scale!r}; it is standard or robust.")
    return make_pipeline(RobustScaler() if scale == "robust" else StandardScaler(), model(params))


Maker = Callable[[dict[str, Any], int, int, Columns], Any]


def _logistic_regression(params: dict[str, Any], seed: int, _parts: int, _columns: Columns) -> Any:
    from sklearn.linear_model import LogisticRegression

    return _scaled(params, lambda given: LogisticRegression(random_state=seed, **given))


def _support_vector_machine(params: dict[str, Any], _seed: int, parts: int, _columns: Columns) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC

    # sigmoid calibration gives probabilities that export; SVC's own are deprecated
    return _scaled(
        params, lambda given: CalibratedClassifierCV(SVC(**given), method="sigmoid", cv=parts, ensemble=False)
    )


def _linear_regression(params: dict[str, Any], _seed: int, _parts: int, _columns: Columns) -> Any:
    from sklearn.linear_model import Ridge

    return _scaled(params, lambda given: Ridge(**given))


def _discriminant(params: dict[str, Any], _seed: int, _parts: int, columns: Columns) -> Any:
    from artpulse_assets.pipeline.discriminant import ShrunkDiscriminant

    return ShrunkDiscriminant(blocks=columns.blocks, **params)


def _gated_boosting(params: dict[str, Any], seed: int, _parts: int, columns: Columns) -> Any:
    from artpulse_assets.pipeline.gated import GatedRegressor

    if not columns.apart or not columns.distances:
        raise DataError(
            "gated_boosting needs a table set with columns that say how far known rows are (housing); use"
            " hist_gradient_boosting with other sets."
        )
    place = {name: at for at, name in enumerate(columns.names)}
    apart = tuple(place[name] for name in columns.apart)
    first, fourth = (place[name] for name in columns.distances)
    return GatedRegressor(distances=(first, fourth), apart=apart, seed=seed, **params)


def _ensemble(name: str, *, one_job: bool = False) -> Maker:
    def made(params: dict[str, Any], seed: int, _parts: int, _columns: Columns) -> Any:
        from sklearn import ensemble

        more = {"n_jobs": 1} if one_job else {}
        return getattr(ensemble, name)(random_state=seed, **more, **params)

    return made


MAKERS: Mapping[str, Mapping[str, Maker]] = {
    "classification": {
        "logistic_regression": _logistic_regression,
        "random_forest": _ensemble("RandomForestClassifier", one_job=True),
        "extra_trees": _ensemble("ExtraTreesClassifier", one_job=True),
        "gradient_boosting": _ensemble("GradientBoostingClassifier"),
        "hist_gradient_boosting": _ensemble("HistGradientBoostingClassifier"),
        "support_vector_machine": _support_vector_machine,
        "discriminant": _discriminant,
    },
    "regression": {
        "linear_regression": _linear_regression,
        "random_forest": _ensemble("RandomForestRegressor", one_job=True),
        "extra_trees": _ensemble("ExtraTreesRegressor", one_job=True),
        "gradient_boosting": _ensemble("GradientBoostingRegressor"),
        "hist_gradient_boosting": _ensemble("HistGradientBoostingRegressor"),
        "gated_boosting": _gated_boosting,
    },
}
