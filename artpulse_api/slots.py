"""What a worker answers from: model versions in slots, and which slot answers which request.

Belongs here: the immutable records of one release as it is loaded, and the split between its slots. Does not belong
here: loading (``live``), asking a model (``work``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from artpulse_core.data.contract import Contract
from artpulse_core.errors import BundleError
from artpulse_core.exchange.release import ProblemRelease, Slot
from artpulse_core.model.predictor import Predictor

SlotName = Literal["primary", "secondary"]
SPLIT = frozenset(
    {"canary", "blue_green"}
)  # the modes in which the secondary answers a share of the requests
HASHES = 2.0**64


@dataclass(frozen=True)
class Service:
    """One loaded model version in one slot, which it entered at ``since``."""

    problem: str
    model: str
    name: SlotName
    slot: Slot
    predictor: Predictor
    since: str = ""

    @property
    def contract(self) -> Contract:
        """The contract in the bundle, which is the one that counts."""
        return self.predictor.bundle.contract

    @property
    def takes(self) -> str:
        """What must be equal for two models to take the same input matrix: features of a picture, or the fields."""
        manifest = self.predictor.bundle.manifest
        return manifest.contract_digest if self.predictor.encoder is not None else manifest.fingerprint

    @property
    def watched_fingerprint(self) -> str:
        """Of what events keep of a row; equal ones mean the same columns."""
        return self.predictor.bundle.manifest.watched_fingerprint

    @property
    def uri(self) -> str:
        """The registered version, as MLflow writes it."""
        return f"models:/{self.model}/{self.slot.version}"


@dataclass(frozen=True)
class Served:
    """The slots of one problem; ``secondary`` is None where the release has none or it could not be loaded."""

    released: ProblemRelease
    primary: Service
    secondary: Service | None = None

    @property
    def percent(self) -> float:
        """The share of the requests that is the secondary's, 0 to 100."""
        released = self.released
        return released.percent if released.mode in SPLIT and released.secondary else 0.0

    def choose(self, routing: str) -> SlotName:
        """The slot a request with this routing hash (16 hex digits) belongs to; the one place this is decided.

        By the release alone, so equal in every worker and replica. A hash below the share is the secondary's: one
        that is in 5 % stays in 25 %. Integers and floats compare exactly, so 100 % is every hash.
        """
        percent = self.percent
        return "secondary" if percent and int(routing, 16) < percent / 100 * HASHES else "primary"

    def service(self, name: SlotName) -> Service:
        """The model in a slot; raises ``BundleError`` when it could not be loaded."""
        found = self.primary if name == "primary" else self.secondary
        if found is None:
            raise BundleError("The released secondary is not loaded.")
        return found

    def slot(self, name: SlotName) -> Slot:
        """What is released in a slot, loaded or not; raises ``BundleError`` when nothing is."""
        found = self.released.primary if name == "primary" else self.released.secondary
        if found is None:
            raise BundleError("The release has no secondary.")
        return found

    def alone(self) -> Served:
        """The same primary without a rollout."""
        return Served(replace(self.released, mode="single", percent=0.0, secondary=None), self.primary)


@dataclass(frozen=True)
class Snapshot:
    """One release as it is loaded.

    ``failures`` names what of it could not be: a problem (its older model answers on), or ``<problem>:secondary``
    (the primary answers for it).
    """

    sequence: int = 0
    problems: Mapping[str, Served] = field(default_factory=dict)
    released: Mapping[str, ProblemRelease] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    loaded_at: str = ""
