"""GET /metadata, /model/info, /schema and /models: what is served, read from the loaded bundles."""

from __future__ import annotations

from typing import Any

from flask import Response

from artpulse_api.choosing import default_problem
from artpulse_api.documents import Metadata, ModelInfo, Models, Schema
from artpulse_api.endpoint import Endpoint
from artpulse_api.predicting import find
from artpulse_api.serving import Call, Serving
from artpulse_api.slots import Served, Service
from artpulse_api.views import reply


def metadata(serving: Serving, call: Call) -> Response:
    """What the model of one problem takes and gives, and how it did in training."""
    service = _served(serving, call).primary
    contract, manifest = service.contract, service.predictor.bundle.manifest
    document = {
        **_identity(service),
        "task": contract.task,
        "input": contract.input,
        "target": contract.target.name,
        "labels": contract.target.labels,
        "feature_set": manifest.features,
        "features": manifest.feature_names,
        "metrics": _metrics(service),
        "default_problem": default_problem(serving, call),
        "problems": sorted(call.snapshot.problems),
    }
    return reply.json(document)


def model_info(serving: Serving, call: Call) -> Response:
    """Which version answers, where it came from, and its whole evaluation."""
    served = _served(serving, call)
    service = served.primary
    bundle = service.predictor.bundle
    document = {
        **_identity(service),
        "labels": service.contract.target.labels,
        "feature_set": bundle.manifest.features,
        "features": bundle.manifest.feature_names,
        "fingerprint": bundle.manifest.fingerprint,
        "contract_digest": service.contract.digest,
        "provenance": dict(bundle.manifest.provenance),
        "metrics": _metrics(service),
        "evaluation": bundle.evaluation,
        "rollout_mode": served.released.mode,
        "rollout_percent": served.percent,
        "secondary": _identity(served.secondary) if served.secondary else None,
        "unaudited": served.released.unaudited,
        "release": call.snapshot.sequence,
        "loaded_at": call.snapshot.loaded_at,
    }
    return reply.json(document)


def schema(serving: Serving, call: Call) -> Response:
    """The contract of one problem: fields with their ranges, the target, and a JSON schema of one row."""
    service = _served(serving, call).primary
    contract = service.contract
    document = {**contract.to_dict(), "digest": contract.digest, "json_schema": contract.json_schema()}
    return reply.json(document)


def models(serving: Serving, call: Call) -> Response:
    """Every served problem with its slots."""
    snapshot = call.snapshot
    rows = []
    for name, served in sorted(snapshot.problems.items()):
        slots = {
            service.name: _identity(service) for service in (served.primary, served.secondary) if service
        }
        released = served.released
        row = {"problem": name, "model": released.model, "mode": released.mode, "percent": served.percent}
        rows.append({**row, "slots": slots})
    return reply.json({"release": snapshot.sequence, "models": rows})


def _served(serving: Serving, call: Call) -> Served:
    return find(serving, call, call.request.args.get("problem") or default_problem(serving, call))


def _identity(service: Service) -> dict[str, Any]:
    manifest = service.predictor.bundle.manifest
    return {
        "problem": service.problem,
        "model": service.model,
        "version": service.slot.version,
        "alias": service.slot.alias,
        "digest": service.slot.digest,
        "mlflow_model_uri": service.uri,
        "algorithm": manifest.algorithm,
        "created_at": manifest.created_at,
        "git_commit": manifest.provenance.get("git_commit"),
        "synthetic": manifest.synthetic,
    }


def _metrics(service: Service) -> Any:
    evaluation = service.predictor.bundle.evaluation
    return evaluation.get("metrics", {})


_QUERY = ("problem",)
ENDPOINTS = (
    Endpoint(
        "GET",
        "/metadata",
        metadata,
        "Labels, features and training metrics",
        role="predict",
        query=_QUERY,
        answer=Metadata,
        refusals=(401, 403, 404, 503),
    ),
    Endpoint(
        "GET",
        "/model/info",
        model_info,
        "The version that answers and its evaluation",
        role="predict",
        query=_QUERY,
        answer=ModelInfo,
        refusals=(401, 403, 404, 503),
    ),
    Endpoint(
        "GET",
        "/schema",
        schema,
        "The contract of the input",
        role="predict",
        query=_QUERY,
        answer=Schema,
        refusals=(401, 403, 404, 503),
    ),
    Endpoint(
        "GET",
        "/models",
        models,
        "Every served problem and its slots",
        role="predict",
        answer=Models,
        refusals=(401, 403),
    ),
)
