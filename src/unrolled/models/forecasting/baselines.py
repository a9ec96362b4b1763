"""Forecasts that every model has to beat.

Naive and seasonal naive with their intervals: Hyndman, Athanasopoulos 2021, "Forecasting: Principles and Practice",
section 5.5. AutoETS: Hyndman, Koehler, Snyder, Grose 2002, by statsforecast, where that is installed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from unrolled.checks import integer
from unrolled.models.forecasting.metrics import Values, check_levels


def naive(history: ArrayLike, horizon: int) -> Values:
    """The last value that is not missing, over and over.

    Args:
        history: (time,), NaN where missing.
        horizon: steps to forecast.

    Returns:
        (horizon,).

    Raises:
        ValueError: the history is not (time,) or has no value, or the horizon is not a positive integer.
    """
    return seasonal_naive(history, horizon, 1)


def seasonal_naive(history: ArrayLike, horizon: int, season: int) -> Values:
    """The last season over and over.

    Where a value of the last season is missing, the one a season earlier stands in, and so on; where there is none at
    that place of the season, the last value of the history.

    Args:
        history: (time,), NaN where missing.
        horizon: steps to forecast.
        season: steps of a season.

    Returns:
        (horizon,).

    Raises:
        ValueError: as `naive`, or the season is not a positive integer.
    """
    history = _checked(history, horizon)
    integer("season", season)
    last = np.full(season, history[np.flatnonzero(~np.isnan(history))[-1]])
    # Phases count from the forecast's first step; later values of a phase replace earlier ones.
    phases = np.arange(-len(history), 0) % season
    known = ~np.isnan(history)
    last[phases[known]] = history[known]
    return np.resize(last, horizon)


def seasonal_naive_quantiles(history: ArrayLike, horizon: int, season: int, levels: Sequence[float]) -> Values:
    """Quantiles round seasonal naive forecasts, from a normal distribution.

    Its deviation is that of the differences a season apart within the history, and grows with the root of the seasons
    ahead; 0 where there are no two such differences.

    Args:
        history, horizon, season: as `seasonal_naive`'s; a season of 1 gives the naive forecast's.
        levels: between 0 and 1, increasing.

    Returns:
        (horizon, levels).

    Raises:
        ValueError: as `seasonal_naive`, or the levels are not as said.
    """
    from scipy.special import ndtri

    forecast = seasonal_naive(history, horizon, season)
    levels = check_levels(levels)
    history = np.asarray(history, float)
    differences = history[season:] - history[:-season]
    known = differences[~np.isnan(differences)]
    deviation = np.sqrt(np.mean(known**2)) if len(known) > 1 else 0.0
    seasons_ahead = np.arange(horizon) // season + 1
    spread: Values = deviation * np.sqrt(seasons_ahead)[:, None] * ndtri(levels)
    return forecast[:, None] + spread


def auto_ets(history: ArrayLike, horizon: int, season: int, levels: Sequence[float] = (0.5,)) -> Values:
    """Quantiles by exponential smoothing, its form chosen by the corrected information criterion.

    Args:
        history: (time,); it cannot have missing values inside, so a line between their neighbours stands in for them,
            and missing values at either end are left off, those of the end forecast with the rest.
        horizon: steps to forecast.
        season: steps of a season.
        levels: between 0 and 1, increasing; 0.5 is the point forecast.

    Returns:
        (horizon, levels).

    Raises:
        ValueError: as `seasonal_naive_quantiles`.
        ImportError: statsforecast is not installed.
    """
    from statsforecast.models import AutoETS

    history = _checked(history, horizon)
    integer("season", season)
    levels = check_levels(levels)
    known = np.flatnonzero(~np.isnan(history))
    inside = np.arange(known[0], known[-1] + 1)
    filled = np.interp(inside, known, history[known])
    steps = horizon + len(history) - len(filled) - int(known[0])
    # A quantile is the end of the interval that reaches as far to the other side.
    percents = sorted({round(100 * abs(2 * level - 1), 6) for level in levels} - {0.0})
    made = AutoETS(season_length=season).forecast(filled, steps, level=percents or None)
    found = []
    for level in levels:
        percent = round(100 * abs(2 * level - 1), 6)
        found.append(made["mean" if not percent else f"{'lo' if level < 0.5 else 'hi'}-{percent}"][-horizon:])
    return np.stack(found, -1).astype(float)


def _checked(history: ArrayLike, horizon: int) -> Values:
    history = np.asarray(history, float)
    if history.ndim != 1 or np.isnan(history).all():
        raise ValueError(f"history: expected one series (time,) with values, found shape {history.shape}")
    integer("horizon", horizon)
    return history
