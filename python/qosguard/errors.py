"""Every exception that qosguard raises: one class per kind, all of them a `QosguardError`.

The string `kind` is the same in Rust (`Error::kind()`) and JavaScript (`error.code`). Each class is
also a `ValueError` or an `OSError`, so code that does not import qosguard catches it as usual.

>>> import qosguard as qg
>>> try:
...     qg.Column("latency_ms", role="metric")
... except ValueError as error:
...     print(error.kind)
invalid_argument
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any, ClassVar

__all__ = [
    "BadRecordError",
    "CancelledError",
    "CorruptArtifactError",
    "GuardWarning",
    "IncompatibleFormatError",
    "InsufficientDataError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "IoError",
    "NotFiniteError",
    "NotFittedError",
    "PolicyError",
    "QosguardError",
    "SchemaMismatchError",
    "ShapeMismatchError",
    "TrainingError",
    "UnsupportedError",
]


class QosguardError(Exception):
    """Base of every exception of this package."""

    kind: ClassVar[str] = "unknown"
    details: dict[str, Any]
    """The values of the message by name, such as `path`, `problem`, `expected`, `got`, `row`, `column` and `line`."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.details = {}


class InvalidArgumentError(QosguardError, ValueError):
    """A setting or argument is outside its documented domain."""

    kind = "invalid_argument"


class InvalidTypeError(InvalidArgumentError, TypeError):
    """An argument is an object of a type that cannot be used there."""


class ShapeMismatchError(QosguardError, ValueError):
    """A matrix or vector has another shape than the model."""

    kind = "shape_mismatch"


class NotFiniteError(QosguardError, ValueError):
    """A NaN or an infinity where a number is needed."""

    kind = "not_finite"


class SchemaMismatchError(QosguardError, ValueError):
    """The columns do not fit the schema."""

    kind = "schema_mismatch"


class BadRecordError(QosguardError, ValueError):
    """A file holds records that cannot be read."""

    kind = "bad_record"


class InsufficientDataError(QosguardError, ValueError):
    """There are too few rows (or classes) to do what was asked."""

    kind = "insufficient_data"


class IncompatibleFormatError(QosguardError, ValueError):
    """The file was written by a newer release."""

    kind = "incompatible_format"


class CorruptArtifactError(QosguardError, ValueError):
    """The file is not an intact guard."""

    kind = "corrupt_artifact"


class PolicyError(QosguardError, ValueError):
    """A QoS policy does not validate."""

    kind = "policy"


class IoError(QosguardError, OSError):
    """A read or a write failed in the operating system; `errno` and `filename` contain the cause and the file."""

    kind = "io"


class TrainingError(QosguardError, RuntimeError):
    """A training diverged, or a step of a tensor library failed."""

    kind = "training"


class CancelledError(QosguardError, RuntimeError):
    """The work was cancelled: a function given as `progress` returned False."""

    kind = "cancelled"


class UnsupportedError(QosguardError, RuntimeError):
    """The build lacks the cargo feature that the call needs."""

    kind = "unsupported"


class NotFittedError(QosguardError, ValueError, AttributeError):
    """`fit` has to come first; also a `sklearn.exceptions.NotFittedError` where scikit-learn is imported."""

    kind = "not_fitted"


class InternalError(QosguardError, RuntimeError):
    """The native code panicked; this is a bug in qosguard."""

    kind = "internal"


class GuardWarning(UserWarning):
    """A fitted guard does not keep a promise, such as the false-positive rate that was asked for."""


_BY_KIND = {error.kind: error for error in QosguardError.__subclasses__()}


def not_fitted(message: str) -> NotFittedError:
    """A `NotFittedError` that scikit-learn's own `except` clauses catch, without importing scikit-learn."""
    exceptions = sys.modules.get("sklearn.exceptions")
    return NotFittedError(message) if exceptions is None else _both(exceptions.NotFittedError)(message)


@cache
def _both(theirs: type[Exception]) -> type[NotFittedError]:
    """A `NotFittedError` that is also scikit-learn's; a pickle is rebuilt for the process that reads it."""
    reduce = {"__reduce__": lambda self: (not_fitted, (str(self),))}
    return type(
        "NotFittedError", (NotFittedError, theirs), {"__module__": __name__, "__doc__": NotFittedError.__doc__} | reduce
    )


def from_kind(
    kind: str, message: str, details: dict[str, Any] | None = None, refusal: tuple[int, str] | None = None
) -> QosguardError:
    """The exception of a kind; `refusal` is the `errno` and the path of a failed file access."""
    cls = _BY_KIND.get(kind, QosguardError)
    error = cls(message) if refusal is None else cls(refusal[0], os.strerror(refusal[0]), os.fspath(refusal[1]))
    error.details = details or {}
    return error
