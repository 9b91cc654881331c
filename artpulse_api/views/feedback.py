"""POST /feedback: the true label of a predicted row, accepted from the key that asked."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from artpulse_api import control_client
from artpulse_api.documents import FeedbackStored
from artpulse_api.endpoint import Endpoint
from artpulse_api.request_id import LENGTH
from artpulse_api.rows import escape, json_body
from artpulse_api.serving import Call, Serving
from artpulse_api.views import reply
from artpulse_core.errors import ContractViolation, Issue


class Feedback(BaseModel):
    """Ground truth of one row; ``row`` counts from 0 in the order of the request."""

    model_config = ConfigDict(extra="forbid", strict=True)

    request_id: Annotated[str, Field(pattern=rf"^[0-9A-HJKMNP-TV-Z]{{{LENGTH}}}$")]
    row: Annotated[int, Field(ge=0, lt=1000)] = 0
    label: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    value: Annotated[float | None, Field(allow_inf_nan=False)] = None

    @model_validator(mode="after")
    def _one(self) -> Feedback:
        if (self.label is None) == (self.value is None):
            raise ValueError("give the truth as either label or value")
        return self

    @property
    def truth(self) -> str:
        """The truth as it is stored."""
        return repr(self.value) if self.label is None else self.label


def feedback(serving: Serving, call: Call) -> Response:
    """Hand the label to the agent, which knows the request and who asked."""
    sent = _parse(json_body(call.request))
    served = call.snapshot.problems
    labels = {name: item.primary.contract.target.labels for name, item in served.items()}
    if sent.label is not None and labels and not any(sent.label in known for known in labels.values()):
        message = f"No served model has the label {sent.label[:60]!r}."
        raise ContractViolation(message, (Issue("/label", "label_unknown", message),))
    control_client.feedback(
        serving.settings.socket,
        request_id=sent.request_id,
        row=sent.row,
        label=sent.truth,
        caller=call.caller.id,
        labels=labels,
    )
    return reply.json(
        {"status": "stored", "request_id": sent.request_id, "row": sent.row, "label": sent.truth}
    )


def _parse(body: object) -> Feedback:
    try:
        return Feedback.model_validate(body)
    except ValidationError as error:
        issues = tuple(
            Issue(
                "".join(f"/{escape(str(part))}" for part in item["loc"]),
                item["type"],
                item["msg"].removeprefix("Value error, ") + ".",
            )
            for item in error.errors(include_url=False)
        )
        raise ContractViolation("The feedback cannot be read.", issues) from None


ENDPOINTS = (
    Endpoint(
        "POST",
        "/feedback",
        feedback,
        "Give the true label of a predicted row",
        role="predict",
        body="feedback",
        answer=FeedbackStored,
        refusals=(400, 401, 403, 404, 413, 415, 422, 503),
    ),
)
