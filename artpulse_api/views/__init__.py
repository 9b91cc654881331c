"""Every route of the API, one file a group of handlers; ``ENDPOINTS`` is the list the application registers."""

from __future__ import annotations

from artpulse_api.endpoint import Endpoint
from artpulse_api.views import control, docs, feedback, health, metrics, model_info, predict, predict_image

ENDPOINTS: tuple[Endpoint, ...] = (
    *health.ENDPOINTS,
    *metrics.ENDPOINTS,
    *model_info.ENDPOINTS,
    *predict.ENDPOINTS,
    *predict_image.ENDPOINTS,
    *feedback.ENDPOINTS,
    *control.ENDPOINTS,
    *docs.ENDPOINTS,
)
