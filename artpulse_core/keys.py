"""API keys: making, digesting and looking them up.

Belongs here: the entry formats (a plain key, or ``id:sha256:<hex>``), the three roles, the keyring, and which
addresses need no key. Does not belong here: reading a request's headers (``artpulse_api.auth``).
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from artpulse_core.errors import SettingsError

Role = Literal["predict", "view", "operate"]
ROLES: tuple[Role, ...] = ("predict", "view", "operate")
_ENTRY = re.compile(r"(?P<id>[A-Za-z0-9][A-Za-z0-9_.-]{0,39}):sha256:(?P<digest>[0-9a-f]{64})")


@dataclass(frozen=True)
class Caller:
    """Who asks: a public id that may appear in logs and events, and the highest role of the key."""

    id: str
    role: Role

    def may(self, role: Role) -> bool:
        """True when this caller's role includes ``role`` (predict < view < operate)."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Keyring:
    """Configured keys by digest; nothing in it can be turned back into a key."""

    def __init__(self, secrets_by_role: Mapping[str, Sequence[str]]) -> None:
        """``secrets_by_role`` holds entries as configured. Raises ``SettingsError`` naming a malformed one."""
        callers: dict[bytes, Caller] = {}
        for role in ROLES:  # rising, so that a key listed twice keeps its higher role
            for text in secrets_by_role.get(role, ()):
                public, digest = _parse(text)
                callers[digest] = Caller(public, role)
        self._callers = callers

    def __bool__(self) -> bool:
        return bool(self._callers)

    def find(self, key: str) -> Caller | None:
        """The caller a key belongs to.

        The lookup compares sha256 digests, so its timing says nothing about how much of a key is right.
        """
        return self._callers.get(_digest(key))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``; a name that is no address counts only as ``localhost``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)  # how a dual-stack socket writes an IPv4 peer
    return bool((mapped or address).is_loopback)


def new_key() -> tuple[str, str]:
    """A fresh key of 192 random bits and the entry to configure it with; the key is shown once."""
    key = "ap_" + secrets.token_urlsafe(24)
    return key, hash_key(key)


def hash_key(key: str) -> str:
    """The entry ``id:sha256:<hex>`` of a key, for the environment of a server that must not hold the key itself."""
    digest = _digest(key)
    return f"{_public_id(digest)}:sha256:{digest.hex()}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _public_id(digest: bytes) -> str:
    """Eight hex digits of a second hash: stable, and no part of the digest that authenticates."""
    return "key-" + hashlib.sha256(b"artpulse public id" + digest).hexdigest()[:8]


def _parse(text: str) -> tuple[str, bytes]:
    found = _ENTRY.fullmatch(text)
    if found:
        return found["id"], bytes.fromhex(found["digest"])
    if not text or ":sha256:" in text:
        raise SettingsError(
            "An API key entry is neither a plain key nor <id>:sha256:<64 hex digits>; "
            "make one with `artpulse keys new`."
        )
    digest = _digest(text)
    return _public_id(digest), digest
