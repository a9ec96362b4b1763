"""`Backtest`: forecasts from rolling origins, beside what came and beside simple forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unrolled.checks import expect, is_one_of
from unrolled.data.series import SeriesSet
from unrolled.models.forecasting import metrics
from unrolled.models.forecasting.baselines import auto_ets, seasonal_naive_quantiles
from unrolled.models.forecasting.results import NAME, interval_columns, made_frame, names_of, plain, rows_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

NAIVE, SEASONAL, ETS = "naive", "seasonal-naive", "auto-ets"
BASELINES = (NAIVE, SEASONAL, ETS)
# Without being asked, exponential smoothing is chosen and fitted at most so often: it takes about a second each time.
ETS_UP_TO = 100


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a backtest found; `print` shows the table.

    Attributes:
        frame: long, in the form of the series (polars for arrays and paths): unique_id, ds, cutoff (the last time that
            was known), y, and for every model NAME its forecasts NAME and intervals "NAME-lo-80", "NAME-hi-80", ...
        rows: for every model its errors; see `unrolled.models.forecasting.metrics.table`.
        columns: the frame as arrays by name.
        horizon: steps of each forecast.
        kind: of the frames.
    """

    frame: Any
    rows: list[dict[str, Any]]
    columns: dict[str, Any]
    horizon: int
    kind: str

    @property
    def table(self) -> Any:
        """The errors as a frame, a row a model."""
        from unrolled.data.frames import to_kind

        names = dict.fromkeys(name for row in self.rows for name in row)
        return to_kind({name: [row.get(name) for row in self.rows] for name in names}, self.kind)

    def plot(self) -> Figure:
        """The mean absolute error of every model over the steps ahead."""
        from unrolled.plots import errors_by_horizon

        actual = self.columns["y"].reshape(-1, self.horizon)
        errors = {}
        for row in self.rows:
            off = np.abs(self.columns[row["model"]].reshape(-1, self.horizon) - actual)
            seen = ~np.isnan(off)
            count = seen.sum(0)
            errors[row["model"]] = np.where(count > 0, np.where(seen, off, 0).sum(0) / np.maximum(count, 1), np.nan)
        return errors_by_horizon(errors)

    def __str__(self) -> str:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        cells = [names, *([_shown(row.get(name)) for name in names] for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
        lines = []
        for line in cells:
            numbers = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
            lines.append("  ".join([line[0].ljust(widths[0]), *numbers]).rstrip())
        return "\n".join(lines)


def origins(lengths: NDArray[np.int64], horizon: int, windows: int, step: int) -> list[tuple[int, int]]:
    """Pairs of series and cutoff, by series and time; a series that is too short for an origin has none there.

    Raises:
        ValueError: no series has one.
    """
    found = []
    for series, length in enumerate(lengths.tolist()):
        last = length - horizon
        found += [(series, last - step * back) for back in reversed(range(windows)) if last - step * back >= 2]
    if not found:
        raise ValueError(
            f"series: expected more than {horizon + 1} steps, one more than the horizon, to backtest on, found at most "
            f"{lengths.max()}"
        )
    return found


def chosen_baselines(given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """The baselines to stand beside.

    Raises:
        ValueError: there is no such baseline, or what it needs is not installed.
    """
    installed = find_spec("statsforecast") is not None
    if given is None:
        return BASELINES if installed and count <= ETS_UP_TO else (NAIVE, SEASONAL)
    known = isinstance(given, (list, tuple)) and all(is_one_of(name, BASELINES) for name in given)
    expect("baselines", given, f"some of {', '.join(BASELINES)}", known)
    if ETS in given and not installed:
        raise ValueError("baselines: auto-ets needs the package statsforecast: pip install 'unrolled[ets]'")
    return tuple(given)


def compared(
    data: SeriesSet,
    pairs: list[tuple[int, int]],
    points: Floats,
    quantiles: Floats,
    levels: Sequence[float],
    season: int,
    baselines: Sequence[str],
) -> Backtest:
    """Forecasts (pairs, horizon, targets) from some origins, beside what came and beside baselines."""
    horizon, targets = points.shape[1:]
    actual = np.stack([data.history(i)[cutoff : cutoff + horizon] for i, cutoff in pairs])
    names = np.array(names_of(data), object).reshape(len(data), targets)
    ids = np.repeat(names[[i for i, _ in pairs]].reshape(-1), horizon)
    times = [data.times(i, cutoff - 1, cutoff + horizon) for i, cutoff in pairs]
    columns: dict[str, Any] = {
        "unique_id": plain(ids),
        "ds": np.concatenate([own[1:] for own in times for _ in range(targets)]),
        "cutoff": np.concatenate([own[:1].repeat(horizon) for own in times for _ in range(targets)]),
        "y": rows_of(actual),
        NAME: rows_of(points),
    }
    columns |= {name: rows_of(part) for name, part in _pairs_only(quantiles, levels, NAME).items()}
    for baseline in baselines:
        said = _baseline(baseline, data, pairs, horizon, levels, season)
        columns[baseline] = rows_of(said[..., -1])
        columns |= {name: rows_of(part) for name, part in _pairs_only(said[..., :-1], levels, baseline).items()}
    first: dict[int, int] = {}
    for series, cutoff in pairs:
        first.setdefault(series, cutoff)
    histories = {
        names[series, target]: data.history(series)[:cutoff, target]
        for series, cutoff in first.items()
        for target in range(targets)
    }
    rows = metrics.table({**columns, "unique_id": ids}, histories, season)
    return Backtest(made_frame(columns, data), rows, columns, horizon, data.columns.kind)


def _baseline(
    name: str, data: SeriesSet, pairs: list[tuple[int, int]], horizon: int, levels: Sequence[float], season: int
) -> Floats:
    """Quantiles, and behind them the point forecast (pairs, horizon, targets, levels + 1)."""
    whole = sorted({*levels, 0.5})
    places = [*(whole.index(level) for level in levels), whole.index(0.5)]
    said = np.full((len(pairs), horizon, data.targets, len(places)), np.nan)
    for number, (series, cutoff) in enumerate(pairs):
        for target in range(data.targets):
            history = data.history(series)[:cutoff, target]
            if np.isnan(history).all():
                continue
            if name == ETS:
                made = auto_ets(history, horizon, season, whole)
            else:
                made = seasonal_naive_quantiles(history, horizon, 1 if name == NAIVE else season, whole)
            said[number, :, target] = made[:, places]
    return said


def _pairs_only(quantiles: Floats, levels: Sequence[float], name: str) -> dict[str, Floats]:
    made = interval_columns(quantiles, levels, name)
    return {column: part for column, part in made.items() if f"{name}-q-" not in column}


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
