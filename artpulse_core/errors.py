"""The named errors of ArtPulse.

Belongs here: one small family, each with a stable ``code`` that goes into problem+json, Dagster failures,
exit codes and log lines. Does not belong here: mapping an error to HTTP (``artpulse_api.errors``).
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong, with its place.

    ``pointer`` is a JSON pointer (RFC 6901) into the body or row, ``code`` a stable word, ``message`` a
    sentence that says what to do.
    """

    pointer: str
    code: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The shape used in problem+json ``errors``."""
        return {"pointer": self.pointer, "code": self.code, "message": self.message}


class ArtPulseError(Exception):
    """Base of every error ArtPulse raises on purpose; ``str(error)`` is a sentence for a person."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, issues: tuple[Issue, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.issues = issues


class SettingsError(ArtPulseError):
    """A setting has a value that cannot be used; the process does not start."""

    code = "settings_invalid"
    exit_code = 78


class ProblemError(ArtPulseError):
    """A problem file (TOML) is wrong or a problem of that name does not exist."""

    code = "problem_invalid"
    exit_code = 65


class DataError(ArtPulseError):
    """Data cannot be learned from; raised before anything is written."""

    code = "data_invalid"
    exit_code = 65


class ContractViolation(ArtPulseError):  # noqa: N818 - the field's word is violation
    """Rows or a picture break the contract; ``issues`` names each place."""

    code = "contract_violation"
    exit_code = 65


class ImageRefused(ArtPulseError):  # noqa: N818 - a refusal is a verdict with a reason code
    """A picture is refused; ``reason`` is the stable reason code."""

    code = "image_refused"
    exit_code = 65

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class BundleError(ArtPulseError):
    """A bundle is missing, altered, of an unknown format, or does not give its golden answers."""

    code = "bundle_invalid"
    exit_code = 65


class ExportError(ArtPulseError):
    """An estimator cannot be exported, or the exported model does not answer as the trained one."""

    code = "export_failed"


class PolicyError(ArtPulseError):
    """The promotion policy file is wrong."""

    code = "policy_invalid"
    exit_code = 78


class RegistryError(ArtPulseError):
    """The model registry is away, or has no such model, version or alias."""

    code = "registry_error"
    exit_code = 69


class StoreError(ArtPulseError):
    """The database is away, locked or of another version."""

    code = "store_error"
    exit_code = 69


class ChangeConflict(ArtPulseError):  # noqa: N818 - the field's word is conflict
    """A change was refused because another is open or the expected version is not the current one."""

    code = "change_conflict"
    exit_code = 75


class ChangeRefused(ArtPulseError):  # noqa: N818 - a refusal is a decision
    """A change was refused by the policy or because there is nothing to change to."""

    code = "change_refused"
    exit_code = 77


class FeedbackRefused(ArtPulseError):  # noqa: N818 - a refusal is a decision
    """Ground truth was refused: unknown request, another caller, or a label the model does not have."""

    code = "feedback_refused"


class AgentUnavailable(ArtPulseError):  # noqa: N818 - the field's word is unavailable
    """The agent of this host does not answer on its socket before the deadline."""

    code = "agent_unavailable"
    exit_code = 69


class MissingExtra(ArtPulseError):  # noqa: N818 - says what is missing
    """A command needs packages of an extra that is not installed."""

    code = "extra_missing"
    exit_code = 69


class FileTrouble(ArtPulseError):  # noqa: N818 - what happened to a file
    """The operating system refuses a file or folder: a full disk, a medium that fails."""

    code = "file_trouble"
    exit_code = 74


class NotWritable(FileTrouble):
    """A file or folder cannot be made or written by this user."""

    code = "not_writable"
    exit_code = 73


def of_system(error: OSError) -> FileTrouble:
    """What the operating system said as a sentence that names the file."""
    named = error.filename2 or error.filename
    said = (
        f"{error.strerror or type(error).__name__}: {os.fsdecode(named)}"
        if isinstance(named, str | bytes | os.PathLike)
        else str(error)
    )
    if (
        isinstance(error, PermissionError | NotADirectoryError | FileExistsError)
        or error.errno == errno.EROFS
    ):
        return NotWritable(
            f"{said}. Check who owns it and its permissions, or set ARTPULSE_HOME to another folder."
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FileTrouble(f"{said}. Free some space, or set ARTPULSE_HOME to another disk.")
    return FileTrouble(f"{said}.")
