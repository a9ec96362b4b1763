"""Series out of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.data.errors import DataError
from unrolled.data.frequency import Frequency
from unrolled.data.roles import Roles
from unrolled.data.series import Columns, Floats, SeriesSet


def from_arrays(source: Any, roles: Roles) -> SeriesSet:
    """As `unrolled.data.read_series` says for arrays."""
    many = isinstance(source, (list, tuple)) and bool(source) and not np.isscalar(source[0])
    many = many or getattr(source, "ndim", 0) == 3
    parts = [_array(one, f"series[{i}]" if many else "series") for i, one in enumerate(source if many else [source])]
    flat = all(np.ndim(one) == 1 for one in (source if many else [source]))
    if len({part.shape[1] for part in parts}) > 1:
        odd = next(i for i, part in enumerate(parts) if part.shape[1] != parts[0].shape[1])
        raise DataError(
            f"series[{odd}]: expected {parts[0].shape[1]} targets, as series[0], found {parts[odd].shape[1]}"
        )
    lengths = np.array([len(part) for part in parts], np.int64)
    past, _ = _covariates(roles.past, "past", lengths, many, exact=True)
    future, ahead = _covariates(roles.future, "future", lengths, many, exact=False)
    static = np.zeros((len(parts), 0)) if roles.static is None else _array(roles.static, "static")
    if len(static) != len(parts):
        raise DataError(f"static: expected a row for each of {len(parts)} series, found {len(static)}")
    targets = parts[0].shape[1]
    columns = Columns(
        kind="arrays" if many else "array",
        targets=("y",) if targets == 1 else tuple(f"y{i}" for i in range(targets)),
        past=_names("past", past),
        future=_names("future", future),
        static=_names("static", static),
        flat=flat,
    )
    return SeriesSet(
        ids=tuple(range(len(parts))),
        values=np.concatenate(parts),
        lengths=lengths,
        starts=np.zeros(len(parts), np.int64),
        frequency=Frequency("number") if roles.frequency is None else Frequency.parse(roles.frequency),
        past=past,
        future=future,
        ahead=ahead,
        static=static,
        columns=columns,
    )


def future_arrays(given: Any, data: SeriesSet) -> list[Floats]:
    """Covariates known ahead (steps ahead, features) for each series.

    Raises:
        DataError: there is not one array for each, or they have other features.
    """
    many = data.columns.kind == "arrays" or len(data) > 1
    parts = [_array(one, f"future[{i}]" if many else "future") for i, one in enumerate(given if many else [given])]
    expected = len(data.columns.future)
    if len(parts) != len(data):
        raise DataError(f"future: expected an array for each of {len(data)} series, found {len(parts)}")
    for i, part in enumerate(parts):
        if part.shape[1] != expected:
            raise DataError(f"future[{i}]: expected {expected} features, as in training, found {part.shape[1]}")
    return parts


def _array(value: Any, name: str) -> Floats:
    """A float64 array (time, features), finite or NaN."""
    value = value.detach().cpu() if hasattr(value, "detach") else value
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "US":
            array = np.array([[np.nan if v is None else v for v in np.atleast_1d(row)] for row in array])
            array = array if np.ndim(value) == 2 else array[:, 0]
            if array.dtype.kind in "USO":
                raise ValueError(f"text such as {array.flat[0]!r}")
        array = array.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: expected numbers (time,) or (time, targets): {error}") from error
    if array.ndim not in (1, 2) or array.size == 0:
        raise DataError(f"{name}: expected numbers (time,) or (time, targets), found shape {array.shape}")
    array = array.reshape(len(array), -1)
    if np.isinf(array).any():
        row, column = np.argwhere(np.isinf(array))[0]
        raise DataError(
            f"{name}, column {column}, row {row}: expected a finite number or NaN, found {array[row, column]}"
        )
    return array


def _covariates(given: Any, name: str, lengths: Any, many: bool, *, exact: bool) -> tuple[Floats, Any]:
    if given is None:
        return np.zeros((int(lengths.sum()), 0)), np.zeros_like(lengths)
    parts = [_array(one, f"{name}[{i}]" if many else name) for i, one in enumerate(given if many else [given])]
    if len(parts) != len(lengths):
        raise DataError(f"{name}: expected an array for each of {len(lengths)} series, found {len(parts)}")
    for i, (part, length) in enumerate(zip(parts, lengths, strict=True)):
        if len(part) < length or (exact and len(part) > length) or part.shape[1] != parts[0].shape[1]:
            size = f"{length}{'' if exact else ' or more'} steps of {parts[0].shape[1]} features"
            raise DataError(f"{name}[{i}]: expected {size}, found shape {part.shape}")
    return np.concatenate(parts), np.array([len(part) for part in parts], np.int64) - lengths


def _names(kind: str, array: Floats) -> tuple[str, ...]:
    return tuple(f"{kind}{i}" for i in range(array.shape[1]))
