"""Forecasts in the form that the series came in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.frames import to_kind
from unrolled.data.series import SeriesSet

Floats = NDArray[np.float64]
NAME = "unrolled"


def names_of(data: SeriesSet) -> list[Any]:
    """What each series and target is called in a frame: the series' id, the target's name, or both as "id/target"."""
    targets = data.columns.targets
    if len(targets) == 1:
        return [targets[0] if name == "" else name for name in data.ids]
    return [target if name == "" or len(data) == 1 else f"{name}/{target}" for name in data.ids for target in targets]


def interval_columns(quantiles: Floats, levels: Sequence[float], name: str = NAME) -> dict[str, Floats]:
    """Quantiles (..., levels) by column: "NAME-lo-80" and "NAME-hi-80" for pairs, "NAME-q-30" for others but 0.5."""
    made = {}
    for place, level in enumerate(levels):
        if abs(level - 0.5) < 1e-9:
            continue
        mirrored = any(abs(1 - level - other) < 1e-9 for other in levels)
        percent = round(100 * (1 - 2 * min(level, 1 - level)), 6)
        side = "lo" if level < 0.5 else "hi"
        column = f"{name}-{side}-{percent:g}" if mirrored else f"{name}-q-{100 * level:g}"
        made[column] = quantiles[..., place]
    return made


def forecast_frame(data: SeriesSet, points: Floats, quantiles: Floats, levels: Sequence[float]) -> Any:
    """Points (series, horizon, targets) and quantiles (..., levels) as a long frame, of the kind of the series."""
    horizon, targets = points.shape[1:]
    ids = np.repeat(np.array(names_of(data), object), horizon)
    ahead = [data.times(i, int(n), int(n) + horizon) for i, n in enumerate(data.lengths)]
    times = np.concatenate([own for own in ahead for _ in range(targets)])
    columns: dict[str, Any] = {"unique_id": plain(ids), "ds": times, NAME: rows_of(points)}
    columns |= {name: rows_of(part) for name, part in interval_columns(quantiles, levels).items()}
    return made_frame(columns, data)


def made_frame(columns: dict[str, Any], data: SeriesSet) -> Any:
    """A frame of the kind that the series were; times in the zone that they came in."""
    frame, zone = to_kind(columns, data.columns.kind), data.columns.zone
    times = [name for name in ("ds", "cutoff") if name in columns and columns[name].dtype.kind == "M"]
    if not zone or not times:
        return frame
    if data.columns.kind == "pandas":
        for name in times:
            frame[name] = frame[name].dt.tz_localize("UTC").dt.tz_convert(zone)
        return frame
    import polars as pl

    return frame.with_columns(pl.col(name).dt.replace_time_zone("UTC").dt.convert_time_zone(zone) for name in times)


def rows_of(values: Floats) -> Floats:
    """Values (series, horizon, targets) as rows, target by target of each series."""
    return values.transpose(0, 2, 1).reshape(-1)


def plain(values: NDArray[Any]) -> Any:
    """An array of objects as one of numbers or text, as they are."""
    return np.array(values.tolist()) if len({type(value) for value in values.tolist()}) == 1 else values.astype(str)


def as_arrays(data: SeriesSet, values: Floats) -> Any:
    """Values (series, horizon, targets, ...) as an array or a list; without the targets' axis if there was none."""
    if data.columns.flat or (in_frames(data) and data.targets == 1):
        values = values[:, :, 0]
    return list(values) if data.columns.kind == "arrays" or len(data) > 1 else values[0]


def in_frames(data: SeriesSet) -> bool:
    """Whether the series came from a frame or file."""
    return data.columns.kind in ("pandas", "polars", "path")


def drawn(
    data: SeriesSet, points: Floats, quantiles: Floats, levels: Sequence[float]
) -> tuple[list[tuple[str, Any, Any]], list[tuple[Any, Any, dict[float, tuple[Any, Any]]]]]:
    """Histories and forecasts as `unrolled.plots.forecast` takes them."""
    horizon = points.shape[1]
    history, ahead = [], []
    names = iter(names_of(data))
    for number, length in enumerate(data.lengths.tolist()):
        before, after = data.times(number, 0, length), data.times(number, length, length + horizon)
        for target in range(data.targets):
            history.append((str(next(names)), before, data.history(number)[:, target]))
            bands = {}
            for low, level in enumerate(levels):
                for high in range(low + 1, len(levels)):
                    if abs(level + levels[high] - 1) < 1e-9:
                        ends = (quantiles[number, :, target, low], quantiles[number, :, target, high])
                        bands[round(100 * (levels[high] - level), 6)] = ends
            ahead.append((after, points[number, :, target], bands))
    return history, ahead
