"""Series out of arrays, data frames and files, and forecasts back as frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


from unrolled.data.array_series import from_arrays
from unrolled.data.errors import DataError
from unrolled.data.frame_series import Roles, from_frame
from unrolled.data.series import SeriesSet

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
    roles = Roles(layout, id_column, time_column, target, past, future, static, frequency)
    if isinstance(source, (str, Path)):
        return from_frame(read_file(source), roles, kind="path", name=str(source))
    kind = frame_kind(source)
    if kind is None:
        return from_arrays(source, roles)
    return from_frame(source, roles, kind=kind)


def frame_kind(source: Any) -> str | None:
    """"pandas" or "polars" for their frames, None for anything else."""
    module = type(source).__module__.split(".")[0]
    return module if module in ("pandas", "polars") and hasattr(source, "shape") else None


def read_file(source: str | Path) -> Any:
    """A polars frame of a CSV or Parquet file, or of the first file of a data set of series.

    Raises:
        DataError: no such file, or it is neither.
    """
    import polars as pl

    path = _path(source)
    try:
        if path.suffix.lower() == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, null_values=list(MISSING), infer_schema_length=None, truncate_ragged_lines=False)
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"{source}: cannot be read as {path.suffix or 'CSV'}: {str(error).splitlines()[0]}") from error


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


