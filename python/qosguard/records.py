"""Records of any library's values as JSON text."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .errors import InvalidArgumentError, InvalidTypeError
from .frames import is_missing

__all__ = ["to_json"]


def to_json(records: Any) -> str:
    """One record or many as JSON text; what is missing (None, NaN, NA, NaT) becomes null.

    Raises `InvalidArgumentError` for an infinity, by record and column, and `InvalidTypeError` for a value that JSON
    has no form for.
    """
    try:
        return json.dumps(records, allow_nan=False)
    except (TypeError, ValueError):
        pass  # values of NumPy or pandas, or NaN
    if isinstance(records, Mapping):
        return json.dumps(_record(records, 0))
    if hasattr(records, "__arrow_c_stream__") or isinstance(records, str | bytes) or not isinstance(records, Iterable):
        expected = "one dictionary or many; Table.from_arrow takes tables and data frames"
        raise InvalidTypeError(f"`records` must be {expected}, got {type(records).__name__}")
    return json.dumps([_record(record, row) for row, record in enumerate(records)])


def _record(record: Any, row: int) -> dict[str, Any]:
    if not isinstance(record, Mapping):
        raise InvalidTypeError(f"`records[{row}]` must be a dictionary, got {type(record).__name__}")
    return {str(name): _value(value, f"record {row}, column `{name}`") for name, value in record.items()}


def _value(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _value(one, f"{place}.{name}") for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one, place) for one in value]
    if is_missing(value):
        return None
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, np.timedelta64):
        return float(value / np.timedelta64(1, "s"))
    if isinstance(value, np.datetime64):
        return np.datetime_as_string(value, unit="ns", timezone="UTC")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgumentError(f"{place}: {value} is not finite; JSON has no such number")
    if isinstance(value, str | int | float):  # a bool is an int
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise InvalidTypeError(f"{place}: expected a number, a text or None, got {type(value).__name__}")
