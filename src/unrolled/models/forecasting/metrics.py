"""How far forecasts were off: of points, of quantiles and of intervals.

Missing values, NaN in `actual`, do not count; NaN in a forecast makes the result NaN, and so does having nothing to
count. Scaled and percentage errors: Hyndman, Koehler 2006, "Another look at measures of forecast accuracy"; Makridakis,
Spiliotis, Assimakopoulos 2020, "The M4 Competition". Quantiles: Gneiting, Raftery 2007, "Strictly Proper Scoring
Rules, Prediction, and Estimation".
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unrolled.checks import integer

Values = NDArray[np.float64]

# Columns of a table of forecasts that are no forecasts.
KEYS = ("unique_id", "ds", "cutoff", "y")


def mae(actual: ArrayLike, forecast: ArrayLike) -> float:
    """The mean absolute error.

    Args:
        actual: (..., horizon).
        forecast: as actual.

    Raises:
        ValueError: the shapes differ.
    """
    actual, forecast = _alike(actual, forecast)
    return _mean(np.abs(actual - forecast), actual)


def mse(actual: ArrayLike, forecast: ArrayLike) -> float:
    """The mean squared error; arguments are those of `mae`."""
    actual, forecast = _alike(actual, forecast)
    return _mean((actual - forecast) ** 2, actual)


def rmse(actual: ArrayLike, forecast: ArrayLike) -> float:
    """The root of the mean squared error; arguments are those of `mae`."""
    return float(np.sqrt(mse(actual, forecast)))


def smape(actual: ArrayLike, forecast: ArrayLike) -> float:
    """The symmetric mean absolute percentage error as in M4, from 0 to 200: the mean of 200 |y - f| / (|y| + |f|).

    Where both are 0 the error is 0. Arguments are those of `mae`.
    """
    actual, forecast = _alike(actual, forecast)
    size = np.abs(actual) + np.abs(forecast)
    return _mean(200 * np.abs(actual - forecast) / np.where(size == 0, 1, size), actual)


def mase(actual: ArrayLike, forecast: ArrayLike, history: ArrayLike, season: int) -> float:
    """The mean absolute scaled error of one series: `mae` in units of `scale`.

    Args:
        actual: (horizon,).
        forecast: (horizon,).
        history: (time,), what came before.
        season: steps of a season.

    Returns:
        The error; NaN if the history has no scale.

    Raises:
        ValueError: the shapes differ, or the season is not a positive integer.
    """
    return mae(actual, forecast) / scale(history, season)


def scale(history: ArrayLike, season: int) -> float:
    """What seasonal naive forecasts miss one season ahead within a history: the mean of |y(t) - y(t - season)|.

    Returns:
        The scale; NaN where the history is too short for one difference, or repeats itself without one.

    Raises:
        ValueError: the history is not (time,), or the season not a positive integer.
    """
    history = _one(history)
    integer("season", season)
    differences = np.abs(history[season:] - history[:-season])
    found = _mean(differences, differences)
    return found if found > 0 else float("nan")


def pinball(actual: ArrayLike, quantile_forecast: ArrayLike, level: float) -> float:
    """The mean quantile loss: level (y - q) where y is above q, (1 - level) (q - y) below.

    Args:
        actual: (..., horizon).
        quantile_forecast: as actual.
        level: of the quantile, between 0 and 1.

    Raises:
        ValueError: the shapes differ, or the level is not between 0 and 1.
    """
    actual, forecast = _alike(actual, quantile_forecast, "quantile_forecast")
    (level,) = check_levels([level])
    above = actual - forecast
    return _mean(np.maximum(level * above, (level - 1) * above), actual)


def crps(actual: ArrayLike, quantiles: ArrayLike, levels: Sequence[float]) -> float:
    """The mean weighted quantile loss, which stands for the continuous ranked probability score.

    That is the mean over the levels of 2 * (sum of the quantile losses) / (sum of |y|), sums over all that is not
    missing: without a unit, so that series of any size may be pooled. For levels that lie evenly and densely, its
    numerator tends to the CRPS summed over the values.

    Args:
        actual: (..., horizon).
        quantiles: (..., horizon, levels).
        levels: between 0 and 1, increasing.

    Returns:
        The loss; NaN where all values are 0.

    Raises:
        ValueError: the shapes differ, or the levels are not as said.
    """
    actual, quantiles = np.asarray(actual, float), np.asarray(quantiles, float)
    levels = check_levels(levels)
    if quantiles.shape != (*actual.shape, len(levels)):
        raise ValueError(
            f"quantiles: expected shape {(*actual.shape, len(levels))}, that of actual and one for each of "
            f"{len(levels)} levels, found {quantiles.shape}"
        )
    losses = [pinball(actual, quantiles[..., i], level) for i, level in enumerate(levels)]
    size = _mean(np.abs(actual), actual)
    return 2 * float(np.mean(losses)) / size if size > 0 else float("nan")


def coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """The part of the values, from 0 to 1, that lies within an interval, its ends included.

    Args:
        actual: (..., horizon).
        low: lower ends, as actual.
        high: upper ends, as actual.

    Raises:
        ValueError: the shapes differ.
    """
    actual, low = _alike(actual, low, "low")
    _, high = _alike(actual, high, "high")
    inside = np.where(np.isnan(low + high), np.nan, (low <= actual) & (actual <= high))
    return _mean(inside, actual)


def table(
    columns: Mapping[str, Any],
    histories: Mapping[Hashable, ArrayLike],
    season: int,
    levels: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """Every model's errors in a frame of forecasts, pooled over series, cutoffs and steps.

    Args:
        columns: by name, arrays (rows,): `unique_id`, `y`, further ones of `KEYS`, and for each model NAME its
            forecasts `NAME` and, where it has them, ends of intervals `NAME-lo-80`, `NAME-hi-80` and so on.
        histories: by series, values (time,) from before the first cutoff, which scale the series' MASE.
        season: steps of a season.
        levels: percentages of the intervals to look at; all that there are unless given.

    Returns:
        For each model, in the order of the columns: `model`, `MAE`, `RMSE`, `sMAPE` in percent, `MASE` over the
        series that have a scale, `CRPS` (see `crps`, the forecast itself standing for the median) and
        `coverage-80` and so on, from 0 to 1, where it has intervals.

    Raises:
        ValueError: a column or history is missing, or columns differ in length.
    """
    actual, ids = _keys(columns)
    scaled = _scales(ids, histories, season)
    return [_row(columns, name, actual, scaled, levels) for name in _models(columns)]


def by_horizon(
    columns: Mapping[str, Any], histories: Mapping[Hashable, ArrayLike] | None = None, season: int = 1
) -> dict[str, Values]:
    """Every model's mean absolute error at each step ahead, pooled over series and cutoffs.

    Args:
        columns: as `table`'s, with `ds`, and `cutoff` if there are several; rows in any order.
        histories: as `table`'s; errors are then in units of each series' `scale`. Without them they are in the
            series' own unit.
        season: steps of a season, for the scale.

    Returns:
        By model, (horizon,); NaN at a step at which everything is missing.

    Raises:
        ValueError: as `table`.
    """
    actual, ids = _keys(columns)
    if "ds" not in columns:
        raise ValueError(f"columns: expected one named 'ds', found {', '.join(map(str, columns))}")
    places = {name: place for place, name in enumerate(dict.fromkeys(ids.tolist()))}
    series = np.array([places[name] for name in ids.tolist()], int)
    cutoff = np.asarray(columns["cutoff"]) if "cutoff" in columns else np.zeros(len(ids))
    order = np.lexsort((np.asarray(columns["ds"]), cutoff, series))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(series[order]) != 0) | (cutoff[order][1:] != cutoff[order][:-1])
    row = np.arange(len(order))
    ahead = np.empty(len(order), int)
    ahead[order] = row - np.maximum.accumulate(np.where(new, row, 0))
    scaled = np.ones(len(ids)) if histories is None else _scales(ids, histories, season)
    made = {}
    for name in _models(columns):
        _, forecast = _alike(actual, columns[name], name)
        errors = np.abs(actual - forecast) / scaled
        known = ~np.isnan(actual) & ~np.isnan(scaled)
        counts = np.bincount(ahead[known], minlength=ahead.max(initial=-1) + 1)
        with np.errstate(invalid="ignore"):
            made[name] = np.bincount(ahead[known], errors[known], minlength=len(counts)) / counts
    return made


def _keys(columns: Mapping[str, Any]) -> tuple[Values, NDArray[np.object_]]:
    """Values and the names of their series."""
    for name in ("unique_id", "y"):
        if name not in columns:
            raise ValueError(f"columns: expected one named {name!r}, found {', '.join(map(str, columns))}")
    actual = np.asarray(columns["y"], float)
    ids = np.asarray(columns["unique_id"], object)
    if ids.shape != actual.shape:
        raise ValueError(f"unique_id: expected as many rows as y, {len(actual)}, found {len(ids)}")
    return actual, ids


def _scales(ids: NDArray[np.object_], histories: Mapping[Hashable, ArrayLike], season: int) -> Values:
    """The scale of each row's series."""
    scales = {}
    for name in dict.fromkeys(ids.tolist()):
        if name not in histories:
            raise ValueError(f"histories: expected one of every series, found none of {name!r}")
        scales[name] = scale(histories[name], season)
    return np.array([scales[name] for name in ids.tolist()], float)


def _models(columns: Mapping[str, Any]) -> list[str]:
    return [name for name in columns if name not in KEYS and _interval(name) is None]


def _row(
    columns: Mapping[str, Any], name: str, actual: Values, scaled: Values, levels: Sequence[float] | None
) -> dict[str, Any]:
    _, forecast = _alike(actual, columns[name], name)
    row: dict[str, Any] = {"model": name, "MAE": mae(actual, forecast), "RMSE": rmse(actual, forecast)}
    row["sMAPE"] = smape(actual, forecast)
    # A series without a scale has no part in the mean.
    row["MASE"] = mae(actual / scaled, np.where(np.isnan(scaled), 0.0, forecast / scaled))
    ends = _ends(columns, name)
    if ends and levels is not None:
        missing = [level for level in levels if level not in ends]
        if missing:
            raise ValueError(f"columns: expected {name}-lo-{missing[0]:g} and its upper end, found none")
        ends = {level: ends[level] for level in levels}
    if ends:
        widest_first = sorted(ends, reverse=True)
        lows = [np.asarray(columns[ends[level][0]], float) for level in widest_first]
        highs = [np.asarray(columns[ends[level][1]], float) for level in reversed(widest_first)]
        low_levels = [(1 - level / 100) / 2 for level in widest_first]
        all_levels = [*low_levels, 0.5, *(1 - level for level in reversed(low_levels))]
        row["CRPS"] = crps(actual, np.stack([*lows, forecast, *highs], -1), all_levels)
        for level in sorted(ends):
            row[f"coverage-{level:g}"] = coverage(actual, *(columns[end] for end in ends[level]))
    return row


def _ends(columns: Mapping[str, Any], name: str) -> dict[float, tuple[str, str]]:
    """The columns of a model's intervals, lower and upper ends by percentage."""
    ends = {}
    for column in columns:
        found = _interval(column)
        if found is not None and found[:2] == (name, "lo"):
            high = f"{name}-hi-{column.rpartition('-')[2]}"
            if high not in columns:
                raise ValueError(f"columns: expected an upper end for {column!r}, found none")
            ends[found[2]] = (column, high)
    return ends


def _interval(column: str) -> tuple[str, str, float] | None:
    """Model, end and percentage of a column `NAME-lo-80` or `NAME-hi-80`; None for any other."""
    front, _, percent = column.rpartition("-")
    name, _, end = front.rpartition("-")
    if end not in ("lo", "hi") or not name:
        return None
    try:
        level = float(percent)
    except ValueError:
        return None
    return (name, end, level) if 0 < level < 100 else None


def check_levels(levels: Sequence[float]) -> list[float]:
    """The levels as numbers.

    Raises:
        ValueError: they do not lie between 0 and 1 or do not increase.
    """
    found = [float(level) for level in levels]
    if not found or not all(0 < level < 1 for level in found) or found != sorted(set(found)):
        raise ValueError(f"levels: expected increasing numbers between 0 and 1, found {list(levels)!r}")
    return found


def _alike(actual: ArrayLike, forecast: ArrayLike, name: str = "forecast") -> tuple[Values, Values]:
    actual, forecast = np.asarray(actual, float), np.asarray(forecast, float)
    if actual.shape != forecast.shape:
        raise ValueError(f"{name}: expected the shape of actual, {actual.shape}, found {forecast.shape}")
    return actual, forecast


def _one(history: ArrayLike) -> Values:
    history = np.asarray(history, float)
    if history.ndim != 1:
        raise ValueError(f"history: expected one series (time,), found shape {history.shape}")
    return history


def _mean(errors: Values, actual: Values) -> float:
    """The mean where actual is not missing."""
    known = ~np.isnan(actual)
    return float(errors[known].mean()) if known.any() else float("nan")
