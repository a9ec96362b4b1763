"""Series out of data frames, through narwhals; every check of what frames and files may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.errors import DataError
from unrolled.data.frame_table import TARGET, TIME, Table
from unrolled.data.frame_times import LONGEST_GAP, named, on_a_grid, parsed, shown, times_of
from unrolled.data.frequency import Frequency
from unrolled.data.roles import Roles, column_names
from unrolled.data.series import Columns, Floats, SeriesSet

ID = "unique_id"


def from_frame(frame: Any, roles: Roles, *, kind: str, name: str = "") -> SeriesSet:
    """As `unrolled.data.read_series` says for frames and files."""
    table = Table.of(frame, name, in_file=kind == "path")
    if len(table.frame) == 0:
        raise DataError(f"{name or 'series'}: expected rows, found none")
    id_column = roles.id or (ID if ID in table.frame.columns and roles.layout in (None, "long") else None)
    time_column = roles.time or _time_column(table, id_column)
    layout = roles.layout or _layout(table, id_column, time_column)
    if layout == "rows":
        return _from_rows(table, roles, kind)
    if layout == "long" and id_column is None:
        raise DataError(f"{name or 'series'}: a long table needs a column that names the series; say which: id_column")
    return _from_steps(table, replace(roles, layout=layout, id=id_column, time=time_column), kind)


def _from_steps(table: Table, roles: Roles, kind: str) -> SeriesSet:
    """Rows that are steps: one series, or many by their ids."""
    names, rows, bounds = _grouped(table, roles.id)
    targets, past, future, static = _assigned(table, roles)
    times, zone = times_of(table, roles.time)
    values = table.matrix(targets, "target")
    if times is None:
        # Without times the steps are in the order of the rows.
        times = np.empty(len(rows), np.int64)
        times[np.argsort(rows, kind="stable")] = np.arange(len(rows)) - np.repeat(bounds[:-1], np.diff(bounds))
    order = np.lexsort((times, rows))
    times, frequency, steps = on_a_grid(table, names, order, times, bounds, roles.frequency)
    known = table.matrix(future, "future")
    lengths, ahead = _ends(values[order], known[order], steps, bounds)
    columns = Columns(kind, roles.layout or "", roles.id or "", roles.time or "", targets, past, future, (), zone)
    features, static_names = _static(table, static, order, bounds, names)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    future_offsets = np.concatenate([[0], np.cumsum(lengths + ahead)])
    within = steps < np.repeat(lengths, np.diff(bounds))
    own = (np.repeat(offsets[:-1], np.diff(bounds)) + steps)[within]
    seen = np.repeat(future_offsets[:-1], np.diff(bounds)) + steps
    inside = steps < np.repeat(lengths + ahead, np.diff(bounds))
    return SeriesSet(
        ids=names,
        values=_placed(values[order][within], own, int(offsets[-1])),
        lengths=lengths,
        starts=times[bounds[:-1]],
        frequency=frequency,
        past=_placed(table.matrix(past, "past")[order][within], own, int(offsets[-1])),
        future=_placed(known[order][inside], seen[inside], int(future_offsets[-1])),
        ahead=ahead,
        static=features,
        columns=replace(columns, static=static_names),
    )


def future_rows(frame: Any, data: SeriesSet) -> list[Floats]:
    """Covariates known ahead (steps ahead, features) for each series, out of a frame; NaN where it has no row.

    Raises:
        DataError: columns are missing, a row is no step of a series, or a time is there twice.
    """
    roles = Roles.of(data.columns, data.frequency)
    table = Table.of(frame, "future", in_file=False)
    numbers = {name: number for number, name in enumerate(data.ids)}
    codes = np.zeros(len(table.frame), np.int64)
    if roles.id is not None:
        codes = np.array([numbers.get(name, -1) for name in table.series_names(roles.id).to_list()], np.int64)
    times, _ = times_of(table, roles.time)
    values = table.matrix(data.columns.future, "future")
    made = []
    for number, name in enumerate(data.ids):
        rows = np.flatnonzero(codes == number)
        end = int(data.lengths[number])
        if times is None:
            made.append(values[rows])
            continue
        rows = rows[np.argsort(times[rows], kind="stable")]
        start = data.starts[number : number + 1]
        rows = rows[times[rows] >= data.times(number, end, end + 1)[0]]
        own = data.frequency.positions(np.concatenate([start, times[rows]]))[1:]
        if (own < 0).any() or len(np.unique(own)) < len(own):
            wrong = (own < 0) if (own < 0).any() else np.concatenate([[False], own[1:] == own[:-1]])
            row = int(rows[wrong.argmax()])
            raise DataError(f"{table.place(row)}: {named(name)}has the time {shown(times[row])} twice or off its steps")
        ahead = int(own[-1]) + 1 - end if len(own) else 0
        if ahead > LONGEST_GAP * max(len(own), 1) + 1000:
            raise DataError(f"future: {named(name)}has a gap of more than {LONGEST_GAP} times its rows")
        made.append(_placed(values[rows], own - end, ahead))
    return made


def _from_rows(table: Table, roles: Roles, kind: str) -> SeriesSet:
    """Rows that are series: a name, then values, nothing behind the end."""
    name_column = roles.id or table.frame.columns[0]
    values = [column for column in table.frame.columns if column != name_column]
    if any(role is not None for role in (roles.time, roles.past, roles.future, roles.static)) or not values:
        raise DataError(f"{table.name or 'series'}: a table with a series a row has a name and values, nothing else")
    ids = table.series_names(name_column).to_list()
    if len(set(ids)) < len(ids):
        row = next(i for i, one in enumerate(ids) if one in ids[:i])
        raise DataError(f"{table.place(row, name_column)}: expected each name once, found {ids[row]!r} again")
    whole = table.matrix(tuple(values), "target")
    seen = np.isfinite(whole)
    lengths = np.where(seen.any(1), whole.shape[1] - seen[:, ::-1].argmax(1), 1).astype(np.int64)
    frequency = Frequency("number") if roles.frequency is None else Frequency.parse(roles.frequency)
    dated = frequency.unit != "number"
    starts = np.zeros(len(ids), "datetime64[us]") if dated else np.zeros(len(ids), np.int64)
    none = np.zeros((int(lengths.sum()), 0))
    return SeriesSet(
        ids=tuple(ids),
        values=np.concatenate([row[:length] for row, length in zip(whole, lengths, strict=True)])[:, None],
        lengths=lengths,
        starts=starts,
        frequency=frequency,
        past=none,
        future=none,
        ahead=np.zeros_like(lengths),
        static=np.zeros((len(ids), 0)),
        columns=Columns(kind, "rows", name_column, targets=(TARGET,)),
    )


def _time_column(table: Table, id_column: str | None) -> str | None:
    names = table.frame.columns
    if TIME in names:
        return TIME
    dated = [name for name in names if name != id_column and _holds_times(table.frame[name])]
    if len(dated) > 1:
        raise DataError(f"{table.name or 'series'}: columns {dated[0]!r} and {dated[1]!r} both hold times; say which")
    return dated[0] if dated else None


def _holds_times(column: Any) -> bool:
    if column.dtype.is_temporal():
        return True
    first = next((value for value in column.head(100).to_list() if value is not None), None)
    return isinstance(first, str) and parsed(first) is not None and not first.strip().lstrip("-").isdigit()


def _layout(table: Table, id_column: str | None, time_column: str | None) -> str:
    first = table.frame[table.frame.columns[0]]
    names = first.dtype in _text_types() and len(table.frame.columns) > 2
    if id_column is None and time_column is None and names and first.n_unique() == len(first):
        return "rows"
    return "columns" if id_column is None else "long"


def _text_types() -> tuple[Any, ...]:
    import narwhals as nw

    return nw.String, nw.Categorical, nw.Enum, nw.Object


def _assigned(table: Table, roles: Roles) -> tuple[tuple[str, ...], ...]:
    """Names of the targets, past, future and static columns."""
    targets, past, future, static = (
        column_names(given, role)
        for given, role in (
            (roles.target, "target"),
            (roles.past, "past"),
            (roles.future, "future"),
            (roles.static, "static"),
        )
    )
    taken = {roles.id, roles.time, *past, *future, *static}
    left = [name for name in table.frame.columns if name not in taken]
    if not targets and TARGET in left:
        targets = (TARGET,)
        if roles.past is None and roles.future is None and roles.static is None:
            past = tuple(name for name in left if name != TARGET)
    targets = targets or tuple(left)
    if not targets:
        raise DataError(f"{table.name or 'series'}: no column is left to forecast; say which: target")
    seen: dict[str, str] = {}
    for role, names in (("target", targets), ("past", past), ("future", future), ("static", static)):
        for name in names:
            table.column(name, role)
            if name in seen:
                raise DataError(f"{role}: column {name!r} is {seen[name]} already")
            seen[name] = role
    return targets, past, future, static


def _grouped(table: Table, name: str | None) -> tuple[tuple[Any, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Names of the series in the order of their first rows, for each row its series, and where each one begins."""
    if name is None:
        count = len(table.frame)
        return ("",), np.zeros(count, np.int64), np.array([0, count])
    import narwhals as nw

    column = table.series_names(name)
    names = column.unique(maintain_order=True).to_list()
    codes = column.replace_strict(names, list(range(len(names))), return_dtype=nw.Int64).to_numpy()
    return tuple(names), codes, np.concatenate([[0], np.cumsum(np.bincount(codes))])


def _ends(
    values: Floats, known: Floats, steps: NDArray[np.int64], bounds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps of each series, and steps of its future: rows at its end with covariates known ahead and no target."""
    whole = steps[bounds[1:] - 1] + 1
    if known.shape[1] == 0:
        return whole, np.zeros_like(whole)
    seen = np.where(np.isfinite(values).any(1), steps + 1, 0)
    lengths = np.maximum(np.maximum.reduceat(seen, bounds[:-1]), 1)
    return lengths, whole - lengths


def _static(
    table: Table, names: Sequence[str], order: NDArray[np.int64], bounds: NDArray[np.int64], ids: tuple[Any, ...]
) -> tuple[Floats, tuple[str, ...]]:
    """Features of each series: numbers as they are, text as one column of 0 and 1 for each text."""
    features: list[Floats] = []
    called: list[str] = []
    for name in names:
        column = table.column(name, "static")
        values = (
            np.array([str(v) for v in column.to_list()], object)
            if column.dtype in _text_types()
            else table.numbers(name, "static")
        )
        values = values[order]
        for number, (first, last) in enumerate(pairwise(bounds.tolist())):
            other = values[first:last] != values[first]
            if other.any() and values[first] == values[first]:
                row = int(order[first + other.argmax()])
                raise DataError(f"{table.place(row, name)}: {named(ids[number])}has another value in an earlier row")
        own = values[bounds[:-1]]
        if own.dtype != object:
            features.append(own.astype(np.float64))
            called.append(name)
            continue
        for text in sorted(set(own)):
            features.append((own == text).astype(np.float64))
            called.append(f"{name}={text}")
    return np.stack(features, 1) if features else np.zeros((len(ids), 0)), tuple(called)


def _placed(values: Floats, rows: NDArray[np.int64], count: int) -> Floats:
    whole = np.full((count, values.shape[1]), np.nan)
    whole[rows] = values
    return whole
