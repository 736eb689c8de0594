"""Labels as they come: which of them means clean traffic."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InsufficientDataError, InvalidArgumentError, ShapeMismatchError

__all__ = ["attacks_of", "classes_of", "clean_of"]

_CLEAN_NAMES = frozenset({"normal", "benign", "clean"})


def is_clean(label: Any) -> bool:
    """Whether a label says itself that it means clean traffic: 0, False, or a usual name, in any case."""
    if isinstance(label, str):
        return label.strip().lower() in _CLEAN_NAMES
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


def classes_of(y: npt.ArrayLike, clean_class: Any = None) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint32]]:
    """The different labels, that of clean traffic first and the others ascending, and the number of each row's."""
    labels, numbers = np.unique(_vector(y), return_inverse=True)
    clean = clean_of(labels, clean_class)
    order = [clean, *(i for i in range(len(labels)) if i != clean)]
    return labels[order], np.argsort(order)[numbers].astype(np.uint32)


def attacks_of(y: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which rows are attacks: those whose label does not say that it means clean traffic."""
    labels, numbers = np.unique(_vector(y), return_inverse=True)
    clean = np.array([is_clean(label) for label in labels.tolist()], dtype=np.bool_)
    if not clean.any():
        expected = f"0, False or one of {sorted(_CLEAN_NAMES)}"
        raise InvalidArgumentError(f"`y` must name clean rows as {expected}, got {labels.tolist()[:10]}")
    return ~clean[numbers]


def _vector(y: npt.ArrayLike) -> npt.NDArray[Any]:
    labels = np.atleast_1d(np.asarray(y))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.ravel()
    if len(labels) == 0:
        raise InsufficientDataError("labels: needs at least 1, got 0")
    if labels.ndim != 1:
        raise ShapeMismatchError(f"y should be a 1d array, got an array of shape {labels.shape} instead")
    if labels.dtype.kind == "f":
        bad = ~(np.isfinite(labels) & (labels == np.floor(labels)))
        if bad.any():
            raise InvalidArgumentError(f"`y` holds no labels. Unknown label type: row {bad.argmax()} is continuous")
    if labels.dtype.kind == "c":
        raise InvalidArgumentError("`y` must hold labels. Unknown label type: complex")
    return labels
