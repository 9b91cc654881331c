"""POST /predict-image and POST /predict/<problem>/image: a picture in, an answer out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from flask import Response

from artpulse_api import explaining, pictures
from artpulse_api.choosing import picture_problem
from artpulse_api.endpoint import Endpoint
from artpulse_api.errors import RequestRefused
from artpulse_api.pictures import Picture
from artpulse_api.predicting import find, respond
from artpulse_api.prediction_documents import PictureAnswer
from artpulse_api.serving import Call, Serving
from artpulse_api.slots import Service
from artpulse_api.work import Numbers, Work
from artpulse_core import features
from artpulse_core.errors import ImageRefused

SHOWN = features.get("core5")


def predict_image(serving: Serving, call: Call) -> Response:
    """Answer a picture with the model of the image problem."""
    return predict_problem_image(serving, call, picture_problem(serving, call))


def predict_problem_image(serving: Serving, call: Call, problem: str) -> Response:
    """Answer a picture with the model of ``problem``, whose features are taken from it."""
    served = find(serving, call, problem)
    if served.primary.predictor.feature_set is None:
        message = f"{problem} answers rows of fields, not pictures: POST them to /predict/{problem}."
        raise RequestRefused(422, "input_kind", message)
    explained = explaining.asked(call.request, picture=True)
    picture = pictures.from_request(call.request)
    work = Work(
        total=1,
        flat=True,
        accepted=(0,),
        contents=(hashlib.sha256(picture.data).hexdigest(),),
        numbers=partial(_numbers, picture),
        size=len(picture.data),
        explain=explaining.picture(picture.data, explained) if explained else None,
    )
    try:
        return respond(serving, call, served, work)
    except ImageRefused as refusal:
        raise picture.refused(refusal) from None


def _numbers(picture: Picture, service: Service) -> Numbers:
    """The picture as the model takes it; the two slots may have different feature sets."""
    vector, shown = _features(service, picture.data)
    matrix = vector.reshape(1, -1)
    warnings = service.contract.warnings(matrix)[0] if service.contract.fields else ()
    return Numbers(
        matrix, ((*picture.warnings, *warnings),), {"features": shown}, _kept(service, picture.data, shown)
    )


def _kept(service: Service, data: bytes, shown: Mapping[str, float]) -> np.ndarray | None:
    """What events keep where the features are too many for that."""
    manifest = service.predictor.bundle.manifest
    if manifest.watches_all:
        return None
    if set(manifest.watched) <= set(shown):
        return np.array([[shown[name] for name in manifest.watched]])
    return features.vector(data, service.predictor.pictures.watch).reshape(1, -1)


def _features(service: Service, data: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """The model's features of a picture, and the five a person can read."""
    predictor = service.predictor
    vector = predictor.features_of(data)
    names = predictor.bundle.manifest.feature_names
    if set(SHOWN.names) <= set(names):
        by_name = dict(zip(names, vector.tolist(), strict=True))
        return vector, {name: by_name[name] for name in SHOWN.names}
    # One more draft decoding, 2 ms beside the 16 of the rich set, keeps the five equal to those of the graph.
    return vector, dict(zip(SHOWN.names, features.vector(data, SHOWN).tolist(), strict=True))


_REFUSALS = (400, 401, 403, 404, 413, 415, 422, 503)
ENDPOINTS = (
    Endpoint(
        "POST",
        "/predict-image",
        predict_image,
        "Predict a picture with the image problem",
        role="predict",
        body="picture",
        max_bytes=pictures.MAX_BODY_BYTES,
        query=("explain",),
        answer=PictureAnswer,
        refusals=_REFUSALS,
    ),
    Endpoint(
        "POST",
        "/predict/<problem>/image",
        predict_problem_image,
        "Predict a picture with a named problem",
        role="predict",
        body="picture",
        max_bytes=pictures.MAX_BODY_BYTES,
        query=("explain",),
        answer=PictureAnswer,
        refusals=_REFUSALS,
    ),
)
