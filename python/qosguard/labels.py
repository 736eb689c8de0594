"""Labels as they come: which of them means clean traffic."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _core
from .errors import InsufficientDataError, InvalidArgumentError, InvalidTypeError, ShapeMismatchError
from .frames import is_missing

__all__ = ["attack_flags", "attacks_of", "classes_of", "clean_of", "label_vector", "weight_vector"]


def is_clean(label: Any) -> bool:
    """Whether a label itself means clean traffic: 0, False, or a usual name; see `_core.clean_labels`."""
    if isinstance(label, str):
        return _core.is_clean_label(label)
    return bool(label == 0)


def clean_of(labels: npt.NDArray[Any], clean_class: Any = None) -> int:
    """The place among different, ascending labels of the one that means clean traffic."""
    if clean_class is not None:
        places = [i for i, label in enumerate(labels) if label == clean_class]
        if not places:
            raise InvalidArgumentError(f"`clean_class` must be one of {labels.tolist()}, got {clean_class!r}")
        return places[0]
    places = [i for i, label in enumerate(labels.tolist()) if is_clean(label)]
    if len(places) > 1:
        raise InvalidArgumentError(f"`clean_class` must be given: {labels[places].tolist()} may all mean clean traffic")
    return places[0] if places else 0


def classes_of(
    y: Any, clean_class: Any = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint32], npt.NDArray[np.intp]]:
    """The different labels, ascending; the number of each row's label in the core; and the core's number of each label.

    The core counts the label of clean traffic first and the others ascending.
    """
    labels, numbers = np.unique(label_vector(y), return_inverse=True)
    if len(labels) < 2:
        raise InsufficientDataError(f"`y` holds 1 class, {labels.tolist()[0]!r}; a classifier needs at least 2 classes")
    columns = core_columns(len(labels), clean_of(labels, clean_class))
    return labels, columns[numbers].astype(np.uint32), columns


def core_columns(classes: int, clean: int) -> npt.NDArray[np.intp]:
    """For each of the ascending classes its number in the core, where the clean one is first."""
    return np.argsort([clean, *(i for i in range(classes) if i != clean)])


def attacks_of(y: Any, clean_class: Any = None) -> npt.NDArray[np.bool_]:
    """Which rows are attacks: those whose label does not mean clean traffic.

    Clean are the rows of `clean_class`; else those with 0, False or a usual name of clean traffic; else, among
    numbers, those with the smallest one.
    """
    labels, numbers = np.unique(label_vector(y), return_inverse=True)
    if clean_class is not None:
        clean = np.arange(len(labels)) == clean_of(labels, clean_class)
    else:
        clean = np.array([is_clean(label) for label in labels.tolist()], dtype=np.bool_)
        if not clean.any() and len(labels) > 1 and labels.dtype.kind in "iuf":
            clean[0] = True
    if not clean.any():
        expected = f"0, False or one of {sorted(_core.clean_labels())}, or `clean_class` must name them"
        count = "1 class" if len(labels) == 1 else f"{len(labels)} classes"
        raise InvalidArgumentError(f"`y` must name clean rows as {expected}; got {count}: {labels.tolist()[:10]}")
    attacks: npt.NDArray[np.bool_] = ~clean[numbers]
    return attacks


def attack_flags(labels: Any) -> npt.NDArray[np.bool_]:
    """Labels that are true, or 1, for attacks, and false, or 0, for clean rows."""
    values = label_vector(labels)
    if values.dtype.kind not in "biuf" or not np.isin(values, [0, 1]).all():
        bad = 0 if values.dtype.kind not in "biuf" else int((~np.isin(values, [0, 1])).argmax())
        value = values.tolist()[bad]
        raise InvalidArgumentError(
            f"`labels` must be true for attacks and false for clean rows; row {bad} is {value!r}"
        )
    return np.ascontiguousarray(values, dtype=np.bool_)


def weight_vector(sample_weight: Any, rows: int) -> npt.NDArray[np.float32] | None:
    """The weights of the rows; their signs are checked by the core."""
    if sample_weight is None:
        return None
    weights = np.ascontiguousarray(sample_weight, dtype=np.float32)
    if weights.ndim != 1:
        raise ShapeMismatchError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array")
    if len(weights) != rows:
        raise ShapeMismatchError(f"sample_weight.shape == {weights.shape}, expected {(rows,)}!")
    if rows and not weights.any():
        raise InvalidArgumentError("`sample_weight` must hold a weight above 0; all of them are zero")
    return weights


def label_vector(y: Any) -> npt.NDArray[Any]:
    """The labels as a vector of one type; a row without a label is an error that names its number."""
    labels = _array(y)
    if labels.ndim == 0:
        raise InvalidTypeError(f"`y` must hold one label for each row; {y!r} cannot be considered a valid collection")
    if labels.ndim == 2 and labels.shape[1] == 1:
        _warn_of_column(labels.shape)
        labels = labels.ravel()
    if labels.ndim != 1:
        raise ShapeMismatchError(f"y should be a 1d array, got an array of shape {labels.shape} instead")
    if len(labels) == 0:
        raise InsufficientDataError("labels: needs at least 1, got 0")
    if labels.dtype.kind == "O":
        labels = _of_objects(labels)
    if labels.dtype.kind in "fmM":
        missing = np.isnan(labels)
        if missing.any():
            raise InvalidArgumentError(f"`y` needs a label for every row; row {missing.argmax()} has none (NaN)")
    if labels.dtype.kind == "f":
        bad = ~(np.isfinite(labels) & (labels == np.floor(labels)))
        if bad.any():
            raise InvalidArgumentError(f"`y` holds no labels. Unknown label type: row {bad.argmax()} is continuous")
    if labels.dtype.kind == "c":
        raise InvalidArgumentError("`y` must hold labels. Complex data not supported. Unknown label type: complex")
    return labels


def _array(y: Any) -> npt.NDArray[Any]:
    """`y` as an array; lists stay objects while they may hold gaps, which NumPy would turn into text."""
    if isinstance(y, np.ma.MaskedArray):
        return np.array(y.tolist(), dtype=object) if np.ma.is_masked(y) else np.asarray(y.data)
    if isinstance(y, list | tuple):
        if any(is_missing(label) for label in y):
            gaps = np.empty(len(y), dtype=object)
            gaps[:] = y
            return gaps
        return np.asarray(y)
    if hasattr(y, "to_numpy") and hasattr(y, "type") and hasattr(y, "to_pylist"):  # pyarrow
        return np.array(y.to_pylist(), dtype=object) if y.null_count else np.asarray(y.to_pylist())
    return np.asarray(y)


def _of_objects(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels that came as objects: all text, or all numbers, which get a type of numbers."""
    values = labels.tolist()
    for row, value in enumerate(values):
        if is_missing(value):
            raise InvalidArgumentError(f"`y` needs a label for every row; row {row} has none ({value!r})")
    text = isinstance(values[0], str)
    for row, value in enumerate(values):
        if isinstance(value, str) != text or not isinstance(value, str | bool | int | float | np.generic):
            expected = "text like the labels before it" if text else "a number like the labels before it"
            raise InvalidArgumentError(f"`y` must hold labels of one type: row {row} is {value!r}, expected {expected}")
    return labels if text else np.array(values)


def _warn_of_column(shape: tuple[int, ...]) -> None:
    exceptions = sys.modules.get("sklearn.exceptions")
    category = UserWarning if exceptions is None else exceptions.DataConversionWarning
    message = f"A column-vector y was passed when a 1d array was expected: got the shape {shape}; pass y.ravel()"
    warnings.warn(message, category, stacklevel=4)
