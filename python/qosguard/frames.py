"""Rows as they come (arrays, lists, data frames) as a matrix, and the names of their columns."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InsufficientDataError, InvalidArgumentError, InvalidTypeError, ShapeMismatchError

__all__ = ["Float", "arrow_input", "column_names", "is_missing", "matrix", "select"]

Float = type[np.float32] | type[np.float64]
"""The type of a matrix."""

_NUMBERS = "fiub"
_PLAIN = frozenset({bool, int, float, str, type(None), np.bool_, np.int64, np.float64, np.float32, np.int32})
"""Types that NumPy converts to floats as meant; text only where it holds a number."""


def column_names(X: Any) -> list[str] | None:
    """The column names of a data frame of pandas, Polars, pyarrow or any other library; `None` for anything else.

    Names that are all something other than text, such as the numbers that pandas gives, are none.
    """
    names = _names(X)
    if names is None:
        return None
    text = [isinstance(name, str) for name in names]
    if any(text) and not all(text):
        bad = names[text.index(False)]
        raise InvalidArgumentError(f"column names must be all text or all numbers, got {bad!r} among text")
    return names if names and all(text) else None


def matrix(X: Any, dtype: Float = np.float32) -> npt.NDArray[Any]:
    """`X` as a matrix of `dtype` in C order; a copy only where it is not one already.

    None, NaN, NA and NaT become NaN. Raises `InvalidArgumentError` with row and column for a cell that is not a number,
    `ShapeMismatchError` unless there are two dimensions, and `InsufficientDataError` without a column.
    """
    if hasattr(X, "toarray"):
        raise InvalidArgumentError("sparse input is not supported; pass X.toarray()")
    x = _of_columns(X, _names(X), dtype) if _is_frame(X) else _of_array(np.asarray(X), dtype)
    if x.shape[1] == 0:
        raise InsufficientDataError(
            f"Found array with 0 feature(s) (shape={x.shape}) while a minimum of 1 is required."
        )
    return x


def is_missing(value: Any) -> bool:
    """Whether a cell is None, NaN, NA or NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        return False


def arrow_input(data: Any) -> Any:
    """A frame as the Arrow C stream interface can pass it on: Polars columns without a type become missing numbers."""
    polars = sys.modules.get("polars")
    if polars is None or not isinstance(data, polars.DataFrame):
        return data
    return data.with_columns(polars.selectors.by_dtype(polars.Null).cast(polars.Float64))


def select(X: Any, known: list[str]) -> Any:
    """A frame of pandas, Polars or pyarrow with only its columns that are known; any other frame as it is."""
    names = column_names(X)
    if names is None or not any(hasattr(X, name) for name in ("iloc", "to_series", "column")):
        return X
    # Readers cut the blanks around names.
    keep = [name for name in names if name.strip() in known]
    if len(keep) == len(names):
        return X
    return X.loc[:, keep] if hasattr(X, "iloc") else X.select(keep)


def _is_frame(X: Any) -> bool:
    if isinstance(X, np.ndarray | list | tuple):
        return False
    if hasattr(X, "collect_schema") and hasattr(X, "collect") and not hasattr(X, "to_numpy"):
        raise InvalidTypeError(
            f"`X` must be an array or a data frame, got {type(X).__name__}; call its `collect` first"
        )
    streams = hasattr(X, "__arrow_c_stream__") and not hasattr(X, "__array__")
    return streams or any(hasattr(X, name) for name in ("columns", "column_names", "__dataframe__"))


def _names(X: Any) -> list[Any] | None:
    if not _is_frame(X):
        return None
    # A stream can be read once, so its names come from its schema.
    schema_names = getattr(getattr(X, "schema", None), "names", None)
    if hasattr(X, "read_next_batch") and schema_names is not None:
        return list(schema_names)
    # The `columns` of a pyarrow table are its arrays, so `column_names` comes first.
    for name in ("column_names", "columns"):
        names = getattr(X, name, None)
        if names is not None:
            return list(names() if callable(names) else names)
    if hasattr(X, "__dataframe__"):
        return list(X.__dataframe__().column_names())
    return list(_arrow(X).column_names)


def _of_columns(X: Any, names: list[Any] | None, dtype: Float) -> npt.NDArray[Any]:
    dtypes = list(getattr(X, "dtypes", []))
    plain = all(isinstance(kind, np.dtype) and kind.kind in _NUMBERS for kind in dtypes)
    if plain and len(set(dtypes)) == 1:
        return _of_array(np.asarray(X), dtype)  # one block of memory
    if not any(hasattr(X, name) for name in ("iloc", "to_series", "column")):
        X = _arrow(X)
    names = names or []
    columns = [_column(_series(X, i), name, dtype) for i, name in enumerate(names)]
    rows = len(columns[0]) if columns else 0
    out = np.empty((rows, len(columns)), dtype)
    for i, column in enumerate(columns):
        out[:, i] = column
    return out


def _arrow(X: Any) -> Any:
    """A frame of an unknown library as a pyarrow table."""
    import pyarrow  # type: ignore[import-untyped]

    if hasattr(X, "__arrow_c_stream__"):
        return pyarrow.table(X)
    if hasattr(X, "__dataframe__"):
        from pyarrow.interchange import from_dataframe  # type: ignore[import-untyped]

        return from_dataframe(X)
    raise InvalidTypeError(f"`X` must be an array or a data frame, got {type(X).__name__}")


def _series(X: Any, i: int) -> npt.NDArray[Any]:
    """One column of a frame of pandas, Polars or pyarrow as a NumPy array."""
    if hasattr(X, "iloc"):
        series = X.iloc[:, i]
        if not isinstance(series.dtype, np.dtype) and series.dtype.kind in _NUMBERS:
            return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(series)
    if hasattr(X, "to_series"):
        return np.asarray(X.to_series(i).to_numpy())
    return np.asarray(X.column(i).to_numpy(zero_copy_only=False))


def _of_array(x: npt.NDArray[Any], dtype: Float) -> npt.NDArray[Any]:
    if x.ndim != 2:
        raise ShapeMismatchError(
            f"Expected 2D array, got {x.ndim}D array instead. Reshape your data: array.reshape(-1, 1) makes "
            "it one feature, array.reshape(1, -1) one row"
        )
    if x.dtype.kind in _NUMBERS:
        return _as_type(x, dtype)
    out = np.empty(x.shape, dtype)
    for i in range(x.shape[1]):
        out[:, i] = _column(x[:, i], str(i), dtype)
    return out


def _column(values: npt.NDArray[Any], name: Any, dtype: Float) -> npt.NDArray[Any]:
    """One column as numbers, NaN where a cell is missing."""
    kind = values.dtype.kind
    if kind == "O":
        return _of_objects(values, name, dtype)
    if kind == "c":
        raise InvalidArgumentError(f"Complex data not supported: column `{name}` is {values.dtype}")
    if kind in "US":
        value = values.tolist()[0] if len(values) else ""
        raise InvalidArgumentError(f"row 0, column `{name}`: expected a number, got the text {value!r}")
    if kind not in _NUMBERS:
        raise InvalidArgumentError(_no_number(values.dtype, name))
    return _as_type(values, dtype)


def _of_objects(values: npt.NDArray[Any], name: Any, dtype: Float) -> npt.NDArray[Any]:
    cells = values.tolist()
    if set(map(type, cells)) <= _PLAIN:
        try:
            return _as_type(np.array(cells, dtype=object).astype(np.float64), dtype)
        except ValueError:
            pass  # text that is not a number, which the loop finds
    return _as_type(np.array([_number(cell, row, name) for row, cell in enumerate(cells)], dtype=np.float64), dtype)


def _number(cell: Any, row: int, name: Any) -> float:
    if is_missing(cell):
        return float("nan")
    if isinstance(cell, np.datetime64 | np.timedelta64) or hasattr(cell, "isoformat"):
        raise InvalidArgumentError(_no_number(type(cell).__name__, name))
    if isinstance(cell, complex | np.complexfloating):
        raise InvalidArgumentError(f"Complex data not supported: row {row}, column `{name}` is {cell!r}")
    try:
        return float(cell)
    except TypeError:
        expected = "the argument must be a number, or a string that holds a number"
        raise InvalidTypeError(f"row {row}, column `{name}`: {expected}, got {cell!r}") from None
    except ValueError:
        raise InvalidArgumentError(f"row {row}, column `{name}`: expected a number, got the text {cell!r}") from None


def _no_number(dtype: object, name: Any) -> str:
    return f"column `{name}` is {dtype}, expected numbers; leave it out, or turn times into numbers such as seconds"


def _as_type(x: npt.NDArray[Any], dtype: Float) -> npt.NDArray[Any]:
    """The nearest numbers of a type; what is too large becomes infinite, and the core returns its row and column."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, dtype=dtype)
