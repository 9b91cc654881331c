"""Who may ask: a key from the request's headers to a caller with a role.

Belongs here: reading the headers and refusing by name. Does not belong here: keys and their digests
(``artpulse_core.keys``), or which role a route needs (its declaration).
"""

from __future__ import annotations

from flask import Request

from artpulse_api.errors import RequestRefused
from artpulse_core.errors import SettingsError
from artpulse_core.keys import Caller, Keyring, Role, is_loopback
from artpulse_core.settings import Settings

LOCAL = Caller("local", "view")
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="artpulse"'}


class Gate:
    """Authenticates requests of one application."""

    def __init__(self, settings: Settings) -> None:
        """Raises ``SettingsError`` for a malformed key, or no key on an address others can reach."""
        self._keys = Keyring(settings.secrets())
        if not self._keys and not is_loopback(settings.host):
            raise SettingsError(
                f"ARTPULSE_HOST is {settings.host} and no API key is configured. Set API_KEYS or ARTPULSE_API_KEY "
                "(make one with `artpulse keys new`), or bind to 127.0.0.1."
            )
        # Nobody else reaches a loopback address, so a fresh installation answers there without a key.
        self.open = not self._keys and not settings.auth_required

    def authorize(self, request: Request, role: Role) -> Caller:
        """The caller of ``request``; raises ``RequestRefused`` 401 or 403 when it may not act as ``role``."""
        caller = LOCAL if self.open else self._caller(request)
        if not caller.may(role):
            raise RequestRefused(403, "role_missing", f"This needs a key with the role {role}.")
        return caller

    def _caller(self, request: Request) -> Caller:
        key = _presented(request)
        if key is None:
            message = "This needs a key, in the header X-API-Key or as Authorization: Bearer."
            raise RequestRefused(401, "key_missing", message, headers=CHALLENGE)
        caller = self._keys.find(key)
        if caller is None:
            raise RequestRefused(401, "key_unknown", "This key is not known here.", headers=CHALLENGE)
        return caller


def _presented(request: Request) -> str | None:
    environ = request.environ
    key: str | None = environ.get("HTTP_X_API_KEY")
    if key is None:
        scheme, _, key = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            return None
    if "," in key:  # the server joins repeated headers with a comma
        raise RequestRefused(401, "key_malformed", "More than one key was sent.", headers=CHALLENGE)
    return key.strip()
