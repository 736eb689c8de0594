"""Assessments: scores, p-values and decisions of a table, in row order."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

from . import _core
from .display import html_table
from .results import Decision

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Assessment", "Decisions"]


class Assessment:
    """Scores, p-values and decisions of a table, in row order.

    Every library with the Arrow C stream interface accepts it: `pyarrow.table(out)`,
    `polars.DataFrame(out)`; `to_pandas()` makes a pandas frame.
    """

    def __init__(self, native: _core.Assessment) -> None:
        self._native = native

    @cached_property
    def scores(self) -> npt.NDArray[np.float32]:
        """Scores; higher is more anomalous."""
        return self._native.scores

    @cached_property
    def p_values(self) -> npt.NDArray[np.float64]:
        """Share of clean traffic that scores at least this high, in (0, 1]."""
        return self._native.p_values

    @cached_property
    def probabilities(self) -> npt.NDArray[np.float64] | None:
        """Calibrated probability that each row is an attack; `None` unless the detector learns from labels."""
        return self._native.probabilities

    @property
    def members(self) -> list[str]:
        """Names of the members of an ensemble, in order; empty for a single detector."""
        return self._native.members

    @cached_property
    def member_p_values(self) -> npt.NDArray[np.float64]:
        """Each member's p-value of each row, shape (rows, members).

        NaN for a member that is switched off or cannot score the row; it has no part in the verdict.
        """
        return self._native.member_p_values

    @property
    def experts(self) -> list[str]:
        """Names of the experts of a mixture, in order; empty for any other detector."""
        return self._native.experts

    @cached_property
    def gate_weights(self) -> npt.NDArray[np.float32]:
        """Weight of each expert in each row, shape (rows, experts); the weights of a row sum to 1."""
        return self._native.gate_weights

    @property
    def imputed(self) -> int:
        """Cells that were missing or infinite and were imputed."""
        return self._native.imputed

    @property
    def unread_addresses(self) -> int:
        """Rows with an address that cannot be read; their action is `allow`, by the rule `unread-address`."""
        return self._native.unread_addresses

    @property
    def missing_addresses(self) -> int:
        """Rows without an address that are allowed, by the rule `no-address`, because it could be in the allow-list."""
        return self._native.missing_addresses

    @property
    def warnings(self) -> list[str]:
        """What the policy could not do with these records, such as rules that never apply for lack of a column."""
        return [text for is_warning, text in self._native.notices() if is_warning]

    @property
    def decisions(self) -> Decisions:
        """The decisions of all rows; each is made when it is read."""
        return Decisions(self._native)

    def top(self, n: int) -> list[Decision]:
        """The decisions for the `n` most anomalous rows, highest score first."""
        return [Decision._of(*decision) for decision in self._native.top(n)]

    def to_pandas(self) -> pd.DataFrame:
        """One row per record as a `pandas.DataFrame`; needs pandas and pyarrow."""
        return self._native.to_pandas()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream, as the PyCapsule interface asks for it."""
        return self._native.__arrow_c_stream__(requested_schema)

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns of the Arrow and pandas forms."""
        return self._native.columns

    def head(self, n: int = 5) -> list[Decision]:
        """The decisions for the first `n` rows."""
        return self.decisions[: max(n, 0)]

    def __len__(self) -> int:
        return len(self._native)

    @overload
    def __getitem__(self, row: int) -> Decision: ...
    @overload
    def __getitem__(self, row: slice) -> list[Decision]: ...
    def __getitem__(self, row: int | slice) -> Decision | list[Decision]:
        """The decision for a row, or a list of decisions for a slice of rows."""
        return self.decisions[row]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self.decisions)

    def __repr__(self) -> str:
        return f"Assessment({len(self)} rows)"

    def _repr_html_(self) -> str:
        worst = self.top(10)
        anomalies = 0 if not worst else int((self.scores > worst[0].threshold).sum())
        names = ["row", "score", "p_value", "severity", "family", "action", "rule"]
        rows = [["" if (cell := getattr(decision, name)) is None else cell for name in names] for decision in worst]
        caption = f"{self!r}, {anomalies} anomalies; the highest scores:"
        return f"<p>{html.escape(caption)}</p>{html_table(names, rows)}"


class Decisions(Sequence[Decision]):
    """A sequence of decisions; each is made when it is read."""

    def __init__(self, native: _core.Assessment) -> None:
        self._native = native

    def __len__(self) -> int:
        return len(self._native)

    @overload
    def __getitem__(self, row: int) -> Decision: ...
    @overload
    def __getitem__(self, row: slice) -> list[Decision]: ...
    def __getitem__(self, row: int | slice) -> Decision | list[Decision]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        return Decision._of(*self._native.decision(range(len(self))[row]))

    def __repr__(self) -> str:
        return f"Decisions({len(self)} rows)"
