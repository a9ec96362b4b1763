"""Times out of a column, and the grid of one frequency that they lie on."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.errors import DataError
from unrolled.data.frame_table import Table, floats
from unrolled.data.frequency import Frequency, Times, infer

# A gap this many times as long as the series itself is taken for a mistake in a time stamp.
LONGEST_GAP = 20
# Whole numbers as times end here: differences of further ones would not fit 64 bits.
FARTHEST = 2.0**61


def times_of(table: Table, name: str | None) -> tuple[Times | None, str]:
    """Times as datetime64[us] in UTC or integers, and the zone they came in."""
    if name is None:
        return None, ""
    import narwhals as nw

    column = table.column(name, "time_column")
    nothing = column.is_null().to_numpy()
    if nothing.any():
        raise DataError(f"{table.place(int(nothing.argmax()), name)}: expected a time, found nothing")
    if column.dtype.is_numeric():
        values = floats(column)
        wrong = ~((np.abs(values) <= FARTHEST) & (values == np.round(values)))
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(f"{table.place(row, name)}: expected a time or a whole number, found {values[row]}")
        return column.cast(nw.Int64).to_numpy() if column.dtype.is_integer() else values.astype(np.int64), ""
    if column.dtype.is_temporal():
        zone = getattr(column.dtype, "time_zone", None) or ""
        if zone:
            column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return column.to_numpy().astype("datetime64[us]"), zone
    texts = [str(text) for text in column.to_list()]
    times = [parsed(text) for text in texts]
    if None in times:
        row = times.index(None)
        raise DataError(f"{table.place(row, name)}: expected a time as ISO 8601 writes it, found {texts[row][:40]!r}")
    return np.array(times, "datetime64[us]"), ""


_date = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?)?Z?")
_slashed = re.compile(r"(\d{4})/(\d\d?)/(\d\d?)(.*)")
_quarter = re.compile(r"(\d{4})[- ]?Q([1-4])", re.IGNORECASE)


def parsed(text: str) -> np.datetime64 | None:
    """A time as ISO 8601 writes it, a quarter or a date with slashes; None if it is neither."""
    text = text.strip()
    if match := _quarter.fullmatch(text):
        text = f"{match[1]}-{3 * int(match[2]) - 2:02d}"
    if match := _slashed.fullmatch(text):
        text = f"{match[1]}-{int(match[2]):02d}-{int(match[3]):02d}{match[4]}"
    if not _date.fullmatch(text):
        return None
    try:
        return np.datetime64(text.rstrip("Z"), "us")
    except ValueError:
        return None


def on_a_grid(
    table: Table,
    names: tuple[Any, ...],
    order: NDArray[np.int64],
    times: Times,
    bounds: NDArray[np.int64],
    given: str | None,
) -> tuple[Times, Frequency, NDArray[np.int64]]:
    """Times in order, the frequency of all, and for every row its step within its series."""
    times = times[order]
    frequency = None if given is None else Frequency.parse(given)
    if given == "" and times.dtype.kind == "M":
        frequency = None
    spans = list(pairwise(bounds.tolist()))
    for number, (first, last) in enumerate(spans):
        again = np.flatnonzero(times[first : last - 1] == times[first + 1 : last])
        if len(again):
            row = int(order[first + again[0] + 1])
            raise DataError(
                f"{table.place(row)}: {named(names[number])}has the time {shown(times[first + again[0]])} twice"
            )
    if frequency is None:
        frequency = _common(table, names, times, spans)
    steps = np.empty(len(times), np.int64)
    for number, (first, last) in enumerate(spans):
        own = frequency.positions(times[first:last])
        if (own < 0).any():
            at = int((own < 0).argmax())
            raise DataError(
                f"{table.place(int(order[first + at]))}: {named(names[number])}has the time "
                f"{shown(times[first + at])}, which is no whole number of steps ({said(frequency)}) after its first, "
                f"{shown(times[first])}"
            )
        if own[-1] >= LONGEST_GAP * (last - first) + 1000:
            at = int(np.diff(own).argmax())
            raise DataError(
                f"{table.place(int(order[first + at + 1]))}: {named(names[number])}has a gap from "
                f"{shown(times[first + at])} to {shown(times[first + at + 1])}, more than {LONGEST_GAP} times its "
                "rows"
            )
        steps[first:last] = own
    return times, frequency, steps


def _common(table: Table, names: tuple[Any, ...], times: Times, spans: list[tuple[int, int]]) -> Frequency:
    """The frequency of all series.

    Raises:
        DataError: two have different ones.
    """
    found: Frequency | None = None
    first_name: Any = None
    for number, (first, last) in enumerate(spans):
        own = infer(times[first:last])
        if own is None or own == found:
            continue
        if found is None:
            found, first_name = own, names[number]
        elif {own.unit, found.unit} != {"us", "business"} or (found.positions(times[first:last]) < 0).any():
            raise DataError(
                f"{table.name or 'series'}: mixed frequencies: {named(first_name)}has steps of {said(found)}, "
                f"{named(names[number])}of {said(own)}"
            )
    if found is None:
        return Frequency("number") if times.dtype.kind != "M" else Frequency.parse("D")
    return found


def named(name: Any) -> str:
    """A series in words."""
    return "the series " if name == "" else f"series {name!r} "


def said(frequency: Frequency) -> str:
    """A frequency in words."""
    return frequency.name or str(frequency.count)


def shown(time: Any) -> str:
    """A time without what is zero in it."""
    return str(time).removesuffix(".000000").removesuffix("T00:00:00")
