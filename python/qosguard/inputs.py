"""What a guard takes: tables, data frames and records."""

from __future__ import annotations

from typing import Any

from ._core import Schema, Table
from .errors import InvalidTypeError
from .frames import select
from .records import is_records

__all__ = ["to_assess", "to_fit"]

_EXPECTED = (
    "a Table, which qosguard.read makes of a file, a data frame that Table.from_arrow takes, "
    "or records: a dictionary or a list of dictionaries"
)


def to_fit(flows: Any, schema: Schema | None) -> Table:
    """Make a table to fit on: a table as it is, a frame by `schema`."""
    if isinstance(flows, Table):
        return flows
    if is_records(flows):
        if schema is None:
            expected = "with a `schema` if it is records; a data frame that Table.from_arrow takes needs none"
            raise InvalidTypeError(f"`flows` must be given {expected}, got no schema")
        return Table.from_records(flows, schema)
    return Table.from_arrow(_frame(flows), schema)


def to_assess(flows: Any, schema: Schema, inputs: Schema) -> Table:
    """Make a table to assess, with one row for each record.

    Records are read by the guard's `schema`. Of a frame only the `inputs` are read, the columns that the guard uses.
    """
    if isinstance(flows, Table):
        return flows
    if is_records(flows):
        return Table.from_records(flows, schema)
    return Table.from_arrow(select(_frame(flows), [column.name for column in inputs.columns]), inputs, 0.0)


def _frame(flows: Any) -> Any:
    """Reject what is not a data frame."""
    if any(hasattr(flows, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "__dataframe__")):
        return flows
    raise InvalidTypeError(f"`flows` must be {_EXPECTED}, got {type(flows).__name__}")
