"""Series out of data frames, through narwhals; every check of what frames and files may hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.checks import is_iterable
from unrolled.data.errors import DataError
from unrolled.data.frequency import Frequency, Times, infer
from unrolled.data.series import Columns, Floats, SeriesSet

ID, TIME, TARGET = "unique_id", "ds", "y"
LAYOUTS = ("long", "columns", "rows")
# A gap this many times as long as the series itself is taken for a mistake in a time stamp.
LONGEST_GAP = 20
# Whole numbers as times end here: differences of further ones would not fit 64 bits.
FARTHEST = 2.0**61


@dataclass(frozen=True)
class Roles:
    """What `unrolled.data.read_series` was told about the columns."""

    layout: str | None = None
    id: str | None = None
    time: str | None = None
    target: Any = None
    past: Any = None
    future: Any = None
    static: Any = None
    frequency: str | None = None

    @classmethod
    def of(cls, columns: Columns, frequency: Frequency) -> Roles:
        """Those of series that were read already, to read more of the kind."""
        static = dict.fromkeys(name.split("=")[0] for name in columns.static)
        return cls(
            columns.layout,
            columns.id or None,
            columns.time or None,
            columns.targets,
            columns.past,
            columns.future,
            tuple(static),
            frequency.name,
        )


@dataclass(frozen=True)
class Table:
    """A frame, and how to say where in it something is."""

    frame: Any
    name: str
    in_file: bool

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
            values = _floats(column)
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


def from_frame(frame: Any, roles: Roles, *, kind: str, name: str = "") -> SeriesSet:
    """As `unrolled.data.read_series` says for frames and files."""
    import narwhals as nw

    table = Table(nw.from_native(_with_index(frame), eager_only=True), name, kind == "path")
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
    times, zone = _times(table, roles.time)
    values = _matrix(table, targets, "target")
    if times is None:
        # Without times the steps are in the order of the rows.
        times = np.empty(len(rows), np.int64)
        times[np.argsort(rows, kind="stable")] = np.arange(len(rows)) - np.repeat(bounds[:-1], np.diff(bounds))
    order = np.lexsort((times, rows))
    times, frequency, steps = _on_a_grid(table, names, order, times, bounds, roles.frequency)
    known = _matrix(table, future, "future")
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
        past=_placed(_matrix(table, past, "past")[order][within], own, int(offsets[-1])),
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
    import narwhals as nw

    roles = Roles.of(data.columns, data.frequency)
    table = Table(nw.from_native(_with_index(frame), eager_only=True), "future", False)
    numbers = {name: number for number, name in enumerate(data.ids)}
    codes = np.zeros(len(table.frame), np.int64)
    if roles.id is not None:
        codes = np.array([numbers.get(name, -1) for name in _ids(table, roles.id)], np.int64)
    times, _ = _times(table, roles.time)
    values = _matrix(table, data.columns.future, "future")
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
            raise DataError(
                f"{table.place(row)}: {_named(name)}has the time {_shown(times[row])} twice or off its steps"
            )
        ahead = int(own[-1]) + 1 - end if len(own) else 0
        if ahead > LONGEST_GAP * max(len(own), 1) + 1000:
            raise DataError(f"future: {_named(name)}has a gap of more than {LONGEST_GAP} times its rows")
        made.append(_placed(values[rows], own - end, ahead))
    return made


def _from_rows(table: Table, roles: Roles, kind: str) -> SeriesSet:
    """Rows that are series: a name, then values, nothing behind the end."""
    named = roles.id or table.frame.columns[0]
    values = [column for column in table.frame.columns if column != named]
    if any(role is not None for role in (roles.time, roles.past, roles.future, roles.static)) or not values:
        raise DataError(f"{table.name or 'series'}: a table with a series a row has a name and values, nothing else")
    ids = _ids(table, named)
    if len(set(ids)) < len(ids):
        row = next(i for i, one in enumerate(ids) if one in ids[:i])
        raise DataError(f"{table.place(row, named)}: expected each name once, found {ids[row]!r} again")
    whole = _matrix(table, tuple(values), "target")
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
        columns=Columns(kind, "rows", named, targets=(TARGET,)),
    )


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
    return isinstance(first, str) and _parsed(first) is not None and not first.strip().lstrip("-").isdigit()


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


def column_names(given: Any, role: str) -> tuple[str, ...]:
    """Names of columns: one, several or, for None, none.

    Raises:
        DataError: it is something else.
    """
    names = () if given is None else (given,) if isinstance(given, str) or not is_iterable(given) else tuple(given)
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"{role}: expected names of columns, found {given!r:.80}")
    return names


def _ids(table: Table, name: str) -> list[Any]:
    return _named_column(table, name).to_list()  # type: ignore[no-any-return]


def _named_column(table: Table, name: str) -> Any:
    column = table.column(name, "id_column")
    nothing = column.is_null().to_numpy()
    if nothing.any():
        row = int(nothing.argmax())
        raise DataError(f"{table.place(row, name)}: expected the name of a series, found nothing")
    return column


def _grouped(table: Table, name: str | None) -> tuple[tuple[Any, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Names of the series in the order of their first rows, for each row its series, and where each one begins."""
    if name is None:
        count = len(table.frame)
        return ("",), np.zeros(count, np.int64), np.array([0, count])
    import narwhals as nw

    column = _named_column(table, name)
    names = column.unique(maintain_order=True).to_list()
    codes = column.replace_strict(names, list(range(len(names))), return_dtype=nw.Int64).to_numpy()
    return tuple(names), codes, np.concatenate([[0], np.cumsum(np.bincount(codes))])


def _times(table: Table, name: str | None) -> tuple[Times | None, str]:
    """Times as datetime64[us] in UTC or integers, and the zone they came in."""
    if name is None:
        return None, ""
    import narwhals as nw

    column = table.column(name, "time_column")
    nothing = column.is_null().to_numpy()
    if nothing.any():
        raise DataError(f"{table.place(int(nothing.argmax()), name)}: expected a time, found nothing")
    if column.dtype.is_numeric():
        values = _floats(column)
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
    times = [_parsed(text) for text in texts]
    if None in times:
        row = times.index(None)
        raise DataError(f"{table.place(row, name)}: expected a time as ISO 8601 writes it, found {texts[row][:40]!r}")
    return np.array(times, "datetime64[us]"), ""


_date = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?)?Z?")
_slashed = re.compile(r"(\d{4})/(\d\d?)/(\d\d?)(.*)")
_quarter = re.compile(r"(\d{4})[- ]?Q([1-4])", re.IGNORECASE)


def _parsed(text: str) -> np.datetime64 | None:
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


def _on_a_grid(
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
                f"{table.place(row)}: {_named(names[number])}has the time {_shown(times[first + again[0]])} twice"
            )
    if frequency is None:
        frequency = _common(table, names, times, spans)
    steps = np.empty(len(times), np.int64)
    for number, (first, last) in enumerate(spans):
        own = frequency.positions(times[first:last])
        if (own < 0).any():
            at = int((own < 0).argmax())
            raise DataError(
                f"{table.place(int(order[first + at]))}: {_named(names[number])}has the time "
                f"{_shown(times[first + at])}, which is no whole number of steps ({_said(frequency)}) after its first, "
                f"{_shown(times[first])}"
            )
        if own[-1] >= LONGEST_GAP * (last - first) + 1000:
            at = int(np.diff(own).argmax())
            raise DataError(
                f"{table.place(int(order[first + at + 1]))}: {_named(names[number])}has a gap from "
                f"{_shown(times[first + at])} to {_shown(times[first + at + 1])}, more than {LONGEST_GAP} times its "
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
                f"{table.name or 'series'}: mixed frequencies: {_named(first_name)}has steps of {_said(found)}, "
                f"{_named(names[number])}of {_said(own)}"
            )
    if found is None:
        return Frequency("number") if times.dtype.kind != "M" else Frequency.parse("D")
    return found


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
                raise DataError(f"{table.place(row, name)}: {_named(ids[number])}has another value in an earlier row")
        own = values[bounds[:-1]]
        if own.dtype != object:
            features.append(own.astype(np.float64))
            called.append(name)
            continue
        for text in sorted(set(own)):
            features.append((own == text).astype(np.float64))
            called.append(f"{name}={text}")
    return np.stack(features, 1) if features else np.zeros((len(ids), 0)), tuple(called)


def _matrix(table: Table, names: Sequence[str], role: str) -> Floats:
    if not names:
        return np.zeros((len(table.frame), 0))
    return np.stack([table.numbers(name, role) for name in names], 1)


def _placed(values: Floats, rows: NDArray[np.int64], count: int) -> Floats:
    whole = np.full((count, values.shape[1]), np.nan)
    whole[rows] = values
    return whole


def _floats(column: Any) -> Floats:
    import narwhals as nw

    return np.asarray(column.cast(nw.Float64).fill_null(float("nan")).to_numpy(), np.float64)


def _named(name: Any) -> str:
    return "the series " if name == "" else f"series {name!r} "


def _said(frequency: Frequency) -> str:
    return frequency.name or str(frequency.count)


def _shown(time: Any) -> str:
    return str(time).removesuffix(".000000").removesuffix("T00:00:00")
