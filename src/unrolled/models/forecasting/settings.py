"""The choices of a forecaster, checked, and those that the data make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unrolled.checks import (
    MOST_LAYERS,
    expect,
    fraction,
    integer,
    integer_or_none,
    is_count,
    is_number,
    is_one_of,
    is_part,
    is_truth,
    one_of,
    truth,
)
from unrolled.data.series import SeriesSet
from unrolled.models.forecasting.calendar import season_length
from unrolled.models.forecasting.likelihoods import LOSSES
from unrolled.models.forecasting.network import HEADS
from unrolled.models.forecasting.scaling import SCALINGS

# What one looks at to choose: more would not change it.
LOOKED_AT = 200
# Autocorrelation from which a season is one.
SEASONAL = 0.3


def check(settings: dict[str, Any]) -> None:
    """Checks what `Forecaster` documents, but for what the training loop and the cell check themselves.

    Raises:
        ValueError: a value is not what it should be; the message names the argument.
    """
    for name in ("hidden_size", "horizon", "batch_size"):
        integer(name, settings[name])
    integer("num_layers", settings["num_layers"], most=MOST_LAYERS)
    for name in ("window", "segment", "season", "truncate", "windows_per_epoch"):
        integer_or_none(name, settings[name])
    fraction("dropout", settings["dropout"])
    validation = settings["validation"]
    fits = is_part(validation) or is_count(validation)
    expect("validation", validation, "a part from 0 to below 1, or a number of steps", fits)
    for name, known in (("head", HEADS), ("loss", LOSSES)):
        one_of(name, settings[name], known)
    scaling = settings["scaling"]
    expect(
        "scaling",
        scaling,
        f"one of {', '.join(SCALINGS)}, or None",
        scaling is None or is_one_of(scaling, SCALINGS),
    )
    for name in ("log", "refit"):
        value = settings[name]
        expect(
            name,
            value,
            "True, False or 'auto'",
            is_truth(value) or is_one_of(value, ["auto"]),
        )
    for name in ("calendar", "independent", "conformal"):
        truth(name, settings[name])
    lag = settings["difference"]
    expect("difference", lag, "a positive integer, 'season', 'auto' or None", _is_lag(lag))
    check_levels(settings["quantiles"], "quantiles")
    recursive = settings["head"] == "recursive"
    if recursive and settings["segment"] not in (None, 1):
        raise ValueError("segment: expected None with head='recursive', which goes step by step")
    if settings["truncate"] is not None and not recursive:
        raise ValueError("truncate: expected head='recursive', whose state can be carried from chunk to chunk")
    if settings["truncate"] is not None and scaling in ("window", "level"):
        raise ValueError("truncate: expected scaling 'series', 'global' or None, since there are no windows to scale")
    if settings["loss"] == "negative-binomial" and scaling == "level":
        raise ValueError("scaling: expected 'window', 'series', 'global' or None for negative-binomial counts")
    if settings["loss"] == "negative-binomial" and (
        lag not in (None, "auto") or settings["log"] not in (False, "auto")
    ):
        raise ValueError("loss: negative-binomial counts can be neither differenced nor taken logarithms of")


def check_levels(levels: Sequence[float], name: str) -> tuple[float, ...]:
    """Levels of quantiles.

    Raises:
        ValueError: they are not between 0 and 1, ascending.
    """
    whole = isinstance(levels, (tuple, list, np.ndarray)) and len(levels) > 0
    whole = whole and all(is_number(level) and 0 < level < 1 for level in levels)
    expect(name, levels, "numbers between 0 and 1, ascending", whole and list(levels) == sorted(set(levels)))
    return tuple(float(level) for level in levels)


def season_of(data: SeriesSet) -> int:
    """The season's length: by the frequency, or where steps are plain numbers by the series themselves."""
    if data.frequency.unit != "number":
        return season_length(data.frequency.name)
    found = [_season(data.history(i)[:, 0]) for i in _some(len(data))]
    best = max(set(found), key=found.count)
    return best if found.count(best) > len(found) / 2 else 1


def window_of(data: SeriesSet, horizon: int, season: int) -> int:
    """The window's length: three seasons, or one and the horizon, or two horizons; not longer than the data allow."""
    wanted = max(3 * season, horizon + season) if season > 1 else max(2 * horizon, 16)
    allowed = int(data.lengths.max()) - horizon
    return max(1, min(wanted, max(allowed // 2, min(season, allowed))))


def grows_with_level(data: SeriesSet, season: int) -> bool:
    """Whether logarithms make the spread of seasons more even: Guerrero 1993, with only 0 and 1 to choose from."""
    if not (np.nan_to_num(data.values, nan=1.0) > 0).all():
        return False
    votes = []
    for number in _some(len(data)):
        history = data.history(number)
        period = max(season, 4)
        count = len(history) // period
        if count < 3:
            continue
        cycles = history[len(history) - count * period :].reshape(count, period, -1)
        mean, spread = np.nanmean(cycles, 1), np.nanstd(cycles, 1)
        for target in range(history.shape[1]):
            votes.append(_variation(spread[:, target] / mean[:, target]) < _variation(spread[:, target]))
    return bool(votes) and sum(votes) > len(votes) / 2


def _variation(values: Any) -> float:
    mean = np.nanmean(values)
    return float(np.nanstd(values) / mean) if mean > 0 else np.inf


def _season(values: Any) -> int:
    """The first lag with about the highest peak of autocorrelation, a trend taken off; 1 if none stands out."""
    values = values[-2000:]
    seen = ~np.isnan(values)
    if seen.sum() < 12:
        return 1
    steps = np.arange(len(values))
    trend = np.polyfit(steps[seen], values[seen], 1)
    centered = np.where(seen, values - np.polyval(trend, steps), 0.0)
    if not centered.any():
        return 1
    size = 2 * len(values)
    power = np.abs(np.fft.rfft(centered, size)) ** 2
    correlation = np.fft.irfft(power, size)[: len(values)]
    correlation /= correlation[0]
    inner = correlation[2 : len(values) // 3]
    if len(inner) < 3:
        return 1
    peaks = np.flatnonzero((inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:])) + 3
    if not len(peaks):
        return 1
    # Multiples of a season are nearly as high as it is.
    high = correlation[peaks] > max(SEASONAL, 0.9 * correlation[peaks].max())
    return int(peaks[high][0]) if high.any() else 1


def _some(count: int) -> list[int]:
    return list(range(count)) if count <= LOOKED_AT else np.linspace(0, count - 1, LOOKED_AT).astype(int).tolist()


def _is_lag(value: Any) -> bool:
    return value is None or is_count(value) or is_one_of(value, ["season", "auto"])
