"""What an imported model needs besides its trees: the object it comes from, and frames as it was trained on them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import BadRecordError, InvalidArgumentError, SchemaMismatchError

__all__ = ["Columns", "Source", "lightgbm_model", "pandas_categories", "source_of", "xgboost_model"]

Source = str | bytes | bytearray | os.PathLike[str]
"""A model as text or bytes, or the path of its file."""


def source_of(source: Source) -> tuple[bytes | None, Path | None]:
    """The bytes of a model, or the path of its file."""
    if isinstance(source, bytes | bytearray):
        return bytes(source), None
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return source.encode(errors="surrogatepass"), None
    if isinstance(source, str | os.PathLike):
        return None, Path(source)
    raise InvalidArgumentError(f"`model` must be a model, its text or bytes, or a path, got {type(source).__name__}")


def lightgbm_model(model: Any) -> Source:
    """A `Booster` or `LGBMClassifier` as text, up to its best iteration; anything else as it is."""
    booster = getattr(model, "booster_", model)
    if not hasattr(booster, "model_to_string"):
        return booster  # type: ignore[no-any-return]
    try:
        return str(booster.model_to_string())
    except TypeError as error:  # intervals, for example, have no JSON
        raise InvalidArgumentError(f"`model` must have categories that LightGBM can write as JSON: {error}") from None


def pandas_categories(data: bytes | None, path: Path | None) -> list[list[Any]] | None:
    """The categories of a LightGBM model, which Python writes behind its text: a list for each column of them."""
    if path is not None:
        data = path.read_bytes()
    lines = (data or b"").rstrip().rpartition(b"\npandas_categorical:")
    if not lines[1]:
        return None
    try:
        categories = json.loads(lines[2])
    except ValueError:
        categories = ...
    if categories is None or (isinstance(categories, list) and all(isinstance(names, list) for names in categories)):
        return categories
    raise BadRecordError(f"{path or 'LightGBM model'}: `pandas_categorical` must be lists of categories as JSON")


def xgboost_model(model: Any) -> tuple[Source, float]:
    """A `Booster` or `XGBClassifier` as bytes with the trees that it predicts with, and its missing value."""
    missing = getattr(model, "missing", None)
    if hasattr(model, "get_booster"):
        booster = model.get_booster()
        try:
            rounds = model.best_iteration + 1
        except AttributeError:  # it has not stopped early
            rounds = None
        if rounds is not None and model.booster != "gblinear":
            booster = booster[: min(rounds, booster.num_boosted_rounds())]
    else:
        booster = model
        if hasattr(booster, "attr") and booster.attr("scikit_learn"):
            # A booster counts every tree, also where it was read from the file of a classifier that stopped early.
            booster = booster.copy()
            booster.set_attr(scikit_learn=None)
    source = booster.save_raw(raw_format="ubj") if hasattr(booster, "save_raw") else booster
    return source, float("nan") if missing is None else float(missing)


class Columns:
    """Turns the columns of a frame into those that an imported model was trained on.

    Parameters
    ----------
    names
        The names of the categories of each feature, empty for a feature of numbers.
    frame_names
        For LightGBM: the names of the categories of each column of categories, in the order of a frame.
    missing
        For XGBoost: the value that is taken for missing, also as the code of a category.
    library
        `"lightgbm"`, `"xgboost"` or `"sklearn"`. Matrices hold codes, but for scikit-learn, which encodes values.

    """

    def __init__(
        self,
        library: str,
        names: Sequence[Sequence[Any]] | None,
        frame_names: Sequence[Sequence[Any]] | None = None,
        missing: float = float("nan"),
    ) -> None:
        self.library = library
        self.names = names
        self.frame_names = frame_names
        self.missing = missing

    def reads_values(self) -> bool:
        """Whether a matrix holds values of categories instead of codes."""
        return self.library == "sklearn" and self.names is not None

    def __call__(self, X: Any) -> Any:
        """`X` with codes in its columns of categories, and with the names that the model's file has."""
        columns = _columns(X)
        if columns is None:
            if self.library == "lightgbm" and np.asarray(X).dtype.kind in "iub":
                return np.asarray(X, np.float32)  # as LightGBM reads arrays of whole numbers
            return self._matrix(X) if self.reads_values() else X
        for i, names in self._categories(X, columns).items():
            codes = self._xgboost_codes if self.library == "xgboost" else _codes
            X = _with_column(X, i, codes(columns[i], names))
        return _with_blanks_replaced(X) if self.library == "lightgbm" else X

    def _categories(self, X: Any, columns: list[Any]) -> dict[int, Sequence[Any]]:
        """The columns that hold categories, and the names of those in the order of their codes."""
        by_feature = {i: names for i, names in enumerate(self.names or []) if names}
        if self.library == "sklearn":
            return {i: names for i, names in by_feature.items() if i < len(columns)}
        called = [str(name) for name in getattr(X, "column_names", X.columns)]
        found = [i for i, column in enumerate(columns) if _is_category(column)]
        for i in set(range(len(columns))) - set(found):
            if _is_text(columns[i]):
                raise SchemaMismatchError(f"column `{called[i]}` must hold numbers or categories, got text")
        if self.library == "lightgbm":
            if len(found) != len(self.frame_names or []):
                got = f"{len(found)}: {[called[i] for i in found]}"
                expected = f"{len(self.frame_names or [])} columns of categories, as in training"
                raise SchemaMismatchError(f"the frame must have {expected}, got {got}")
            return dict(zip(found, self.frame_names or [], strict=True))
        for i in by_feature.keys() - set(found):
            if i < len(columns):
                raise SchemaMismatchError(f"column `{called[i]}` must hold categories, as in training")
        for i in set(found) - by_feature.keys():
            advice = "the model's file has no names of its categories, so pass its codes (`cat.codes`)"
            raise SchemaMismatchError(f"column `{called[i]}` must hold numbers: {advice}")
        return by_feature

    def _xgboost_codes(self, column: Any, names: Sequence[Any]) -> npt.NDArray[np.float64]:
        """The codes of a column; a new category is one that no split sends right, and not a missing value."""
        unknown = -1.0 if self.missing != -1.0 else -2.0
        codes = _codes(column, self._xgboost_names(column, names), unknown)
        new = np.flatnonzero(codes == unknown)
        if len(new) and not isinstance(names[0], str):
            # XGBoost 3.2 takes a new number for the category above it.
            raise SchemaMismatchError(
                f"row {new[0]} has a category that training did not have; the categories are {names}"
            )
        return codes

    def _xgboost_names(self, column: Any, names: Sequence[Any]) -> Sequence[Any]:
        """The category names behind the model's codes, in the spelling of this column."""
        listed = _listed(column)
        if 0.0 <= self.missing < len(listed) and listed != names:
            expected = f"the categories {names}, in that order, since the model takes code {self.missing} for missing"
            raise SchemaMismatchError(f"a column must list {expected}, got {listed}")
        if all(not isinstance(name, str) or name.isascii() for name in [*names, *listed]) or set(listed) <= set(names):
            return names
        # XGBoost 3.2 cuts the names of pandas at their numbers of characters, where it should count bytes.
        text, end, cut = "".join(map(str, listed)), 0, []
        for name in map(str, listed):
            end += len(name)
            cut.append(text.encode()[: len(text)][end - len(name) : end].decode(errors="replace"))
        if cut == list(names) or listed == list(names):
            return listed
        raise SchemaMismatchError(f"a column with categories outside ASCII must list them as in training, got {listed}")

    def _matrix(self, X: Any) -> Any:
        """A matrix with codes where it holds values of categories."""
        x = np.asarray(X)
        if x.ndim != 2 or x.shape[1] != len(self.names or []):
            return X
        out = x.astype(object if x.dtype.kind in "OUS" else np.float64)
        for i, names in enumerate(self.names or []):
            if names:
                out[:, i] = _codes(x[:, i], names)
        return out


def _columns(X: Any) -> list[Any] | None:
    """The columns of a frame of pandas, Polars or pyarrow."""
    if hasattr(X, "iloc") and hasattr(X, "columns"):
        return [X.iloc[:, i] for i in range(X.shape[1])]
    if hasattr(X, "get_columns"):
        return list(X.get_columns())
    return list(X.columns) if hasattr(X, "column_names") and hasattr(X, "set_column") else None


def _type(column: Any) -> str:
    return str(getattr(column, "dtype", None) or column.type)


def _is_category(column: Any) -> bool:
    return _type(column).startswith(("category", "Categorical", "Enum", "dictionary"))


def _is_text(column: Any) -> bool:
    """Whether the column has text, which may hold digits that would be read as numbers."""
    kind = _type(column)
    if kind == "object":
        return any(isinstance(value, str) for value in column)
    return kind.startswith(("str", "Str", "large_string"))


def _listed(column: Any) -> list[Any]:
    """The categories of a column in the order of its codes; for Polars and pyarrow in their own order."""
    if hasattr(column, "cat") and hasattr(column.cat, "codes"):
        return list(column.cat.categories.tolist())
    if hasattr(column, "cat"):
        return list(column.cat.get_categories().to_list())
    return list(column.combine_chunks().dictionary.to_pylist()) if column.num_chunks else []


def _with_column(X: Any, i: int, values: npt.NDArray[np.float64]) -> Any:
    if hasattr(X, "isetitem"):
        X = X.copy(deep=False)
        X.isetitem(i, values)
        return X
    if hasattr(X, "get_columns"):
        return X.with_columns(type(X.get_columns()[i])(X.columns[i], values))
    return X.set_column(i, X.column_names[i], [values])


def _with_blanks_replaced(X: Any) -> Any:
    """The frame with the names that LightGBM writes, where blanks are underscores."""
    names = list(getattr(X, "column_names", X.columns))
    written = [name.replace(" ", "_") if isinstance(name, str) else name for name in names]
    if written == names:
        return X
    if hasattr(X, "set_axis"):
        return X.set_axis(written, axis=1)
    rename = getattr(X, "rename_columns", None)
    return X.rename(dict(zip(names, written, strict=True))) if rename is None else rename(written)


def _codes(column: Any, names: Sequence[Any], unknown: float = np.nan) -> npt.NDArray[np.float64]:
    """The place of each value in `names`, or `unknown`; NaN for a missing one."""
    places = {name: float(place) for place, name in enumerate(names)}

    def place(value: Any) -> float:
        try:
            return places.get(value, unknown)
        except TypeError:  # not hashable, so not a category
            return unknown

    if hasattr(column, "cat") and hasattr(column.cat, "codes"):
        # The code of a missing value is -1, the last entry.
        table = np.array([place(value) for value in column.cat.categories.tolist()] + [np.nan])
        return np.asarray(table[column.cat.codes.to_numpy()])
    # Of pyarrow, of NumPy and pandas, of Polars.
    listed = next(getattr(column, name) for name in ("to_pylist", "tolist", "to_list") if hasattr(column, name))
    values = [_key(value) for value in listed()]
    known = {value: np.nan if value is None else place(value) for value in set(values)}
    return np.array([known[value] for value in values], dtype=np.float64)


def _key(value: Any) -> Any:
    """A value that compares with itself; `None` for a missing one."""
    try:
        return None if value is None or value != value else value
    except TypeError:  # NA of pandas compares with nothing
        return None
