"""Splits of a table into training and test rows, and leaks between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from . import _core
from ._core import Table

__all__ = ["Distinct", "FeatureAuc", "LeakAudit", "Split"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers of two disjoint parts, each ascending.

    Examples
    --------
    >>> import qosguard as qg
    >>> split = qg.Split.stratified([True, False, False, True, False, False], 0.5, seed=1)
    >>> len(split.train), len(split.test)
    (3, 3)

    """

    train: npt.NDArray[np.int64]
    """Rows that everything is fitted on."""
    test: npt.NDArray[np.int64]
    """Rows that only the result is read from."""

    @classmethod
    def stratified(cls, labels: npt.ArrayLike, test_share: float = 0.3, *, seed: int = 0) -> Self:
        """Split at random with the same share of each label in both parts.

        Parameters
        ----------
        labels
            True for attacks, one per row.
        test_share
            Share of the rows in the test part, in (0, 1).
        seed
            Seed of the draw.

        Returns
        -------
        Split
            The two parts.

        Raises
        ------
        InvalidArgumentError
            For a share outside (0, 1).
        InsufficientDataError
            If a part would be empty.

        """
        return cls(*_core.split_stratified(_labels(labels), test_share, seed))

    @classmethod
    def k_fold(cls, labels: npt.ArrayLike, k: int = 5, *, seed: int = 0) -> list[Self]:
        """Make `k` splits whose test parts are disjoint and together are all rows, each with its share of each label.

        Parameters
        ----------
        labels
            True for attacks, one per row.
        k
            Number of splits, from 2.
        seed
            Seed of the draw.

        Returns
        -------
        list of Split
            The splits.

        Raises
        ------
        InvalidArgumentError
            For fewer than 2 folds.
        InsufficientDataError
            For fewer rows than folds.

        """
        return [cls(*parts) for parts in _core.split_k_fold(_labels(labels), k, seed)]

    @classmethod
    def leave_one_family_out(
        cls, labels: npt.ArrayLike, families: Sequence[str], clean_test_share: float = 0.3, *, seed: int = 0
    ) -> dict[str, Self]:
        """For each attack family, make a split whose training part has no row of it.

        The test part is the whole family and the same random part of the clean rows.

        Parameters
        ----------
        labels
            True for attacks, one per row.
        families
            Family of each row, as in `Table.families`.
        clean_test_share
            Share of the clean rows in the test part, in (0, 1).
        seed
            Seed of the draw.

        Returns
        -------
        dict of str to Split
            The split of each family.

        Raises
        ------
        ShapeMismatchError
            If the lengths differ.
        InvalidArgumentError
            For a share outside (0, 1).
        InsufficientDataError
            Without attacks, and if a part would have no clean row.

        """
        splits = _core.split_leave_one_family_out(_labels(labels), list(families), clean_test_share, seed)
        return {family: cls(*parts) for family, parts in splits}

    @classmethod
    def by_time(cls, table: Table, cut: float | str) -> Self:
        """Train on rows before `cut`, test on rows from `cut` on, by the table's time column.

        Parameters
        ----------
        table
            A table with a time column.
        cut
            A number in seconds since the Unix epoch or, for a column of text, an ISO 8601 date and time.

        Returns
        -------
        Split
            The two parts.

        Raises
        ------
        InvalidArgumentError
            For a table without a time column or a cut that cannot be read.
        BadRecordError
            For a time that is missing.
        InsufficientDataError
            If a part would be empty.

        """
        return cls(*_core.split_by_time(table, str(cut)))

    def tables(self, table: Table) -> tuple[Table, Table]:
        """The training part and the test part of the table."""
        return table.take(self.train), table.take(self.test)


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """The distinct rows of a table, by its feature columns; find them before a split.

    Examples
    --------
    >>> import qosguard as qg
    >>> schema = qg.Schema("t", [qg.Column("x", role="feature", kind="number")])
    >>> found = qg.Distinct.of(qg.Table.from_records([{"x": 1}, {"x": 2}, {"x": 1}], schema))
    >>> found.rows.tolist(), found.removed
    ([0, 1], 1)

    """

    rows: npt.NDArray[np.int64]
    """The first occurrence of each distinct feature row, ascending."""
    removed: int
    """Rows that repeat an earlier one."""
    conflicting: int
    """Removed rows with another label than the first occurrence; 0 without labels."""

    @classmethod
    def of(cls, table: Table) -> Self:
        """Find the first occurrence of each distinct row.

        Raises
        ------
        InsufficientDataError
            Without feature columns.

        """
        return cls(*_core.distinct(table))


@dataclass(frozen=True, slots=True)
class FeatureAuc:
    """How well one column alone separates attacks from clean rows, in the test table."""

    name: str
    by_value: float
    """AUC of the attack share that the training rows have at the row's value."""
    by_order: float | None
    """`max(AUC, 1 - AUC)` of the values as scores; `None` for text."""
    flagged: bool
    """Whether the larger of the two reaches the level of the audit."""


@dataclass(frozen=True, slots=True)
class LeakAudit:
    """Leaks between a train and a test table: columns that reveal the label, and rows that both have."""

    train_rows: int
    test_rows: int
    duplicates_in_train: int
    """Training rows that repeat the features of an earlier one."""
    duplicates_in_test: int
    """Test rows that repeat the features of an earlier one."""
    shared: int
    """Test rows whose features are in the training table too."""
    conflicting_in_train: int
    """Repeated training rows with another label than the first."""
    level: float
    """A column with at least this AUC is flagged."""
    features: list[FeatureAuc]
    """Every feature column, the highest AUC by value first."""
    text: str = field(repr=False, compare=False)
    """The audit as text, as `str()` gives it."""

    @classmethod
    def of(cls, train: Table, test: Table, level: float = 0.85) -> Self:
        """Audit a train and a test table of one schema.

        Parameters
        ----------
        train, test
            The tables.
        level
            AUC of a column alone that flags it, in (0.5, 1].

        Returns
        -------
        LeakAudit
            The audit; `str()` gives a table.

        Raises
        ------
        InvalidArgumentError
            For a level outside its range, tables of two schemas and a table without labels.
        InsufficientDataError
            Without feature columns and for test rows of one label only.

        """
        record, text = _core.leak_audit(train, test, level)
        features = [FeatureAuc(**feature) for feature in record.pop("features")]
        return cls(**record, features=features, text=text)

    def __str__(self) -> str:
        return self.text


def _labels(labels: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    return np.ascontiguousarray(labels, dtype=np.bool_)
