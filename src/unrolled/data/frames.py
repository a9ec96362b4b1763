"""Series out of arrays, data frames and files, and forecasts back as frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unrolled.checks import instance, is_one_of
from unrolled.data.array_series import from_arrays, future_arrays
from unrolled.data.errors import DataError
from unrolled.data.files import plain_text
from unrolled.data.frame_series import from_frame, future_rows
from unrolled.data.parquet import read_parquet
from unrolled.data.roles import LAYOUTS, Roles, column_names
from unrolled.data.series import SeriesSet

# Steps of a series too few to tell a frequency that others have told.
FEW = 3
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "?")


def read_series(
    source: Any,
    *,
    layout: str | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    target: str | Sequence[str] | None = None,
    past: Any = None,
    future: Any = None,
    static: Any = None,
    frequency: str | None = None,
) -> SeriesSet:
    """Time series from whatever holds them.

    Args:
        source: one of
            - an array (time,) or (time, targets), a list of them, or one (series, time, targets); NaN is missing;
            - a pandas or polars frame, or a pandas series with its times as index;
            - a path of a CSV or Parquet file, or the name of a data set of series;
            - what this function returned, as it is.
        layout: of a frame: "long", a row for each step of each series, with a column that names the series;
            "columns", a row a step, several series or channels side by side, which are the targets of one series;
            "rows", a row a series, its name first and its values after it, nothing behind its end. None finds out: long
            if there is an id column, rows if no column holds times and the first holds names.
        id_column: which series a row belongs to; "unique_id" by default, where there is such a column.
        time_column: "ds" by default, or the one column that holds dates.
        target: what to forecast; "y" by default, or all columns of numbers that are left. Several are forecast jointly.
        past: covariates known up to now: column names, or arrays (time, features) beside arrays. In a long frame with a
            column "y", further columns are past covariates if nothing else is said.
        future: covariates known ahead. Arrays may be longer than the targets; in a frame, rows at the end of a series
            that have them but no target are its future.
        static: features of a whole series: columns (numbers or text, the same in all rows of a series), or an array
            (series, features).
        frequency: of the steps, as pandas spells it ("h", "15min", "D", "B", "MS", ...); None finds out.

    Returns:
        The series. Rows may come in any order. Times that are missing in between become missing values.

    Raises:
        DataError: the source cannot be read, or is no series: a time is there twice for one series or off the steps of
            the others; a column of numbers holds text; a value is infinite; ... The message names series, column, row.
    """
    if isinstance(source, SeriesSet):
        return source
    if layout is not None and not is_one_of(layout, LAYOUTS):
        raise DataError(f"layout: expected one of {', '.join(LAYOUTS)}, found {layout!r:.80}")
    for name, value in (("id_column", id_column), ("time_column", time_column), ("frequency", frequency)):
        instance(name, value, (str, type(None)), "text or None")
    column_names(target, "target")
    return _read_in_roles(source, Roles(layout, id_column, time_column, target, past, future, static, frequency))


def _read_in_roles(source: Any, roles: Roles) -> SeriesSet:
    if isinstance(source, (str, Path)):
        return from_frame(read_file(source), roles, kind="path", name=str(source))
    kind = frame_kind(source)
    return from_arrays(source, roles) if kind is None else from_frame(source, roles, kind=kind)


def frame_kind(source: Any) -> str | None:
    """Whose frame it is, "pandas" or "polars"; None for anything else."""
    module = type(source).__module__.split(".")[0]
    return module if module in ("pandas", "polars") and hasattr(source, "shape") else None


def read_file(source: str | Path) -> Any:
    """A polars frame of a CSV or Parquet file, or of the first file of a data set of series.

    Raises:
        DataError: no such file, or it is neither.
    """
    import polars as pl

    path = _path(source)
    if path.suffix.lower() == ".parquet":
        return read_parquet(path)
    content = plain_text(path)
    try:
        return pl.read_csv(content, null_values=list(MISSING), infer_schema_length=None, truncate_ragged_lines=False)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{source}: cannot be read as {path.suffix or 'CSV'}: {why}") from error


def to_kind(columns: dict[str, Any], kind: str) -> Any:
    """A frame of these columns: pandas for "pandas", else polars."""
    if kind == "pandas":
        import pandas as pd

        return pd.DataFrame(columns)
    import polars as pl

    return pl.DataFrame(columns)


def _path(source: str | Path) -> Path:
    from unrolled.data.fetch import fetch
    from unrolled.data.registry import datasets, suggestion

    if source in datasets:
        dataset = datasets[str(source)]
        if dataset.kind != "series":
            raise DataError(f"{source} holds {dataset.kind}, not time series")
        return fetch(dataset.name) / dataset.files[0].name
    path = Path(source)
    if path.is_dir():
        raise DataError(f"{source}: is a folder; expected a CSV or Parquet file")
    if not path.exists():
        raise DataError(f"{source}: no such file or data set; {suggestion(str(source))}")
    if path.suffix.lower() not in (".csv", ".gz", ".parquet", ".txt", ".tsv"):
        raise DataError(f"{source}: expected a .csv or .parquet file, found {path.suffix or 'no suffix'!r}")
    return path


def read_like(source: Any, known: SeriesSet) -> SeriesSet:
    """Series of the same kind as others.

    Args:
        source: what `read_series` takes.
        known: the others.

    Raises:
        DataError: as `read_series`, or they have other columns or another frequency.
    """
    if isinstance(source, SeriesSet):
        found = source
    elif (isinstance(source, (str, Path)) or frame_kind(source) is not None) and known.columns.layout:
        roles = Roles.of(known.columns, known.frequency)
        # Times tell their frequency themselves, unless they are very few.
        found = _read_in_roles(source, replace(roles, frequency=None) if known.columns.time else roles)
        if found.frequency != known.frequency and found.lengths.max() <= FEW:
            found = _read_in_roles(source, roles)
    else:
        found = read_series(source)
    found = _with_static_of(found, known)
    for role in ("targets", "past", "future", "static"):
        own, expected = getattr(found.columns, role), getattr(known.columns, role)
        if len(own) != len(expected):
            raise DataError(f"series: expected {len(expected)} {role}, as in training, found {len(own)}")
    if found.frequency != known.frequency and found.columns.layout:
        expected, name = known.frequency.name or "of plain numbers", found.frequency.name or "of plain numbers"
        raise DataError(f"series: expected the frequency {expected}, as in training, found {name}")
    return found


def with_future(data: SeriesSet, future: Any) -> SeriesSet:
    """Series with covariates known ahead, in the place of those that they have beyond their ends.

    Args:
        data: the series.
        future: an array (steps ahead, features), or a list of them for many series; or a frame or path with the columns
            of the series, those to forecast excepted, whose rows may begin before the ends.

    Raises:
        DataError: there are no such covariates, or the table is not such a one.
    """
    names = data.columns.future
    if not names:
        raise DataError("future: the model was trained without covariates known ahead")
    if isinstance(future, (str, Path)) or frame_kind(future) is not None:
        steps = future_rows(read_file(future) if isinstance(future, (str, Path)) else future, data)
    else:
        steps = future_arrays(future, data)
    offsets, ends = data.future_offsets, data.lengths
    parts = []
    for number, ahead in enumerate(steps):
        start = int(offsets[number])
        parts += [data.future[start : start + int(ends[number])], ahead]
    return replace(data, future=np.concatenate(parts), ahead=np.array([len(ahead) for ahead in steps], np.int64))


def check_future(data: SeriesSet, horizon: int) -> None:
    """Makes sure that covariates known ahead are known as far ahead as asked.

    Raises:
        DataError: one is missing; the message names series, column and time.
    """
    if not data.columns.future:
        return
    for number, name in enumerate(data.ids):
        first = int(data.future_offsets[number] + data.lengths[number])
        known = data.future[first : first + min(int(data.ahead[number]), horizon)]
        gaps = np.argwhere(np.isnan(known))
        step = int(gaps[0][0]) if len(gaps) else len(known)
        if step < horizon:
            column = data.columns.future[int(gaps[0][1]) if len(gaps) else 0]
            end = int(data.lengths[number])
            time = data.times(number, end + step, end + step + 1)[0]
            raise DataError(
                f"future: covariate {column!r} of series {name!r} is missing at {time}, step {step + 1} of {horizon}"
            )


def _with_static_of(found: SeriesSet, known: SeriesSet) -> SeriesSet:
    """Static features in the columns that training had; a text that it had not is none of its texts."""
    names = known.columns.static
    if found.columns.static == names or not names:
        return found
    texts = {name.split("=")[0] for name in names if "=" in name}
    columns = []
    for name in names:
        if name in found.columns.static:
            columns.append(found.static[:, found.columns.static.index(name)])
        elif name.split("=")[0] in texts:
            columns.append(np.zeros(len(found)))
        else:
            raise DataError(f"series: expected the static feature {name!r}, as in training, found none")
    return replace(found, static=np.stack(columns, 1), columns=replace(found.columns, static=names))
