"""How far apart the steps of a series are: found from time stamps, and used to number and to continue them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[Any]

DAY = 86_400_000_000
_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400, "W": 7 * 86400}
_MONTHS = {"M": 1, "Q": 3, "Y": 12}


@dataclass(frozen=True, slots=True)
class Frequency:
    """Equal steps of time.

    Attributes:
        unit: "us" (microseconds), "month", "business" (Monday to Friday) or "number" (integers).
        count: how many units a step is.
        month_end: whether steps of months are at their last days.
    """

    unit: str
    count: int = 1
    month_end: bool = False

    @property
    def name(self) -> str:
        """As pandas spells it: "15min", "h", "D", "W", "B", "MS", "QE", ...; "" where steps are plain numbers."""
        if self.unit == "number":
            return ""
        if self.unit == "business":
            return "B"
        if self.unit == "month":
            per, letter = max((n, name) for name, n in _MONTHS.items() if self.count % n == 0)
            return f"{_counted(self.count // per)}{letter}{'E' if self.month_end else 'S'}"
        for name in ("W", "D", "h", "min", "s"):
            each = _SECONDS[name] * 1_000_000
            if self.count % each == 0:
                return f"{_counted(self.count // each)}{name}"
        return f"{self.count}us"

    @classmethod
    def parse(cls, name: str) -> Frequency:
        """The frequency of a name.

        Raises:
            ValueError: no such name.
        """
        match = re.fullmatch(r"(\d{0,9})(us|s|min|h|D|W|B|[MQY][SE])", name)
        if name == "":
            return cls("number")
        if match is None or match[1] == "0" or (match[2] == "B" and match[1]):
            known = "s, min, h, D, W, B, MS, ME, QS, QE, YS or YE, with a number before it or not"
            raise ValueError(f"frequency: expected {known}, found {name!r}")
        count, unit = int(match[1] or 1), match[2]
        if unit == "B":
            return cls("business")
        if unit == "us":
            return cls("us", count)
        if unit in _SECONDS:
            return cls("us", count * _SECONDS[unit] * 1_000_000)
        return cls("month", count * _MONTHS[unit[0]], unit[1] == "E")

    def positions(self, times: Times) -> NDArray[np.int64]:
        """How many steps each time of a series is after its first, -1 where it is no whole number.

        Times are datetime64[us] or integers, ascending.
        """
        steps = self._numbers(times)
        steps = steps - steps[0]
        return np.where(self.times(times[:1], steps) == times, steps, -1)

    def times(self, start: Times, steps: NDArray[np.int64]) -> Times:
        """The times so many steps after a start, which is an array of one time or as many as steps."""
        if self.unit == "number":
            return np.asarray(start + steps * self.count)
        if self.unit == "us":
            return np.asarray(start + (steps * self.count).astype("timedelta64[us]"))
        days = start.astype("datetime64[D]")
        clock = start - days
        if self.unit == "business":
            return np.asarray(np.busday_offset(days, steps, roll="forward").astype("datetime64[us]") + clock)
        months = start.astype("datetime64[M]")
        day = days - months.astype("datetime64[D]")
        ahead = months + steps * self.count
        last = (ahead + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
        at = last if self.month_end else np.minimum(ahead.astype("datetime64[D]") + day, last)
        return np.asarray(at.astype("datetime64[us]") + clock)

    def _numbers(self, times: Times) -> NDArray[np.int64]:
        if self.unit == "number":
            return np.asarray((times - times[:1]) // self.count, np.int64)
        if self.unit == "us":
            return (times - times[:1]).astype("timedelta64[us]").astype(np.int64) // self.count
        if self.unit == "business":
            return np.asarray(np.busday_count(np.datetime64("1970-01-01"), times.astype("datetime64[D]")), np.int64)
        months = times.astype("datetime64[M]").astype(np.int64)
        return (months - months[:1]) // self.count


def infer(times: Times) -> Frequency | None:
    """The frequency of the times of one series, sorted and each there once; None where fewer than two tell nothing.

    The step is the most frequent distance; that times be missing in between is no matter. Months are recognised by
    their days (all the same, or all the last), business days by missing week-ends.
    """
    if len(times) < 2:
        return None
    if times.dtype.kind != "M":
        return Frequency("number", _most_frequent(np.diff(times)))
    apart = np.diff(times).astype("timedelta64[us]").astype(np.int64)
    step = _most_frequent(apart)
    if apart.min() >= 28 * DAY and (found := _in_months(times)):
        return found
    if step == DAY and len(times) > 5:
        weekday = (times.astype("datetime64[D]").astype(np.int64) + 3) % 7
        if weekday.max() < 5:
            return Frequency("business")
    return Frequency("us", step)


def _in_months(times: Times) -> Frequency | None:
    months = times.astype("datetime64[M]")
    days = times.astype("datetime64[D]")
    if len(np.unique(times - days)) > 1:
        return None
    day = (days - months.astype("datetime64[D]")).astype(np.int64)
    last = ((months + 1).astype("datetime64[D]") - days).astype(np.int64) == 1
    count = _most_frequent(np.diff(months).astype(np.int64))
    if last.all():
        return Frequency("month", count, month_end=True)
    return Frequency("month", count) if (day == day[0]).all() else None


def _most_frequent(values: NDArray[Any]) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def _counted(count: int) -> str:
    return "" if count == 1 else str(count)
