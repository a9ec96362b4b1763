"""Windows over series of any lengths, gathered when they are needed, so that nothing is copied ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.data.series import SeriesSet
from unrolled.models.forecasting.calendar import features


@dataclass(frozen=True, slots=True)
class Batch:
    """Some windows and what follows them; NaN is missing.

    Attributes:
        series: the number of each one's series (batch,).
        values: (batch, window, targets), float64.
        actual: what follows (batch, horizon, targets), float64.
        past: covariates (batch, window, past), float32.
        future: covariates known ahead, in the window and after it (batch, window + horizon, future), float32.
        calendar: features of the time stamps (batch, window + horizon, calendar), float32.
        static: (batch, static), float32.
    """

    series: Tensor
    values: Tensor
    actual: Tensor
    past: Tensor
    future: Tensor
    calendar: Tensor
    static: Tensor


class Windows:
    """The windows of some series.

    Args:
        data: the series.
        window: steps of a window; those before a series' start are missing.
        horizon: steps after it.
        calendar: whether time stamps give features.

    Memory: the values once (float64), covariates once more (float32), features of the calendar for each time of the
    longest span once for all series of that start.
    """

    def __init__(self, data: SeriesSet, window: int, horizon: int, *, calendar: bool) -> None:
        self.data, self.window, self.horizon = data, window, horizon
        self.values = torch.from_numpy(data.values)
        self.past = torch.from_numpy(data.past.astype(np.float32))
        self.future = torch.from_numpy(data.future.astype(np.float32))
        self.static = torch.from_numpy(data.static.astype(np.float32))
        self.lengths = torch.from_numpy(data.lengths)
        self.ahead = torch.from_numpy(data.ahead)
        self.offsets = torch.from_numpy(data.offsets[:-1])
        self.future_offsets = torch.from_numpy(data.future_offsets[:-1])
        self.calendar, self.calendar_offsets = _calendar(data, horizon, calendar)

    def gather(self, series: Tensor, cutoffs: Tensor, horizon: int | None = None) -> Batch:
        """The windows before the steps `cutoffs` (batch,) of some series (batch,), and what follows them."""
        horizon = self.horizon if horizon is None else horizon
        behind = cutoffs[:, None] + torch.arange(-self.window, 0)
        ahead = cutoffs[:, None] + torch.arange(horizon)
        both = torch.cat([behind, ahead], 1)
        lengths = self.lengths[series, None]
        rows = self.offsets[series, None]
        future = _taken(self.future, self.future_offsets[series, None], both, lengths + self.ahead[series, None])
        return Batch(
            series,
            _taken(self.values, rows, behind, lengths),
            _taken(self.values, rows, ahead, lengths),
            _taken(self.past, rows, behind, lengths),
            future,
            self.calendar[(self.calendar_offsets[series, None] + both).clamp(0, len(self.calendar) - 1)],
            self.static[series],
        )


def _taken(values: Tensor, offsets: Tensor, steps: Tensor, lengths: Tensor) -> Tensor:
    """Steps of series, NaN where a series has none."""
    if values.shape[1] == 0:
        return values.new_zeros(*steps.shape, 0)
    inside = (steps >= 0) & (steps < lengths)
    rows = (offsets + steps).clamp(0, len(values) - 1)
    taken = values.index_select(0, rows.flatten()).view(*steps.shape, values.shape[1])
    if not inside.all():
        taken[~inside] = float("nan")
    return taken


def in_parts(numbers: Tensor, most: int) -> list[Tensor]:
    """Numbers (n,) in parts of so many at most."""
    return list(torch.split(numbers, most))


class Choice:
    """Which windows may be drawn: for each series a range of cutoffs.

    Args:
        first: the first cutoff of each series (series,).
        last: the last one (series,); a series whose last is before its first has none.
    """

    def __init__(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> None:
        self.first = torch.from_numpy(first)
        self.last = last
        self.ends = torch.from_numpy(np.cumsum(np.maximum(last - first + 1, 0)))

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def find(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """The series and cutoffs of the windows of these numbers, from 0 to below `len`."""
        series = torch.searchsorted(self.ends, numbers, right=True)
        before = torch.where(series > 0, self.ends[(series - 1).clamp(min=0)], 0)
        return series, self.first[series] + numbers - before

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """So many numbers in random order: each once where that is enough, then from anew."""
        total = len(self)
        if count < total:
            if total <= 2**24:
                return torch.randperm(total, generator=generator)[:count]
            return torch.randint(total, (count,), generator=generator)
        rounds = [torch.randperm(total, generator=generator) for _ in range(-(-count // total))]
        return torch.cat(rounds)[:count]

    def spread(self, most: int) -> Tensor:
        """At most so many numbers, evenly spread over all."""
        total = len(self)
        return torch.arange(total) if total <= most else torch.linspace(0, total - 1, most).long()


def training_cutoffs(
    lengths: NDArray[np.int64], window: int, horizon: int, held: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last cutoff of each series such that nothing of its last `held` steps is forecast.

    A series that is shorter than window and horizon still gives windows: their beginning is missing, and where it is
    shorter than the horizon their end too.
    """
    usable = lengths - held
    last = np.where(usable > horizon, usable - horizon, np.minimum(usable - 1, np.maximum(usable // 2, 1)))
    return np.minimum(window, np.maximum(last // 2, 1)), last


def _calendar(data: SeriesSet, horizon: int, wanted: bool) -> tuple[Tensor, Tensor]:
    """Features of all times (steps, features), and for each series the row of its first time."""
    count = len(data)
    if not wanted or data.frequency.unit == "number":
        return torch.zeros(1, 0), torch.zeros(count, dtype=torch.int64)
    ends = data.lengths + np.maximum(data.ahead, horizon)
    longest: dict[int, int] = {}
    starts = data.starts.astype("datetime64[us]").astype(np.int64)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        longest[start] = max(longest.get(start, 0), end)
    tables, rows, filled = [], {}, 0
    for start, end in longest.items():
        first = np.array([start], np.int64).astype("datetime64[us]")
        table, _ = features(data.frequency.times(first, np.arange(end)), data.frequency.name)
        tables.append(torch.from_numpy(table))
        rows[start] = filled
        filled += end
    return torch.cat(tables), torch.tensor([rows[start] for start in starts.tolist()])
