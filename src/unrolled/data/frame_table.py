"""A data frame, through narwhals, and how to say where in it something is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unrolled.data.errors import DataError
from unrolled.data.series import Floats

TIME, TARGET = "ds", "y"


@dataclass(frozen=True)
class Table:
    """A frame, and how to say where in it something is."""

    frame: Any
    name: str
    in_file: bool

    @classmethod
    def of(cls, frame: Any, name: str, *, in_file: bool) -> Table:
        """A frame of pandas or polars."""
        import narwhals as nw

        return cls(nw.from_native(_with_index(frame), eager_only=True), name, in_file)

    def place(self, row: int, column: str = "") -> str:
        """A row in words; a file's lines are counted from 1, and its header is the first."""
        where = f"line {row + 2}" if self.in_file else f"row {row}"
        return ", ".join(filter(None, (self.name, f"column {column!r}" if column else "", where)))

    def column(self, name: str, role: str) -> Any:
        """One column.

        Raises:
            DataError: there is none of that name.
        """
        if name not in self.frame.columns:
            raise DataError(
                f"{role}: no column {name!r}; the columns are {', '.join(map(str, self.frame.columns[:20]))}"
            )
        return self.frame[name]

    def numbers(self, name: str, role: str) -> Floats:
        """A column of numbers, NaN where it is empty.

        Raises:
            DataError: a value is text or infinite.
        """
        column = self.column(name, role)
        if column.dtype.is_temporal():
            raise DataError(f"{self.place(0, name)}: expected numbers, found times ({column.dtype})")
        if column.dtype.is_numeric() or column.dtype.is_boolean():
            values = floats(column)
        else:
            values = np.array([self._number(value, row, name) for row, value in enumerate(column.to_list())], float)
        if np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise DataError(f"{self.place(row, name)}: expected a finite number, found {values[row]}")
        return values

    def _number(self, value: Any, row: int, name: str) -> float:
        try:
            return np.nan if value is None or value is np.nan or not str(value).strip() else float(value)
        except (TypeError, ValueError):
            raise DataError(f"{self.place(row, name)}: expected a number, found {str(value)[:40]!r}") from None

    def matrix(self, names: Sequence[str], role: str) -> Floats:
        """Columns of numbers side by side (rows, columns)."""
        if not names:
            return np.zeros((len(self.frame), 0))
        return np.stack([self.numbers(name, role) for name in names], 1)

    def series_names(self, name: str) -> Any:
        """A column of names of series.

        Raises:
            DataError: one is empty.
        """
        column = self.column(name, "id_column")
        nothing = column.is_null().to_numpy()
        if nothing.any():
            row = int(nothing.argmax())
            raise DataError(f"{self.place(row, name)}: expected the name of a series, found nothing")
        return column


def floats(column: Any) -> Floats:
    """A column's numbers, NaN where it is empty."""
    import narwhals as nw

    return np.asarray(column.cast(nw.Float64).fill_null(float("nan")).to_numpy(), np.float64)


def _with_index(frame: Any) -> Any:
    """A pandas frame whose times are its index, or a series, as a frame with a column of times."""
    if type(frame).__module__.split(".")[0] == "polars":
        return frame.to_frame() if len(frame.shape) == 1 else frame
    index: Any = getattr(frame, "index", None)
    dated = hasattr(index, "to_timestamp") or str(getattr(index, "dtype", "")).startswith("datetime")
    if getattr(frame, "ndim", 2) == 1:
        frame = frame.to_frame(TARGET if frame.name is None else str(frame.name))
    if dated:
        frame = frame.set_axis(index.to_timestamp()) if hasattr(index, "to_timestamp") else frame
        frame = frame.rename_axis(index.name or TIME).reset_index()
    return frame.set_axis([str(name) for name in frame.columns], axis=1)
