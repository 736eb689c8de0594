"""Records of any library's values as JSON text."""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .errors import InvalidTypeError
from .frames import is_missing

__all__ = ["is_records", "to_json"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_ADDRESSES = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


def is_records(value: Any) -> bool:
    """Whether a value is one dictionary, or a list or tuple of dictionaries."""
    return isinstance(value, Mapping) or (
        isinstance(value, list | tuple) and all(isinstance(record, Mapping) for record in value)
    )


def to_json(records: Any, units: Mapping[str, float]) -> str:
    """Return one record or many as JSON text.

    `None`, NaN, NA and NaT become null, and an infinity becomes its text, which the readers of number columns accept.

    Parameters
    ----------
    records
        One mapping, or an iterable of mappings.
    units
        The number columns, each with the seconds that its unit has if it holds lengths of time, else 1. A time becomes
        seconds since the epoch there, and ISO 8601 text in any other column.

    Raises
    ------
    InvalidTypeError
        For a value that has no form in JSON, by record and column.

    """
    try:
        return json.dumps(records, allow_nan=False)
    except (TypeError, ValueError):
        pass  # values of NumPy or pandas, times, NaN or infinities
    if isinstance(records, Mapping):
        return json.dumps(_record(records, 0, units))
    if hasattr(records, "__arrow_c_stream__") or isinstance(records, str | bytes) or not isinstance(records, Iterable):
        expected = "one dictionary or many; Table.from_arrow takes tables and data frames"
        raise InvalidTypeError(f"`records` must be {expected}, got {type(records).__name__}")
    return json.dumps([_record(record, row, units) for row, record in enumerate(records)])


def _record(record: Any, row: int, units: Mapping[str, float]) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise InvalidTypeError(f"`records[{row}]` must be a dictionary, got {type(record).__name__}")
    return {
        str(name): _value(value, f"record {row}, column `{name}`", units.get(str(name)))
        for name, value in record.items()
    }


def _value(value: Any, place: str, unit: float | None) -> Any:
    """A cell as JSON has it; `unit` is `None` unless the column holds numbers."""
    if isinstance(value, Mapping):
        return {str(name): _value(one, f"{place}.{name}", None) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one, place, None) for one in value]
    if hasattr(value, "as_py"):  # a scalar of pyarrow
        value = value.as_py()
    if is_missing(value):
        return None
    if isinstance(value, datetime.timedelta):
        return value.total_seconds() / (unit or 1.0)
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "s")) / (unit or 1.0)
    if isinstance(value, np.datetime64):
        if unit is None:
            return np.datetime_as_string(value, unit="ns", timezone="UTC")
        return int(value.astype("datetime64[us]").astype(np.int64)) / 1e6
    if isinstance(value, datetime.time) and unit is not None:
        return (_EPOCH.combine(_EPOCH, value.replace(tzinfo=datetime.UTC)) - _EPOCH).total_seconds() / unit
    if isinstance(value, datetime.date) and unit is not None:  # a datetime is a date
        return _seconds(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0.0 else "-Infinity"
    if isinstance(value, str | int | float):  # a bool is an int
        return value
    if isinstance(value, _ADDRESSES):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise InvalidTypeError(f"{place}: expected a number, a text, a time or None, got {type(value).__name__}")


def _seconds(value: datetime.date) -> float:
    """Seconds since the epoch, to the microsecond; a time without a zone is UTC."""
    if not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.UTC)
    if value.tzinfo is None:
        value = value.replace(tzinfo=datetime.UTC)
    return ((value - _EPOCH) // _MICROSECOND) / 1e6
