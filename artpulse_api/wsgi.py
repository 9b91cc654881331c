"""The application gunicorn serves; settings come from the environment, read once here."""

from __future__ import annotations

import sys

from artpulse_api.app import create_app
from artpulse_core import settings
from artpulse_core.errors import ArtPulseError

try:
    app = create_app(settings.load())
except ArtPulseError as error:
    sys.stderr.write(f"{error}\n")
    raise SystemExit(error.exit_code) from None
