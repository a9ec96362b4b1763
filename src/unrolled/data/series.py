"""`SeriesSet`: the one form of time series inside, whatever they came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from unrolled.data.frequency import Frequency, Times

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """What the values of series are called, and what kind of thing they came from.

    Attributes:
        kind: "array", "arrays" (a list), "pandas", "polars" or "path"; results go back as this kind.
        layout: of a frame: "long" (a row for each step of each series), "columns" (a row a step) or "rows" (a row a
            series); "" for arrays.
        id, time: columns of a frame, "" where there is none.
        targets: names of what is forecast.
        past: covariates known up to now.
        future: covariates known ahead.
        static: features of a series as a whole; "store=A" is one that is 1 where the text in `store` is A.
        zone: the time zone that time stamps came in; inside they are UTC.
        flat: whether arrays came with no axis for the targets, (time,).
    """

    kind: str = "array"
    layout: str = ""
    id: str = ""
    time: str = ""
    targets: tuple[str, ...] = ("y",)
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    zone: str = ""
    flat: bool = False


@dataclass(frozen=True, eq=False)
class SeriesSet:
    """Time series of any lengths on grids of one frequency; NaN is missing.

    Values of all series lie one behind the other; series `i` has the rows `offsets[i]` to `offsets[i + 1]`.

    Attributes:
        ids: names (series,), each there once.
        values: targets (steps of all series, targets).
        lengths: steps of each series (series,), without the future.
        starts: first time of each series (series,), datetime64[us], or integers.
        frequency: of the steps.
        past: past covariates (steps of all series, past).
        future: known-future covariates (steps of all series and their futures, future).
        ahead: for each series, steps of `future` beyond its end (series,).
        static: static features (series, static).
        columns: names, and where all of it came from.

    Memory: the values as float64, covariates as float64; time stamps are not kept, but computed.
    """

    ids: tuple[Any, ...]
    values: Floats
    lengths: NDArray[np.int64]
    starts: Times
    frequency: Frequency
    past: Floats
    future: Floats
    ahead: NDArray[np.int64]
    static: Floats
    columns: Columns

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All numbers and times that it is made of."""
        return self.values, self.lengths, self.starts, self.past, self.future, self.ahead, self.static

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First row of each series in `values` and `past`, and the end (series + 1,)."""
        return _offsets(self.lengths)

    @property
    def future_offsets(self) -> NDArray[np.int64]:
        """First row of each series in `future`, and the end (series + 1,)."""
        return _offsets(self.lengths + self.ahead)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> int:
        """How many values a step has."""
        return int(self.values.shape[1])

    def history(self, number: int) -> Floats:
        """All steps of one series (time, targets)."""
        start = int(self.offsets[number])
        return self.values[start : start + int(self.lengths[number])]

    def times(self, number: int, first: int, last: int) -> Times:
        """Times of the steps `first` to below `last` of a series; its end and beyond is its future."""
        return self.frequency.times(self.starts[number : number + 1], np.arange(first, last))

    def until(self, ends: NDArray[np.int64]) -> Self:
        """The same series cut off after so many steps each (series,); what was known ahead stays known.

        Raises:
            ValueError: a series has fewer steps.
        """
        return self._part(np.zeros_like(self.lengths), ends)

    def tail(self, steps: int) -> Self:
        """The last steps of each series, all of a shorter one."""
        return self._part(np.maximum(self.lengths - steps, 0), self.lengths)

    def take(self, numbers: list[int]) -> Self:
        """Some of the series."""
        part = self.offsets, self.future_offsets
        rows = [np.arange(a, b) for a, b in _spans(part[0], numbers)]
        ahead = [np.arange(a, b) for a, b in _spans(part[1], numbers)]
        own, known = np.concatenate(rows), np.concatenate(ahead)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in numbers),
            values=self.values[own],
            lengths=self.lengths[numbers],
            starts=self.starts[numbers],
            past=self.past[own],
            future=self.future[known],
            ahead=self.ahead[numbers],
            static=self.static[numbers],
        )

    def _part(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> Self:
        if (last > self.lengths).any() or (first > last).any():
            raise ValueError("ends: expected no more steps than a series has")
        own = _rows(self.offsets[:-1] + first, last - first)
        until = self.lengths + self.ahead
        known = _rows(self.future_offsets[:-1] + first, until - first)
        return replace(
            self,
            values=self.values[own],
            lengths=last - first,
            starts=_starts(self.frequency, self.starts, first),
            past=self.past[own],
            future=self.future[known],
            ahead=until - last,
        )


def _starts(frequency: Frequency, starts: Times, steps: NDArray[np.int64]) -> Times:
    return frequency.times(starts, steps) if steps.any() else starts


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _spans(offsets: NDArray[np.int64], numbers: list[int]) -> list[tuple[int, int]]:
    return [(int(offsets[i]), int(offsets[i + 1])) for i in numbers]


def _rows(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of the rows of spans, one behind the other."""
    offsets = _offsets(lengths)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
